from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from sdmae.metrics import (
    average_precision,
    equal_error_rate,
    macro_auc,
    macro_auc_two_class,
    micro_auc,
    micro_auc_clip_normalised,
    roc,
)

quick = settings(deadline=None, max_examples=40)

Videos = tuple[list[NDArray[np.int64]], list[NDArray[np.float64]]]

ORDER_ONLY = [micro_auc, macro_auc, macro_auc_two_class, average_precision, equal_error_rate]


@st.composite
def some_videos(draw: st.DrawFn) -> Videos:
    """Videos of both classes taken together, some of one class alone; few values, so that many scores are equal."""
    value = st.one_of(st.integers(-3, 3).map(float), st.floats(-10, 10))
    labels, scores = [np.array([0, 1])], [np.array([draw(value), draw(value)])]
    for _ in range(draw(st.integers(0, 4))):
        length = draw(st.integers(1, 12))
        truth = draw(
            st.one_of(
                st.just([0] * length),
                st.just([1] * length),
                *[st.lists(st.integers(0, 1), min_size=length, max_size=length)],
            )
        )
        labels.append(np.array(truth))
        scores.append(np.array(draw(st.lists(value, min_size=length, max_size=length))))
    return labels, scores


def pairwise_auc(truth: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """The share of pairs of an abnormal and a normal frame in the right order, ties as half: the AUC's meaning."""
    above = values[truth == 1][:, None] - values[truth == 0][None]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


@quick
@given(some_videos())
def test_micro_is_sklearn_on_the_concatenation(videos: Videos) -> None:
    truth, values = np.concatenate(videos[0]), np.concatenate(videos[1])
    assert micro_auc(*videos) == pytest.approx(roc_auc_score(truth, values))
    assert micro_auc(*videos) == pytest.approx(pairwise_auc(truth, values))
    assert average_precision(*videos) == pytest.approx(average_precision_score(truth, values))


@quick
@given(some_videos())
def test_macro_is_the_mean_of_padded_videos(videos: Videos) -> None:
    areas = [
        pairwise_auc(np.array([0, *truth, 1]), np.array([values.min() - 1, *values, values.max() + 1]))
        for truth, values in zip(*videos, strict=True)
    ]
    assert macro_auc(*videos) == pytest.approx(np.mean(areas))


@quick
@given(some_videos())
def test_two_class_macro_leaves_single_class_videos_out(videos: Videos) -> None:
    pairs = [(t, v) for t, v in zip(*videos, strict=True) if 0 < t.mean() < 1]
    assert macro_auc_two_class(*videos) == pytest.approx(np.mean([pairwise_auc(*pair) for pair in pairs]))


@quick
@given(some_videos())
def test_only_the_order_of_scores_and_no_order_of_videos_counts(videos: Videos) -> None:
    labels, scores = videos
    every = np.unique(np.concatenate(scores))
    # A steep, strictly rising transform without rounding: the position among all scores, cubed.
    cubed = [np.searchsorted(every, values).astype(np.float64) ** 3 - 50 for values in scores]
    for measure in ORDER_ONLY:
        assert measure(labels, cubed) == measure(labels, scores)
        assert measure(labels[::-1], scores[::-1]) == pytest.approx(measure(labels, scores))


@quick
@given(some_videos())
def test_turning_the_scores_round_turns_the_area_round(videos: Videos) -> None:
    labels, scores = videos
    negated = [-values for values in scores]
    assert micro_auc(labels, negated) == pytest.approx(1 - micro_auc(labels, scores))
    assert equal_error_rate(labels, negated) == pytest.approx(1 - equal_error_rate(labels, scores))


@quick
@given(some_videos())
def test_the_equal_error_lies_on_the_curve_where_the_errors_are_equal(videos: Videos) -> None:
    rate = equal_error_rate(*videos)
    false_alarms, found = roc(*videos)
    if 0 < rate < 1 and (np.diff(false_alarms) > 0).all():
        assert np.interp(rate, false_alarms, found) == pytest.approx(1 - rate)
    assert 0 <= rate <= 1


def test_perfect_useless_and_constant_scores() -> None:
    labels = [[0, 0, 1], [1, 0]]
    assert micro_auc(labels, [[0, 1, 2], [3, 1]]) == 1.0
    assert equal_error_rate(labels, [[0, 1, 2], [3, 1]]) == 0.0
    assert micro_auc(labels, [[7, 7, 7], [7, 7]]) == 0.5
    assert equal_error_rate(labels, [[7, 7, 7], [7, 7]]) == 0.5
    assert micro_auc_clip_normalised(labels, [[7, 7, 7], [9, 9]]) == 0.5


def test_videos_of_one_class_count_by_the_padding() -> None:
    # All normal: three normal frames (one lower than the others) against the padded frame above them all.
    assert macro_auc([[0, 0]], [[1, 2]]) == 1.0
    # All abnormal, likewise; and one abnormal frame on a par with a normal one.
    assert macro_auc([[1, 1]], [[1, 2]]) == 1.0
    assert macro_auc([[0, 1]], [[5, 5]]) == pytest.approx((4 - 0.5) / 4)
    assert macro_auc_two_class([[0, 0], [1, 1]], [[1, 2], [1, 2]]) is None


def test_clips_are_normalised_by_their_own_extremes() -> None:
    labels, scores = [[0, 1], [0, 1]], [[0.0, 1.0], [100.0, 300.0]]
    assert micro_auc(labels, scores) == 0.75
    assert micro_auc_clip_normalised(labels, scores) == 1.0


def test_scores_too_large_or_too_close_for_arithmetic_keep_their_order() -> None:
    large, near = [[-1.7e308, 1.7e308]], [[1.0, np.nextafter(1.0, 2.0)]]
    for scores in (large, near):
        assert micro_auc([[0, 1]], scores) == macro_auc([[0, 1]], scores) == 1.0
    assert micro_auc_clip_normalised([[0, 1]], large) == 1.0


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([], [], "no videos"),
        ([[0, 1]], [], "labels of 1 videos, but scores of 0"),
        ([[0, 1], [0, 1]], [[1, 2], [1, 2, 3]], "video 1: 2 labels, but 3 scores"),
        ([[0, 1], []], [[1, 2], []], "video 1: no frames"),
        ([[0, 2]], [[1, 2]], "video 0: labels other than 0 and 1"),
        ([[0, 1]], [[1, float("nan")]], "video 0: the score of frame 1 is nan"),
        ([[0, 1]], [[float("inf"), 0]], "video 0: the score of frame 0 is inf"),
        ([[[0], [1]]], [[1, 2]], "labels have shape"),
    ],
)
def test_bad_input_is_named(labels: list[list[int]], scores: list[list[float]], message: str) -> None:
    for measure in (*ORDER_ONLY, micro_auc_clip_normalised):
        with pytest.raises(ValueError, match=message):
            measure(labels, scores)


@pytest.mark.parametrize("measure", [micro_auc, micro_auc_clip_normalised, average_precision, equal_error_rate, roc])
def test_one_class_alone_is_refused(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(ValueError, match="all 3 frames are normal"):
        measure([[0, 0], [0]], [[1, 2], [3]])
    with pytest.raises(ValueError, match="all 2 frames are abnormal"):
        measure([[True, True]], [[1, 2]])
