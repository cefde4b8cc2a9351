"""Families of drawn objects, which need nothing but a camera's frames: shapes, and things made of thin strokes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sdmae.data.anomalies.motion import moving
from sdmae.data.anomalies.protocol import AnomalousObject
from sdmae.data.anomalies.scene import Scene
from sdmae.data.anomalies.sketch import Sketch
from sdmae.data.anomalies.skin import skin
from sdmae.data.anomalies.vehicles import bicycle, cart

AIRBORNE = 0.15
"""Share of drawn objects that are not on the ground: thrown, or carried by nobody."""


@dataclass(frozen=True)
class Shapes:
    """Filled and outlined blobs, polygons, boxes and car-like bodies, textured or flat, dark or light."""

    scene: Scene
    name: ClassVar[str] = "shapes"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """From a third of an ordinary object's height up to a car's size for its row."""
        foot = self.scene.foot(rng)
        unit = self.scene.unit(foot, rng)
        kind = str(
            rng.choice(["car", "cart", "ellipse", "polygon", "box", "outline"], p=[0.2, 0.1, 0.2, 0.2, 0.15, 0.15])
        )
        tall = unit * rng.uniform(0.3, 1.3)
        wide = tall * np.exp(rng.uniform(-0.7, 0.9))
        if kind == "car":
            tall, wide = unit * rng.uniform(0.7, 1.3), unit * rng.uniform(1.2, 2.8)
        if kind == "cart":
            tall, wide = unit * rng.uniform(0.9, 1.3), unit * rng.uniform(0.9, 1.6)
        sheet = _sheet(self.scene, tall, wide)
        _shape(sheet, kind, unit, rng)
        return _finish(self.scene, sheet, foot, unit, rng, rough=1.0)


@dataclass(frozen=True)
class Thin:
    """Rings, pairs of rings with tubes between them, sticks and bent wires: what wheels look like, with no rider."""

    scene: Scene
    name: ClassVar[str] = "thin"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """Strokes of a fiftieth to a fifteenth of an ordinary object's height, at least two thirds of a pixel."""
        foot = self.scene.foot(rng)
        unit = self.scene.unit(foot, rng)
        stroke = max(0.7, rng.uniform(0.02, 0.065) * unit)
        kind = str(rng.choice(["bicycle", "ring", "sticks", "wire"], p=[0.45, 0.2, 0.17, 0.18]))
        if kind == "bicycle":
            length = rng.uniform(0.4, 1.3)
            sheet = _sheet(self.scene, 0.62 * unit, length * unit)
            bicycle(sheet, unit, rng, length)
        else:
            tall = unit * rng.uniform(0.3, 1.1)
            sheet = _sheet(self.scene, tall, tall * np.exp(rng.uniform(-0.9, 0.7)))
            _wire(sheet, kind, stroke, rng)
        return _finish(self.scene, sheet, foot, unit, rng, rough=0.4)


def _sheet(scene: Scene, tall: float, wide: float) -> Sketch:
    return Sketch(
        int(np.clip(round(tall), 4, 0.7 * scene.size[0])), int(np.clip(round(wide), 4, 0.55 * scene.size[1]))
    )


def _finish(
    scene: Scene, sheet: Sketch, foot: float, unit: float, rng: np.random.Generator, rough: float
) -> AnomalousObject:
    mask = sheet.mask()
    texture = skin(scene, rng, (mask.shape[0], mask.shape[1]), foot, rough)
    speed = max(rng.uniform(0.3, 2.5) * scene.speed(foot), scene.least_speed(foot))
    airborne = rng.random() < AIRBORNE
    heading = scene.heading(rng, spread=1.5 if airborne else 0.25)
    if airborne:
        foot = max(float(mask.shape[0]), foot - rng.uniform(0.2, 1.2) * unit)
    return AnomalousObject(texture[None], mask[None], moving(scene, heading, speed), foot)


def _shape(sheet: Sketch, kind: str, unit: float, rng: np.random.Generator) -> None:
    high, wide = sheet.mask().shape
    middle, radii = (wide / 2, high / 2), (wide / 2 - 0.5, high / 2 - 0.5)
    if kind == "car":
        waist, front, back = (
            rng.uniform(0.4, 0.55) * high,
            rng.uniform(0.1, 0.3) * wide,
            rng.uniform(0.7, 0.98) * wide,
        )
        cabin = [(front, waist), (front + 0.12 * wide, 0.0), (back - 0.1 * wide, 0.0), (back, waist)]
        boot = [(wide - 1, waist + 0.05 * high), (wide - 1, 0.85 * high)]
        bonnet = [(0, 0.85 * high), (0, waist + 0.1 * high)]
        sheet.fill([*cabin, *boot, *bonnet])
        wheel = min(0.2 * high, 0.15 * wide)
        for x in (0.2 * wide, 0.8 * wide):
            sheet.disc((x, high - wheel), (wheel, wheel))
    elif kind == "cart":
        cart(sheet, high / 1.1, rng, wide / unit)
    elif kind == "ellipse":
        sheet.disc(middle, radii)
    elif kind == "box":
        lean = rng.uniform(-0.2, 0.2) * wide
        sheet.fill([(max(0, lean), 0), (wide - 1 + min(0, lean), 0), (wide - 1, high - 1), (0, high - 1)])
    elif kind == "polygon":
        sheet.fill(_around(middle, radii, rng))
    else:
        stroke = max(1.0, rng.uniform(0.05, 0.15) * min(high, wide))
        sheet.line(_around(middle, (radii[0] - stroke / 2, radii[1] - stroke / 2), rng), stroke, closed=True)


def _wire(sheet: Sketch, kind: str, stroke: float, rng: np.random.Generator) -> None:
    high, wide = sheet.mask().shape
    middle, radii = (wide / 2, high / 2), (wide / 2 - stroke, high / 2 - stroke)
    if kind == "ring":
        sheet.ring(middle, (max(1.0, radii[0]), max(1.0, radii[1])), stroke)
        for angle in rng.uniform(0, np.pi, rng.integers(0, 4)):
            dx, dy = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
            sheet.line([(middle[0] - dx, middle[1] - dy), (middle[0] + dx, middle[1] + dy)], max(0.6, 0.6 * stroke))
    elif kind == "sticks":
        for _ in range(rng.integers(1, 4)):
            sheet.line([(rng.uniform(0, wide - 1), 0), (rng.uniform(0, wide - 1), high - 1)], stroke)
    else:
        points = _around(middle, (max(1.0, radii[0]), max(1.0, radii[1])), rng)
        sheet.line(points, stroke, closed=bool(rng.integers(2)))


def _around(
    middle: tuple[float, float], radii: tuple[float, float], rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Corners of a polygon around `middle`, at angles and distances that vary."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 8)))
    reach = rng.uniform(0.55, 1.0, len(angles))
    return [
        (float(middle[0] + radii[0] * r * np.cos(a)), float(middle[1] + radii[1] * r * np.sin(a)))
        for a, r in zip(angles, reach, strict=True)
    ]
