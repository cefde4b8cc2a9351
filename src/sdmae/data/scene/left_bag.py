"""A bag that is carried, let fall, and left lying."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sdmae.data.scene.body import Axes, darker
from sdmae.data.scene.camera import Floats
from sdmae.data.scene.people import Person
from sdmae.data.scene.shapes import Colour, Shape

_GRAVITY = 9.81
_CARRIED = 0.44
"""Metres above the ground of the bag's middle while it hangs from the hand."""
_BESIDE = 0.33
"""Metres from the middle of the body to that of the bag."""


@dataclass(frozen=True, slots=True)
class Holdall:
    """A round travelling bag with two handles."""

    length: float
    """Metres."""
    thickness: float
    """Metres across."""
    colour: Colour

    def add_to(self, shape: Shape, at: Axes, middle: tuple[float, float], left: float, *, held: bool) -> None:
        """Draws it with its `middle` at metres forward and up, `left` metres to the left of the axes' origin.

        held: the handles are drawn tight by the hand above them; otherwise they have sunk onto the bag.
        """
        (forward, up), radius = middle, self.thickness / 2
        half = self.length / 2 - radius
        handle, strap = 0.3 if held else 1.25 * radius, darker(self.colour, 0.4)
        for side in (-1, 1):
            aside = left + side * 0.5 * radius
            # Towards the ends the handle runs down to the bag; held, its two halves meet in the hand.
            top = left if held else aside
            for end in (-1, 1):
                foot, tip = (forward + end * 0.55 * half, up + 0.7 * radius), (forward + end * 0.06, up + handle)
                shape.add(at(foot, aside), at(tip, top), 0.022, strap)
        rear, front = (forward - half, up), (forward + half, up)
        shape.add(at(rear, left), at(front, left), radius, darker(self.colour, 0.62))
        # The light comes from above: the upper side is brighter, and the zip runs along it.
        shape.add(
            at((rear[0], up + 0.3 * radius), left),
            at((front[0], up + 0.3 * radius), left),
            0.75 * radius,
            self.colour,
        )
        for end in (-1, 1):
            band = (forward + 0.5 * end * half, up - 0.5 * radius)
            shape.add(at(band, left), at((band[0], up + 0.75 * radius), left), 0.028, strap)
        zip_line = up + 0.75 * radius
        shape.add(at((rear[0], zip_line), left), at((front[0], zip_line), left), 0.015, strap)


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    """A walker with a bag in his hand, who at `drop` lets go of it and walks on."""

    walker: Person
    bag: Holdall
    side: int
    """1 carries it on the left, -1 on the right."""
    drop: float
    """Seconds at which the bag leaves the hand."""
    track: int
    kind: str = "walker"
    abnormal: bool = False

    def shape(self, time: float) -> Shape | None:
        """Walker, and bag until the drop, at `time` in seconds; None before and after the route."""
        body, distance = self.walker.shape(time), self.walker.trip.gone(time)
        if body is None or distance is None or time >= self.drop:
            return body
        place, heading = self.walker.trip.route.at(distance, self.walker.aside)
        at, shape = Axes(place, heading), Shape(body.depth)
        behind = at.near != self.side
        if not behind:
            _append(shape, body)
        self.bag.add_to(shape, at, (0.0, _CARRIED), _BESIDE * self.side, held=True)
        if behind:
            _append(shape, body)
        return shape

    def leave(self, track: int) -> LeftBag:
        """The bag from the drop on."""
        trip = self.walker.trip
        place, heading = trip.route.at((self.drop - trip.start) * trip.speed, self.walker.aside)
        return LeftBag(track, self.drop, place, heading, trip.speed, self.side, self.bag)


@dataclass(frozen=True, slots=True, eq=False)
class LeftBag:
    """A bag that falls beside the one who carried it, and lies there for good."""

    track: int
    start: float
    """Seconds at which it leaves the hand."""
    place: Floats
    """(2,) X and Z of the one who lets it fall, at that moment."""
    heading: float
    """Where he goes, in radians."""
    speed: float
    """Metres a second he goes at, and the bag with him until it reaches the ground."""
    side: int
    """1 falls to his left, -1 to his right."""
    bag: Holdall
    kind: str = "left_bag"
    abnormal: bool = True

    def shape(self, time: float) -> Shape | None:
        """The bag at `time` in seconds; None before it falls."""
        passed = time - self.start
        if passed < 0:
            return None
        rest = self.bag.thickness / 2
        flight = math.sqrt(2 * (_CARRIED - rest) / _GRAVITY)
        falling = min(passed, flight)
        # On the ground it slides a hand's breadth further, and stops for good.
        slide = 0.1 * (1 - math.exp(-max(min(passed - flight, 0.8), 0.0) / 0.12))
        middle = (self.speed * falling + slide, max(_CARRIED - _GRAVITY * falling**2 / 2, rest))
        left = self.side * (_BESIDE + 0.25 * falling)
        at = Axes(self.place, self.heading)
        shape = Shape(at((0.0, 0.0), left)[2])
        self.bag.add_to(shape, at, middle, left, held=False)
        return shape


def _append(shape: Shape, other: Shape) -> None:
    shape.faces.extend(other.faces)
    shape.ends.extend(other.ends)
    shape.radii.extend(other.radii)
    shape.colours.extend(other.colours)
