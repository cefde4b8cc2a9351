"""The history of a camera's causal scores: the highest of every slot of about a quarter of a second, a row a minute.

That is 1.4 MB a day and camera, and enough to say how many alarms there would have been at another threshold.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdmae.errors import StoreError
from sdmae.live.store.records import FrameCounts

MINUTE = 60
"""Seconds of a row."""
SLOTS = 255
"""Slots of a minute. So the usual pause that ends an event, 2 s, lies half-way between two whole numbers of slots,
where counting slots tells longer pauses from shorter ones best."""
SLOT = MINUTE / SLOTS
"""Seconds of which the highest score is kept."""

Slots = NDArray[np.float32]
"""(SLOTS,): the highest score of each slot, nan where no frame was scored."""


@dataclass(frozen=True, slots=True, eq=False)
class Minute:
    """One minute of one camera."""

    camera: str
    """Name of the camera."""
    start: int
    """Seconds since 1970, UTC; a multiple of 60."""
    detector: str
    """Fingerprint of the detector whose scores they are."""
    scores: Slots
    """The highest score of each slot."""
    counts: FrameCounts
    """Frames whose fate became known in it."""

    def packed(self) -> bytes:
        """The scores as they are kept."""
        return zlib.compress(self.scores.astype("<f4").tobytes(), 6)

    @classmethod
    def unpacked(cls, camera: str, start: int, detector: str, data: bytes, counts: FrameCounts) -> Minute:
        """The minute that was packed. Raises `StoreError` where the data is damaged."""
        try:
            scores = np.frombuffer(zlib.decompress(data), "<f4").astype(np.float32)
        except (zlib.error, ValueError):
            scores = np.zeros(0, np.float32)
        if len(scores) != SLOTS:
            raise StoreError(f"the history of camera {camera} is damaged at {start}; bring back a copy of the store")
        return cls(camera, start, detector, scores, counts)

    def joined(self, other: Minute) -> Minute:
        """Both parts of a minute in which the program was started anew. Of two detectors the later one's scores."""
        scores = np.fmax(self.scores, other.scores) if self.detector == other.detector else self.scores
        mine, its = self.counts, other.counts
        counts = FrameCounts(
            mine.received + its.received,
            mine.scored + its.scored,
            mine.unscored + its.unscored,
            mine.shed + its.shed,
        )
        return Minute(self.camera, self.start, self.detector, scores, counts)


class MinuteMaker:
    """Scores of one camera go in one by one, minutes come out when they are over."""

    def __init__(self, camera: str, detector: str) -> None:
        """`detector`: fingerprint of the detector whose scores they are."""
        self._camera = camera
        self._detector = detector
        self._start: int | None = None
        self._scores = np.full(SLOTS, np.nan, np.float32)
        self._told = FrameCounts()

    def push(self, time: float, score: float, counts: FrameCounts) -> Minute | None:
        """Takes the score of the next frame; gives the minute that it ended, if it ended one.

        time: seconds since 1970. counts: all frames of the camera so far. A clock that was put back adds to the
        minute at hand until it has caught up.
        """
        start = math.floor(time / MINUTE) * MINUTE
        ended = None
        if self._start is not None and start > self._start:
            ended = self.flush(counts)
        if self._start is None:
            self._start = start
        slot = min(max(math.floor((time - self._start) * SLOTS / MINUTE), 0), SLOTS - 1)
        self._scores[slot] = np.fmax(self._scores[slot], np.float32(score))
        return ended

    def flush(self, counts: FrameCounts) -> Minute | None:
        """The minute so far, which is then begun anew; None where there was no score."""
        if self._start is None:
            return None
        minute = Minute(self._camera, self._start, self._detector, self._scores, counts.since(self._told))
        self._told = counts
        self._start = None
        self._scores = np.full(SLOTS, np.nan, np.float32)
        return minute


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The slots of some time that have a score, N of them."""

    slots: NDArray[np.int64]
    """(N,) rising: slot k is the time from k SLOT to (k + 1) SLOT, in seconds since 1970."""
    scores: Slots
    """(N,): the highest score of each."""

    @classmethod
    def of(cls, minutes: Iterable[Minute], since: float = 0.0, until: float = math.inf) -> History:
        """What the minutes, in the order of time, say of the time from `since` up to `until`."""
        slots, scores = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for minute in minutes:
            there = np.flatnonzero(~np.isnan(minute.scores))
            slots.append(there + minute.start // MINUTE * SLOTS)
            scores.append(minute.scores[there])
        every, values = np.concatenate(slots), np.concatenate(scores)
        inside = (every >= math.floor(since * SLOTS / MINUTE)) & (every * SLOT < until)
        return cls(every[inside], values[inside])

    @property
    def hours(self) -> float:
        """Hours in which something was scored."""
        return len(self.slots) * SLOT / 3600

    def strip(self, since: float, until: float, points: int) -> list[float | None]:
        """The highest score of each of `points` equal stretches of the time; None where there is none."""
        places = np.floor((self.slots * SLOT - since) / (until - since) * points).astype(np.int64)
        inside = (places >= 0) & (places < points)
        highest = np.full(points, np.nan, np.float32)
        np.fmax.at(highest, places[inside], self.scores[inside])
        return [None if math.isnan(value) else value for value in highest.tolist()]
