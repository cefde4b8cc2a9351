"""The ordinary passers-by: they come along every route at random times, for as long as anybody watches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from sdmae.data.scene.chance import generator
from sdmae.data.scene.people import Person, draw_look
from sdmae.data.scene.routes import Route, Trip

_HEADWAY = 2.6
"""Least seconds between two people on one route: with speeds within 4 % nobody catches up."""
_WAIT = 12.0
"""Mean seconds beyond the headway."""


class Crowd:
    """Everybody who is on a route, brought forward in time. Holds only those who are in the scene."""

    def __init__(self, seed: int, clip: int, routes: Sequence[Route], first_track: int) -> None:
        self._arrivals = [_arrivals(generator(seed, "crowd", clip, n), route) for n, route in enumerate(routes)]
        self._next = [next(arrivals) for arrivals in self._arrivals]
        self._present: list[Person] = []
        self._track = first_track

    def at(self, time: float) -> list[Person]:
        """Everybody on a route at `time` in seconds, which must not fall from call to call."""
        self._present = [person for person in self._present if person.trip.until > time]
        for n, arrivals in enumerate(self._arrivals):
            while self._next[n].trip.start <= time:
                person, self._next[n] = self._next[n], next(arrivals)
                if person.trip.until > time:
                    self._present.append(_numbered(person, self._track))
                    self._track += 1
        return self._present


def walker(rng: np.random.Generator, route: Route, start: float) -> Person:
    """Somebody who walks `route` in the ordinary way, entering it at `start` seconds."""
    return Person(
        track=0,
        kind="walker",
        abnormal=False,
        trip=Trip(route, start, route.pace * float(rng.uniform(0.96, 1.04))),
        aside=float(rng.uniform(-0.14, 0.14)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        look=draw_look(rng),
    )


def _arrivals(rng: np.random.Generator, route: Route) -> Iterator[Person]:
    # Begun early enough that the scene is already peopled at time 0.
    time = -2 * route.length / route.pace
    while True:
        time += _HEADWAY + float(rng.exponential(_WAIT))
        yield walker(rng, route, time)


def _numbered(person: Person, track: int) -> Person:
    return replace(person, track=track)
