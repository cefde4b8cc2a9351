"""One frame's way through the program, each stretch of it alone and all together, as pieces of work to be timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import av

from sdmae.data.neighbours import Samples, Spacing, stream_samples
from sdmae.detector import Detector
from sdmae.detector.maps import MapStream
from sdmae.evaluation.speed.timing import Work
from sdmae.recordings.tables import write_scores
from sdmae.runtime import Uploader
from sdmae.scoring import FrameMap, FrameScore, VideoScores, collect, score_frames
from sdmae.video import Clip, Frame, Size, probe, read_frames
from sdmae.video.container import open_video
from sdmae.video.pictures import picture_frames
from sdmae.video.scale import Scaler

HELD = 256
"""Frames, at most, that are held in memory to measure a stage alone."""
MAX_PIXELS = 64_000_000


def decoding(clip: Clip) -> Work:
    """The whole clip, decoded and not looked at."""
    return lambda: sum(1 for _ in read_frames(clip, ()))


def decoding_and_resizing(clip: Clip, detector: Detector) -> Work:
    """The whole clip to frames of the network's size, as few a second as the detector looks at. Counts all."""

    def work() -> int:
        last = -1
        for frame in _frames(clip, detector):
            last = frame.index
        return last + 1

    return work


def resizing(clip: Clip, size: Size, *, grey: bool) -> Work:
    """Some decoded frames to that size."""
    if clip.frames:
        held = list(islice(picture_frames(clip, MAX_PIXELS), 16))
    else:
        with open_video(clip.path, MAX_PIXELS) as (container, stream):
            held = [frame for frame in islice(container.decode(stream), 16) if isinstance(frame, av.VideoFrame)]
    scaler = Scaler(size, grey=grey)

    def work() -> int:
        for frame in held:
            scaler.scale(frame)
        return len(held)

    return work


def uploading(batches: list[Samples], detector: Detector) -> Work:
    """The frames of one batch to the device, those of the batch before it left out."""
    upload = Uploader(detector.runtime.device)
    turns = cycle(batches)

    def work() -> int:
        samples = next(turns)
        upload(samples.frames, samples.repeated).arrived()
        return len(samples.indices)

    return work


def network_alone(batches: list[Samples], detector: Detector) -> Work:
    """From frames on the device to maps on the device, batch after batch: what the paper's 1,655 are of."""
    runtime = detector.runtime
    there = [(Uploader(runtime.device)(one.frames, 0), one) for one in batches]
    turns = cycle(there)

    def work() -> int:
        frames, samples = next(turns)
        runtime.run([runtime.prepare(frames, samples.neighbours, samples.order)])
        return len(samples.indices)

    return work


def scoring(batches: list[Samples], detector: Detector) -> Work:
    """From the network's maps to scores, offline, with what explains them."""
    terms = [detector.runtime(one.frames, one.neighbours, one.order) for one in batches]

    def work() -> int:
        stream = MapStream(detector.config, detector.size)
        maps = (one for samples, said in zip(batches, terms, strict=True) for one in stream.maps(samples, said, None))
        scores = score_frames(maps, detector.config.score, detector.rate, causal=False, explain=True)
        return sum(1 for _ in scores)

    return work


def writing(scores: VideoScores, folder: Path) -> Work:
    """A video's table of scores and its plot."""

    def work() -> int:
        write_scores(folder, scores)
        return len(scores.scores)

    return work


def together(clip: Clip, detector: Detector, waits: list[float] | None = None) -> Work:
    """From the file to scores as `Detector.score` makes them. Counts all frames of the source.

    waits: gets, of each frame, the seconds from when it was decoded and scaled to when its map was there.
    """

    def work() -> int:
        stamps: dict[int, float] = {}
        last = -1

        def stamped() -> Iterator[Frame]:
            nonlocal last
            for frame in _frames(clip, detector):
                last = frame.index
                stamps[frame.index] = time.perf_counter()
                yield frame

        def waited() -> Iterator[FrameMap]:
            for one in detector.maps_of(stamped(), probe(clip).rate):
                taken = time.perf_counter() - stamps.pop(one.index)
                if waits is not None:
                    waits.append(taken)
                yield one

        collect(clip.name, _scores(waited(), detector))
        return last + 1

    return work


def many_together(clip: Clip, detectors: list[Detector]) -> Work:
    """As many streams at the same time as there are detectors, each in a thread of its own; they may be one."""
    works = [together(clip, detector) for detector in detectors]

    def work() -> int:
        with ThreadPoolExecutor(len(works)) as pool:
            return sum(pool.map(_call, works))

    return work


def held_batches(clip: Clip, detector: Detector) -> list[Samples]:
    """The first samples of a clip, about `HELD` frames of them, at least one batch."""
    batches = stream_samples(
        _frames(clip, detector), Spacing.of(detector.config.input, probe(clip).rate), detector.batch
    )
    return list(islice(batches, max(1, HELD // detector.batch)))


def _frames(clip: Clip, detector: Detector) -> Iterator[Frame]:
    return read_frames(clip, (detector.size,), grey=detector.config.input.grey, rate=detector.rate)


def _scores(maps: Iterator[FrameMap], detector: Detector) -> Iterator[FrameScore]:
    return score_frames(maps, detector.config.score, detector.rate, causal=False, explain=True)


def _call(work: Callable[[], int]) -> int:
    return work()
