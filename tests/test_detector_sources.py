"""One detector on many kinds of sources: faster, slower, uneven, with gaps, repeated stamps or ignore zones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdmae import Detector
from sdmae.scoring import TERMS, VideoScores, score_frames
from sdmae.scoring.region import around_peak
from sdmae.video import find_clips, probe, read_frames
from sdmae.video.frame import Image, Size
from video_files import make_frames, make_video, picture

LOSSLESS = {"qp": "0", "g": "10"}


def each(times: int) -> Callable[[int, Size], Image]:
    """Every picture so many times over."""
    return lambda index, size: picture(index // times, size)


def scored(detector: Detector, path: Path) -> VideoScores:
    """Offline scores; the causal ones are there for the same frames."""
    offline, causal = detector.score_both(path)
    assert np.isfinite(offline.scores).all()
    assert np.isfinite(causal.scores).all()
    assert causal.frames.tolist() == offline.frames.tolist()
    assert (np.diff(offline.times) >= 0).all()
    assert (np.diff(offline.frames) > 0).all()
    return offline


@pytest.mark.parametrize("times", [2, 4])
def test_a_faster_copy_of_a_video_gets_the_same_scores(detector: Detector, tmp_path: Path, times: int) -> None:
    assert detector.rate == 25
    usual = make_video(tmp_path / "a.mkv", 60, codec_options=LOSSLESS)
    fast = make_video(tmp_path / "b.mkv", 60 * times, rate=25 * times, draw=each(times), codec_options=LOSSLESS)
    assert probe(find_clips(str(fast))[0]).rate == 25 * times
    one, other = scored(detector, usual), scored(detector, fast)
    # The last tick may have a frame of its own.
    assert 60 <= len(other.times) <= 61
    assert other.frames[:60].tolist() == [times * k for k in range(60)]
    assert other.times[:60] == pytest.approx(one.times, abs=0.0011)
    spread = float(np.ptp(one.scores))
    assert spread > 0
    assert other.raw[:57].tolist() == pytest.approx(one.raw[:57].tolist(), abs=1e-5)
    # The smoother's reach, four times 0.2 s, before the frame that is more.
    off = np.abs(other.scores[:60] - one.scores)
    assert off[:37].max() < 1e-5
    assert off.max() < 0.1 * spread
    streamed = [list(detector.stream(path)) for path in (usual, fast)]
    for a, b in zip(streamed[0][:57], streamed[1][:57], strict=True):
        assert b.score == pytest.approx(a.score, abs=1e-5)
        assert a.map is not None
        assert b.map is not None
        np.testing.assert_allclose(a.map, b.map, atol=1e-5)


def test_a_fast_copy_with_losses_is_scored_nearly_alike(detector: Detector, tmp_path: Path) -> None:
    one = scored(detector, make_video(tmp_path / "a.mp4", 60))
    other = scored(detector, make_video(tmp_path / "b.mp4", 120, rate=50, draw=each(2)))
    spread = float(np.ptp(one.scores))
    at_the_same_time = np.interp(one.times, other.times, other.scores)
    assert np.abs(at_the_same_time - one.scores)[:57].max() < 0.25 * spread


def test_of_a_source_that_is_no_multiple_so_many_a_second_are_scored(detector: Detector, tmp_path: Path) -> None:
    found = scored(detector, make_video(tmp_path / "a.mp4", 90, rate=30))
    assert len(found.frames) == pytest.approx(75, abs=1)
    assert found.times == pytest.approx(found.frames / 30, abs=0.001)


@pytest.mark.parametrize("rate", [5, 10, 15, 24])
def test_a_slower_source_is_scored_frame_by_frame(detector: Detector, tmp_path: Path, rate: int) -> None:
    found = scored(detector, make_video(tmp_path / "a.mp4", 20, rate=rate))
    assert found.frames.tolist() == list(range(20))
    assert found.times == pytest.approx(np.arange(20) / rate, abs=0.001)
    [folder] = find_clips(str(make_frames(tmp_path / "f", [f"{k:02d}.png" for k in range(20)])), rate=rate)
    assert detector.score(folder).frames.tolist() == list(range(20))


def test_an_uneven_source_is_scored_at_its_own_times(detector: Detector, tmp_path: Path) -> None:
    steps = np.random.default_rng(0).choice([10, 20, 40, 80, 120, 200], 59)
    stamps = [0, *np.cumsum(steps).tolist()]
    found = scored(detector, make_video(tmp_path / "a.mkv", 60, stamps=stamps))
    assert found.times == pytest.approx([stamps[k] / 1000 for k in found.frames], abs=0.001)
    fast = [0, *np.cumsum(steps // 8 + 5).tolist()]
    found = scored(detector, make_video(tmp_path / "b.mkv", 60, rate=60, stamps=fast))
    assert found.times == pytest.approx([fast[k] / 1000 for k in found.frames], abs=0.001)
    ticks = np.floor(found.times * 25 + 0.5)
    assert len(set(ticks.tolist())) == len(ticks)


@pytest.mark.parametrize("rate", [25, 50])
def test_a_gap_begins_a_new_stretch_of_video(detector: Detector, tmp_path: Path, rate: int) -> None:
    half = 20 * rate // 25
    stamps = [1000 * k // rate + (60_000 if k >= half else 0) for k in range(2 * half)]

    def made(name: str, stamps: list[int]) -> Path:
        draw = each(rate // 25)
        return make_video(tmp_path / name, len(stamps), rate=rate, stamps=stamps, draw=draw, codec_options=LOSSLESS)

    path = made("a.mkv", stamps)
    maps = list(detector.frame_maps(find_clips(str(path))[0]))
    assert [m.segment for m in maps] == [int(m.time > 30) for m in maps]
    found = scored(detector, path)
    assert found.times[found.times > 30].min() == pytest.approx(60.8, abs=0.001)
    # Neither stretch knows of the other: the first is scored as if the second were not there.
    first = scored(detector, made("b.mkv", stamps[:half]))
    assert found.scores[: len(first.scores)] == pytest.approx(first.scores, abs=1e-5)


def test_a_frame_alone_between_two_gaps_is_scored(detector: Detector, tmp_path: Path) -> None:
    stamps = [*range(0, 400, 40), 60_000, *range(120_000, 120_400, 40)]
    found = scored(detector, make_video(tmp_path / "a.mkv", 21, stamps=stamps))
    assert found.frames.tolist() == list(range(21))


@pytest.mark.parametrize("rate", [25, 50])
def test_repeated_stamps_are_scored_too(detector: Detector, tmp_path: Path, rate: int) -> None:
    repeats = np.random.default_rng(rate).choice([0, 1, 1, 1, 2], 59).cumsum().tolist()
    stamps = [1000 * k // rate for k in (0, *repeats)]
    path = make_video(tmp_path / "a.mkv", 60, rate=rate, stamps=stamps)
    decoded = [f.time for f in read_frames(find_clips(str(path))[0], ())]
    assert len(set(decoded)) < 60
    found = scored(detector, path)
    assert found.times.tolist() == [decoded[k] for k in found.frames]
    if rate == 25:
        assert found.frames.tolist() == list(range(60))


def test_some_frames_alone_are_scored_as_among_all(detector: Detector, tmp_path: Path) -> None:
    [clip] = find_clips(str(make_video(tmp_path / "a.mp4", 60, rate=50)))
    only = range(10, 41, 10)
    whole = {m.index: m for m in detector.frame_maps(clip)}
    some = list(detector.frame_maps(clip, only=only))
    assert [m.index for m in some] == list(only)
    for m in some:
        assert m.time == whole[m.index].time
        np.testing.assert_allclose(m.map, whole[m.index].map, atol=1e-5)


def test_nothing_is_scored_in_an_ignore_zone(detector: Detector, video: Path) -> None:
    left = (0.0, 0.0, 0.5, 0.0, 0.5, 1.0, 0.0, 1.0)
    config = replace(detector.config, input=replace(detector.config.input, ignore=(left,)))
    watching = detector.with_settings(config)
    for m, usual in zip(
        watching.frame_maps(find_clips(str(video))[0]), detector.frame_maps(find_clips(str(video))[0]), strict=True
    ):
        half = m.map.shape[1] // 2
        assert not m.map[:, :half].any()
        np.testing.assert_allclose(m.map[:, half:], usual.map[:, half:], atol=1e-5)
    for frame in watching.stream(video):
        assert frame.region is not None
        # Behind the edge only what the filter spread.
        assert frame.region.box[0] >= 0.5 - 1.01 / 12


def test_what_an_ignore_zone_holds_explains_nothing(detector: Detector, video: Path) -> None:
    # One column of cells is watched, and every window of the filter reaches over its edges.
    left = (0.0, 0.0, 0.5, 0.0, 0.5, 1.0, 0.0, 1.0)
    right = (7 / 12, 0.0, 1.0, 0.0, 1.0, 1.0, 7 / 12, 1.0)
    score = replace(detector.config.score, filter_frames=1, filter_cells=3, sigma=0.0)
    config = replace(detector.config, input=replace(detector.config.input, ignore=(left, right)), score=score)
    watched = np.zeros((9, 12), np.bool_)
    watched[:, 6] = True
    maps = list(detector.with_settings(config).frame_maps(find_clips(str(video))[0]))
    for m, frame in zip(
        maps, score_frames(maps, score, 25.0, causal=False, keep_maps=True, explain=True), strict=True
    ):
        assert not m.map[~watched].any()
        assert frame.map is not None
        assert frame.region is not None
        area = around_peak(frame.map, 3)
        parts = dict(zip(TERMS, frame.region.parts, strict=True))
        # The classifier speaks of the whole frame, and so has no place.
        classifier = parts.pop("classifier")
        of_the_watched = m.map[area].mean() - classifier * watched[area].mean()
        assert sum(parts.values()) == pytest.approx(of_the_watched, rel=1e-4)
