"""From a stream of maps to a stream of frame scores: one code path, two smoothers."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, tee
from typing import Literal

import numpy as np

from sdmae.config import ScoreConfig
from sdmae.scoring.filter import MeanFilter
from sdmae.scoring.smooth import CausalAverage, smooth_offline
from sdmae.scoring.types import FrameScore, Map, VideoScores


@dataclass(frozen=True, slots=True)
class FrameMap:
    """The combined map of one frame on its way in."""

    index: int
    """Position of the frame in its clip, from 0."""
    time: float
    """Seconds since the clip's first frame."""
    map: Map
    """(h, w) float32, from `combine`."""
    segment: int = 0
    """Number of the unbroken stretch of video the frame lies in. Nothing is averaged over a change of it."""


def score_frames(
    maps: Iterable[FrameMap], config: ScoreConfig, rate: float, *, causal: bool, keep_maps: bool = False
) -> Iterator[FrameScore]:
    """Filters, pools and smooths maps into one score a frame, in the order they came.

    rate: frames a second of the stream, which turns the offline sigma from seconds into frames. Causal, each score
    is given before the next map is asked for and depends on no later one. Offline, the scores of a segment are given
    when it has ended; until then 24 bytes a frame are kept. `keep_maps` adds the filtered maps, which offline stay
    in memory until then, too. Raises `ConfigError` for a window that is not odd, and ValueError when maps
    change shape or time falls within a segment.
    """
    for _, segment in groupby(maps, key=lambda frame: frame.segment):
        pooled = _pool(segment, config, causal=causal, keep_maps=keep_maps)
        yield from _causal(pooled, config, rate) if causal else _offline(pooled, config, rate)


def score_frames_both(
    maps: Iterable[FrameMap], config: ScoreConfig, rate: float
) -> tuple[list[FrameScore], list[FrameScore]]:
    """Offline and causal scores of the same maps, from one pass over them; no maps are kept."""
    offline: list[FrameScore] = []
    causal: list[FrameScore] = []
    for _, segment in groupby(maps, key=lambda frame: frame.segment):
        ahead, behind = tee(segment)
        centred = _pool(ahead, config, causal=False, keep_maps=False)
        trailing = _causal(_pool(behind, config, causal=True, keep_maps=False), config, rate)
        # Side by side the two stay half a window apart, and so does what lies between them in memory.
        pairs = list(zip(centred, trailing, strict=True))
        offline += _offline((pooled for pooled, _ in pairs), config, rate)
        causal += [score for _, score in pairs]
    return offline, causal


def collect(name: str, frames: Iterable[FrameScore]) -> VideoScores:
    """The scores of one clip as arrays; with maps where every frame has one."""
    indices, times, scores, raws = array("q"), array("d"), array("d"), array("d")
    maps: list[Map] = []
    for frame in frames:
        indices.append(frame.index)
        times.append(frame.time)
        scores.append(frame.score)
        raws.append(frame.raw)
        if frame.map is not None:
            maps.append(frame.map)
    return VideoScores(
        name=name,
        frames=np.array(indices, np.int64),
        times=np.array(times, np.float64),
        scores=np.array(scores, np.float64),
        raw=np.array(raws, np.float64),
        maps=np.stack(maps) if maps and len(maps) == len(indices) else None,
    )


def _pool(maps: Iterable[FrameMap], config: ScoreConfig, *, causal: bool, keep_maps: bool) -> Iterator[FrameScore]:
    """Filtered and pooled, not yet smoothed: `score` is `raw`."""
    window = MeanFilter(config.filter_frames, config.filter_cells, causal=causal)
    waiting: deque[tuple[int, float]] = deque()

    def pooled(image: Map) -> FrameScore:
        index, time = waiting.popleft()
        value = _pooled(image, config.pooling)
        return FrameScore(index, time, value, value, image if keep_maps else None)

    for frame in maps:
        waiting.append((frame.index, frame.time))
        image = window.push(frame.map)
        if image is not None:
            yield pooled(image)
    yield from map(pooled, window.flush())


def _pooled(image: Map, pooling: Literal["max", "mean"]) -> float:
    return float(image.max()) if pooling == "max" else float(image.mean(dtype=np.float64))


def _causal(frames: Iterable[FrameScore], config: ScoreConfig, rate: float) -> Iterator[FrameScore]:
    average = CausalAverage(config.causal_seconds, rate)
    for frame in frames:
        yield replace(frame, score=average.push(frame.raw, frame.time))


def _offline(frames: Iterable[FrameScore], config: ScoreConfig, rate: float) -> Iterator[FrameScore]:
    # Plain arrays of numbers, since this is the one place where memory grows with the length of the video.
    indices, times, raws = array("q"), array("d"), array("d")
    maps: list[Map] = []
    for frame in frames:
        indices.append(frame.index)
        times.append(frame.time)
        raws.append(frame.raw)
        if frame.map is not None:
            maps.append(frame.map)
    smoothed = smooth_offline(raws, config.sigma, rate)
    for i, score in enumerate(smoothed):
        yield FrameScore(indices[i], times[i], float(score), raws[i], maps[i] if maps else None)
