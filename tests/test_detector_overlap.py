"""Decoding, network and results at the same time: the numbers of one thread, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from sdmae import Detector
from sdmae.data.neighbours import Spacing, stream_samples
from sdmae.errors import SourceError
from sdmae.runtime import Uploader, pick_device
from sdmae.scoring import Terms, combine
from sdmae.video import Frame, find_clips, read_frames
from video_files import cut, make_video, picture


def others() -> int:
    """Threads beside this one."""
    return threading.active_count() - 1


def frames_of(detector: Detector, count: int = 50) -> Iterator[Frame]:
    for k in range(count):
        yield Frame(k, k / 25, (picture(k, detector.size)[:, :, :1].copy(),))


def test_maps_are_those_of_one_thread_to_the_bit(detector: Detector, video: Path) -> None:
    detector.batch = 7
    clip = find_clips(str(video))[0]
    alone = []
    for samples in stream_samples(
        read_frames(clip, (detector.size,), grey=True), Spacing.of(detector.config.input, 25.0), 7
    ):
        terms = Terms(**detector.runtime(samples.frames, samples.neighbours, samples.order))
        alone += list(combine(terms, detector.config.score))
    found = list(detector.frame_maps(clip))
    assert [one.index for one in found] == list(range(50))
    assert np.stack([one.map for one in found]).tobytes() == np.stack(alone).tobytes()


def test_two_videos_may_share_a_detector(detector: Detector, video: Path, odd_video: Path) -> None:
    alone = [detector.score(path).scores.tobytes() for path in (video, odd_video)]
    with ThreadPoolExecutor(2) as pool:
        together = [one.scores.tobytes() for one in pool.map(detector.score, (video, odd_video))]
    assert together == alone


def test_a_video_that_was_scored_leaves_no_thread(detector: Detector, video: Path) -> None:
    before = others()
    detector.score(video)
    assert others() == before


def test_whoever_stops_early_leaves_no_thread(detector: Detector, video: Path) -> None:
    before = others()
    detector.batch = 4
    for frame in detector.stream(video):
        assert others() == before + 1  # on a CPU, decoding alone
        if frame.index == 5:
            break
    del frame
    assert others() == before


def test_an_interrupt_comes_through_and_leaves_no_thread(detector: Detector, video: Path) -> None:
    before = others()
    detector.batch = 4

    def interrupted() -> None:
        for frame in detector.stream(video):
            if frame.index == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert others() == before


def test_what_breaks_in_the_decoder_comes_after_what_was_decoded(detector: Detector) -> None:
    detector.batch = 8
    before = others()

    def breaking() -> Iterator[Frame]:
        yield from frames_of(detector, 30)
        raise SourceError("the disk is gone")

    maps = detector.maps_of(breaking(), 25.0)
    found = [next(maps).index for _ in range(24)]  # three whole batches; the neighbours of the next never came
    with pytest.raises(SourceError, match="the disk is gone"):
        next(maps)
    assert found == list(range(24))
    del maps
    assert others() == before


def test_what_breaks_in_the_network_comes_through(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    before = others()

    def broken(*given: object) -> object:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(detector.runtime, "start", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(detector.maps_of(frames_of(detector), 25.0))
    assert others() == before


def test_what_is_said_of_a_damaged_file_is_said(detector: Detector, tmp_path: Path) -> None:
    path = cut(make_video(tmp_path / "cam.mkv", 60), 0.6)
    said: list[str] = []
    assert 10 < len(list(detector.frame_maps(find_clips(str(path))[0], report=said.append))) < 60
    assert len(said) == 1
    assert "cam.mkv" in said[0]


def test_the_decoder_is_a_few_batches_ahead_at_most(detector: Detector) -> None:
    detector.batch = 4
    decoded = 0

    def counted() -> Iterator[Frame]:
        nonlocal decoded
        for frame in frames_of(detector, 400):
            decoded += 1
            yield frame

    for one in detector.maps_of(counted(), 25.0):
        # In hand, one waiting behind it, one in the network, two waiting before it, one being made.
        assert decoded <= one.index + 6 * detector.batch + 8
    assert decoded == 400


@pytest.mark.parametrize(("gap", "gradient_gap"), [(3.0, 1.0), (1.0, 1.0), (2.0, 5.0)])
@pytest.mark.parametrize("batch", [1, 4, 32])
def test_no_frame_has_to_go_up_twice(detector: Detector, gap: float, gradient_gap: float, batch: int) -> None:
    spacing = Spacing(gap / 25, gradient_gap / 25, 10.0)
    last: list[bytes] = []
    for samples in stream_samples(frames_of(detector), spacing, batch):
        rows = [row.tobytes() for row in samples.frames]
        assert rows[: samples.repeated] == last[len(last) - samples.repeated :]
        last = rows
        if samples.indices[0] > 8:  # of the first ones, which have no past, some may
            assert len(rows) - samples.repeated <= batch


def test_on_the_cpu_nothing_is_copied() -> None:
    frames = np.zeros((4, 8, 8, 1), np.uint8)
    uploaded = Uploader(torch.device("cpu"))(frames, 2).arrived()
    frames[1] = 7
    assert uploaded[1].float().mean() == 7


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gets_the_same_frames() -> None:
    upload = Uploader(pick_device("cuda"))
    frames = np.arange(10 * 64 * 64, dtype=np.uint32).astype(np.uint8).reshape(10, 64, 64, 1)
    for first, repeated in ((0, 0), (4, 2), (4, 6)):
        there = upload(frames[first : first + 6], repeated).arrived()
        assert there.cpu().numpy().tobytes() == frames[first : first + 6].tobytes()
