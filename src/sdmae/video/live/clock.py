"""A camera's time: from stamps that wrap, jump, repeat or are missing to seconds that rise."""

from __future__ import annotations

_WRAPS = (2**33 / 90_000, 2**32 / 90_000)
"""Seconds after which the stamps of MPEG-TS and of RTP begin again at zero: a day and two hours, half as much."""
_NEAR = 60.0
"""A jump that is so close to one of them, in seconds, is no jump."""
_LONG = 1.0
"""Seconds between two frames, at least, that are a gap; for slow cameras it is some frames."""
_SLOW = 4.0
"""How many frames."""
_SLIP = 1.0
"""Stamps that fall by no more have slipped; by more, they have begun anew."""
_TINY = 1e-4
"""Seconds between two frames, at least."""


class LiveClock:
    """Turns the stamps of one connection's frames, in the order they are shown, into times and parts.

    A good stamp is kept as it is, and one that has wrapped goes on where it was. A frame without one, or with one
    that does not come after the last, is put one step after the frame before it. Where stamps jump, a new part
    begins: by as much as they jump when that is also how long nothing came, else by the time that has passed. A
    stream without any stamps, or with made-up ones, goes by the arrival of its frames.
    """

    def __init__(self, rate: float, *, stamped: bool = True) -> None:
        """`rate`: frames a second, whose inverse is the step of a frame without a usable stamp.

        stamped: False where stamps mean nothing, as in MJPEG over HTTP, for which FFmpeg makes them up.
        """
        self.part = 0
        """Grows with every gap."""
        self.time: float | None = None
        """Of the last frame, in seconds since the first; None before it."""
        self._step = 1.0 / rate
        self._stamped = stamped
        self._stamp: float | None = None
        self._offset = 0.0
        self._arrival = 0.0
        self._first: float | None = None  # of the packets

    def tick(self, stamp: float | None, arrival: float) -> float:
        """Time of the next frame, from its stamp (None: it has none) and its arrival, in seconds. Starts at 0."""
        stamp = stamp if self._stamped else None
        passed = max(arrival - self._arrival, 0.0)
        self.time = self._next(stamp, passed)
        self._arrival = arrival
        if stamp is not None:
            self._stamp = stamp
        return self.time

    def place(self, stamp: float | None, arrival: float) -> float:
        """The time a frame of that stamp will have, or had, as far as is known; for packets."""
        if self.time is None:  # the first packet is the first frame's, though others may come before that is decoded
            if self._first is None:
                self._first = stamp
            return 0.0 if stamp is None or self._first is None else stamp - self._first
        if not self._stamped:
            return self.time + max(arrival - self._arrival, 0.0)
        if stamp is not None and self._stamp is not None:
            ahead = self._unwrapped(stamp - self._stamp)[0]
            if abs(ahead) < max(_NEAR, _SLOW * self._step):
                return self._stamp + self._offset + ahead
        return self.time + self._step

    def _next(self, stamp: float | None, passed: float) -> float:
        if self.time is None:
            self._offset = -stamp if stamp is not None else 0.0
            return 0.0
        least = self.time + _TINY
        long = max(_LONG, _SLOW * self._step)
        if stamp is None and (self._stamp is None or not self._stamped):
            if passed > long:
                self.part += 1
            return max(self.time + passed, least)
        after = self.time + self._step
        if stamp is None:
            return after
        if self._stamp is None:  # the first stamp of a stream whose first frames had none
            self._offset = after - stamp
            return after
        step, wrap = self._unwrapped(stamp - self._stamp)
        self._offset += wrap
        if 0 < step <= long:
            return max(stamp + self._offset, least)
        if -_SLIP <= step <= 0:
            return after
        self.part += 1
        if step > 0 and abs(step - passed) < max(1.0, 0.2 * passed):
            return max(stamp + self._offset, least)
        began = self.time + max(passed, self._step)
        self._offset = began - stamp
        return began

    @staticmethod
    def _unwrapped(step: float) -> tuple[float, float]:
        """A step between two stamps as it was before they wrapped, and what was added to it."""
        for wrap in (*_WRAPS, *(-wrap for wrap in _WRAPS)):
            if abs(step + wrap) < _NEAR:
                return step + wrap, wrap
        return step, 0.0
