from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from sdmae.config import EventConfig
from sdmae.errors import SourceError
from sdmae.scoring.calibration import (
    BEYOND,
    VOUCHED,
    AlarmLevel,
    NormalClip,
    calibrate,
    check_lively,
    check_usual,
    events_at,
    too_many,
)
from sdmae.scoring.events import Levels, find_events
from sdmae.scoring.types import TERMS, FrameScore, Series

FPS = 4
HOUR = 3600 * FPS
CONFIG = EventConfig()

Simulation = Callable[[int, int], Series]
"""Normal scores at `FPS` from a seed and a number of frames."""


def smooth(values: NDArray[np.float64]) -> Series:
    """A bump of a second, one high, for each value."""
    return np.asarray(gaussian_filter1d(values, FPS) * FPS * 2.507, np.float64)


def waves(seed: int, frames: int) -> Series:
    """Smoothed Gaussian noise: every level is crossed, tails are light."""
    noise: Series = np.random.default_rng(seed).standard_normal(frames)
    return smooth(noise) / float(np.sqrt(FPS * 1.77))


def visits(seed: int, frames: int, mean: float = 60, heavy: float = 0.0) -> Series:
    """People who pass: bumps of a second at `mean` an hour, exponential or heavier in height, over faint noise."""
    rng = np.random.default_rng(seed)
    heights = np.zeros(frames)
    hit = rng.random(frames) < mean / HOUR
    chance = rng.random(int(hit.sum()))
    heights[hit] = (chance**-heavy - 1) / heavy if heavy else -np.log(chance)
    return smooth(heights) + 0.05 * waves(seed + 10**6, frames)


