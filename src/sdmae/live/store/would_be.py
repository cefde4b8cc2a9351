"""How many alarms there would have been at another threshold, from the history of scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from sdmae.data.schedule import Schedule
from sdmae.live.store.history import SLOT, History
from sdmae.scoring import Levels


@dataclass(frozen=True, slots=True)
class WouldBe:
    """What another threshold would have given."""

    alarms: tuple[tuple[float, float], ...]
    """Start and end of each, seconds since 1970, to a slot."""
    least: int
    """Certainly no fewer."""
    most: int
    """Certainly no more."""
    hours: float
    """Hours of history that this rests on."""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.alarms)


def would_be(history: History, levels: Levels, merge: float, schedule: Schedule | None = None) -> WouldBe:
    """The events that `scoring.EventFormer` would have made of the scores in the history.

    levels: those of the threshold asked for, `Levels.of(threshold, level.median, config.events)`; merge: as
    `EventFormer` has it, in seconds, of which less than `SLOT` counts as that; schedule: an alarm counts when any of
    it lies in these hours, local time.

    What the former makes are the runs of frames above the closing level that have one above the opening level in
    them, cut where more than `merge` seconds lie between two frames. The history knows each frame's time
    to a slot, so a cut is certain or impossible but where the pause is within a slot of `merge`: `least` and `most`
    are the counts if all of those were bridged, or cut. Scores are kept in single precision.
    """
    merge = max(merge, SLOT)
    above = history.scores > levels.closes
    slots, scores = history.slots[above], history.scores[above]
    apart = np.diff(slots)
    # The pause between frames of two slots d apart is more than d - 1 and less than d + 1 slots.
    spans = _runs(slots, scores, apart * SLOT > merge, levels.opens, schedule)
    least = _runs(slots, scores, (apart - 1) * SLOT >= merge, levels.opens, schedule)
    most = _runs(slots, scores, (apart + 1) * SLOT > merge, levels.opens, schedule)
    return WouldBe(tuple(spans), len(least), len(most), history.hours)


def _runs(
    slots: np.ndarray[tuple[int], np.dtype[np.int64]],
    scores: np.ndarray[tuple[int], np.dtype[np.float32]],
    cut: np.ndarray[tuple[int], np.dtype[np.bool_]],
    opens: float,
    schedule: Schedule | None,
) -> list[tuple[float, float]]:
    if not len(slots):
        return []
    group = np.concatenate([[0], np.cumsum(cut)])
    alarmed = np.flatnonzero(scores > opens)
    numbers, first = np.unique(group[alarmed], return_index=True)
    last = np.searchsorted(group, numbers, "right") - 1
    starts = (slots[alarmed[first]] * SLOT).tolist()
    ends = ((slots[last] + 1) * SLOT).tolist()
    return [span for span in zip(starts, ends, strict=True) if schedule is None or watched(*span, schedule)]


def watched(start: float, end: float, schedule: Schedule) -> bool:
    """Whether any of the time from `start` to `end`, seconds since 1970, lies in the schedule's local hours."""
    begins = datetime.fromtimestamp(start, UTC).astimezone().replace(tzinfo=None)
    closed = sum(until - since for since, until in schedule.closed(begins, end - start))
    return schedule.open_at(begins) or closed < end - start
