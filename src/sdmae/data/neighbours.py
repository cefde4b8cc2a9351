"""Which frames stand beside a frame: its triplet and its motion gradient, chosen by time (method: input).

One rule serves training, files and streams. The wanted moments are t - gap, t - gradient gap, t + gradient gap and
t + gap. Each is filled by the frame nearest to it on its side of t, provided the video reaches that far; at the ends
of the video, x[t] itself is repeated. A jump in the time stamps ends one stretch of video and begins another, as does
whatever `Frame.stretch` says, and nothing is a neighbour across it. Live, where frames go missing, a frame that has
not got all its neighbours is left out instead: it would be scored wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
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
    tolerance: float = math.inf
    """By how much a neighbour may miss the moment that is wanted, at most, and still be one."""

    @classmethod
    def of(cls, config: InputConfig, source_rate: float) -> Spacing:
        """Spacing of a detector's input on a source of `source_rate` frames a second, thinned to `config.rate`."""
        rate = config.rate or source_rate
        spacing = cls(config.gap / rate, config.gradient_gap / rate, 0.0)
        # One missing frame puts its neighbours off by a step. Frames chosen from a source that is not a multiple as
        # fast are off by up to half a step of the source on either side, and of a slower one the nearest frame may
        # be nearly a whole step away.
        step = 1 / min(source_rate, rate)
        usual = max(0.75 * step, 1.25 * step - min(spacing.gap, spacing.gradient_gap))
        chosen = 0.5 / rate + 0.5 / source_rate if source_rate > rate else 0.0
        return replace(spacing, jump=max(2 * spacing.reach, 4 * step), tolerance=max(usual, chosen))

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
    complete: NDArray[np.bool_]
    """(B,): whether each of its neighbours is another frame, near enough to the moment that is wanted."""

    def chosen(self, rows: NDArray[np.bool_]) -> Samples:
        """Only the scored frames where `rows` (B,) is true."""
        return replace(
            self,
            neighbours=self.neighbours[rows],
            indices=self.indices[rows],
            times=self.times[rows],
            order=self.order[rows],
            complete=self.complete[rows],
        )


def complete_rows(table: NDArray[np.int64], times: NDArray[np.float64], spacing: Spacing) -> NDArray[np.bool_]:
    """(B,) whether every neighbour in rows of `neighbour_table` is there; `times` (N,) are those of all frames."""
    wanted = np.array([-spacing.gap, -spacing.gradient_gap, spacing.gradient_gap, spacing.gap])
    own, others = table[:, 2:3], table[:, [0, 1, 3, 4]]
    missed = np.abs(times[others] - times[own] - wanted)
    return np.asarray(((others != own) & (missed <= spacing.tolerance + SLACK)).all(axis=1))


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


def stream_samples(
    frames: Iterable[Frame],
    spacing: Spacing,
    batch: int,
    *,
    which: int = 0,
    unscored: Callable[[int], object] | None = None,
) -> Iterator[Samples]:
    """Samples of at most `batch` frames as soon as their neighbours are there; `which` size of the frames to take.

    unscored: given, frames without all their neighbours are left out, and it is told how many each time. Holds
    `batch` frames and the neighbours of both ends, however long the video.
    """
    window = Window(spacing, which)

    def whole(samples: Samples) -> Iterator[Samples]:
        if unscored is None:
            yield samples
            return
        kept = samples.chosen(samples.complete)
        if missing := len(samples.indices) - len(kept.indices):
            unscored(missing)
        if len(kept.indices):
            yield kept

    for frame in frames:
        if not window.continues(frame):
            for samples in window.flush(batch):
                yield from whole(samples)
            window = Window(spacing, which, window.stretch + 1)
        window.add(frame)
        if window.ready() >= batch:
            yield from whole(window.take(batch))
    for samples in window.flush(batch):
        yield from whole(samples)


class Window:
    """The frames of one stretch that are still needed, and which of them is to be scored next."""

    def __init__(self, spacing: Spacing, which: int, stretch: int = 0) -> None:
        """`which`: size of the frames to take; `stretch`: its number."""
        self.spacing = spacing
        self.which = which
        self.stretch = stretch
        self.images: list[Image] = []
        self.indices: list[int] = []
        self.times: list[float] = []
        self.next = 0
        self.taken = 0
        self._source = 0

    def continues(self, frame: Frame) -> bool:
        """Whether a frame belongs to this stretch, and does not begin another."""
        if not self.times:
            return True
        return frame.stretch == self._source and frame.time - self.times[-1] <= self.spacing.jump

    def add(self, frame: Frame) -> None:
        """The next frame of the stretch."""
        self._source = frame.stretch
        self.images.append(frame.images[self.which])
        self.indices.append(frame.index)
        self.times.append(frame.time)

    @property
    def left(self) -> int:
        """Frames that have been neither taken nor skipped."""
        return len(self.times) - self.next

    def ready(self) -> int:
        """Frames whose whole future is there."""
        known = self.times[-1] - self.spacing.reach + SLACK
        return int(np.searchsorted(np.array(self.times), known, side="right")) - self.next

    def take(self, count: int) -> Samples:
        """The next `count` frames; forgets what no later frame needs."""
        times = np.array(self.times)
        rows = slice(self.next, self.next + count)
        table = neighbour_table(times, self.spacing)[rows]
        first, last = int(table.min()), int(table.max())
        samples = Samples(
            np.stack(self.images[first : last + 1]),
            table - first,
            np.array(self.indices[rows]),
            times[rows],
            self.taken + np.arange(len(table)),
            self.stretch,
            complete_rows(table, times, self.spacing),
        )
        self.skip(count)
        return samples

    def skip(self, count: int) -> None:
        """Passes over the next `count` frames, which stay neighbours; forgets what no later frame needs."""
        self.taken += count
        self.next += count
        if self.next < len(self.times):
            times = np.array(self.times)
            wanted = times[self.next] - self.spacing.reach
            drop = max(0, int(np.searchsorted(times, wanted - SLACK)) - 2)
            del self.images[:drop], self.indices[:drop], self.times[:drop]
            self.next -= drop

    def flush(self, batch: int) -> Iterator[Samples]:
        """All frames that are left, `batch` at a time: no more will come."""
        while self.left:
            yield self.take(min(batch, self.left))