def crowds(seed: int, frames: int) -> Series:
    """`visits`, with ten minutes as busy as ten others are quiet."""
    busy = np.exp(0.6 * np.random.default_rng(seed + 2 * 10**6).standard_normal(frames // (HOUR // 6) + 1))
    return np.concatenate(
        [visits(seed * 1000 + i, HOUR // 6, 60 * b) for i, b in enumerate(busy.tolist())] + [np.zeros(0)]
    )[:frames]


def clip(scores: Series, fps: float = FPS) -> NormalClip:
    return NormalClip(np.arange(len(scores)) / fps, scores)


def counter(scores: Series) -> Callable[[float, float], int]:
    """The number of events in scores for a threshold and a median."""
    times, starts = np.arange(len(scores)) / FPS, np.array([0, len(scores)])
    return lambda z, median: len(events_at(times, scores, starts, Levels.of(z, median, CONFIG), CONFIG.merge))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.floats(0, 1), st.sampled_from([0.0, 0.3, 1.0, 2.0]), st.floats(-1, 3))
def test_events_are_those_of_the_event_former(seed: int, hysteresis: float, merge: float, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    config = EventConfig(hysteresis=hysteresis, merge=merge)
    levels = Levels.of(threshold, 0.0, config)
    lengths = rng.integers(0, 80, 4).tolist()
    # Steps of 0.3 s land on the merge itself, repeats and gaps in the stamps included; rounded scores tie.
    times = [np.cumsum(rng.choice([0.0, 0.3, 0.3, 0.3, 3.0], n)) for n in lengths]
    scores = [np.round(gaussian_filter1d(rng.standard_normal(n) * 2, 1.0), 1) for n in lengths]
    expected = []
    for start, t, s in zip(np.cumsum([0, *lengths]).tolist(), times, scores, strict=False):
        frames = [FrameScore(i, a, b, b) for i, (a, b) in enumerate(zip(t.tolist(), s.tolist(), strict=True))]
        expected += [start + event.frame for event in find_events(frames, levels, merge)]
    starts = np.cumsum([0, *lengths])
    found = events_at(np.concatenate(times), np.concatenate(scores), starts, levels, merge)
    assert found.tolist() == expected


@pytest.mark.parametrize(("simulate", "hours"), [(waves, 2), (visits, 0.5), (visits, 4), (crowds, 4)])
def test_the_true_rate_lies_in_the_stated_interval(simulate: Simulation, hours: float) -> None:
    alarms = counter(simulate(99, 200 * HOUR))
    # Ten events in the video, one, and one in three times as much video: counted, at the edge, and extrapolated.
    hits: dict[float, list[bool]] = {10: [], 1: [], 1 / 3: []}
    ratios = []
    for seed in range(20):
        level = calibrate([clip(simulate(seed, int(hours * HOUR)))], CONFIG)
        for events, hit in hits.items():
            threshold = level.threshold_for(events / hours * 24)
            mean, low, high = level.rate_at(threshold)
            assert mean == pytest.approx(events / hours * 24, rel=1e-6)
            true = alarms(threshold, level.median) / 200 * 24
            hit.append(low <= true <= high)
            if events == 10:
                ratios.append(true / mean)
    assert {k: np.mean(v) for k, v in hits.items() if np.mean(v) < 0.8} == {}
    assert 0.8 < np.median(ratios) < 1.25


def test_a_tail_drawn_out_tenfold_is_in_its_interval() -> None:
    alarms, inside = counter(visits(98, 400 * HOUR, heavy=0.1)), []
    for seed in range(20):
        level = calibrate([clip(visits(seed, 4 * HOUR, heavy=0.1))], CONFIG)
        threshold = level.threshold_for(6 / BEYOND)
        _, low, high = level.rate_at(threshold)
        inside.append(low <= alarms(threshold, level.median) / 400 * 24 <= high)
    assert np.mean(inside) >= 0.8


def test_events_that_split_at_a_higher_level_are_not_lost() -> None:
    # Pairs three seconds apart run together at the base and are two alarms higher up: the tail must expect both.
    rng = np.random.default_rng(3)

    def pairs(frames: int) -> Series:
        heights = np.zeros(frames + 5 * FPS)
        at = np.flatnonzero(rng.random(frames) < 50 / HOUR)
        heights[at], heights[at + 4 * FPS] = rng.exponential(size=len(at)), rng.exponential(size=len(at))
        return smooth(heights)[:frames] + 0.05 * waves(3, frames)

    alarms = counter(pairs(100 * HOUR))
    ratios = []
    for _ in range(12):
        level = calibrate([clip(pairs(3 * HOUR))], CONFIG)
        ratios += [alarms(level.threshold_for(k * 8), level.median) / 100 * 24 / (k * 8) for k in (3, 10)]
    assert 0.7 < np.median(ratios) < 1.3


def test_events_before_the_tail_are_counted() -> None:
    scores = waves(1, 2 * HOUR)
    level = calibrate([clip(scores)], CONFIG)
    for budget in (1500.0, 3000.0, 5000.0):
        threshold = level.threshold_for(budget)
        assert threshold < level.base
        assert counter(scores)(threshold, level.median) * 12 == pytest.approx(budget, rel=0.08)
    assert level.most == pytest.approx(calibrate([clip(scores)], EventConfig(1e5)).rate)
    assert level.threshold_for(1e5) == level.lower[0]


@pytest.mark.parametrize("simulate", [waves, visits])
def test_larger_budgets_have_lower_thresholds(simulate: Simulation) -> None:
    level = calibrate([clip(simulate(5, HOUR))], CONFIG)
    thresholds = [level.threshold_for(budget) for budget in np.geomspace(0.01, 1e5, 60).tolist()]
    assert (np.diff(thresholds) <= 0).all()
    rates = np.array([level.rate_at(z) for z in np.linspace(level.median, level.highest * 3, 60).tolist()])
    assert (np.diff(rates, axis=0) <= 1e-9).all()
    assert (rates[:, 1] <= rates[:, 2]).all()


def test_more_video_narrows_the_interval_and_vouches_for_less() -> None:
    levels = [calibrate([clip(visits(8, hours * HOUR))], EventConfig(60.0)) for hours in (1, 4, 16)]
    widths = [level.high / max(level.low, 1e-9) for level in levels]
    assert widths[0] > widths[1] > widths[2]
    assert levels[0].vouched > levels[1].vouched > levels[2].vouched
    for level in levels:
        mean, _, high = level.rate_at(level.threshold_for(1.001 * level.vouched))
        assert high <= 1.01 * VOUCHED * mean
        assert level.vouched >= 86400 / level.seconds / BEYOND


@settings(deadline=None, max_examples=10)
@given(st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_scores_of_another_scale_get_the_same_threshold_on_it(scale: float, shift: float) -> None:
    scores = visits(11, HOUR)
    one, other = calibrate([clip(scores)], CONFIG), calibrate([clip(scores * scale + shift)], CONFIG)
    assert other.threshold == pytest.approx(one.threshold * scale + shift, rel=1e-6)
    assert other.events == one.events
    assert (other.low, other.high, other.vouched) == pytest.approx((one.low, one.high, one.vouched), rel=1e-4)


def test_one_clip_in_two_is_nearly_the_same() -> None:
    scores = waves(12, 2 * HOUR)
    whole, half = calibrate([clip(scores)], CONFIG), calibrate([clip(scores[:HOUR]), clip(scores[HOUR:])], CONFIG)
    assert half.seconds == pytest.approx(whole.seconds)
    assert half.threshold == pytest.approx(whole.threshold, rel=0.02)


def test_a_frame_rate_is_no_rate_of_alarms() -> None:
    scores = waves(13, 2 * HOUR)
    fine = np.interp(np.arange(5 * len(scores)) / 5, np.arange(len(scores)), scores)
    slow, fast = calibrate([clip(scores)], CONFIG), calibrate([clip(fine, 5 * FPS)], CONFIG)
    assert fast.threshold == pytest.approx(slow.threshold, rel=0.05)


def test_a_gap_is_not_watched() -> None:
    scores = waves(14, HOUR)
    times = np.arange(HOUR) / FPS
    times[HOUR // 2 :] += 86400
    assert calibrate([NormalClip(times, scores)], CONFIG).seconds == pytest.approx(3600, abs=2)
    # A frame every five seconds is watched all the same.
    assert calibrate([clip(scores, 0.2)], CONFIG).seconds == pytest.approx(5 * HOUR)


def test_busy_hours_widen_the_interval() -> None:
    level = calibrate([clip(crowds(4, 4 * HOUR))], CONFIG)
    assert level.dispersion > 1.5


def test_the_file_gives_back_what_was_fitted() -> None:
    parts = np.random.default_rng(0).uniform(size=(HOUR, len(TERMS)))
    level = calibrate([NormalClip(np.arange(HOUR) / FPS, waves(15, HOUR), parts)], EventConfig(48.0))
    again = AlarmLevel.from_dict(json.loads(json.dumps(level.to_dict())))
    assert again == level
    assert again == calibrate([NormalClip(np.arange(HOUR) / FPS, waves(15, HOUR), parts)], EventConfig(48.0))
    assert again.rate_at(again.threshold) == (level.rate, level.low, level.high)
    assert again.threshold_for(48.0) == level.threshold
    assert level.normal_parts == pytest.approx(np.median(parts, axis=0))
    assert level.levels(CONFIG) == Levels.of(level.threshold, level.median, CONFIG, level.normal_parts)
    low, high = level.number_in(3600)
    assert low <= 2 <= high
    assert len(json.dumps(level.to_dict())) < 8000


def test_every_length_of_video_has_an_answer() -> None:
    for frames in (81, 100, 200, 400, 1000):
        for simulate in (waves, visits):
            level = calibrate([clip(simulate(16, frames))], CONFIG)
            assert level.median <= level.base <= level.threshold
            assert level.low <= level.rate <= level.high or level.low == 0
            assert level.vouched >= 86400 / level.seconds / BEYOND
            assert all(np.isfinite(v) for v in level.to_dict().values() if isinstance(v, float))


def test_one_event_is_enough_to_go_on() -> None:
    scores = np.zeros(400)
    scores[100:120] = np.hanning(20)
    level = calibrate([clip(scores)], CONFIG)
    assert level.events == 1
    assert level.vouched > 500
    assert level.threshold > 1


BAD: list[tuple[NDArray[np.float64], str]] = [
    (np.zeros(0), "only 0 s"),
    (np.arange(40.0), "only 10 s"),
    (np.full(400, 0.3), "nothing happens"),
    (np.r_[np.zeros(10), np.ones(390)], "nothing happens"),
    (np.r_[np.ones(399), np.nan], "1 of 400 scores are no numbers"),
]


@pytest.mark.parametrize(("scores", "says"), BAD)
def test_video_to_learn_nothing_from_is_refused(scores: Series, says: str) -> None:
    with pytest.raises(SourceError, match=says) as problem:
        calibrate([clip(scores)], CONFIG)
    assert "\n" not in str(problem.value)


def test_no_clips_are_no_video() -> None:
    with pytest.raises(SourceError, match="only 0 s"):
        calibrate([], CONFIG)


def test_clips_are_arrays_that_match() -> None:
    with pytest.raises(ValueError, match="must both"):
        NormalClip(np.arange(3.0), np.arange(4.0))
    with pytest.raises(ValueError, match="parts"):
        NormalClip(np.arange(3.0), np.arange(3.0), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="fall"):
        NormalClip(np.array([0.0, 2.0, 1.0]), np.arange(3.0))


@pytest.mark.parametrize("budget", [1.0, 2000.0])
def test_calibration_video_is_compared_with_what_was_trained_on(budget: float) -> None:
    reference = calibrate([clip(visits(17, HOUR))], EventConfig(budget))
    normal = [clip(visits(18, HOUR)), clip(visits(19, HOUR, 200))]
    check_usual(normal, reference)
    check_lively(normal, reference)
    with pytest.raises(SourceError, match=r"abnormal most of its time.*--force"):
        check_usual([clip(visits(18, HOUR) + reference.highest)], reference)
    with pytest.raises(SourceError, match=r"next to nothing happens.*--force"):
        check_lively([clip(visits(18, HOUR, 0) * 0.1 - 0.2)], reference)


def test_more_alarms_than_were_to_be_expected_are_named() -> None:
    reference = calibrate([clip(visits(17, HOUR))], EventConfig(24.0))
    count, most, places = too_many([clip(visits(17, HOUR))], reference, CONFIG)
    assert count <= most
    odd = visits(18, HOUR)
    for moment in range(1, 16):
        odd[moment * 200 * FPS :][: 2 * FPS] = reference.threshold + moment
    count, most, places = too_many([clip(visits(19, HOUR)), clip(odd)], reference, CONFIG)
    assert count >= 15 > most
    assert [(where, round(time)) for where, time in places] == [(1, 3000), (1, 2800), (1, 2600)]
