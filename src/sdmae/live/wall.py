"""From a camera's own time to that of this machine."""

from __future__ import annotations

RISE = 1e-3
"""Seconds a second by which frames may come later and later before a camera's clock is held to be slow."""
JUMP = 10.0
"""Seconds that frames come later all at once where this machine's clock was set, or nothing came for long."""


class WallClock:
    """Learns how far a camera's time is from seconds since 1970.

    Frames come late by what the network happens to take, never early: the least that was seen is closest to the
    truth. It may rise slowly, since clocks differ in pace.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None
        self._time = 0.0

    @property
    def ahead(self) -> float:
        """Seconds to be added to the camera's time."""
        return self._ahead or 0.0

    def note(self, time: float, wall: float) -> None:
        """A frame of that time of the camera came at that time of this machine."""
        seen = wall - time
        if self._ahead is None or seen > self._ahead + JUMP:
            self._ahead = seen
        else:
            self._ahead = min(seen, self._ahead + RISE * max(time - self._time, 0.0))
        self._time = time
