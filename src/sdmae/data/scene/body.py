"""A person's body: how legs and arms move through a stride."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sdmae.data.scene.camera import Floats
from sdmae.data.scene.shapes import Colour, Point, Shape

Joint = tuple[float, float]
"""Metres forward and up."""


@dataclass(frozen=True, slots=True)
class Look:
    """One person's size and clothes."""

    height: float
    """Metres."""
    top: Colour
    legs: Colour
    skin: Colour
    hair: Colour
    shoes: Colour
    bag: Colour | None
    """Colour of a rucksack; None without one."""
    coat: bool
    """Whether the top reaches half-way down the thighs."""


@dataclass(frozen=True, slots=True)
class Gait:
    """How a stride looks; angles in radians."""

    stride: float
    """Metres of two steps, for each metre of body height."""
    thigh: float
    """How far the thigh swings to the front and to the back."""
    knee: float
    """How far the knee bends as the leg swings forward."""
    arm: float
    """How far the upper arm swings."""
    elbow: float
    """How far the elbow is bent."""
    lean: float
    """How far the trunk leans forward."""
    rise: float
    """Metres the body rises between the steps."""


WALK = Gait(stride=0.82, thigh=0.42, knee=0.95, arm=0.38, elbow=0.25, lean=0.04, rise=0.0)
RUN = Gait(stride=1.45, thigh=0.72, knee=1.75, arm=0.75, elbow=1.5, lean=0.2, rise=0.07)


class Axes:
    """A body's own axes: metres forward, up and left to points in the world."""

    def __init__(self, place: Floats, heading: float) -> None:
        self._x, self._z = float(place[0]), float(place[1])
        self._cos, self._sin = math.cos(heading), math.sin(heading)

    @property
    def away(self) -> float:
        """1 when heading straight away from the camera, -1 straight towards it."""
        return self._sin

    @property
    def near(self) -> int:
        """1 when the left side is the one nearer to the camera, else -1."""
        return 1 if self._cos < 0 else -1

    def __call__(self, joint: Joint, left: float = 0.0) -> Point:
        """The point X, Y, Z in the world."""
        forward, up = joint
        return (
            self._x + forward * self._cos - left * self._sin,
            up,
            self._z + forward * self._sin + left * self._cos,
        )


def darker(colour: Colour, by: float) -> Colour:
    """The colour times `by`."""
    return colour[0] * by, colour[1] * by, colour[2] * by


def body(place: Floats, heading: float, phase: float, look: Look, gait: Gait) -> Shape:
    """A person at `place` (2,) X and Z, heading there, at that phase of the stride; angles in radians."""
    at, size = Axes(place, heading), look.height / 1.75
    shape = Shape(float(place[1]))
    hip = (0.0, _hip_height(phase, size, gait))
    neck = _below(hip, -0.52 * size, -gait.lean)
    _arm(shape, at, neck, phase, -at.near, look, gait)
    _leg(shape, at, hip, phase, -at.near, look, gait)
    _leg(shape, at, hip, phase, at.near, look, gait)
    _trunk(shape, at, hip, neck, look)
    _arm(shape, at, neck, phase, at.near, look, gait)
    _head(shape, at, neck, look)
    return shape


def _below(joint: Joint, length: float, swing: float) -> Joint:
    """The end of a limb that hangs from `joint`, swung forward by `swing` radians."""
    return joint[0] + length * math.sin(swing), joint[1] - length * math.cos(swing)


def _leg_joints(hip: Joint, phase: float, side: int, size: float, gait: Gait) -> tuple[Joint, Joint, float]:
    """Knee, ankle and the angle of the shin; the left leg (side 1) leads the stride."""
    turn = phase + (0.0 if side > 0 else math.pi)
    swing = gait.thigh * math.sin(turn) + 0.5 * gait.lean
    # The knee bends while the leg swings forward, most at the beginning.
    shin = swing - 0.08 - gait.knee * max(0.0, math.cos(turn + 0.35))
    knee = _below(hip, 0.44 * size, swing)
    return knee, _below(knee, 0.43 * size, shin), shin


