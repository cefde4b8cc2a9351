"""The frames of one live source on their way to being scored: which may be taken now, and which are given up."""

from __future__ import annotations

from collections import deque

from sdmae.data.neighbours import Samples, Spacing, Window
from sdmae.video.frame import Frame


class WaitingFrames:
    """Frames go in as they come, and are taken in the same order, with their neighbours; not by several threads.

    A frame is decided on when all that could be its neighbour is there, or is known never to come. It is scored as
    one with four others, or not at all: whoever cannot keep up sheds whole samples, and their frames stay
    neighbours of those that are not shed.
    """

    def __init__(self, which: int = 0) -> None:
        """`which`: size of the frames to take."""
        self._which = which
        self._windows: deque[Window] = deque()
        self._open = False  # whether more may come to the last window
        self._stretches = 0

    @property
    def waiting(self) -> int:
        """Frames that have been neither taken nor shed."""
        return sum(window.left for window in self._windows)

    @property
    def ready(self) -> int:
        """Those that can be decided on now."""
        last = len(self._windows) - 1
        return sum(
            window.ready() if k == last and self._open else window.left for k, window in enumerate(self._windows)
        )

    def add(self, frame: Frame, spacing: Spacing) -> None:
        """The next frame; `spacing`: of its stretch."""
        if not (self._open and self._windows[-1].continues(frame)):
            self.end()
            self._windows.append(Window(spacing, self._which, self._stretches))
            self._stretches += 1
            self._open = True
        self._windows[-1].add(frame)

    def end(self) -> None:
        """What comes from now on is no neighbour of what is there."""
        self._open = False
        self._forget()

    def take(self, count: int) -> tuple[Samples | None, int]:
        """At most `count` frames that can be decided on, all of one stretch.

        Gives those that have all their neighbours, or None, and how many have not and will never be scored.
        """
        if not (number := self._next(count)):
            return None, 0
        samples = self._windows[0].take(number)
        self._forget()
        kept = samples.chosen(samples.complete)
        return kept if len(kept.indices) else None, number - len(kept.indices)

    def shed(self, count: int) -> int:
        """Gives up at most `count` of the oldest frames that can be decided on; how many it were."""
        done = 0
        while done < count and (number := self._next(count - done)):
            self._windows[0].skip(number)
            self._forget()
            done += number
        return done

    def _next(self, count: int) -> int:
        """How many of the first stretch can be decided on, up to `count`."""
        if not self._windows:
            return 0
        first = self._windows[0]
        return min(count, first.ready() if len(self._windows) == 1 and self._open else first.left)

    def _forget(self) -> None:
        while self._windows and not self._windows[0].left and not (len(self._windows) == 1 and self._open):
            self._windows.popleft()
