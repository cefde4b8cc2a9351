"""From a container's time stamps to seconds since the first frame that never fall."""

from __future__ import annotations

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
