"""A person of this scene joined to something foreign: a cyclist, a skateboarder, somebody with a cart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sdmae.data.anomalies.looks import over, placed, scaled, softened
from sdmae.data.anomalies.motion import moving
from sdmae.data.anomalies.protocol import AnomalousObject, Bytes
from sdmae.data.anomalies.scene import Scene
from sdmae.data.anomalies.sketch import Sketch
from sdmae.data.anomalies.skin import skin
from sdmae.data.anomalies.vehicles import RIDDEN, VEHICLES, Vehicle
from sdmae.data.anomalies.walkers import own_heading, pick


@dataclass(frozen=True)
class Joined:
    """A cut-out's upper part on, in or beside a drawn vehicle, at walking to fast pace, both moving as one."""

    scene: Scene
    name: ClassVar[str] = "joined"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """Faces the way it moves; its scale is the person's own, which is right for the row."""
        vehicle = VEHICLES[rng.choice(len(VEHICLES), p=[share for share, _ in VEHICLES])][1]
        return _joined(self.scene, vehicle, rng, pace=(0.8, 3.0))


@dataclass(frozen=True)
class Riders:
    """A person on a bicycle or a board that is hardly seen, at the pace of those who walk.

    The hardest of what is joined: thin strokes, half as strong as they are drawn elsewhere, and no haste.
    """

    scene: Scene
    name: ClassVar[str] = "riders"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """The vehicle's opacity is from a third to the whole."""
        vehicle = RIDDEN[rng.choice(len(RIDDEN), p=[share for share, _ in RIDDEN])][1]
        return _joined(self.scene, vehicle, rng, pace=(0.7, 1.6), opacity=rng.uniform(0.35, 1.0))


def _joined(
    scene: Scene, vehicle: Vehicle, rng: np.random.Generator, *, pace: tuple[float, float], opacity: float = 1.0
) -> AnomalousObject:
    """One of the scene's people with the vehicle, at `pace` times the ordinary speed of its row."""
    cutout = pick(scene.cutouts, rng)
    texture, mask = cutout.texture, cutout.mask
    if len(mask) == 5 and rng.random() < 0.6:
        texture, mask = texture[2:3], mask[2:3]  # who rides does not stride
    unit = min(cutout.height, 0.6 * scene.size[0])
    person = scaled(*softened(texture, mask), mask.shape[1] * unit / cutout.height,
                    mask.shape[2] * unit / cutout.height)  # fmt: skip
    heading = own_heading(cutout, rng)
    leftwards = bool(heading[1] < 0)
    texture, mask = _together(scene, person, vehicle, unit, cutout.foot, leftwards, rng, opacity)
    speed = max(rng.uniform(*pace) * scene.speed(cutout.foot), scene.least_speed(cutout.foot))
    return AnomalousObject(texture, mask, moving(scene, heading, speed), cutout.foot)


def _together(
    scene: Scene,
    person: tuple[Bytes, Bytes],
    vehicle: Vehicle,
    unit: float,
    foot: float,
    leftwards: bool,
    rng: np.random.Generator,
    opacity: float,
) -> tuple[Bytes, Bytes]:
    person = _upper(person, rng.uniform(*vehicle.kept), leftwards)
    length, tall = rng.uniform(*vehicle.length), rng.uniform(*vehicle.height)
    high = max(3, round(tall * unit))
    wide = int(np.clip(round(length * unit), 4, 0.8 * scene.size[1]))
    sheet = Sketch(high, wide)
    vehicle.draw(sheet, unit, rng, length)
    drawn = (sheet.mask() * opacity).astype(np.uint8)
    thing = skin(scene, rng, (high, wide), foot, rough=0.5)[None], drawn[None]
    raised, ahead = round(rng.uniform(*vehicle.raised) * unit), rng.uniform(*vehicle.ahead) * unit
    _, h, w = person[1].shape
    canvas_h = max(h + raised, high)
    # The vehicle's middle is `ahead` to the right of the person's; the picture is mirrored at the end.
    left = min(-w / 2, ahead - wide / 2)
    right = max(w / 2, ahead + wide / 2)
    size = canvas_h + 2, int(np.ceil(right - left)) + 2
    person = placed(person, size, size[0] - 1 - raised - h, round(-w / 2 - left) + 1)
    thing = placed(thing, size, size[0] - 1 - high, round(ahead - wide / 2 - left) + 1)
    texture, mask = over(thing, person) if rng.random() < vehicle.in_front else over(person, thing)
    return (texture[:, :, ::-1], mask[:, :, ::-1]) if leftwards else (texture, mask)


def _upper(person: tuple[Bytes, Bytes], kept: float, mirrored: bool) -> tuple[Bytes, Bytes]:
    """The upper `kept` share of a person's texture and mask, cropped to it, facing right."""
    texture, mask = person
    solid = mask.max(axis=0) > 64
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if len(rows):
        bottom = rows[0] + max(2, round(kept * (rows[-1] + 1 - rows[0])))
        texture = texture[:, rows[0] : bottom, columns[0] : columns[-1] + 1]
        mask = mask[:, rows[0] : bottom, columns[0] : columns[-1] + 1]
    return (texture[:, :, ::-1], mask[:, :, ::-1]) if mirrored else (texture, mask)
