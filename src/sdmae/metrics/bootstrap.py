"""How far an AUC would move with other videos: intervals by bootstrap over videos (B. Efron, 1979).

Frames of one video are anything but independent, so whole videos are drawn, with replacement, as many as there are.
An interval lies between quantiles of the measure over many such draws (the percentile method). Two detectors are
compared on the same draws, which takes out that some videos are harder than others for both.

A draw for which the measure does not exist is left out, not drawn anew, and counted in `left_out`: for "micro" one
without abnormal or without normal frames, for "macro_two_class" one without any video of both classes.
That depends on the labels alone, so in a comparison it befalls both detectors alike.

The micro AUC is the share of pairs of an abnormal and a normal frame in the right order. Such pairs are counted once
for each pair of videos; what a draw then costs does not depend on how many frames the videos have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdmae.metrics.auc import macro_auc, macro_auc_two_class, micro_auc

Floats = NDArray[np.float64]
Measure = Literal["micro", "macro", "macro_two_class"]
"""As the functions of that name with `_auc`; see there. Normalise the scores of each clip for the clip-normalised
micro AUC."""

_PURPOSE = 1979
"""Keeps these random numbers apart from others of the same seed."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A measure, or a difference of two, and where it lies for other draws of the videos."""

    value: float
    """On the videos as they are."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    level: float
    """Share of the draws between the ends, such as 0.95."""
    resamples: int
    """Draws for which the measure exists."""
    left_out: int
    """Draws for which it does not."""


def bootstrap_auc(
    labels: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    measure: Measure = "micro",
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """An AUC of a detector with its interval.

    labels, scores: as for `micro_auc`, one array for each video. The same arguments give the same interval.

    Raises ValueError for what the measure itself refuses, where it does not exist for the videos as they are or for
    any draw, for fewer than two videos (which say nothing of others), resamples below 1 and a level outside 0 .. 1.
    """
    draws = _draws(len(labels), resamples, level, seed)
    return _interval(_measured(labels, scores, measure, draws), level)


def bootstrap_difference(
    labels: Sequence[ArrayLike],
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    measure: Measure = "micro",
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The AUC of the first detector less that of the second with its interval, both on the same draws of videos.

    labels, first, second: as for `micro_auc`, of the same videos in the same order. An interval without 0 says that
    the one is better than the other on videos like these. Raises ValueError as `bootstrap_auc`.
    """
    draws = _draws(len(labels), resamples, level, seed)
    return _interval(_measured(labels, first, measure, draws) - _measured(labels, second, measure, draws), level)


def pair_counts(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> Floats:
    """(V, V): in how many pairs of an abnormal frame of video i and a normal one of video j the former scores higher.

    Equal scores count half. labels, scores: as for `micro_auc`, and taken as checked.
    """
    truth = [np.asarray(video, np.bool_) for video in labels]
    values = [np.asarray(video, np.float64) for video in scores]
    abnormal = np.concatenate([v[t] for t, v in zip(truth, values, strict=True)])
    video = np.repeat(np.arange(len(truth)), [np.count_nonzero(t) for t in truth])
    counts = np.empty((len(truth), len(truth)))
    for j, (t, v) in enumerate(zip(truth, values, strict=True)):
        normal = np.sort(v[~t])
        twice = np.searchsorted(normal, abnormal, "left") + np.searchsorted(normal, abnormal, "right")
        counts[:, j] = np.bincount(video, weights=twice, minlength=len(truth)) / 2
    return counts


def _draws(videos: int, resamples: int, level: float, seed: int) -> Floats:
    """(1 + resamples, videos): how often each video is drawn. The first row is the videos as they are."""
    if videos < 2:
        raise ValueError(f"{videos} videos; at least two are needed to say how an AUC moves with them")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; there must be one")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must be between 0 and 1")
    drawn = np.random.default_rng([seed, _PURPOSE]).integers(0, videos, (resamples, videos))
    places = (np.arange(1, resamples + 1)[:, None] * videos + drawn).reshape(-1)
    counts = np.bincount(places, minlength=(resamples + 1) * videos).reshape(-1, videos).astype(np.float64)
    counts[0] = 1
    return counts


def _measured(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike], measure: Measure, draws: Floats) -> Floats:
    """The measure for each draw, nan where it does not exist; (1 + resamples,)."""
    if measure == "micro":
        micro_auc(labels, scores)  # refuses what is not fit
        abnormal = np.array([np.count_nonzero(np.asarray(video)) for video in labels], np.float64)
        normal = np.array([len(np.asarray(video)) for video in labels]) - abnormal
        right = ((draws @ pair_counts(labels, scores)) * draws).sum(axis=1)
        return _share(right, (draws @ abnormal) * (draws @ normal))
    if measure == "macro":
        macro_auc(labels, scores)
        alone = np.array([macro_auc([t], [v]) for t, v in zip(labels, scores, strict=True)])
        return _share(draws @ alone, draws.sum(axis=1))
    if measure == "macro_two_class":
        if macro_auc_two_class(labels, scores) is None:
            raise ValueError("no video has both normal and abnormal frames")
        some = [macro_auc_two_class([t], [v]) for t, v in zip(labels, scores, strict=True)]
        exists = np.array([area is not None for area in some], np.float64)
        return _share(draws @ np.array([area or 0.0 for area in some]), draws @ exists)
    raise ValueError(f"measure is {measure!r}; choose micro, macro or macro_two_class")


def _share(part: Floats, whole: Floats) -> Floats:
    share = np.full(len(part), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _interval(measured: Floats, level: float) -> Interval:
    value, resampled = float(measured[0]), measured[1:]
    existing = resampled[~np.isnan(resampled)]
    if not len(existing):
        raise ValueError("the measure exists for none of the resamples; take more of them")
    low, high = np.quantile(existing, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, len(existing), len(resampled) - len(existing))
