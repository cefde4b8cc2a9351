from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdmae.metrics import (
    Measure,
    bootstrap_auc,
    bootstrap_difference,
    macro_auc,
    macro_auc_two_class,
    micro_auc,
    pair_counts,
)
from sdmae.metrics.bootstrap import _draws, _measured

quick = settings(deadline=None, max_examples=25)

Videos = tuple[list[NDArray[np.bool_]], list[NDArray[np.float64]]]

FUNCTIONS = {"micro": micro_auc, "macro": macro_auc, "macro_two_class": macro_auc_two_class}
MEASURES: list[Measure] = ["micro", "macro", "macro_two_class"]


def make_videos(seed: int, count: int, frames: int, *, lift: float = 1.0, levels: int = 8) -> Videos:
    """Videos of one and of both classes, harder and easier ones; few levels, so that many scores are equal."""
    rng = np.random.default_rng(seed)
    labels, scores = [], []
    for k in range(count):
        share = (0.0, 0.4, 0.7, 1.0)[k % 4]
        truth = rng.random(rng.integers(2, frames + 1)) < share
        truth[:1], truth[1:2] = share > 0, share == 1
        labels.append(truth)
        scores.append(np.round((rng.normal(size=len(truth)) + lift * truth + rng.normal()) * levels) / levels)
    return labels, scores


@st.composite
def some_videos(draw: st.DrawFn) -> Videos:
    return make_videos(
        draw(st.integers(0, 10**6)), draw(st.integers(2, 7)), 9, levels=draw(st.sampled_from([1, 100]))
    )


@quick
@given(some_videos())
def test_pairs_are_counted_as_by_hand(videos: Videos) -> None:
    labels, scores = videos
    counts = pair_counts(labels, scores)
    for i in range(len(labels)):
        for j in range(len(labels)):
            above = scores[i][labels[i]][:, None] - scores[j][~labels[j]][None]
            assert counts[i, j] == (above > 0).sum() + 0.5 * (above == 0).sum()


@quick
@given(some_videos())
def test_every_draw_has_the_measure_of_its_videos(videos: Videos) -> None:
    labels, scores = videos
    draws = _draws(len(labels), 6, 0.9, 3)
    assert (draws.sum(axis=1) == len(labels)).all()
    for measure in MEASURES:
        for counts, value in zip(draws, _measured(labels, scores, measure, draws), strict=True):
            drawn = np.repeat(np.arange(len(labels)), counts.astype(int))
            truth = [labels[k] for k in drawn]
            every = np.concatenate(truth)
            if measure == "micro" and (every.all() or not every.any()):
                assert np.isnan(value)
                continue
            expected = FUNCTIONS[measure](truth, [scores[k] for k in drawn])
            assert np.isnan(value) if expected is None else value == pytest.approx(expected)


@quick
@given(some_videos(), st.sampled_from(MEASURES))
def test_the_value_is_that_of_the_measure_and_the_rest_is_decided_by_the_seed(
    videos: Videos, measure: Measure
) -> None:
    interval = bootstrap_auc(*videos, measure, resamples=50, seed=1)
    assert interval.value == pytest.approx(FUNCTIONS[measure](*videos))
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.resamples + interval.left_out == 50
    assert bootstrap_auc(*videos, measure, resamples=50, seed=1) == interval
    cubed = [
        scores**3 for scores in videos[1]
    ]  # strictly rising, and exact enough for these scores to keep their order
    assert bootstrap_auc(videos[0], cubed, measure, resamples=50, seed=1) == interval


def test_another_seed_gives_another_interval() -> None:
    videos = make_videos(0, 12, 40)
    ends = {(i.low, i.high) for i in (bootstrap_auc(*videos, resamples=100, seed=seed) for seed in range(3))}
    assert len(ends) == 3


