"""Frame-level measures: areas under the ROC curve, average precision, equal error rate.

Every function takes one array of labels and one of scores for each video, in the same order:
labels (N_i,) of 0 (normal) and 1 (abnormal), scores (N_i,) of finite numbers, higher for more abnormal.
Results are shares from 0 to 1. All raise ValueError, naming the video by its position from 0, for no videos, an
empty one, arrays of different lengths, labels other than 0 and 1, and scores that are not finite.

Only the order of the scores counts (but see `micro_auc_clip_normalised`), so ranks stand in for them: whatever their
scale, equal scores stay equal and different ones different.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

Labels = NDArray[np.bool_]
Scores = NDArray[np.float64]


def micro_auc(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> float:
    """ROC AUC over the frames of all videos together. Raises ValueError when they are all of one class."""
    truth, ranks = _concatenated(_checked(labels, scores))
    return float(roc_auc_score(truth, ranks))


def macro_auc(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> float:
    """Mean over videos of their own ROC AUC, padded by the field's convention, so that every video counts.

    Each video gets one more normal frame scored below all of its frames and one more abnormal frame scored above
    them (Georgescu et al., TPAMI 2021; the figure in the paper).
    """
    return float(np.mean([_padded_auc(truth, values) for truth, values in _checked(labels, scores)]))


def macro_auc_two_class(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> float | None:
    """Mean over the videos that have both normal and abnormal frames of their own ROC AUC; None if none has."""
    areas = [
        float(roc_auc_score(truth, _ranks(values)))
        for truth, values in _checked(labels, scores)
        if truth.any() and not truth.all()
    ]
    return float(np.mean(areas)) if areas else None


def micro_auc_clip_normalised(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> float:
    """`micro_auc` after each video's scores are scaled to 0 .. 1 by its own extremes.

    Part of the literature reports this. It needs the whole test video before its first score, so no live system
    can have it. A video whose scores are all equal becomes all 0. Raises ValueError as `micro_auc`.
    """
    return micro_auc(labels, [_unit(values) for _, values in _checked(labels, scores)])


def average_precision(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> float:
    """Average precision over the frames of all videos together. Raises ValueError when all are of one class."""
    truth, ranks = _concatenated(_checked(labels, scores))
    return float(average_precision_score(truth, ranks))


def equal_error_rate(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> float:
    """Share of false alarms where it equals the share of misses, on the ROC of all frames, between its points
    by straight lines. Raises ValueError when all frames are of one class.
    """
    false_alarms, found = roc(labels, scores)
    surplus = false_alarms - (1.0 - found)  # rises from -1 to 1 along the curve
    after = int(np.argmax(surplus >= 0))
    before = after - 1
    share = surplus[before] / (surplus[before] - surplus[after])
    return float(false_alarms[before] + share * (false_alarms[after] - false_alarms[before]))


def roc(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> tuple[Scores, Scores]:
    """The ROC curve over the frames of all videos: false and true positive rates, (K,) each, from 0 to 1.

    Points on a straight line between their neighbours are left out. Raises ValueError when all frames are of
    one class.
    """
    truth, ranks = _concatenated(_checked(labels, scores))
    false_positives, true_positives, _ = roc_curve(truth, ranks)
    return np.asarray(false_positives, np.float64), np.asarray(true_positives, np.float64)


def _checked(labels: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> list[tuple[Labels, Scores]]:
    if len(labels) != len(scores):
        raise ValueError(f"labels of {len(labels)} videos, but scores of {len(scores)}")
    if len(labels) == 0:
        raise ValueError("no videos")
    return [
        _checked_video(i, np.asarray(truth), np.asarray(values, np.float64))
        for i, (truth, values) in enumerate(zip(labels, scores, strict=True))
    ]


def _checked_video(video: int, truth: NDArray[np.generic], values: Scores) -> tuple[Labels, Scores]:
    for name, data in (("labels", truth), ("scores", values)):
        if data.ndim != 1:
            raise ValueError(f"video {video}: {name} have shape {data.shape} instead of one value a frame")
    if len(truth) != len(values):
        raise ValueError(f"video {video}: {len(truth)} labels, but {len(values)} scores")
    if len(values) == 0:
        raise ValueError(f"video {video}: no frames")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError(f"video {video}: labels other than 0 and 1")
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        raise ValueError(f"video {video}: the score of frame {broken[0]} is {values[broken[0]]}")
    return truth.astype(np.bool_), values


def _concatenated(videos: list[tuple[Labels, Scores]]) -> tuple[Labels, NDArray[np.int64]]:
    truth = np.concatenate([t for t, _ in videos])
    if truth.all() or not truth.any():
        raise ValueError(f"all {len(truth)} frames are {'abnormal' if truth[0] else 'normal'}; both are needed")
    return truth, _ranks(np.concatenate([values for _, values in videos]))


def _ranks(values: Scores) -> NDArray[np.int64]:
    """Position of each score among the different ones, from 0."""
    return np.asarray(np.unique(values, return_inverse=True)[1], np.int64)


def _padded_auc(truth: Labels, values: Scores) -> float:
    ranks = _ranks(values)
    padded = np.concatenate([[-1], ranks, [ranks.max() + 1]])
    return float(roc_auc_score(np.concatenate([[False], truth, [True]]), padded))


def _unit(values: Scores) -> Scores:
    low, high = values.min(), values.max()
    # Halved first: the span of two finite numbers may be infinite.
    span = high / 2 - low / 2
    return (values / 2 - low / 2) / span if span > 0 else np.zeros_like(values)
