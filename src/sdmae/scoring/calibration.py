"""From held-out normal video to a threshold that is stated in false alarms a day.

An alarm is one event after hysteresis and merging (`sdmae.scoring.events`), not a frame: neighbouring frames say the
same thing, and how many say it tells nothing of how often somebody is called. Where the video is long enough the
events of each level are counted; beyond, the tail of their peaks is extended (`sdmae.scoring.tail`). What is kept of
it is an `AlarmLevel`, from which the rate at any other threshold can be had again without the video.

All of it holds for further video like the video watched: it knows nothing of a season or a crowd that it never saw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from sdmae.config import EventConfig
from sdmae.errors import SourceError
from sdmae.scoring.events import Levels
from sdmae.scoring.tail import DAY, TAILS, Rate, Tail, dispersion
from sdmae.scoring.types import TERMS, Series

SHORTEST = 20.0
"""Seconds of normal video without which there is nothing to be learned."""
FEWEST, MOST = 30, 100
"""Events the tail is fitted to, where there are that many."""
SHARE = 0.1
"""Share of the most events that any level gives which belongs to the tail, within the two bounds above."""
LEVELS = 160
"""Levels at which events are counted, evenly spaced in the logarithm of the share of frames above them."""
KEPT = 48
"""Levels below the tail whose counts are kept, at most."""
VOUCHED = 3.0
"""A budget is vouched for while the upper end of its interval is at most this many times it. By the rule of three
that is what video without one event says of one event in its length."""
BEYOND = 10.0
"""How far the tail vouches for budgets below one event in all of the video."""
STILL = 0.98
"""Share of scores below the detector's own normal median that makes a video one in which nothing happens."""
LONGEST_STEP = 1.0
"""Seconds between two frames that count as watched, at most; at less than 3 frames a second, three frames' time."""


@dataclass(frozen=True, slots=True)
class NormalClip:
    """The scores of one piece of normal video. Raises ValueError for shapes that do not match."""

    times: Series
    """(N,) seconds, never falling; gaps are allowed, and are not counted as watched."""
    scores: Series
    """(N,) smoothed scores."""
    parts: NDArray[np.floating[Any]] | None = None
    """(N, len(TERMS)): what each term adds to the score where it is highest."""

    def __post_init__(self) -> None:
        if self.times.ndim != 1 or self.times.shape != self.scores.shape:
            raise ValueError(f"times {self.times.shape} and scores {self.scores.shape} must both be (N,)")
        if self.parts is not None and self.parts.shape != (len(self.times), len(TERMS)):
            raise ValueError(f"parts {self.parts.shape} must be ({len(self.times)}, {len(TERMS)})")
        if len(self.times) and not (np.diff(self.times) >= 0).all():
            raise ValueError("times of a clip must not fall")


