from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import gamma, genpareto

from sdmae.scoring.tail import DAY, SHAPES, Rate, Tail, dispersion


def expected(tail: Tail, excess: float) -> float:
    counts, survival = tail.passing(excess)
    return float(tail.weights @ (counts * survival))


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
def test_the_shape_and_scale_of_a_long_sample_are_found(shape: float) -> None:
    tail = Tail.fit(genpareto.rvs(shape, scale=2.5, size=2000, random_state=1))
    assert tail.shape == pytest.approx(shape, abs=0.08)
    assert tail.scale == pytest.approx(2.5, rel=0.12)
    assert tail.weights.sum() == pytest.approx(1)
    for excess in (0.5, 3.0, 6.0):
        true = 2000 * genpareto.sf(excess, shape, scale=2.5)
        assert expected(tail, excess) == pytest.approx(true, rel=0.15)


def test_few_events_leave_the_shape_to_the_prior() -> None:
    tail = Tail.fit([1.0, 1.5, 0.2])
    assert abs(tail.shape) < 0.1
    spread = np.sqrt(tail.weights @ (tail.shapes - tail.shape) ** 2)
    assert spread == pytest.approx(0.2, abs=0.03)
    assert np.isin(tail.shapes, SHAPES).all()


def test_the_grid_is_fine_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    excesses = genpareto.rvs(0.1, size=40, random_state=2)
    coarse = [expected(Tail.fit(excesses), z) for z in (1.0, 5.0, 20.0)]
    monkeypatch.setattr("sdmae.scoring.tail.SHAPES", np.linspace(-0.5, 0.7, 4 * (len(SHAPES) - 1) + 1))
    monkeypatch.setattr("sdmae.scoring.tail.SCALES", 400)
    np.testing.assert_allclose([expected(Tail.fit(excesses), z) for z in (1.0, 5.0, 20.0)], coarse, rtol=0.02)


def test_noise_below_does_not_bend_the_tail() -> None:
    # 64 events of noise under 16 of another kind: one generalised Pareto through all would see a tail far too heavy.
    high = 1 + genpareto.rvs(0.0, scale=3.0, size=16, random_state=3)
    noise = genpareto.rvs(0.0, scale=0.05, size=64, random_state=4)
    tail, alone = Tail.fit(np.r_[noise, high]), Tail.fit(high - 0.9)
    assert float(tail.weights @ (tail.counts <= 20)) > 0.9
    for excess in (5.0, 15.0):
        assert expected(tail, excess) == pytest.approx(expected(alone, excess - 0.9), rel=0.6)


def test_events_pass_ever_higher_levels_ever_less() -> None:
    tail = Tail.fit(genpareto.rvs(0.2, size=30, random_state=5))
    passing = [expected(tail, z) for z in np.linspace(0, 30, 200)]
    assert passing[0] == pytest.approx(30)
    assert (np.diff(passing) < 0).all()


@pytest.mark.parametrize("excesses", [[1.0], [2.0, 2.0, 2.0], [1e-9, 1.0, 1e9], [0.5] * 40])
def test_odd_samples_still_give_a_posterior(excesses: list[float]) -> None:
    tail = Tail.fit(excesses)
    assert np.isfinite(tail.weights).all()
    assert 0 <= expected(tail, 10.0) <= len(excesses)


@pytest.mark.parametrize("excesses", [[], [1.0, 0.0], [float("nan")]])
def test_a_tail_needs_excesses(excesses: list[float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Tail.fit(excesses)


def one(*values: float) -> NDArray[np.float64]:
    return np.array(values)


def test_the_quantiles_of_one_gamma_are_its_own() -> None:
    rate = Rate(one(12.5), one(3600.0), one(0.25), one(1.0))
    assert rate.mean == pytest.approx(12.5 * 24 * 0.25)
    for share in (0.05, 0.5, 0.95):
        assert rate.quantile(share) == pytest.approx(gamma.ppf(share, 12.5) * 24 * 0.25, rel=1e-6)


def test_a_tail_that_ends_may_let_nothing_through() -> None:
    rate = Rate(one(10.5, 10.5), one(DAY, DAY), one(0.0, 1.0), one(0.5, 0.5))
    assert rate.quantile(0.05) == 0
    assert rate.quantile(0.95) == pytest.approx(gamma.ppf(0.9, 10.5), rel=1e-6)
    nothing = Rate(one(10.5), one(DAY), one(0.0), one(1.0))
    assert (nothing.mean, nothing.quantile(0.95)) == (0, 0)


def test_the_numbers_of_further_video_scatter_as_said() -> None:
    rng = np.random.default_rng(6)
    rate = Rate(one(20.5), one(7200.0), one(0.5), one(1.0))
    counts = rng.poisson(rng.gamma(20.5, 1 / 7200.0, 20000) * 0.5 * 3600)
    low, high = rate.number_in(3600)
    assert 0.88 < np.mean((counts >= low) & (counts <= high)) < 0.96
    uneven = Rate(one(20.5), one(7200.0), one(0.5), one(1.0), 3.0).number_in(3600)
    assert uneven[0] < low
    assert uneven[1] > high


def test_even_events_are_seen_as_such_and_busy_hours_are_not() -> None:
    rng = np.random.default_rng(7)
    even = [dispersion(rng.uniform(0, 3600, 80), 3600) for _ in range(50)]
    assert 1 <= np.median(even) < 1.6
    busy = np.r_[rng.uniform(0, 900, 60), rng.uniform(900, 3600, 20)]
    assert dispersion(busy, 3600) > 5
    assert dispersion(busy[:5], 3600) == 1
