"""Somebody who falls as he walks, and stays lying."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from sdmae.data.scene.body import WALK, Gait, Look, body
from sdmae.data.scene.camera import Floats
from sdmae.data.scene.routes import Trip
from sdmae.data.scene.shapes import Point, Shape

_LYING = Gait(stride=WALK.stride, thigh=0.3, knee=1.0, arm=0.85, elbow=1.0, lean=0.28, rise=0.0)
"""How the limbs come to lie, as if he stood: knees and elbows drawn in, the back bent."""
_STEP = 2.0
"""Phase of the stride at which he stumbles, in radians: one leg far ahead, the other one in the air."""
_TURN = 1.4
"""How far he turns towards the camera while he falls, in radians: onto his side."""
_FLAT = math.pi / 2
"""How far he tilts in the end, in radians."""
_GROUND = 0.07
"""Metres above the ground below which no middle of a limb comes to lie."""
_SPREAD = 0.5
"""Share of his breadth that is left as height when he lies: shoulders and hips give way, arms and legs sink."""


@dataclass(frozen=True, slots=True, eq=False)
class Faller:
    """A walker who falls at a certain moment: one of these before it, a second one with the same fields after it."""

    track: int
    trip: Trip
    aside: float
    """Metres to the left of the route."""
    look: Look
    fall: float
    """Seconds at which he begins to fall."""
    seconds: float
    """How long the fall takes."""
    abnormal: bool
    """False for the walker until `fall`, true for the fallen from then on."""

    @property
    def kind(self) -> str:
        """ "walker" or "fallen"."""
        return "fallen" if self.abnormal else "walker"

    def shape(self, time: float) -> Shape | None:
        """The body at `time` in seconds, or None in the other one's time and before the route."""
        if time < self.trip.start or (time >= self.fall) != self.abnormal:
            return None
        place, heading = self.trip.route.at((min(time, self.fall) - self.trip.start) * self.trip.speed, self.aside)
        if not self.abnormal:
            return body(place, heading, self._phase(time), self.look, WALK)
        share = min((time - self.fall) / self.seconds, 1.0)
        # To the right where that faces the camera, else to the left: the limbs are painted in the right order then.
        turn = -_TURN if math.cos(heading) > 0 else _TURN
        standing = body(place, heading + turn * _ease(share), _STEP, self.look, _between(WALK, _LYING, _ease(share)))
        return _tilted(standing, place, heading, self._tilt(share))

    def _phase(self, time: float) -> float:
        """Of the stride, such that he falls at `_STEP`."""
        return _STEP - 2 * math.pi * (self.fall - time) * self.trip.speed / (WALK.stride * self.look.height)

    def _tilt(self, share: float) -> float:
        """Radians from upright. The hips keep their walking speed at first; his weight does the rest."""
        begin = min(self.trip.speed * self.seconds / (0.5 * self.look.height), 0.9 * _FLAT)
        return begin * share + (_FLAT - begin) * share**2


def _ease(share: float) -> float:
    return share * share * (3 - 2 * share)


def _between(one: Gait, other: Gait, share: float) -> Gait:
    """The gait `share` of the way from one to the other."""
    mixed = {f.name: (1 - share) * getattr(one, f.name) + share * getattr(other, f.name) for f in fields(Gait)}
    return Gait(**mixed)


def _tilted(shape: Shape, place: Floats, heading: float, angle: float) -> Shape:
    """The body turned over the feet at `place` (2,) towards `heading`, and kept above the ground."""
    x, z, cos, sin = float(place[0]), float(place[1]), math.cos(heading), math.sin(heading)
    # Who lies on his side lies on a shoulder.
    lift, height_left = 0.2 * math.sin(angle), 1 - (1 - _SPREAD) * math.sin(angle) ** 4

    def tilt(point: Point) -> Point:
        ahead = (point[0] - x) * cos + (point[2] - z) * sin
        gone = ahead * math.cos(angle) + point[1] * math.sin(angle) - ahead
        height = height_left * (point[1] * math.cos(angle) - ahead * math.sin(angle) + lift)
        return point[0] + gone * cos, max(height, min(point[1], _GROUND)), point[2] + gone * sin

    return Shape(
        shape.depth,
        [],
        [(tilt(start), tilt(end)) for start, end in shape.ends],
        shape.radii,
        shape.colours,
    )