@dataclass(frozen=True, slots=True)
class AlarmLevel:
    """When a score is an alarm, by one protocol (offline or causal), and how much is known about it."""

    threshold: float
    """An alarm opens with a score above it."""
    median: float
    """Median score of normal video."""
    asked: float
    """False alarms a day that were asked for."""
    rate: float
    """False alarms a day that are expected: `asked`, unless no threshold gives so many."""
    low: float
    """Lower end of its 90 % interval: the expected number a day, which the number on one day scatters about."""
    high: float
    """Upper end."""
    vouched: float
    """The fewest false alarms a day that so much video can vouch for: at every budget from here on up, the interval
    ends at `VOUCHED` times the budget or below, and the tail goes no further than `BEYOND` the video's length."""
    seconds: float
    """Normal video watched, in seconds."""
    events: int
    """Events the tail was fitted to."""
    base: float
    """The level above which the tail begins."""
    scale: float
    """Scale of the tail, its posterior mean, in units of the score."""
    shape: float
    """Shape of the tail, its posterior mean: 0 is exponential, below 0 it has an end."""
    dispersion: float
    """Variance over mean of the number of events, at the base level: 1 where they come independently."""
    excesses: tuple[float, ...]
    """How far above the base each of the tail's events rose, falling."""
    lower: tuple[float, ...]
    """Levels below the base, rising; the first gives the most events of all."""
    counts: tuple[int, ...]
    """Events at each of them, falling; more than at the base."""
    normal_parts: tuple[float, ...] = (0.0,) * len(TERMS)
    """Median of what each of `TERMS` adds to the score in normal video."""

    @property
    def most(self) -> float:
        """Alarms a day at the threshold that gives the most."""
        return self.rate_at(min((*self.lower, self.base)))[0]

    @property
    def highest(self) -> float:
        """The highest score that the normal video had."""
        return self.base + max(self.excesses)

    def levels(self, config: EventConfig) -> Levels:
        """The two levels of its alarms."""
        return Levels.of(self.threshold, self.median, config, self.normal_parts)

    def rate_at(self, threshold: float) -> tuple[float, float, float]:
        """Alarms a day expected at another threshold, and the two ends of the 90 % interval."""
        rate = self._evidence().rate(threshold)
        return rate.mean, rate.quantile(TAILS[0]), rate.quantile(TAILS[1])

    def threshold_for(self, budget: float) -> float:
        """The threshold for `budget` alarms a day, above 0; the one with the most where none gives so many."""
        return self._evidence().threshold(budget)

    def asked_for(self, budget: float) -> AlarmLevel:
        """The same knowledge with the threshold for another number of false alarms a day."""
        rate = self._evidence().rate(threshold := self.threshold_for(budget))
        low, high = rate.quantile(TAILS[0]), rate.quantile(TAILS[1])
        return replace(self, asked=budget, threshold=threshold, rate=rate.mean, low=low, high=high)

    def number_in(self, seconds: float) -> tuple[int, int]:
        """The fewest and the most alarms to expect in so much further normal video, with 90 % probability.

        Wider than the interval of the rate: what one stretch of video has scatters about what is expected of it.
        """
        return self._evidence().rate(self.threshold).number_in(seconds)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, fit for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AlarmLevel:
        """What `to_dict` wrote. Raises TypeError for a field that is missing, unknown or no number."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        for name, value in values.items():
            if not all(
                isinstance(number, int | float) for number in (value if isinstance(value, tuple) else (value,))
            ):
                raise TypeError(f"{name} is no number: {value!r}")
        return cls(**values)

    def _evidence(self) -> _Evidence:
        excesses = np.array(self.excesses, np.float64)
        table = np.array(self.lower, np.float64), np.array(self.counts, np.float64)
        tail = Tail.fit(excesses, self.dispersion)
        return _Evidence(self.base, len(excesses), self.seconds, self.dispersion, tail, *table)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What normal video says of the rate of events at every level."""

    base: float
    events: int
    seconds: float
    dispersion: float
    tail: Tail
    lower: Series
    counts: Series

    def rate(self, level: float) -> Rate:
        if level >= self.base:
            (counts, survival), weights = self.tail.passing(level - self.base), self.tail.weights
        else:
            counts = np.exp(np.interp(level, self._levels, self._logarithms)).reshape(1)
            survival = weights = np.ones(1)
        # What makes events uneven, such as a busy hour, weighs with the number of events that it moves.
        uneven = (self.dispersion - 1.0) / self.events
        clump = 1.0 + uneven * counts
        here = 1.0 + uneven * float(weights @ (counts * survival))
        return Rate((counts + 0.5) / clump, self.seconds / clump, survival, weights, here)

    def threshold(self, budget: float) -> float:
        count = budget * self.seconds / DAY - 0.5
        if count > self.events:
            # Rising counts for interp: the levels from the base down.
            return float(np.interp(math.log(count), self._logarithms[::-1], self._levels[::-1]))
        step = self.tail.scale
        while self.rate(self.base + step).mean > budget:
            step *= 2
        span = self.base, self.base + step

        # A tail that ends lets nothing through, which has no logarithm.
        def above(level: float) -> float:
            return math.log(max(self.rate(level).mean, 1e-3 * budget) / budget)

        return float(brentq(above, *span, xtol=1e-12 * step)) if above(span[0]) > 0 else self.base

    def vouched(self) -> float:
        """See `AlarmLevel.vouched`; the upper end of the most events where not even that is known so well."""
        floor = DAY / self.seconds / BEYOND
        most = self.rate(float(self._levels[0]))
        if most.below(VOUCHED * most.mean) < TAILS[1]:
            return max(most.quantile(TAILS[1]), floor)
        end = max(self.threshold(floor), self.base)
        fewest = most.mean
        for level in (*self._levels[1:].tolist(), *np.linspace(self.base, end, 101)[1:].tolist()):
            rate = self.rate(level)
            if rate.below(VOUCHED * rate.mean) < TAILS[1]:
                break
            fewest = rate.mean
        return max(fewest, floor)

    @property
    def _levels(self) -> Series:
        return np.asarray(np.r_[self.lower, self.base], np.float64)

    @property
    def _logarithms(self) -> Series:
        return np.asarray(np.log(np.r_[self.counts, self.events]), np.float64)


