"""From a stream of maps to a stream of frame scores: one code path, two smoothers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, tee
from typing import Literal

import numpy as np

from sdmae.config import ScoreConfig
from sdmae.scoring.columns import Columns
from sdmae.scoring.filter import MeanFilter
from sdmae.scoring.region import around_peak, strongest
from sdmae.scoring.smooth import CausalAverage, smooth_offline_at
from sdmae.scoring.terms import FrameTerms
from sdmae.scoring.types import FrameScore, Map, Region, VideoScores


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
    terms: FrameTerms | None = None
    """What the map was made of; needed only to explain a score."""


def score_frames(
    maps: Iterable[FrameMap],
    config: ScoreConfig,
    rate: float,
    *,
    causal: bool,
    keep_maps: bool = False,
    explain: bool = False,
    tap: Callable[[Map], object] | None = None,
) -> Iterator[FrameScore]:
    """Filters, pools and smooths maps into one score a frame, in the order they came.

    rate: frames a second that the detector looks at; the video may be slower, or uneven. Causal, each score
    is given before the next map is asked for and depends on no later one. Offline, the scores of a segment are given
    when it has ended; until then some dozen bytes a frame are kept. `keep_maps` adds the filtered maps, which offline
    stay in memory until then, too; `tap` gets each of them at once instead, in the order of the frames. `explain`
    adds the region and what made it, of maps that have their terms. Raises `ConfigError` for a window that is not
    odd, and ValueError when maps change shape or time falls within a segment.
    """
    for _, segment in groupby(maps, key=lambda frame: frame.segment):
        pooled = _pool(segment, config, rate, causal=causal, keep_maps=keep_maps, explain=explain, tap=tap)
        yield from _causal(pooled, config, rate) if causal else _offline(pooled, config, rate)


class CausalScores:
    """Causal scores, with their maps, of a stream whose maps go in one by one: those of `score_frames`."""

    def __init__(self, config: ScoreConfig, rate: float) -> None:
        """As of `score_frames`."""
        self._maps: deque[FrameMap] = deque()
        self._scores = score_frames(self._arriving(), config, rate, causal=True, keep_maps=True, explain=True)

    def push(self, image: FrameMap) -> FrameScore:
        """Takes the next map, and gives its score."""
        self._maps.append(image)
        return next(self._scores)

    def _arriving(self) -> Iterator[FrameMap]:
        # Causal, a score is given before the next map is asked for: there is always one.
        while True:
            yield self._maps.popleft()


def score_frames_both(
    name: str,
    maps: Iterable[FrameMap],
    config: ScoreConfig,
    rate: float,
    *,
    explain: bool = False,
    tap: Callable[[Map], object] | None = None,
) -> tuple[VideoScores, VideoScores]:
    """Offline and causal scores of one clip, from one pass over its maps; see `score_frames`. No maps are kept.

    `tap` gets the filtered maps of the offline scores, in the order of the frames.
    """
    offline, causal = Columns(), Columns()
    for _, segment in groupby(maps, key=lambda frame: frame.segment):
        ahead, behind = tee(segment)
        centred = _pool(ahead, config, rate, causal=False, explain=explain, tap=tap)
        trailing = _causal(_pool(behind, config, rate, causal=True, explain=explain), config, rate)
        raw = Columns()
        # Side by side the two stay half a window apart, and so does what lies between them in memory.
        for pooled, score in zip(centred, trailing, strict=True):
            raw.add(pooled)
            causal.add(score)
        for score in _smoothed(raw.scores(name), config, rate):
            offline.add(score)
    return offline.scores(name), causal.scores(name)


def collect(name: str, frames: Iterable[FrameScore]) -> VideoScores:
    """The scores of one clip as arrays; with maps and regions where every frame has one."""
    columns = Columns()
    for frame in frames:
        columns.add(frame)
    return columns.scores(name)


def _pool(
    maps: Iterable[FrameMap],
    config: ScoreConfig,
    rate: float,
    *,
    causal: bool,
    keep_maps: bool = False,
    explain: bool = False,
    tap: Callable[[Map], object] | None = None,
) -> Iterator[FrameScore]:
    """Filtered and pooled, not yet smoothed: `score` is `raw`."""
    window = MeanFilter(config.filter_frames, config.filter_cells, rate, causal=causal)
    waiting: deque[tuple[int, float, FrameTerms | None]] = deque()

    def pooled(image: Map) -> FrameScore:
        index, time, terms = waiting.popleft()
        value = _pooled(image, config.pooling)
        if tap is not None:
            tap(image)
        region = _explained(image, terms, config) if explain and terms is not None else None
        return FrameScore(index, time, value, value, image if keep_maps else None, region)

    for frame in maps:
        waiting.append((frame.index, frame.time, frame.terms if explain else None))
        yield from map(pooled, window.push(frame.map, frame.time))
    yield from map(pooled, window.flush())


def _pooled(image: Map, pooling: Literal["max", "mean"]) -> float:
    return float(image.max()) if pooling == "max" else float(image.mean(dtype=np.float64))


def _explained(image: Map, terms: FrameTerms, config: ScoreConfig) -> Region | None:
    box = strongest(image)
    whole = slice(None), slice(None)
    area = around_peak(image, config.filter_cells) if config.pooling == "max" else whole
    return Region(box or (0.0, 0.0, 1.0, 1.0), terms.parts_at(area, config))


def _causal(frames: Iterable[FrameScore], config: ScoreConfig, rate: float) -> Iterator[FrameScore]:
    average = CausalAverage(config.causal_seconds, rate)
    for frame in frames:
        yield replace(frame, score=average.push(frame.raw, frame.time))


def _offline(frames: Iterable[FrameScore], config: ScoreConfig, rate: float) -> Iterator[FrameScore]:
    yield from _smoothed(collect("", frames), config, rate)


def _smoothed(found: VideoScores, config: ScoreConfig, rate: float) -> Iterator[FrameScore]:
    """Pooled frames of one segment with their offline scores."""
    smoothed = smooth_offline_at(found.raw, found.times, config.sigma, rate)
    for i, score in enumerate(smoothed.tolist()):
        region = None
        if found.boxes is not None and found.parts is not None:
            x0, y0, x1, y1 = found.boxes[i].tolist()
            region = Region((x0, y0, x1, y1), tuple(found.parts[i].tolist()))
        image = None if found.maps is None else found.maps[i]
        yield FrameScore(int(found.frames[i]), float(found.times[i]), score, float(found.raw[i]), image, region)
