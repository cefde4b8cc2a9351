"""The test clips as a detector scores them, and the figures of these scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.detector import Detector
from sdmae.errors import BenchmarkError
from sdmae.evaluation.map_store import MapStore
from sdmae.evaluation.measures import Scored, alarm_measures, frame_measures
from sdmae.evaluation.region_truth import Truth
from sdmae.evaluation.regions_of import Regions, measure_regions, pixel_figures, region_figures
from sdmae.evaluation.smoothing import Smoothing
from sdmae.progress import progress
from sdmae.scoring import VideoScores
from sdmae.video import probe

Report = Callable[[str], None]


def check_labels(benchmark: Benchmark) -> None:
    """Raises `BenchmarkError` where all test frames are of one kind."""
    every = np.concatenate([clip.labels for clip in benchmark.test])
    if every.all() or not every.any():
        kind = "abnormal" if every.all() else "normal"
        raise BenchmarkError(f"{benchmark.name}: all {len(every)} test frames are {kind}; an AUC needs both kinds")


def under(detector: Detector, smoothing: Smoothing) -> Detector:
    """The detector with that offline smoothing: same weights, same causal scores."""
    score = replace(detector.config.score, sigma=smoothing.sigma)
    return detector.with_settings(replace(detector.config, score=score))


def score_test_clips(
    detector: Detector, benchmark: Benchmark, report: Report, maps: MapStore | None = None
) -> tuple[list[Scored], float]:
    """The test clips with their scores, and the seconds that decoding and scoring took.

    maps: gets the filtered maps of the offline scores, clip by clip.
    """
    scored = []
    seconds = 0.0
    with progress("scoring", sum(len(t.labels) for t in benchmark.test), "frames") as bar:
        for truth in benchmark.test:
            if maps is not None:
                maps.begin()
            start = time.perf_counter()
            offline, causal = detector.score_both(
                truth.clip, report=report, tap=None if maps is None else maps.append
            )
            seconds += time.perf_counter() - start
            rate = probe(truth.clip).rate
            _check_count(truth, offline, rate, detector)
            scored.append(Scored(truth, offline, causal, rate))
            bar.update(len(truth.labels))
    return scored, seconds


def _check_count(truth: TestClip, scores: VideoScores, rate: float, detector: Detector) -> None:
    """Raises `BenchmarkError` where the clip has another number of frames than labels."""
    labels, last = len(truth.labels), int(scores.frames[-1])
    # Of a clip faster than the detector, the last frames may not have been looked at.
    slack = max(0, round(rate / detector.rate))
    complete = len(scores.scores) == labels if slack <= 1 else last < labels <= last + 1 + slack
    if not complete:
        raise BenchmarkError(f"{truth.clip.path}: {last + 1} frames decode, but it has {labels} labels")


def headline(
    detector: Detector, scored: Sequence[Scored], maps: MapStore | None = None, truth: Truth | None = None
) -> tuple[dict[str, Any], Regions | None]:
    """The detector's own figures, and its regions with their curves.

    maps: of the offline scores, for what is measured of regions and pixels; truth: the regions, as far as there are
    any. Without maps there is no key of these, without truth they are None.
    """
    labels = [one.truth.labels for one in scored]
    figures: dict[str, Any] = {
        **frame_measures(labels, [one.offline.at_frames(len(one.truth.labels)) for one in scored]),
        "causal": frame_measures(labels, [one.causal.at_frames(len(one.truth.labels)) for one in scored]),
    }
    regions = None
    if maps is not None:
        clips, frames = [one.truth for one in scored], [one.offline.frames for one in scored]
        if truth is not None:
            regions = measure_regions(truth, clips, maps, frames, [probe(clip.clip).size for clip in clips])
        figures |= region_figures(truth, regions) | pixel_figures(clips, maps, frames)
    level = detector.calibration.causal if detector.calibration else None
    figures["alarms"] = alarm_measures(scored, level, detector.config.events)
    return figures, regions