def calibrate(clips: Sequence[NormalClip], config: EventConfig) -> AlarmLevel:
    """The threshold that lets `config.false_alarms_per_day` events a day of normal video through.

    Its expected rate, the mean over what is not known, is the budget. A budget above `AlarmLevel.most` gets the
    threshold with the most alarms. Raises `SourceError` for less than `SHORTEST` seconds of video, scores that are
    not finite and scores that never change.
    """
    scores, watched, seconds = _checked(clips)
    median = float(np.median(scores))
    levels = np.unique(np.quantile(scores, 1 - np.geomspace(0.5, 1 / len(scores), LEVELS), method="lower"))
    starts = np.cumsum([0, *(len(clip.times) for clip in clips)])
    times = np.concatenate([clip.times for clip in clips])
    found = [events_at(times, scores, starts, Levels.of(z, median, config), config.merge) for z in levels.tolist()]
    # Lower levels need not give more events, since events grow together: the most that any level from here up gives.
    counts = np.maximum.accumulate([len(peaks) for peaks in found][::-1])[::-1]
    if counts[0] == 0:
        raise SourceError(_STILL)
    tail_at = int(np.flatnonzero(counts >= _tail_events(int(counts[0])))[-1])
    peaks = found[tail_at]
    base, excesses = float(levels[tail_at]), np.sort(scores[peaks] - levels[tail_at])[::-1]
    uneven = dispersion(watched[peaks], seconds)
    lower, more = _thinned(levels[:tail_at], counts[:tail_at], len(peaks))
    tail = Tail.fit(excesses, uneven)
    evidence = _Evidence(base, len(peaks), seconds, uneven, tail, lower, more.astype(np.float64))
    budget = config.false_alarms_per_day
    threshold = evidence.threshold(budget)
    rate = evidence.rate(threshold)
    return AlarmLevel(
        threshold=threshold,
        median=median,
        asked=budget,
        rate=rate.mean,
        low=rate.quantile(TAILS[0]),
        high=rate.quantile(TAILS[1]),
        vouched=evidence.vouched(),
        seconds=seconds,
        events=len(peaks),
        base=base,
        scale=tail.scale,
        shape=tail.shape,
        dispersion=uneven,
        excesses=tuple(excesses.tolist()),
        lower=tuple(lower.tolist()),
        counts=tuple(more.tolist()),
        normal_parts=_normal_parts(clips),
    )


def events_at(
    times: Series, scores: Series, starts: NDArray[np.int64], levels: Levels, merge: float
) -> NDArray[np.int64]:
    """Where the events of many clips peak, as `EventFormer` finds them frame by frame: positions, (n,) rising.

    times, scores: (N,), the clips one after another; starts: (clips + 1,), where each begins, and N.
    """
    high = np.flatnonzero(scores > levels.closes)
    if len(high) == 0:
        return high
    clip = np.searchsorted(starts, high, "right")
    apart = (np.diff(times[high]) > merge) | (np.diff(clip) > 0)
    # Scores above the lower level, with no pause longer than the merge, are one event if one passes the upper level:
    # those before it do not belong to it, but neither can they hold its peak.
    first = np.r_[0, np.flatnonzero(apart) + 1]
    tops = np.maximum.reduceat(scores[high], first)
    is_top = scores[high] == np.repeat(tops, np.diff(np.r_[first, len(high)]))
    where = np.flatnonzero(is_top)
    peaks = high[where[np.searchsorted(where, first)]]
    return np.asarray(peaks[tops > levels.opens], np.int64)


