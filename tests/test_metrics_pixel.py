from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from sdmae.metrics import pixel_auc

quick = settings(deadline=None, max_examples=40)

Pair = tuple[NDArray[np.float64], NDArray[np.bool_]]


@st.composite
def some_frames(draw: st.DrawFn) -> list[Pair]:
    """Frames of both classes taken together; scores of any size, close to one another or equal."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    scale = draw(st.sampled_from([1e-30, 1e-3, 1.0, 1e4, 1e30]))
    shift = draw(st.sampled_from([0.0, -1.0, 1.0, 100.0]))
    digits = draw(st.sampled_from([1, 3, 12]))
    frames = []
    for _ in range(draw(st.integers(1, 3))):
        mask = rng.random((5, 6)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
        frames.append(((np.round(rng.normal(size=(5, 6)) + mask, digits) + shift) * scale, mask))
    frames.append((np.array([[-1.0, 1.0]]) * scale, np.array([[False, True]])))
    return frames


def exact(frames: list[Pair]) -> float:
    truth = np.concatenate([mask.ravel() for _, mask in frames])
    # By ranks, as sklearn takes numbers that differ by little for equal.
    scores = np.concatenate([values.ravel() for values, _ in frames])
    return float(roc_auc_score(truth, np.unique(scores, return_inverse=True)[1]))


@quick
@given(some_frames())
def test_is_sklearn_on_all_pixels_within_the_bound(frames: list[Pair]) -> None:
    result = pixel_auc(frames)
    assert abs(result.auc - exact(frames)) <= result.error + 1e-12
    assert result.error < 0.5
    assert result.pixels == sum(mask.size for _, mask in frames)
    assert result.abnormal_pixels == sum(np.count_nonzero(mask) for _, mask in frames)


@quick
@given(some_frames(), st.integers(-20, 20))
def test_no_scale_and_no_order_of_frames_counts(frames: list[Pair], power: int) -> None:
    scaled = [(values * 2.0**power, mask) for values, mask in frames[::-1]]
    assert pixel_auc(scaled).auc == pytest.approx(pixel_auc(frames).auc, abs=1e-12)


def test_values_that_differ_by_a_thousandth_are_told_apart() -> None:
    for value in (-3.0, -1e-9, 1e-9, 0.7, 5e8):
        result = pixel_auc([(np.array([[value, value + abs(value) * 1e-3]]), np.array([[0, 1]]))])
        assert (result.auc, result.error) == (1, 0)


def test_the_bound_is_small_for_scores_as_they_are() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(20):
        mask = rng.random((50, 60)) < 0.1
        frames.append((rng.gamma(2.0, size=mask.shape) + mask, mask))
    result = pixel_auc(frames)
    assert result.error < 5e-4
    assert abs(result.auc - exact(frames)) < 1e-5


def test_equal_scores_count_half() -> None:
    result = pixel_auc([(np.full((3, 3), 0.25), np.eye(3))])
    assert (result.auc, result.error) == (0.5, 0.5)
    assert pixel_auc([(np.array([-0.0, 0.0]), np.array([0, 1]))]).auc == 0.5


def test_numbers_beyond_single_precision_keep_their_order() -> None:
    assert pixel_auc([(np.array([-1e300, 1e300]), np.array([0, 1]))]).auc == 1
    assert pixel_auc([(np.array([1e-300, 1.0]), np.array([0, 1]))]).auc == 1
    assert pixel_auc([(np.array([0, 255], np.uint8), np.array([0, 1]))]).auc == 1


def test_it_takes_a_stream() -> None:
    def frames() -> Iterator[Pair]:
        for k in range(4):
            yield np.full((2, 2), float(k)), np.full((2, 2), k > 1)

    assert pixel_auc(frames()).auc == 1


def test_bad_input_is_named() -> None:
    good = (np.zeros((2, 2)), np.eye(2))
    with pytest.raises(ValueError, match=r"frame 1: the map has shape \(2, 3\), its mask \(2, 2\)"):
        pixel_auc([good, (np.zeros((2, 3)), np.eye(2))])
    with pytest.raises(ValueError, match=r"frame 1: .* not finite"):
        pixel_auc([good, (np.full((2, 2), np.nan), np.eye(2))])
    with pytest.raises(ValueError, match="all 4 pixels are normal"):
        pixel_auc([(np.zeros((2, 2)), np.zeros((2, 2)))])
    with pytest.raises(ValueError, match="all 4 pixels are abnormal"):
        pixel_auc([(np.zeros((2, 2)), np.ones((2, 2)))])
    with pytest.raises(ValueError, match="all 0 pixels"):
        pixel_auc([])
