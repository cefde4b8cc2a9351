from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from sdmae.scoring import CausalAverage, smooth_causal, smooth_offline
from sdmae.scoring.smooth import smooth_offline_at

quick = settings(deadline=None, max_examples=40)

series = st.lists(st.floats(-100, 100), min_size=1, max_size=60)


@quick
@given(series)
def test_offline_is_scipys_gaussian_also_for_clips_shorter_than_the_kernel(scores: list[float]) -> None:
    expected = gaussian_filter1d(np.array(scores), 10.0, mode="reflect")
    np.testing.assert_array_equal(smooth_offline(scores, 1.0, 10.0), expected)


def test_offline_without_a_width_changes_nothing() -> None:
    np.testing.assert_array_equal(smooth_offline([3, 1, 2], 0.0, 10.0), [3, 1, 2])
    assert smooth_offline([], 1.0, 10.0).shape == (0,)


@quick
@given(series, st.integers(0, 59))
def test_causal_never_sees_the_future(scores: list[float], position: int) -> None:
    position = min(position, len(scores))
    times = np.arange(len(scores)) / 25
    changed = [*scores[:position], *(-5 * s + 7 for s in scores[position:])]
    before = smooth_causal(scores, times, 0.7, 25)[:position]
    np.testing.assert_array_equal(before, smooth_causal(changed, times, 0.7, 25)[:position])


@quick
@given(series)
def test_causal_is_an_average(scores: list[float]) -> None:
    smoothed = smooth_causal(scores, np.arange(len(scores)) / 10, 0.7, 10)
    assert smoothed[0] == pytest.approx(scores[0])
    assert smoothed.min() >= min(scores) - 1e-9
    assert smoothed.max() <= max(scores) + 1e-9


def test_causal_counts_seconds_and_not_frames() -> None:
    # A step of 1 s, seen at 10 and at 50 frames a second, ends as high; so it does at a rate that changes.
    clocks = (np.arange(40) / 10, np.arange(200) / 50, np.r_[np.arange(10) / 10, 1 + np.arange(150) / 50])
    ends = [smooth_causal(np.where(times >= 3, 1.0, 0.0), times, 0.7, 25)[-1] for times in clocks]
    assert ends[0] == pytest.approx(ends[1], abs=0.01)
    assert ends[2] == pytest.approx(ends[1], abs=0.01)
    assert ends[0] == pytest.approx(1 - np.exp(-1 / 0.7), abs=0.01)


def test_causal_follows_the_recursion() -> None:
    weight = 1 - np.exp(-0.1 / 0.7)
    total, mass, expected = 0.0, 0.0, []
    for score in (5.0, 1.0, 2.0, 8.0):
        total = (1 - weight) * total + weight * score
        mass = (1 - weight) * mass + weight
        expected.append(total / mass)
    np.testing.assert_allclose(smooth_causal([5, 1, 2, 8], [0, 0.1, 0.2, 0.3], 0.7, 10), expected)


def test_causal_forgets_all_over_a_long_gap_and_nothing_over_none() -> None:
    average = CausalAverage(0.7, 10)
    average.push(100.0, 0.0)
    assert average.push(-3.0, 0.0) == 100.0
    assert average.push(2.0, 1e6) == 2.0


def test_causal_without_a_time_constant_changes_nothing() -> None:
    np.testing.assert_array_equal(smooth_causal([3, 1, 2], [0, 1, 1], 0.0, 10), [3, 1, 2])


def test_causal_refuses_time_that_falls() -> None:
    with pytest.raises(ValueError, match="new segment"):
        smooth_causal([1, 2], [1.0, 0.5], 0.7, 10)


def test_uneven_frames_are_smoothed_by_time() -> None:
    # Ten seconds at 25 a second, then ten at 5: a step at the same distance from either end looks the same.
    times = np.concatenate([np.arange(250) / 25, 10 + np.arange(51) / 5])
    scores = np.where(times < 10, 0.0, 1.0)
    found = smooth_offline_at(scores, times, 1.0, 25.0)
    for distance in (0.4, 1.0, 2.0):
        before, after = (float(np.interp(10 - 0.02 + d, times, found)) for d in (-distance, distance))
        assert before == pytest.approx(1 - after, abs=0.04)
    # An even video is smoothed frame by frame, as ever, whatever its stamps round to.
    even = np.round(np.arange(200) / 30, 3)
    values = np.random.default_rng(0).random(200)
    np.testing.assert_array_equal(smooth_offline_at(values, even, 0.5, 30.0), smooth_offline(values, 0.5, 30.0))
    # A slower one has its own deviation in frames.
    slow = smooth_offline_at(values, np.arange(200) / 10, 0.5, 30.0)
    np.testing.assert_allclose(slow, smooth_offline(values, 0.5, 10.0))