def check_usual(new: Sequence[NormalClip], reference: AlarmLevel) -> None:
    """Refuses video that is abnormal most of its time, going by what a detector was calibrated with before.

    Raises `SourceError` where its median score is above what the video of `reference` ever had, or would be an alarm.
    """
    scores, _, _ = _checked(new)
    median = float(np.median(scores))
    limit = min(max(reference.threshold, reference.base), reference.highest)
    if median > limit:
        raise SourceError(
            f"this video is abnormal most of its time (median score {median:.4g}; normal video stays below "
            f"{limit:.4g}): calibrate with ordinary video, train on video like this, or say --force"
        )


def check_lively(new: Sequence[NormalClip], reference: AlarmLevel) -> None:
    """Refuses video in which next to nothing happens: its scores lie below the median of the reference's video.

    Raises `SourceError`.
    """
    scores, _, _ = _checked(new)
    still = float(np.mean(scores < reference.median))
    if still > STILL:
        raise SourceError(
            f"next to nothing happens in this video ({still:.0%} of its scores are below the usual "
            f"{reference.median:.4g}): calibrate with video in which ordinary things happen, or say --force"
        )


def too_many(
    new: Sequence[NormalClip], reference: AlarmLevel, config: EventConfig
) -> tuple[int, int, list[tuple[int, float]]]:
    """Alarms of the reference in the new video, the most that were to be expected, and where the highest three are.

    A place is (position of the clip, seconds). What is more than expected may not be normal.
    """
    scores, _, seconds = _checked(new)
    starts = np.cumsum([0, *(len(clip.times) for clip in new)])
    times = np.concatenate([clip.times for clip in new])
    peaks = events_at(times, scores, starts, reference.levels(config), config.merge)
    highest = peaks[np.argsort(-scores[peaks], kind="stable")][:3]
    places = [(int(np.searchsorted(starts, k, "right")) - 1, float(times[k])) for k in highest]
    return len(peaks), reference.number_in(seconds)[1], places


_STILL = (
    "nothing happens in this video, its scores never change: a threshold learned from it would alarm at the first "
    "thing that moves; calibrate with video in which ordinary things happen"
)


def _checked(clips: Sequence[NormalClip]) -> tuple[Series, Series, float]:
    """All scores, the seconds watched before each, and in all."""
    steps = [_steps(clip.times) for clip in clips]
    seconds = float(sum(step.sum() for step in steps))
    if seconds < SHORTEST:
        raise SourceError(
            f"only {seconds:.3g} s of normal video were scored: calibrate with {SHORTEST:.0f} s at the very least, "
            "better with hours"
        )
    scores = np.concatenate([clip.scores for clip in clips]).astype(np.float64)
    broken = int(np.count_nonzero(~np.isfinite(scores)))
    if broken:
        raise SourceError(f"{broken} of {len(scores)} scores are no numbers: the detector is broken, train it again")
    if scores.min() == scores.max():
        raise SourceError(_STILL)
    after = np.cumsum(np.concatenate(steps))
    return scores, after - np.concatenate(steps), seconds


def _steps(times: Series) -> Series:
    """The time each frame stands for, (N,): until the next one, and the last as long as is usual."""
    if len(times) < 2:
        return np.zeros(len(times))
    steps = np.diff(times)
    usual = float(np.median(steps))
    return np.asarray(np.minimum(np.r_[steps, usual], max(LONGEST_STEP, 3 * usual)), np.float64)


def _tail_events(most: int) -> int:
    """How many events the tail should have, of the most that any level gives."""
    return min(max(round(SHARE * most), FEWEST), MOST, math.ceil(most / 2))


def _thinned(levels: Series, counts: NDArray[np.int64], events: int) -> tuple[Series, NDArray[np.int64]]:
    """Of levels with their falling counts, at most `KEPT` above `events`, each level the highest with its count."""
    last = np.flatnonzero(np.append(np.diff(counts), -1) < 0)
    last = last[counts[last] > events]
    if len(last) > KEPT:
        last = last[np.unique(np.linspace(0, len(last) - 1, KEPT).round().astype(int))]
    return levels[last], counts[last]


def _normal_parts(clips: Sequence[NormalClip]) -> tuple[float, ...]:
    parts = [clip.parts for clip in clips if clip.parts is not None]
    if len(parts) < len(clips):
        return (0.0,) * len(TERMS)
    return tuple(np.median(np.concatenate(parts), axis=0).tolist())
