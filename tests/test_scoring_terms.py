from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdmae.config import ScoreConfig
from sdmae.scoring import TERMS, FrameMap, FrameTerms, Terms, combine, score_frames

CONFIG = ScoreConfig(alpha=0.5, beta=0.25, gamma=2.0, delta=4.0)


def random_terms(batch: int) -> Terms:
    rng = np.random.default_rng(0)
    error, discrepancy, anomaly_map = rng.random((3, batch, 4, 6), dtype=np.float32)
    return Terms(error, discrepancy, anomaly_map, rng.random(batch, dtype=np.float32))


def test_each_term_has_its_weight() -> None:
    one, zero, silent = np.ones((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32), np.zeros(2, np.float32)
    assert (combine(Terms(one, zero, zero, silent), CONFIG) == 0.5).all()
    assert (combine(Terms(zero, one, zero, silent), CONFIG) == 0.25).all()
    assert (combine(Terms(zero, zero, one, silent), CONFIG) == 4.0).all()
    assert (combine(Terms(zero, zero, zero, np.array([0, 1], np.float32)), CONFIG)[1] == 2.0).all()


def test_a_frame_does_not_depend_on_its_batch() -> None:
    terms = random_terms(5)
    whole = combine(terms, CONFIG)
    assert whole.dtype == np.float32
    for i in range(5):
        alone = Terms(
            terms.error[i : i + 1],
            terms.discrepancy[i : i + 1],
            terms.anomaly_map[i : i + 1],
            terms.classifier[i : i + 1],
        )
        np.testing.assert_array_equal(combine(alone, CONFIG)[0], whole[i])


def test_the_terms_are_left_as_they_were() -> None:
    terms = random_terms(2)
    before = terms.error.copy()
    combine(terms, CONFIG)
    np.testing.assert_array_equal(terms.error, before)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    terms = random_terms(3)
    with pytest.raises(ValueError, match=r"\(3, 4, 6\).*\(2,\)"):
        combine(Terms(terms.error, terms.discrepancy, terms.anomaly_map, terms.classifier[:2]), CONFIG)
    with pytest.raises(ValueError, match="expected terms"):
        combine(Terms(terms.error, terms.discrepancy[:, :2], terms.anomaly_map, terms.classifier), CONFIG)


weights = st.just(0.0) | st.floats(0.01, 10)
configs = st.builds(
    ScoreConfig,
    alpha=weights,
    beta=weights,
    gamma=weights,
    delta=weights,
    still=weights,
    filter_frames=st.just(1),
    filter_cells=st.just(1),
    causal_seconds=st.just(0.0),
)
CHANNELS = 3


def whole_terms(seed: int, *, still: bool) -> Terms:
    """Terms of 4 frames as a network gives them: the error holds the square of the anomaly map as one channel."""
    rng = np.random.default_rng(seed)
    error, discrepancy, anomaly_map, stands = rng.random((4, 4, 5, 7), dtype=np.float32)
    error += anomaly_map**2 / (CHANNELS + 1)
    return Terms(error, discrepancy, anomaly_map, rng.random(4, dtype=np.float32), stands if still else None)


@settings(deadline=None)
@given(configs, st.integers(0, 99), st.booleans(), st.integers(0, 3), st.integers(0, 4), st.integers(0, 6))
def test_the_parts_add_up_to_the_map(config: ScoreConfig, seed: int, still: bool, k: int, y: int, x: int) -> None:
    terms = whole_terms(seed, still=still)
    combined = combine(terms, config)
    frame = FrameTerms(terms, k, CHANNELS)
    parts = frame.parts_at((slice(y, y + 1), slice(x, x + 1)), config)
    assert len(parts) == len(TERMS)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(float(combined[k, y, x]), rel=1e-5, abs=1e-6)
    # Of an area they are the mean, and so add up to its mean.
    area = slice(0, y + 1), slice(x, 7)
    assert sum(frame.parts_at(area, config)) == pytest.approx(float(combined[k][area].mean()), rel=1e-5, abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(configs, st.integers(0, 99), st.booleans(), st.booleans(), st.sampled_from(["max", "mean"]))
def test_the_parts_of_a_score_add_up_to_it(
    config: ScoreConfig, seed: int, still: bool, causal: bool, pooling: str
) -> None:
    config = ScoreConfig(**{**vars(config), "pooling": pooling, "sigma": 0.0})
    terms = whole_terms(seed, still=still)
    combined = combine(terms, config)
    maps = [FrameMap(k, k / 10, combined[k], terms=FrameTerms(terms, k, CHANNELS)) for k in range(4)]
    for k, frame in enumerate(score_frames(maps, config, 10.0, causal=causal, explain=True)):
        assert frame.index == k
        assert frame.region is not None
        assert sum(frame.region.parts) == pytest.approx(frame.raw, rel=1e-5, abs=1e-6)
        assert frame.score == pytest.approx(frame.raw)


def test_each_part_is_what_its_own_term_adds() -> None:
    terms = whole_terms(0, still=True)
    config = replace(CONFIG, still=3.0)
    assert terms.still is not None
    area = slice(1, 3), slice(2, 5)
    parts = dict(zip(TERMS, FrameTerms(terms, 2, CHANNELS).parts_at(area, config), strict=True))
    squared = (terms.anomaly_map[2][area] ** 2).mean() / (CHANNELS + 1)
    # The map's channel of the error is counted to the map.
    assert parts["error"] == pytest.approx(0.5 * (terms.error[2][area].mean() - squared), rel=1e-5)
    assert parts["anomaly_map"] == pytest.approx(4.0 * terms.anomaly_map[2][area].mean() + 0.5 * squared, rel=1e-5)
    assert parts["discrepancy"] == pytest.approx(0.25 * terms.discrepancy[2][area].mean(), rel=1e-5)
    assert parts["classifier"] == pytest.approx(2.0 * terms.classifier[2], rel=1e-5)
    assert parts["still"] == pytest.approx(3.0 * terms.still[2][area].mean(), rel=1e-5)


def test_what_stands_still_has_its_weight() -> None:
    one, zero = np.ones((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    terms = Terms(zero, zero, zero, np.zeros(2, np.float32), one)
    assert (combine(terms, replace(CONFIG, still=1.5)) == 1.5).all()
    assert (combine(terms, CONFIG) == 0).all()
    with pytest.raises(ValueError, match="expected terms"):
        combine(replace(terms, still=one[:, :2]), replace(CONFIG, still=1.5))
