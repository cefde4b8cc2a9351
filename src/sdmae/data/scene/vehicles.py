"""What does not belong on foot-paths: a bicycle with its rider, and a car."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sdmae.data.scene.body import Axes, Joint, Look, darker
from sdmae.data.scene.camera import Floats
from sdmae.data.scene.routes import Trip
from sdmae.data.scene.shapes import Colour, Shape

_WHEEL = 0.35
_RIM = [2 * math.pi * n / 16 for n in range(17)]
_TYRE: Colour = (30.0, 30.0, 32.0)


@dataclass(frozen=True, slots=True, eq=False)
class Cyclist:
    """Somebody on a bicycle, no faster than those on foot."""

    track: int
    trip: Trip
    look: Look
    paint: Colour
    """Of the bicycle's frame."""
    kind: str = "cyclist"
    abnormal: bool = True

    def shape(self, time: float) -> Shape | None:
        """Bicycle and rider at `time` in seconds, or None before and after the route."""
        distance = self.trip.gone(time)
        if distance is None:
            return None
        place, heading = self.trip.route.at(distance)
        shape = Shape(float(place[1]))
        at = Axes(place, heading)
        crank = -distance / _WHEEL * 0.5
        near = float(at.near)
        self._leg(shape, at, crank + math.pi, -near)
        self._bicycle(shape, at)
        self._leg(shape, at, crank, near)
        self._trunk(shape, at, near)
        return shape

    def _bicycle(self, shape: Shape, at: Axes) -> None:
        for middle in (-0.52, 0.52):
            rim = [at((middle + _WHEEL * math.cos(a), _WHEEL + 0.02 + _WHEEL * math.sin(a))) for a in _RIM]
            for one, other in pairwise(rim):
                shape.add(one, other, 0.028, _TYRE)
        bracket, seat, stem, rear, front = (-0.1, 0.3), (-0.25, 0.92), (0.36, 0.88), (-0.52, 0.37), (0.52, 0.37)
        tubes = ((bracket, seat), (seat, stem), (bracket, stem), (rear, bracket), (rear, seat), (stem, front))
        for start, end in tubes:
            shape.add(at(start), at(end), 0.028, self.paint)
        bar = (0.42, 1.06)
        shape.add(at(stem), at(bar), 0.025, _TYRE)
        shape.add(at(bar, -0.24), at(bar, 0.24), 0.025, _TYRE)
        shape.add(at((-0.34, 0.96)), at((-0.16, 0.96)), 0.05, _TYRE)

    def _leg(self, shape: Shape, at: Axes, turn: float, side: float) -> None:
        hip, aside = (-0.22, 1.02), 0.1 * side
        foot = (-0.1 + 0.17 * math.cos(turn), 0.34 + 0.17 * math.sin(turn))
        # Thigh and shin of 0.44 m each: the knee lies in front of the middle between hip and foot.
        forward, down = foot[0] - hip[0], foot[1] - hip[1]
        length = math.hypot(forward, down)
        out = math.sqrt(max(0.44**2 - length**2 / 4, 0.0)) / length
        knee = (hip[0] + forward / 2 - out * down, hip[1] + down / 2 + out * forward)
        shape.add(at(foot, aside), at((foot[0] + 0.15, foot[1]), aside), 0.045, self.look.shoes)
        shape.add(at(knee, aside), at(foot, aside), 0.07, self.look.legs, 0.05)
        shape.add(at(hip, aside), at(knee, aside), 0.1, self.look.legs, 0.075)

    def _trunk(self, shape: Shape, at: Axes, near: float) -> None:
        for aside, shade in ((-near, 0.85), (0.0, 1.0), (near, 1.0)):
            shape.add(
                at((-0.22, 1.05), 0.07 * aside), at((0.06, 1.52), 0.1 * aside), 0.11, darker(self.look.top, shade)
            )
        shoulder, elbow, hand = (0.08, 1.5), (0.25, 1.26), (0.42, 1.1)
        for side in (-near, near):
            sleeve = darker(self.look.top, 0.9)
            shape.add(at(shoulder, 0.2 * side), at(elbow, 0.22 * side), 0.06, sleeve, 0.05)
            shape.add(at(elbow, 0.22 * side), at(hand, 0.22 * side), 0.05, self.look.skin, 0.045)
        shape.add(at((0.08, 1.6)), at((0.13, 1.76)), 0.06, self.look.skin, 0.1)
        shape.add(at((0.1, 1.81)), at((0.06, 1.77)), 0.1, self.look.hair, 0.095)


