"""The anomalies of the test clips: what there is, and how each is put into the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sdmae.data.scene.body import RUN
from sdmae.data.scene.camera import Camera
from sdmae.data.scene.chance import generator
from sdmae.data.scene.crowd import walker
from sdmae.data.scene.fallen import Faller
from sdmae.data.scene.left_bag import Carrier, Holdall
from sdmae.data.scene.people import Person, draw_look
from sdmae.data.scene.routes import Route, Trip, across
from sdmae.data.scene.shapes import Colour, Shape
from sdmae.data.scene.thrown import Thrown
from sdmae.data.scene.vehicles import Car, Cyclist
from sdmae.errors import ConfigError


class Actor(Protocol):
    """Anything that moves through the scene; where it is depends on the time alone."""

    @property
    def track(self) -> int:
        """Number of the object in its clip, from 1."""
        ...

    @property
    def kind(self) -> str:
        """What it is, such as "walker" or "car"."""
        ...

    @property
    def abnormal(self) -> bool:
        """Whether its pixels belong in the mask."""
        ...

    def shape(self, time: float) -> Shape | None:
        """Its body at `time` in seconds, or None while it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class Staged:
    """An anomaly to come."""

    kind: str
    """One of `KINDS`."""
    middle: float
    """Seconds at which it is half-way through the scene; one of `STILL_KINDS` begins then, and stays to the end."""


STILL_KINDS = ("left_bag", "fallen")
"""The kinds of anomaly that stand still."""

_BAGS: tuple[Colour, ...] = ((44, 46, 52), (36, 54, 110), (150, 34, 38), (96, 64, 40), (34, 84, 62))
_PAINTS: tuple[Colour, ...] = ((168, 36, 38), (222, 222, 220), (40, 72, 128), (60, 62, 66), (196, 160, 60))


def stage(staged: Sequence[Staged], seed: int, clip: int, camera: Camera, routes: Sequence[Route]) -> list[Actor]:
    """The actors of a clip's anomalies, numbered from 1. Raises `ConfigError` for a kind that there is not."""
    actors: list[Actor] = []
    for n, one in enumerate(staged):
        if one.kind not in _STAGERS:
            raise ConfigError(f"unknown anomaly {one.kind!r}; known ones: {', '.join(KINDS)}")
        rng = generator(seed, "staged", clip, n)
        actors.extend(_STAGERS[one.kind](one.middle, len(actors) + 1, camera, routes, rng))
    return actors


_Stager = Callable[[float, int, Camera, Sequence[Route], np.random.Generator], list[Actor]]


def _runner(
    middle: float, track: int, camera: Camera, routes: Sequence[Route], rng: np.random.Generator
) -> list[Actor]:
    route = _one(routes, ("near-1", "near-3", "far-right", "far-left"), rng)
    speed = float(rng.uniform(3.3, 3.9))
    person = walker(rng, route, middle - route.length / speed / 2)
    return [
        replace(
            person,
            track=track,
            kind="runner",
            abnormal=True,
            trip=replace(person.trip, speed=speed),
            gait=RUN,
            aside=0.35,
        )
    ]


def _wrong_way(
    middle: float, track: int, camera: Camera, routes: Sequence[Route], rng: np.random.Generator
) -> list[Actor]:
    route = _one(routes, ("near-1", "near-2", "near-3"), rng).reversed()
    person = walker(rng, route, middle - route.length / route.pace / 2)
    return [replace(person, track=track, kind="wrong_way", abnormal=True, aside=0.45)]


def _cyclist(
    middle: float, track: int, camera: Camera, routes: Sequence[Route], rng: np.random.Generator
) -> list[Actor]:
    route = _one(routes, ("near-1", "near-2", "near-3"), rng)
    speed = float(rng.uniform(1.3, 1.55))
    start = middle - route.length / speed / 2
    return [Cyclist(track, Trip(route, start, speed), draw_look(rng), _PAINTS[rng.integers(len(_PAINTS))])]


