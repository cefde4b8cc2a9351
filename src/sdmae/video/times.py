"""Time: from a container's stamps to seconds that never fall, and from a fast source to a slower one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

_RESET_SECONDS = 1.0
"""Stamps that fall further than this have begun anew (joined files, a camera that restarted); less is a slip."""


class FrameClock:
    """Turns the stamps of one clip's frames, in the order they are shown, into times.

    A good stamp is kept as it is, so a variable frame rate stays what it was. A frame without one, or with one that
    does not come after the last, is put one step after the frame before it; later frames wait there until their
    stamps have caught up, so a single slip delays nothing. Stamps that begin anew go on from where they were.
    """

    def __init__(self, rate: float) -> None:
        """`rate`: frames a second, whose inverse is the step of a frame without a usable stamp."""
        self._step = 1.0 / rate
        self._time: float | None = None
        self._stamp: float | None = None
        self._offset = 0.0

    def tick(self, stamp: float | None) -> float:
        """Time of the next frame in seconds, from its stamp in seconds (None: it has none). Starts at 0."""
        self._time = self._next(stamp)
        if stamp is not None:
            self._stamp = stamp
        return self._time

    def _next(self, stamp: float | None) -> float:
        if self._time is None:
            self._offset = -stamp if stamp is not None else 0.0
            return 0.0
        after = self._time + self._step
        if stamp is None:
            return after
        if self._stamp is None:  # the first stamp of a clip whose first frames had none
            self._offset = after - stamp
            return after
        if stamp <= self._stamp:
            if self._stamp - stamp > _RESET_SECONDS:
                self._offset = after - stamp
            return after
        return max(stamp + self._offset, self._time)


class Timed(Protocol):
    """Anything with a time."""

    @property
    def time(self) -> float:
        """Seconds."""
        ...


T = TypeVar("T", bound=Timed)

_SAME = 1.02
"""A source at most this many times as fast as what is asked for is taken for as fast: nothing of it is left out."""


def thinned(frames: Iterable[T], rate: float | None, source_rate: float) -> Iterator[T]:
    """At most `rate` of the frames a second, chosen by time: those nearest to the ticks of a clock of that rate.

    frames: of rising time; source_rate: what they are said to have. A source that is no faster is given on whole,
    whatever its stamps do. rate None: all frames. Looks one frame ahead.
    """
    if rate is None or source_rate <= _SAME * rate:
        yield from frames
        return
    held: T | None = None
    held_tick = 0
    for frame in frames:
        tick = math.floor(frame.time * rate + 0.5)
        if held is not None and tick == held_tick:
            # A tie goes to the earlier one, which has been waited for long enough.
            if abs(frame.time * rate - tick) < abs(held.time * rate - tick) - 1e-6:
                held = frame
            continue
        if held is not None:
            yield held
        held, held_tick = frame, tick
    if held is not None:
        yield held
