from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdmae.config import ScoreConfig
from sdmae.scoring import (
    FrameMap,
    FrameScore,
    collect,
    score_frames,
    score_frames_both,
    smooth_causal,
    smooth_offline,
)
from sdmae.scoring.filter import MeanFilter

quick = settings(deadline=None, max_examples=40)

CONFIG = ScoreConfig(filter_frames=5, filter_cells=3, sigma=0.4, causal_seconds=0.5)
RATE = 10.0


def random_maps(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).random((count, 6, 7), dtype=np.float32)


def frames(maps: NDArray[np.float32], segment: int = 0, start: int = 0) -> Iterator[FrameMap]:
    for i, image in enumerate(maps, start):
        yield FrameMap(i, i / RATE, image, segment)


def scores(found: list[FrameScore]) -> list[float]:
    return [frame.score for frame in found]


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("causal", [False, True])
def test_the_stream_is_filter_pooling_and_smoother(pooling: str, causal: bool) -> None:
    config = ScoreConfig(**{**CONFIG.__dict__, "pooling": pooling})
    maps = random_maps(25)
    window = MeanFilter(5, 3, RATE, causal=causal)
    filtered = [r for k, image in enumerate(maps) for r in window.push(image, k / RATE)] + window.flush()
    raw = [float(m.max()) if pooling == "max" else float(m.mean(dtype=np.float64)) for m in filtered]
    times = np.arange(25) / RATE
    expected = smooth_causal(raw, times, 0.5, RATE) if causal else smooth_offline(raw, 0.4, RATE)

    video = collect("clip", score_frames(frames(maps), config, RATE, causal=causal, keep_maps=True))
    assert video.name == "clip"
    np.testing.assert_array_equal(video.frames, np.arange(25))
    np.testing.assert_array_equal(video.times, times)
    np.testing.assert_array_equal(video.raw, raw)
    np.testing.assert_array_equal(video.scores, expected)
    assert video.maps is not None
    np.testing.assert_array_equal(video.maps, filtered)


def test_both_are_what_each_is_alone() -> None:
    maps = [*frames(random_maps(25)), *frames(random_maps(3), segment=1, start=25)]
    offline, causal = score_frames_both(iter(maps), CONFIG, RATE)
    assert offline == list(score_frames(maps, CONFIG, RATE, causal=False))
    assert causal == list(score_frames(maps, CONFIG, RATE, causal=True))


@quick
@given(st.integers(1, 19))
def test_causal_never_depends_on_the_future(position: int) -> None:
    maps = random_maps(20)
    changed = maps.copy()
    changed[position:] = 9 - 3 * changed[position:]
    before = list(score_frames(frames(maps), CONFIG, RATE, causal=True))
    after = list(score_frames(frames(changed), CONFIG, RATE, causal=True))
    assert before[:position] == after[:position]
    assert before[position:] != after[position:]


def test_causal_answers_before_it_asks_for_more() -> None:
    asked = 0

    def counted() -> Iterator[FrameMap]:
        nonlocal asked
        for frame in frames(random_maps(10)):
            asked += 1
            yield frame

    for given_out, frame in enumerate(score_frames(counted(), CONFIG, RATE, causal=True), 1):
        assert (asked, frame.index) == (given_out, given_out - 1)


@pytest.mark.parametrize("causal", [False, True])
def test_a_new_segment_starts_afresh(causal: bool) -> None:
    maps = random_maps(30)
    first, second = maps[:13], maps[13:]

    def both() -> Iterator[FrameMap]:
        yield from frames(first)
        yield from frames(second, segment=1, start=13)

    joint = list(score_frames(both(), CONFIG, RATE, causal=causal))
    assert [frame.index for frame in joint] == list(range(30))
    apart = [list(score_frames(frames(part), CONFIG, RATE, causal=causal)) for part in (first, second)]
    assert scores(joint) == pytest.approx(scores(apart[0]) + scores(apart[1]), rel=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_no_frames_and_one_frame(causal: bool) -> None:
    assert list(score_frames([], CONFIG, RATE, causal=causal)) == []
    assert collect("empty", []).scores.shape == (0,)
    (only,) = score_frames(frames(random_maps(1)), CONFIG, RATE, causal=causal)
    assert only.score == pytest.approx(only.raw)


def test_maps_are_kept_only_when_asked_for() -> None:
    video = collect("clip", score_frames(frames(random_maps(8)), CONFIG, RATE, causal=False))
    assert video.maps is None