def _hip_height(phase: float, size: float, gait: Gait) -> float:
    # The lower foot stands on the ground: this is what makes the body rise and fall.
    lowest = min(_leg_joints((0.0, 0.0), phase, side, size, gait)[1][1] for side in (1, -1))
    return 0.06 * size - lowest + gait.rise * abs(math.sin(phase + 0.6))


def _leg(shape: Shape, at: Axes, hip: Joint, phase: float, side: int, look: Look, gait: Gait) -> None:
    size = look.height / 1.75
    knee, ankle, shin = _leg_joints(hip, phase, side, size, gait)
    aside, shade = 0.09 * size * side, 1.0 if side == at.near else 0.8
    cloth, shoe = darker(look.legs, shade), darker(look.shoes, shade)
    toe = (ankle[0] + 0.15 * size * math.cos(shin), ankle[1] - 0.02 + 0.12 * size * math.sin(shin))
    shape.add(at(ankle, aside), at(toe, aside), 0.05 * size, shoe, 0.04 * size)
    shape.add(at(knee, aside), at(ankle, aside), 0.07 * size, cloth, 0.05 * size)
    shape.add(at(hip, aside), at(knee, aside), 0.095 * size, cloth, 0.07 * size)


def _arm(shape: Shape, at: Axes, neck: Joint, phase: float, side: int, look: Look, gait: Gait) -> None:
    """An arm swings against the leg of its side."""
    size, shade = look.height / 1.75, 1.0 if side == at.near else 0.82
    swing = gait.arm * math.sin(phase + (math.pi if side > 0 else 0.0)) + 0.5 * gait.lean
    aside = 0.21 * size * side
    shoulder = (neck[0], neck[1] - 0.03 * size)
    elbow = _below(shoulder, 0.27 * size, swing)
    hand = _below(elbow, 0.25 * size, swing + gait.elbow)
    sleeve = darker(look.top, 0.92 * shade)
    shape.add(at(shoulder, aside), at(elbow, aside), 0.062 * size, sleeve, 0.05 * size)
    shape.add(at(elbow, aside), at(hand, aside), 0.05 * size, sleeve, 0.04 * size)
    shape.add(at(hand, aside), at(hand, aside), 0.05 * size, darker(look.skin, shade))


def _trunk(shape: Shape, at: Axes, hip: Joint, neck: Joint, look: Look) -> None:
    size = look.height / 1.75
    low = (hip[0], hip[1] - (0.25 * size if look.coat else 0.02))
    high = (neck[0], neck[1] - 0.05 * size)
    for aside, shade in ((-at.near, 0.85), (0, 1.0), (at.near, 1.0)):
        colour = darker(look.top, shade)
        shape.add(at(high, 0.11 * size * aside), at(low, 0.07 * size * aside), 0.105 * size, colour, 0.1 * size)
    if look.bag is not None:
        top, bottom = (neck[0] - 0.17, neck[1] - 0.1), (hip[0] - 0.17, hip[1] + 0.15)
        shape.add(at(top), at(bottom), 0.12 * size, look.bag, 0.13 * size)


def _head(shape: Shape, at: Axes, neck: Joint, look: Look) -> None:
    size = look.height / 1.75
    head = (neck[0] + 0.03, neck[1] + 0.17 * size)
    crown, nape = (head[0] - 0.03, head[1] + 0.05), (head[0] - 0.05, head[1])
    # From behind the hair hides the face; otherwise only the crown is seen above it.
    if at.away <= 0.3:
        shape.add(at(crown), at(nape), 0.1 * size, look.hair, 0.095 * size)
    shape.add(at(neck), at(head), 0.055 * size, look.skin, 0.1 * size)
    if at.away > 0.3:
        shape.add(at(crown), at(nape), 0.1 * size, look.hair, 0.095 * size)
    else:
        shape.add(at(crown), at((head[0] - 0.04, head[1] + 0.05)), 0.085 * size, look.hair)