def test_a_higher_level_is_a_wider_interval() -> None:
    videos = make_videos(0, 12, 40)
    narrow, wide = (bootstrap_auc(*videos, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_the_spread_is_that_of_a_mean_over_videos() -> None:
    """The macro AUC is a mean, whose standard error is known: that of the bootstrap must agree."""
    labels, scores = make_videos(5, 80, 30)
    alone = [macro_auc([t], [v]) for t, v in zip(labels, scores, strict=True)]
    interval = bootstrap_auc(labels, scores, "macro", resamples=4000)
    error = np.std(alone) / np.sqrt(len(alone))
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_resamples_of_one_class_are_left_out_and_counted() -> None:
    # A quarter of the draws is the normal video twice, another the abnormal one twice.
    interval = bootstrap_auc([[0, 0], [1, 1]], [[1, 2], [2, 3]], resamples=2000)
    assert interval.left_out == pytest.approx(1000, abs=100)
    assert interval.resamples == 2000 - interval.left_out
    # The rest is each video once, so that all have the same area.
    assert interval.low == interval.high == interval.value == 3.5 / 4
    two_class = bootstrap_auc([[0, 0], [0, 1]], [[1, 2], [2, 3]], "macro_two_class", resamples=2000)
    assert two_class.left_out == pytest.approx(500, abs=100)
    assert bootstrap_auc([[0, 0], [1, 1]], [[1, 2], [2, 3]], "macro").left_out == 0


@quick
@given(some_videos(), st.sampled_from(MEASURES))
def test_a_difference_to_oneself_is_nothing(videos: Videos, measure: Measure) -> None:
    labels, scores = videos
    same = bootstrap_difference(labels, scores, [3 * v + 1 for v in scores], measure, resamples=30)
    assert (same.value, same.low, same.high) == (0, 0, 0)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_difference_turns_round_with_its_arguments(measure: Measure) -> None:
    labels, scores = make_videos(2, 15, 40)
    other = make_videos(2, 15, 40, lift=0.2)[1]
    there = bootstrap_difference(labels, scores, other, measure)
    back = bootstrap_difference(labels, other, scores, measure)
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))
    assert there.value == pytest.approx(
        bootstrap_auc(labels, scores, measure).value - bootstrap_auc(labels, other, measure).value
    )


def test_the_same_draws_make_a_small_difference_certain() -> None:
    """Videos differ far more than the detectors do: two intervals overlap, that of the difference is above 0."""
    labels, scores = make_videos(7, 60, 60, lift=1.0)
    other = make_videos(7, 60, 60, lift=0.8)[1]
    first, second = bootstrap_auc(labels, scores), bootstrap_auc(labels, other)
    assert second.high > first.low
    assert bootstrap_difference(labels, scores, other).low > 0


def test_bad_input_is_named() -> None:
    videos = ([[0, 1], [0, 1]], [[1, 2], [1, 2]])
    with pytest.raises(ValueError, match="1 videos; at least two"):
        bootstrap_auc([[0, 1]], [[1, 2]])
    with pytest.raises(ValueError, match="resamples is 0"):
        bootstrap_auc(*videos, resamples=0)
    for level in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match="level"):
            bootstrap_auc(*videos, level=level)
    with pytest.raises(ValueError, match="measure is 'median'"):
        bootstrap_auc(*videos, "median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="both are needed"):
        bootstrap_auc([[0, 0], [0, 0]], videos[1])
    with pytest.raises(ValueError, match="no video has both"):
        bootstrap_auc([[0, 0], [1, 1]], videos[1], "macro_two_class")
    for measure in MEASURES:
        with pytest.raises(ValueError, match="video 1: 2 labels, but 3 scores"):
            bootstrap_auc(videos[0], [[1, 2], [1, 2, 3]], measure)
        with pytest.raises(ValueError, match="labels of 2 videos, but scores of 3"):
            bootstrap_difference(videos[0], videos[1], [[1, 2]] * 3, measure)
    with pytest.raises(ValueError, match="none of the resamples"):
        # The first draw of this seed is one of the videos twice.
        bootstrap_auc([[0, 0], [1, 1]], videos[1], resamples=1, seed=next(s for s in range(9) if _twice(s)))


def _twice(seed: int) -> bool:
    return 2 in _draws(2, 1, 0.95, seed)[1]
