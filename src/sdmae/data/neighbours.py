"""Which frames stand beside a frame: its triplet and its motion gradient, chosen by time (method: input).

One rule serves training, files and streams. The wanted moments are t - gap, t - gradient gap, t + gradient gap and
t + gap. Each is filled by the frame nearest to it on its side of t, provided the video reaches that far; at the ends
of the video, x[t] itself is repeated. A jump in the time stamps ends one stretch of video and begins another, and
nothing is a neighbour across it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sdmae.config import InputConfig
from sdmae.video.frame import Frame, Image

SLACK = 1e-6
"""Seconds by which two time stamps that mean the same moment may differ."""


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distances in time, in seconds."""

    gap: float
    """From t to the outer frames of the triplet."""
    gradient_gap: float
    """From t to the two frames of the motion gradient."""
    jump: float
    """Between two frames: more than this ends a stretch."""

    @classmethod
    def of(cls, config: InputConfig, source_rate: float) -> Spacing:
        """Spacing of a detector's input on a source of `source_rate` frames a second, thinned to `config.rate`."""
        rate = config.rate or source_rate
        spacing = cls(config.gap / rate, config.gradient_gap / rate, 0.0)
        return replace(spacing, jump=max(2 * spacing.reach, 4 / min(source_rate, rate)))

    @property
    def reach(self) -> float:
        """The larger of the two distances."""
        return max(self.gap, self.gradient_gap)


@dataclass(frozen=True, slots=True)
class Samples:
    """Some consecutive frames of one stretch, with all their neighbours."""

    frames: NDArray[np.uint8]
    """(N, H, W, C): each frame once."""
    neighbours: NDArray[np.int64]
    """(B, 5): rows of `frames` that are x[t-s], x[t-1], x[t], x[t+1], x[t+s] of each scored frame."""
    indices: NDArray[np.int64]
    """(B,): index of each scored frame in its clip."""
    times: NDArray[np.float64]
    """(B,): its time, in seconds."""
    order: NDArray[np.int64]
    """(B,): which frame of its stretch it is, from 0."""
    stretch: int
    """Counts the stretches of the clip, from 0."""
    repeated: int = 0
    """How many of the first `frames` were the last ones of the samples before these."""

    def chosen(self, rows: NDArray[np.bool_]) -> Samples:
        """Only the scored frames where `rows` (B,) is true."""
        return replace(
            self,
            neighbours=self.neighbours[rows],
            indices=self.indices[rows],
            times=self.times[rows],
            order=self.order[rows],
        )


def neighbour_table(times: NDArray[np.float64], spacing: Spacing) -> NDArray[np.int64]:
    """(N, 5) rows of x[t-s], x[t-1], x[t], x[t+1], x[t+s] for each of N rising times of one stretch."""
    own = np.arange(len(times))
    columns = [own] * 5
    for column, gap in ((0, spacing.gap), (1, spacing.gradient_gap)):
        columns[column] = _nearest_before(times, gap)
        # The future is the past of the reversed clock.
        columns[4 - column] = len(times) - 1 - _nearest_before(-times[::-1], gap)[::-1]
    return np.stack(columns, axis=1)


def _nearest_before(times: NDArray[np.float64], gap: float) -> NDArray[np.int64]:
    """(N,) row, earlier than its own, nearest to `gap` before each time; its own where the video starts later."""
    own = np.arange(len(times))
    wanted = times - gap
    after = np.minimum(np.searchsorted(times, wanted - SLACK), own)  # first row not before the wanted moment
    before = np.maximum(after - 1, 0)
    nearer_after = np.abs(times[after] - wanted) <= np.abs(times[before] - wanted) + SLACK
    chosen = np.where((after < own) & nearer_after, after, before)
    reaches = times[0] <= wanted + SLACK
    return np.where(reaches, np.minimum(chosen, np.maximum(own - 1, 0)), own)


def stream_samples(frames: Iterable[Frame], spacing: Spacing, batch: int, *, which: int = 0) -> Iterator[Samples]:
    """Samples of at most `batch` frames as soon as their neighbours are there; `which` size of the frames to take.

    Holds `batch` frames and the neighbours of both ends, however long the video.
    """
    window = _Window(spacing, which)
    for frame in frames:
        if window.times and frame.time - window.times[-1] > spacing.jump:
            yield from window.flush(batch)
            window = _Window(spacing, which, window.stretch + 1)
        window.add(frame)
        if window.ready() >= batch:
            yield window.take(batch)
    yield from window.flush(batch)


class _Window:
    """The frames of one stretch that are still needed, and which of them is to be scored next."""

    def __init__(self, spacing: Spacing, which: int, stretch: int = 0) -> None:
        self.spacing = spacing
        self.which = which
        self.stretch = stretch
        self.images: list[Image] = []
        self.indices: list[int] = []
        self.times: list[float] = []
        self.next = 0
        self.taken = 0
        self.given = range(0)
        """Rows of the images that were in the samples before."""

    def add(self, frame: Frame) -> None:
        self.images.append(frame.images[self.which])
        self.indices.append(frame.index)
        self.times.append(frame.time)

    def ready(self) -> int:
        """Frames whose whole future is there."""
        return bisect_right(self.times, self.times[-1] - self.spacing.reach + SLACK) - self.next

    def take(self, count: int) -> Samples:
        """The next `count` frames; forgets what no later frame needs."""
        times = np.array(self.times)
        rows = slice(self.next, self.next + count)
        table = neighbour_table(times, self.spacing)[rows]
        # The last frames of a stretch have no future; what was given before stays in, so that it repeats as a whole.
        first, last = int(table.min()), max(int(table.max()), self.given.stop - 1)
        samples = Samples(
            np.stack(self.images[first : last + 1]),
            table - first,
            np.array(self.indices[rows]),
            times[rows],
            self.taken + np.arange(len(table)),
            self.stretch,
            len(range(first, self.given.stop)) if first >= self.given.start else 0,
        )
        self.taken += len(table)
        self.given = range(first, last + 1)
        self.next += count
        if self.next < len(times):
            wanted = times[self.next] - self.spacing.reach
            drop = max(0, int(np.searchsorted(times, wanted - SLACK)) - 2)
            del self.images[:drop], self.indices[:drop], self.times[:drop]
            self.next -= drop
            self.given = range(self.given.start - drop, self.given.stop - drop)
        return samples

    def flush(self, batch: int) -> Iterator[Samples]:
        while self.next < len(self.times):
            yield self.take(min(batch, len(self.times) - self.next))
