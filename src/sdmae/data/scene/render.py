"""The scene as a stream of frames with their ground truth. Frame n depends on the seeds and n alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.scene.camera import Camera
from sdmae.data.scene.chance import generator
from sdmae.data.scene.crowd import Crowd
from sdmae.data.scene.ground import paint_ground, still_bodies
from sdmae.data.scene.routes import ordinary_routes
from sdmae.data.scene.shapes import Bytes, Patch, box_of, cast, draw, paint
from sdmae.data.scene.staged import Actor, Staged, stage
from sdmae.errors import ConfigError

RATE = 12.5
"""Frames a second, unless asked for otherwise."""

_SHADE = 0.52
"""Light left in a shadow."""
_NOISE = 2.0
"""Standard deviation of the sensor noise, in grey levels."""
_SMALLEST = 48


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """One clip of the scene."""

    seed: int = 0
    """Of the place: clips with the same seed and size share ground and trees."""
    clip: int = 0
    """Which stretch of time: who passes by, the light, the noise."""
    height: int = 240
    """Rows of a frame, at least 48."""
    width: int = 360
    """Columns of a frame, at least 48."""
    rate: float = RATE
    """Frames a second."""
    staged: tuple[Staged, ...] = ()
    """The anomalies; none for normal video."""
    people: bool = True
    """Whether ordinary people pass by."""


class SceneObject(NamedTuple):
    """Something that moves, in one frame."""

    track: int
    """The same number for the same object throughout the clip."""
    kind: str
    """"walker", or one of `KINDS`."""
    box: tuple[float, float, float, float]
    """x_min, y_min, x_max, y_max in pixels, clipped to the picture, maxima just outside."""
    abnormal: bool
    """Whether it belongs to the ground truth."""


class SceneFrame(NamedTuple):
    """One frame with its ground truth."""

    image: Bytes
    """(H, W, 3) uint8 RGB."""
    mask: NDArray[np.bool_]
    """(H, W) bool: pixels of abnormal objects that can be seen; shadows are not part of them."""
    objects: list[SceneObject]
    """Everything that moves; abnormal objects only while at least one pixel of them can be seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The still part of the scene, made once for all clips of one seed and size."""

    lit: Bytes
    """(H, W, 3) the ground in the sun."""
    loss: Bytes
    """(H, W, 3) what a shadow takes from it."""
    shadows: Bytes
    """(H, W) the shadows of still bodies."""
    still: tuple[tuple[float, Patch], ...]
    """Distance and drawing of each still body."""


def make_place(spec: SceneSpec) -> Place:
    """The place of `spec.seed` at its size. Raises `ConfigError` for frames too small to show anything."""
    if min(spec.height, spec.width) < _SMALLEST:
        raise ConfigError(
            f"a scene of {spec.width}×{spec.height} shows nothing; ask for {_SMALLEST}×{_SMALLEST} or more"
        )
    camera = Camera(spec.height, spec.width)
    lit = paint_ground(spec.seed, camera)
    shadows = np.zeros(lit.shape[:2], np.uint8)
    still = []
    for body in still_bodies(spec.seed, camera):
        cast(body, camera, shadows)
        if (patch := draw(body, camera)) is not None:
            still.append((body.depth, patch))
    # Light from the sky is bluer than the sun's.
    left = lit * (_SHADE * np.array([0.96, 1.0, 1.06]))
    return Place(lit, np.asarray(lit - np.minimum(left, lit), np.uint8), shadows, tuple(still))


def render(spec: SceneSpec, frames: int, place: Place | None = None) -> Iterator[SceneFrame]:
    """The first `frames` frames of the clip; memory does not grow with their number.

    place: from `make_place` for the same seed and size; made anew when left out (half a second).
    Raises `ConfigError` for an unknown anomaly or frames too small to show anything.
    """
    place = place or make_place(spec)
    camera = Camera(spec.height, spec.width)
    routes = ordinary_routes(camera)
    staged = stage(spec.staged, spec.seed, spec.clip, camera, routes)
    crowd = Crowd(spec.seed, spec.clip, routes, first_track=len(staged) + 1)
    light = _Light(spec)
    for index in range(frames):
        time = index / spec.rate
        passing = crowd.at(time) if spec.people else []
        image, mask, objects = _frame([*staged, *passing], time, camera, place)
        yield SceneFrame(light.fall(image, index), mask, objects)


def _frame(
    actors: list[Actor], time: float, camera: Camera, place: Place
) -> tuple[Bytes, NDArray[np.bool_], list[SceneObject]]:
    shadows = place.shadows.copy()
    bodies: list[tuple[float, Patch, Actor | None]] = [(depth, patch, None) for depth, patch in place.still]
    for one in actors:
        shape = one.shape(time)
        if shape is None:
            continue
        cast(shape, camera, shadows)
        patch = draw(shape, camera)
        if patch is not None:
            bodies.append((shape.depth, patch, one))
    soft = cv2.cvtColor(cv2.GaussianBlur(shadows, (3, 3), 0), cv2.COLOR_GRAY2RGB)
    picture = np.asarray(cv2.subtract(place.lit, cv2.multiply(place.loss, soft, scale=1 / 255)), np.uint8)

    bodies.sort(key=lambda body: -body[0])
    owners = np.zeros(picture.shape[:2], np.uint8)
    abnormal: list[tuple[Actor, Patch]] = []
    objects = []
    for _, patch, actor in bodies:
        owner = 0
        if actor is not None and actor.abnormal:
            abnormal.append((actor, patch))
            owner = len(abnormal)
        elif actor is not None and (box := box_of(patch)) is not None:
            objects.append(SceneObject(actor.track, actor.kind, box, False))
        paint(patch, picture, owners, owner)
    for owner, (intruder, patch) in enumerate(abnormal, 1):
        rows, columns = patch.rgba.shape[:2]
        seen = (owners[patch.y : patch.y + rows, patch.x : patch.x + columns] == owner).any()
        if seen and (box := box_of(patch)) is not None:
            objects.append(SceneObject(intruder.track, intruder.kind, box, True))
    return picture, owners > 0, objects


class _Light:
    """The slow drift of the light and the noise of the sensor."""

    def __init__(self, spec: SceneSpec) -> None:
        rng = generator(spec.seed, "light", spec.clip)
        self._spec = spec
        self._periods = rng.uniform([35, 60, 110], [60, 110, 240])
        self._phases = rng.uniform(0, 2 * np.pi, 3)
        # One field for the whole clip, another part of it for each frame: drawing it anew takes longer than the rest.
        grain = rng.standard_normal((spec.height + 256, spec.width + 256, 3)).astype(np.float32)
        grain = 0.75 * cv2.GaussianBlur(grain, (3, 3), 0.6) + 0.5 * grain
        self._grain = np.asarray(np.rint(grain * (_NOISE / grain.std())), np.int16)

    def fall(self, picture: Bytes, index: int) -> Bytes:
        """The picture (H, W, 3) as the sensor sees it in frame `index`."""
        turns = 2 * np.pi * index / self._spec.rate / self._periods + self._phases
        level = 1.0 + float(np.sin(turns) @ np.array([0.015, 0.02, 0.025]))
        warmth = 0.012 * float(np.sin(turns[2] + 1.0))
        tones = np.arange(256)[:, None] * np.array([level + warmth, level, level - warmth])
        table = np.clip(np.rint(tones), 0, 255).astype(np.uint8)[None]
        seen = cv2.LUT(picture, table)
        y, x = generator(self._spec.seed, "noise", self._spec.clip, index).integers(0, 257, 2)
        grain = self._grain[y : y + self._spec.height, x : x + self._spec.width]
        return np.asarray(cv2.add(seen, grain, dtype=cv2.CV_8U), np.uint8)