def _car(middle: float, track: int, camera: Camera, routes: Sequence[Route], rng: np.random.Generator) -> list[Actor]:
    leftwards = bool(rng.random() < 0.5)
    speed = float(rng.uniform(3.6, 4.6))
    route = across("road", camera, 26.2 if leftwards else 24.7, speed, leftwards=leftwards, margin=3.5)
    return [Car(track, Trip(route, middle - route.length / speed / 2, speed), _PAINTS[rng.integers(len(_PAINTS))])]


def _thrown(
    middle: float, track: int, camera: Camera, routes: Sequence[Route], rng: np.random.Generator
) -> list[Actor]:
    """A walker who throws twice, ahead and then back."""
    route = _one(routes, ("near-2",), rng)
    thrower = walker(rng, route, 0.0)
    trip = replace(thrower.trip, start=middle - 0.45 * route.length / thrower.trip.speed)
    actors: list[Actor] = []
    colour = _PAINTS[rng.integers(2)]
    for n, (time, direction) in enumerate(((middle - 2.6, 1.0), (middle + 0.2, -1.0))):
        place, _ = route.at((time - trip.start) * trip.speed, thrower.aside)
        speed = float(rng.uniform(4.8, 6.0))
        edge = camera.half_view(float(place[1])) + 0.6
        velocity = (direction * speed, float(rng.uniform(3.6, 4.8)), float(rng.uniform(-0.1, 0.35)))
        seconds = (edge - direction * float(place[0])) / speed
        origin = (float(place[0]) + 0.3 * direction, 1.5, float(place[1]) - 0.2)
        actors.append(Thrown(track + n, time, seconds, origin, velocity, colour))
    return [*actors, replace(thrower, track=track + len(actors), trip=trip)]


def _left_bag(
    middle: float, track: int, camera: Camera, routes: Sequence[Route], rng: np.random.Generator
) -> list[Actor]:
    """A walker lets his bag fall beside the path's traffic and walks on."""
    side = 1 if rng.random() < 0.5 else -1
    person = _passing(_verge(routes, side), 0.28 * side, middle, camera, rng)
    size = float(rng.uniform(0.9, 1.15))
    bag = Holdall(0.62 * size, 0.34 * size, _BAGS[rng.integers(len(_BAGS))])
    carrier = Carrier(replace(person, look=replace(person.look, bag=None)), bag, side, middle, track + 1)
    return [carrier.leave(track), carrier]


def _fallen(
    middle: float, track: int, camera: Camera, routes: Sequence[Route], rng: np.random.Generator
) -> list[Actor]:
    """A walker at the path's edge falls and stays lying: the same person as two actors, before and after."""
    side = 1 if rng.random() < 0.5 else -1
    # He falls towards the camera: on the far edge that needs more room.
    person = _passing(_verge(routes, side), 0.85 if side > 0 else -0.5, middle, camera, rng)
    seconds = float(rng.uniform(0.65, 0.85))
    return [
        Faller(track, person.trip, person.aside, person.look, middle, seconds, abnormal) for abnormal in (True, False)
    ]


def _verge(routes: Sequence[Route], side: int) -> Route:
    """The near path's way along its far edge (side 1), or along the near one."""
    return next(route for route in routes if route.name == ("near-3" if side > 0 else "near-1"))


def _passing(route: Route, aside: float, time: float, camera: Camera, rng: np.random.Generator) -> Person:
    """A walker on `route`, straight from left to right, who at `time` is right of the path that crosses it.

    He keeps `aside` of the others on the route: what he leaves there lies in nobody's way.
    """
    person = walker(rng, route, 0.0)
    half = camera.half_view(float(route.points[0, 1]))
    x = float(rng.uniform(-min(2.0, 0.5 * half), 0.5 * half))
    trip = replace(person.trip, start=time - (x - float(route.points[0, 0])) / person.trip.speed)
    return replace(person, trip=trip, aside=aside)


def _one(routes: Sequence[Route], names: tuple[str, ...], rng: np.random.Generator) -> Route:
    return [route for route in routes if route.name in names][rng.integers(len(names))]


_STAGERS: dict[str, _Stager] = {
    "runner": _runner,
    "cyclist": _cyclist,
    "car": _car,
    "wrong_way": _wrong_way,
    "thrown": _thrown,
    "left_bag": _left_bag,
    "fallen": _fallen,
}

KINDS = tuple(_STAGERS)
"""Every kind of anomaly there is."""
