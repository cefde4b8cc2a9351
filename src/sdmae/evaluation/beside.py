"""What needs no training, measured as the detector is: the figures that a result has to be read beside."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdmae.config import ScoreConfig
from sdmae.data.benchmark import Benchmark
from sdmae.errors import SourceError
from sdmae.evaluation import baselines
from sdmae.evaluation.baselines import CELL, Grey, Tap
from sdmae.evaluation.map_store import MapStore
from sdmae.evaluation.measures import frame_measures
from sdmae.evaluation.region_truth import Truth
from sdmae.evaluation.regions_of import Regions, measure_regions, region_figures
from sdmae.progress import progress
from sdmae.scoring import Series, smooth_causal, smooth_offline
from sdmae.video import Clip, Size, probe

NAMES = {"frame_difference": "frame differencing", "background_subtraction": "background subtraction"}
"""Keys in metrics.json, and what people call them."""

_CAMERA = {"shanghaitech": r"(\d+)_", "ubnormal": r".*scene_(\d+)"}
"""What tells the camera in the names of the clips of benchmarks that have several."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """One of them on all test clips."""

    figures: dict[str, Any]
    """Keys as the detector's own."""
    offline: tuple[Series, ...]
    """Scores of each clip, smoothed as the detector's."""
    causal: tuple[Series, ...]
    """The same without the future."""
    regions: Regions | None = None
    """None where they were not asked for, or no ground truth of them is known."""


def measure_baselines(
    benchmark: Benchmark, score: ScoreConfig, truth: Truth | None, report: Callable[[str], None]
) -> dict[str, Baseline]:
    """The baselines by the keys of `NAMES`, smoothed over time as a detector with the settings `score` is.

    truth: with it their grids of 16 x 16 pixels are measured as maps, unsmoothed. Background subtraction takes the
    median picture of each camera's own training clips, and is left out, which `report` is told, where a camera has
    none or its pictures are not of one size. Raises `SourceError` as decoding does.
    """
    found = {"frame_difference": _measure(benchmark, score, truth, "frame_difference", _difference)}
    try:
        backgrounds = _backgrounds(benchmark)
    except SourceError as error:
        report(f"background subtraction is left out: {error}")
        return found
    lacking = {camera_of(benchmark.name, t.clip.name) for t in benchmark.test} - backgrounds.keys()
    if lacking:
        report(f"background subtraction is left out: no training clips of camera {', '.join(sorted(lacking))}")
        return found

    def subtraction(clip: Clip, tap: Tap | None) -> Series:
        return baselines.background_subtraction(clip, backgrounds[camera_of(benchmark.name, clip.name)], tap=tap)

    try:
        found["background_subtraction"] = _measure(benchmark, score, truth, "background_subtraction", subtraction)
    except SourceError as error:
        report(f"background subtraction is left out: {error}")
    return found


def camera_of(benchmark: str, clip: str) -> str:
    """The camera of a clip, by its name; empty where a benchmark has one camera."""
    found = re.match(_CAMERA[benchmark], clip) if benchmark in _CAMERA else None
    return found[1] if found else ""


def _backgrounds(benchmark: Benchmark) -> dict[str, Grey]:
    by_camera: dict[str, list[Clip]] = {}
    for clip in benchmark.training:
        by_camera.setdefault(camera_of(benchmark.name, clip.name), []).append(clip)
    return {camera: baselines.median_background(clips) for camera, clips in by_camera.items()}


def _difference(clip: Clip, tap: Tap | None) -> Series:
    return baselines.frame_difference(clip, tap=tap)


def _measure(
    benchmark: Benchmark,
    score: ScoreConfig,
    truth: Truth | None,
    key: str,
    score_clip: Callable[[Clip, Tap | None], Series],
) -> Baseline:
    clips = benchmark.test
    with MapStore() as maps, progress(NAMES[key], len(clips), "videos") as bar:
        raw: list[Series] = []
        for one in clips:
            maps.begin()
            raw.append(score_clip(one.clip, maps.append if truth else None))
            bar.update()
        regions = None
        if truth:
            frames = [np.arange(len(series)) for series in raw]
            regions = measure_regions(truth, clips, maps, frames, [_grid(probe(one.clip).size) for one in clips])
    rates = [probe(one.clip).rate for one in clips]
    offline = tuple(smooth_offline(s, score.sigma, r) for s, r in zip(raw, rates, strict=True))
    causal = tuple(
        smooth_causal(s, np.arange(len(s)) / r, score.causal_seconds, r) for s, r in zip(raw, rates, strict=True)
    )
    labels: Sequence[Any] = [one.labels for one in clips]
    figures: dict[str, Any] = {**frame_measures(labels, offline), "causal": frame_measures(labels, causal)}
    if truth:
        figures |= region_figures(truth, regions)
    return Baseline(figures, offline, causal, regions)


def _grid(size: Size) -> Size:
    """Pixels that the whole cells of a picture cover."""
    height, width = (max(n // CELL, 1) * min(CELL, n) for n in size)
    return Size(height, width)
