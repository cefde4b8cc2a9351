"""How long to wait before a lost camera is tried again."""

from __future__ import annotations

import random


class Backoff:
    """Waits that double from `first` to `last` seconds, cut short by chance so that cameras do not come in step."""

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last
        self._next = first
        self._random = random.Random()

    def wait(self) -> float:
        """Seconds to wait now: at most `last`, and at least half of what is due."""
        due = min(self._next, self._last)
        self._next = min(2 * due, self._last)
        return due * self._random.uniform(0.5, 1.0)

    def longest(self) -> None:
        """The next wait is of the longest: trying sooner would do harm."""
        self._next = self._last

    def reset(self) -> None:
        """The camera has been well."""
        self._next = self._first