@dataclass(frozen=True, slots=True, eq=False)
class Car:
    """A car on the strip of road, which is otherwise only crossed on foot."""

    track: int
    trip: Trip
    paint: Colour
    kind: str = "car"
    abnormal: bool = True

    def shape(self, time: float) -> Shape | None:
        """The car at `time` in seconds, or None before and after the route."""
        distance = self.trip.gone(time)
        if distance is None:
            return None
        place, heading = self.trip.route.at(distance)
        at = Axes(place, heading)
        near = float(at.near)
        shape = Shape(float(place[1]))
        self._wheels(shape, at, -near)
        _block(shape, at, near, (2.1, 2.1, 0.28, 0.82), (2.05, 2.0), 0.86, self.paint, self.paint)
        glass = (38.0, 46.0, 56.0)
        _block(shape, at, near, (0.85, 1.75, 0.82, 1.38), (0.25, 1.25), 0.8, glass, self.paint, roof_half=0.68)
        self._trim(shape, at, near)
        self._wheels(shape, at, near)
        return shape

    def _wheels(self, shape: Shape, at: Axes, side: float) -> None:
        for middle in (-1.3, 1.3):
            for radius, colour in ((0.34, (26.0, 26.0, 28.0)), (0.18, (150.0, 152.0, 156.0))):
                rim = [(middle + radius * math.cos(a), 0.34 + radius * math.sin(a)) for a in _RIM[:-1]]
                shape.faces.append(_side_face(at, 0.87 * side, rim, colour))

    def _trim(self, shape: Shape, at: Axes, near: float) -> None:
        """The pillar between the side windows, the lamps, the sill."""
        pillar = [(-0.5, 0.82), (-0.38, 0.82), (-0.4, 1.36), (-0.5, 1.36)]
        sill = [(-2.05, 0.3), (2.05, 0.3), (2.05, 0.4), (-2.05, 0.4)]
        shape.faces.append(_side_face(at, 0.8 * near, pillar, self.paint))
        shape.faces.append(_side_face(at, 0.87 * near, sill, darker(self.paint, 0.45)))
        for x, colour in ((2.0, (250.0, 244.0, 214.0)), (-2.0, (190.0, 30.0, 28.0))):
            lamp = [(x - 0.1, 0.58), (x + 0.08, 0.58), (x + 0.08, 0.76), (x - 0.1, 0.76)]
            shape.faces.append(_side_face(at, 0.87 * near, lamp, colour))


def _side_face(at: Axes, left: float, corners: list[Joint], colour: Colour) -> tuple[Floats, Colour]:
    return np.array([at(corner, left) for corner in corners]), colour


def _block(
    shape: Shape,
    at: Axes,
    near: float,
    base: tuple[float, float, float, float],
    top: tuple[float, float],
    half: float,
    sides: Colour,
    lid: Colour,
    roof_half: float | None = None,
) -> None:
    """A block that narrows upwards: `base` is front, rear, lower and upper edge in metres, `top` front and rear.

    Its ends are painted before the near side and the lid, which hide what cannot be seen of them.
    """
    front, rear, low, high = base
    upper = half if roof_half is None else roof_half

    def corners(*points: tuple[float, float, float]) -> Floats:
        return np.array([at((forward, up), left) for forward, up, left in points])

    for sign, shade in ((1.0, 0.75), (-1.0, 0.7)):
        x, x_top = (front, top[0]) if sign > 0 else (-rear, -top[1])
        end = corners((x, low, -half), (x, low, half), (x_top, high, upper), (x_top, high, -upper))
        shape.faces.append((end, darker(sides, shade)))
    side = corners(
        (front, low, half * near),
        (-rear, low, half * near),
        (-top[1], high, upper * near),
        (top[0], high, upper * near),
    )
    shape.faces.append((side, darker(sides, 0.82)))
    cover = corners((top[0], high, -upper), (top[0], high, upper), (-top[1], high, upper), (-top[1], high, -upper))
    shape.faces.append((cover, lid))
