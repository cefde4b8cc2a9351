"""The still part of the scene: ground, trees, a lamp, and the light on them."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.scene.camera import Camera, Floats
from sdmae.data.scene.chance import generator
from sdmae.data.scene.routes import CROSS_PATH, FAR_PATH, NEAR_PATH, ROAD
from sdmae.data.scene.shapes import Bytes, Shape

_FINER = 2
_TILE = 256


class Texture(Protocol):
    """Noise that is fixed to the ground."""

    def __call__(self, per_metre: float, turned: bool = False) -> Floats:
        """Values (rows, columns) of standard deviation about 1, with `per_metre` grains a metre."""
        ...


def paint_ground(seed: int, camera: Camera) -> Bytes:
    """The ground (H, W, 3) uint8 in full light: grass, paving, a gravelled path and a road with a crossing."""
    rng = generator(seed, "ground")
    rows, columns = camera.height * _FINER, camera.width * _FINER
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    across, away = camera.ground((x + 0.5) / _FINER, (y + 0.5) / _FINER)
    noise = rng.standard_normal((_TILE, _TILE)).astype(np.float32)

    def texture(per_metre: float, turned: bool = False) -> Floats:
        one, other = (away, across) if turned else (across, away)
        u = (one * per_metre + 1000) % _TILE
        v = (other * per_metre + 1000) % _TILE
        grain = cv2.remap(
            noise, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return np.asarray(grain, np.float64)

    patches = 0.6 * texture(0.35) + 0.4 * texture(0.9, turned=True)
    picture = _grass(texture, patches)
    gravel = np.array([176.0, 160.0, 134.0]) + (5 * texture(9) + 4 * texture(3) + 4 * patches)[..., None]
    wobble = 0.08 * texture(0.8)
    _lay(picture, gravel, _within(across + wobble, CROSS_PATH))
    for strip in (FAR_PATH, NEAR_PATH):
        inside = _within(away, strip)
        _lay(picture, _paving(across, away, noise, patches + 0.6 * texture(7)), inside)
        for edge in strip:
            _lay(picture, np.array([138.0, 134.0, 126.0]) + 4 * texture(5)[..., None], np.abs(away - edge) < 0.09)
    _road(picture, across, away, texture, patches)
    _arrows(picture, across, away)
    shade = 1.0 + 0.03 * patches - 0.05 * (((x / columns - 0.5) * 2) ** 2 + ((y / rows - 0.5) * 2) ** 2)
    lit = np.clip(picture * shade[..., None], 0, 255).astype(np.float32)
    return np.asarray(np.rint(cv2.resize(lit, (camera.width, camera.height), interpolation=cv2.INTER_AREA)), np.uint8)


def still_bodies(seed: int, camera: Camera) -> list[Shape]:
    """Trees behind the road, hedges in front of the near path, a lamp: they hide what passes behind them."""
    rng = generator(seed, "still bodies")
    bodies = [_lamp(1.6, 23.25)]
    half = camera.half_view(28.2)
    bodies.extend(_tree(rng, x, 28.2) for x in np.arange(-3 * 6.5 + 3.2, half + 2, 6.5) if abs(x) < half + 2)
    side = camera.half_view(18.7)
    bodies.extend(_hedge(rng, x, 18.75) for x in np.arange(-1.6, side + 1, 0.55))
    return bodies


def _grass(texture: Texture, patches: Floats) -> Floats:
    blades = 6 * texture(14) + 6 * texture(6) + 5 * texture(2.2)
    tone = np.array([98.0, 120.0, 66.0]) + patches[..., None] * np.array([9.0, 5.0, 3.0])
    return np.asarray(tone + blades[..., None] * np.array([0.9, 1.0, 0.7]))


def _paving(across: Floats, away: Floats, noise: NDArray[np.float32], patches: Floats) -> Floats:
    row = np.floor(away / 0.6).astype(int)
    shifted = across / 0.9 + 0.5 * (row % 2)
    slab = noise[row % _TILE, np.floor(shifted).astype(int) % _TILE]
    joint = (np.abs(shifted % 1.0 - 0.5) > 0.47) | (np.abs(away / 0.6 % 1.0 - 0.5) > 0.46)
    tone = np.array([166.0, 160.0, 150.0]) + (6 * slab + 3 * patches)[..., None]
    tone[joint] -= 24
    return np.asarray(tone)


def _road(picture: Floats, across: Floats, away: Floats, texture: Texture, patches: Floats) -> None:
    tar = np.array([92.0, 92.0, 95.0]) + (5 * texture(11) + 3 * texture(4) + 4 * patches)[..., None]
    lane = (away - ROAD[0]) / (ROAD[1] - ROAD[0])
    tar += (5 * np.cos(4 * np.pi * lane))[..., None]
    _lay(picture, tar, _within(away, ROAD))
    white = np.array([206.0, 204.0, 196.0]) + 7 * texture(8)[..., None]
    middle = sum(ROAD) / 2
    crossing = _within(across, (CROSS_PATH[0] - 0.2, CROSS_PATH[1] + 0.2))
    dashes = (
        (np.abs(away - middle) < 0.07)
        & (across % 3.0 < 1.5)
        & ~_within(across, (CROSS_PATH[0] - 1, CROSS_PATH[1] + 1))
    )
    _lay(picture, white, dashes)
    _lay(picture, white, crossing & (away % 0.9 < 0.45) & _within(away, (ROAD[0] + 0.2, ROAD[1] - 0.2)))
    for edge in ROAD:
        _lay(picture, np.array([168.0, 166.0, 160.0]) + 4 * texture(3)[..., None], np.abs(away - edge) < 0.14)


def _arrows(picture: Floats, across: Floats, away: Floats) -> None:
    """Arrows on the near path: it is walked from left to right."""
    middle = sum(NEAR_PATH) / 2
    along, aside = (across - 1.0) % 6.0, np.abs(away - middle)
    shaft = (along < 0.9) & (aside < 0.1)
    head = (along >= 0.9) & (along < 1.5) & (aside < 0.38 * (1.5 - along) / 0.6)
    picture[shaft | head] = 0.35 * picture[shaft | head] + 0.65 * np.array([214.0, 206.0, 170.0])


def _within(values: Floats, span: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((values >= span[0]) & (values < span[1]))


def _lay(picture: Floats, material: Floats, where: NDArray[np.bool_]) -> None:
    picture[where] = np.broadcast_to(material, picture.shape)[where]


def _lamp(x: float, z: float) -> Shape:
    shape = Shape(z)
    grey = (74.0, 78.0, 80.0)
    shape.add((x, 0.0, z), (x, 0.5, z), 0.1, grey)
    shape.add((x, 0.4, z), (x, 4.4, z), 0.06, grey, 0.04)
    shape.add((x, 4.4, z), (x + 0.7, 4.55, z), 0.04, grey)
    shape.add((x + 0.6, 4.53, z), (x + 1.0, 4.55, z), 0.09, (196.0, 198.0, 190.0))
    return shape


def _tree(rng: np.random.Generator, x: float, z: float) -> Shape:
    shape = Shape(z)
    shape.add((x, 0.0, z), (x, 2.2, z), 0.14, (86.0, 68.0, 50.0), 0.1)
    _leaves(shape, rng, np.array([x, 3.1, z]), (1.0, 0.9, 0.5), 70, 0.28)
    return shape


def _hedge(rng: np.random.Generator, x: float, z: float) -> Shape:
    shape = Shape(z)
    _leaves(shape, rng, np.array([x, 0.3, z]), (0.35, 0.25, 0.15), 24, 0.16)
    return shape


def _leaves(
    shape: Shape,
    rng: np.random.Generator,
    centre: Floats,
    reach: tuple[float, float, float],
    count: int,
    radius: float,
) -> None:
    """Clumps of leaves about `centre`, the upper ones in the light."""
    offsets = rng.normal(0, 0.45, (count, 3)).clip(-1, 1)
    for offset in offsets[np.argsort(offsets[:, 1])]:
        light = float(0.85 + 0.3 * offset[1] + rng.normal(0, 0.06))
        x, y, z = (float(value) for value in centre + offset * np.array(reach))
        shape.add((x, y, z), (x, y, z), radius * float(rng.uniform(0.6, 1.1)), (70 * light, 98 * light, 48 * light))
