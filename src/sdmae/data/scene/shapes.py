"""Bodies of capsules and faces in metres, drawn with smooth edges, and the shadows they cast."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.scene.camera import Camera, Floats

Bytes = NDArray[np.uint8]
Colour = tuple[float, float, float]
"""Red, green, blue in 0 … 255."""

Point = tuple[float, float, float]
"""X, Y, Z in metres."""

SUN = (0.62, -0.30)
"""How far along X and Z the shadow of a point falls for each metre of its height."""
SOLID = 90
"""Coverage of a pixel, of 255, from which it belongs to the object: thin wheels cover no pixel wholly."""
_SHIFT = 4
_CAP = np.linspace(-np.pi / 2, np.pi / 2, 6)


@dataclass(slots=True)
class Shape:
    """A body at one moment: flat convex faces in the order they are painted, then capsules likewise."""

    depth: float
    """Distance from the camera in metres; bodies are painted from the furthest on."""
    faces: list[tuple[Floats, Colour]] = field(default_factory=list)
    """Corners (k, 3) and colour."""
    ends: list[tuple[Point, Point]] = field(default_factory=list)
    """Both ends of each capsule."""
    radii: list[tuple[float, float]] = field(default_factory=list)
    """Radius of each capsule at its ends."""
    colours: list[Colour] = field(default_factory=list)
    """Colour of each capsule."""

    def add(self, start: Point, end: Point, radius: float, colour: Colour, radius_end: float | None = None) -> None:
        """One more capsule from `start` to `end`, its radius `radius_end` there if that differs."""
        self.ends.append((start, end))
        self.radii.append((radius, radius if radius_end is None else radius_end))
        self.colours.append(colour)


class Patch(NamedTuple):
    """A drawn body: where its upper left corner lies, and its colour times coverage with the coverage."""

    x: int
    y: int
    rgba: Bytes


def draw(shape: Shape, camera: Camera, finer: int = 4) -> Patch | None:
    """The body as the camera sees it, or None outside the picture. Drawn `finer` times as large, then averaged."""
    outlines = _outlines(shape, camera)
    if not outlines:
        return None
    corners = np.concatenate([outline for outline, _ in outlines])
    low = np.floor(corners.min(axis=0)).astype(int) - 1
    high = np.ceil(corners.max(axis=0)).astype(int) + 2
    x, y = max(int(low[0]), 0), max(int(low[1]), 0)
    width, height = min(int(high[0]), camera.width) - x, min(int(high[1]), camera.height) - y
    if width <= 0 or height <= 0:
        return None
    canvas = np.zeros((height * finer, width * finer, 4), np.uint8)
    for outline, colour in outlines:
        # OpenCV counts from the middle of a pixel, the camera from its edge.
        points = ((outline - (x, y)) * finer - 0.5) * (1 << _SHIFT)
        cv2.fillConvexPoly(canvas, np.rint(points).astype(np.int32), (*colour, 255.0), cv2.LINE_8, _SHIFT)
    return Patch(x, y, _bytes(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)))


def paint(patch: Patch, picture: Bytes, owners: Bytes, owner: int) -> None:
    """Lay the patch over `picture` (H, W, 3) and write `owner` into `owners` (H, W) where it is solid."""
    height, width = patch.rgba.shape[:2]
    here = np.s_[patch.y : patch.y + height, patch.x : patch.x + width]
    coverage = patch.rgba[..., 3]
    through = cv2.cvtColor(cv2.bitwise_not(coverage), cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(picture[here], through, scale=1 / 255)
    picture[here] = cv2.add(behind, np.ascontiguousarray(patch.rgba[..., :3]))
    owners[here][coverage >= SOLID] = owner


def box_of(patch: Patch) -> tuple[float, float, float, float] | None:
    """x_min, y_min, x_max, y_max of the solid pixels, maxima just outside; None where there are none."""
    solid = patch.rgba[..., 3] >= SOLID
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    if not columns.size:
        return None
    x, y = patch.x, patch.y
    return float(x + columns[0]), float(y + rows[0]), float(x + columns[-1] + 1), float(y + rows[-1] + 1)


def cast(shape: Shape, camera: Camera, shadows: Bytes) -> None:
    """Draw the body's shadow on the ground into `shadows` (H, W), 255 where no sun falls."""
    for outline, _ in _outlines(shape, camera, fallen=True):
        points = np.rint((outline - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(shadows, points, 255.0, cv2.LINE_AA, _SHIFT)


def _fall(points: Floats) -> Floats:
    fallen: Floats = points + points[..., 1:2] * np.array([SUN[0], -1.0, SUN[1]])
    return fallen


def _outlines(shape: Shape, camera: Camera, *, fallen: bool = False) -> list[tuple[Floats, Colour]]:
    """Outline (k, 2) in pixels and colour of each face and capsule, or those of their shadows where `fallen`."""
    outlines = [(camera.project(_fall(points) if fallen else points)[0], colour) for points, colour in shape.faces]
    if shape.ends:
        ends, radii = np.array(shape.ends), np.array(shape.radii)
        # A shadow lies on the ground, which is seen at a slant: it is narrower than what casts it.
        centres, scale = camera.project(_fall(ends) if fallen else ends)
        radii = radii * scale * (0.8 if fallen else 1.0)
        along = centres[:, 1] - centres[:, 0]
        angle = np.arctan2(along[:, 1], along[:, 0])[:, None, None] + np.array([[np.pi], [0.0]]) + _CAP
        rim = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * radii[:, :, None, None] + centres[:, :, None]
        outlines.extend(zip(rim.reshape(len(rim), -1, 2), shape.colours, strict=True))
    return outlines


def _bytes(array: object) -> Bytes:
    return np.asarray(array, np.uint8)
