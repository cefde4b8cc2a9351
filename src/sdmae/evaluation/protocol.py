"""A detector on the test split of a benchmark: both protocols, the baselines beside them, the ledger, the report."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from sdmae.config import to_dict
from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.detector import Detector
from sdmae.errors import BenchmarkError, SourceError
from sdmae.evaluation import ledger
from sdmae.evaluation.benchmark_report import Measured, write_benchmark_report
from sdmae.evaluation.beside import Baseline, measure_baselines
from sdmae.evaluation.map_store import MapStore
from sdmae.evaluation.measures import Scored, alarm_measures, frame_measures, video_row
from sdmae.evaluation.moments import pictures, worst_false_alarms, worst_misses
from sdmae.evaluation.regions_of import (
    Regions,
    Truth,
    measure_regions,
    pixel_figures,
    region_figures,
    true_regions,
)
from sdmae.progress import progress
from sdmae.recordings.files import check_writable, write_text
from sdmae.recordings.tables import export_scores, write_scores
from sdmae.scoring import Series, VideoScores
from sdmae.video import probe

SYNTHETIC = ("scene",)
"""Benchmarks whose test split is drawn, not filmed: they can be looked at as often as one likes, with no ledger."""
LEDGER = Path("benchmarks/results/test-ledger.jsonl")
SERIES = "series"
"""Folder of scores and labels, one number a line, as `sdmae metrics frames` reads them."""

Report = Callable[[str], None]


def evaluate(
    detector: Detector,
    benchmark: Benchmark,
    output: Path,
    *,
    ledger: Path | None = None,
    report: Report,
    whole: bool = True,
) -> dict[str, Any]:
    """Scores every test clip and measures the scores; returns what it writes into `metrics.json`.

    Beside it lie `scores.csv` and `scores.png` of each clip. At the top level stand the measures of the offline
    protocol (0 to 1), then `causal`, `baselines`, `videos`, `fps_end_to_end` (decoding to score, on this machine),
    `alarms` and what was measured on what. All but `fps_end_to_end` is the same in every run on one machine.

    whole: also the measures of regions and pixels, where there is ground truth of them; `report.html`; `table.md`;
    and in `series` each clip's labels and scores, the baselines' too, for `sdmae metrics frames`.

    A run on a real test set is added to the ledger. Raises `BenchmarkError` where a clip has another number of frames
    than labels, and before anything is scored where all labels are of one kind; `SourceError`, also before, where the
    output folder cannot be written to.
    """
    labels = [clip.labels for clip in benchmark.test]
    every = np.concatenate(labels)
    if every.all() or not every.any():
        kind = "abnormal" if every.all() else "normal"
        raise BenchmarkError(f"{benchmark.name}: all {len(every)} test frames are {kind}; an AUC needs both kinds")
    check_writable(output)
    if benchmark.missing:
        report(f"{benchmark.name} is not whole, so that no figure compares with a published one:")
        for line in benchmark.missing:
            report(f"  {line}")
    # What cannot be read of the ground truth is told before the test set is looked at.
    truth = true_regions(benchmark.test) if whole else None
    with ExitStack() as stack:
        maps = stack.enter_context(MapStore()) if whole else None
        scored, seconds = score_test_clips(detector, benchmark, report, maps)
        figures, regions = _headline(detector, scored, maps, truth)
        figures["fps_end_to_end"] = len(every) / seconds
        # Noted before anything of it can be seen, so that no look at a test set goes unrecorded.
        noted = None
        if benchmark.name not in SYNTHETIC:
            noted = ledger_of(output) if ledger is None else ledger
            _note(detector, benchmark, figures, noted, report)
        beside = measure_baselines(benchmark, detector.config.score, truth, report)
        metrics = _metrics(detector, benchmark, figures, beside, scored)
        for one in scored:
            write_scores(output / one.truth.clip.name, one.offline, one.truth.labels[one.offline.frames].tolist())
        if maps is not None:
            _write_series(output / SERIES, scored, beside)
            threshold = detector.calibration.offline.threshold if detector.calibration else None
            write_benchmark_report(
                output,
                Measured(
                    metrics=metrics,
                    scored=scored,
                    regions=regions,
                    beside=beside,
                    threshold=threshold,
                    misses=pictures(worst_misses(scored, threshold), scored, maps),
                    false_alarms=pictures(worst_false_alarms(scored, threshold), scored, maps),
                    noted=noted,
                    provenance=detector.provenance,
                ),
            )
            report(f"{output / 'report.html'}: the report")
    write_text(output / "metrics.json", json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    report(f"{output / 'metrics.json'}: micro AUC {metrics['micro_auc']:.4f}, macro AUC {metrics['macro_auc']:.4f}")
    return metrics


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


def _headline(
    detector: Detector, scored: Sequence[Scored], maps: MapStore | None, truth: Truth | None
) -> tuple[dict[str, Any], Regions | None]:
    """The detector's own figures, and its regions with their curves."""
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


def _metrics(
    detector: Detector,
    benchmark: Benchmark,
    figures: Mapping[str, Any],
    beside: Mapping[str, Baseline],
    scored: Sequence[Scored],
) -> dict[str, Any]:
    """What metrics.json holds, in its order."""
    first = ("micro_auc", "macro_auc", "macro_auc_two_class", "micro_auc_clip_normalised")
    level = detector.calibration.causal if detector.calibration else None
    surroundings = ledger.environment() | ledger.commit(ledger.CODE)
    return {
        **{key: figures[key] for key in first},
        "causal": figures["causal"],
        "baselines": {key: one.figures for key, one in beside.items()},
        "videos": [video_row(one, level, detector.config.events) for one in scored],
        "fps_end_to_end": figures["fps_end_to_end"],
        **{key: value for key, value in figures.items() if key not in (*first, "causal", "fps_end_to_end")},
        "frames": sum(len(one.truth.labels) for one in scored),
        "abnormal_frames": int(sum(one.truth.labels.sum() for one in scored)),
        "benchmark": benchmark.name,
        "missing": list(benchmark.missing),
        "detector": detector.fingerprint(),
        "seed": detector.config.train.seed,
        "protocol": {
            "offline": f"Gaussian of {detector.config.score.sigma:g} s, reflected ends, no clip normalisation",
            "causal": f"exponential average of {detector.config.score.causal_seconds:g} s, no future",
        },
        "made": surroundings,
    }


def _write_series(folder: Path, scored: Sequence[Scored], beside: Mapping[str, Baseline]) -> None:
    """Labels and scores of every frame, one folder for each of them, one file for each clip."""
    counts = [len(one.truth.labels) for one in scored]
    every: dict[str, Sequence[Series]] = {
        "detector": [one.offline.at_frames(n) for one, n in zip(scored, counts, strict=True)],
        "detector_causal": [one.causal.at_frames(n) for one, n in zip(scored, counts, strict=True)],
    }
    for key, one in beside.items():
        every |= {key: one.offline, f"{key}_causal": one.causal}
    names = [one.truth.clip.name for one in scored]
    export_scores(folder / "labels", names, [one.truth.labels.astype(np.int64) for one in scored])
    for key, series in every.items():
        export_scores(folder / key, names, series)


def ledger_of(output: Path) -> Path:
    """Where a run is noted unless told otherwise: with the project's others, or beside its results."""
    return LEDGER if LEDGER.parent.is_dir() else output / LEDGER.name


def _note(detector: Detector, benchmark: Benchmark, figures: Mapping[str, Any], path: Path, report: Report) -> None:
    try:
        ledger.append(
            path,
            {
                "command": shlex.join(["sdmae", *sys.argv[1:]]),
                "benchmark": benchmark.name,
                "missing": list(benchmark.missing),
                "detector": detector.fingerprint(),
                "config": to_dict(detector.config),
                "seed": detector.config.train.seed,
                "metrics": _for_ledger(figures),
                "provenance": {k: v for k, v in detector.provenance.items() if k != "history"},
            },
        )
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path}: the run cannot be noted ({error}), and one that is not does not count; see --ledger"
        ) from None
    report(f"{path}: the run is noted")


def _for_ledger(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures without what has a line for each event."""
    alarms = {key: value for key, value in figures["alarms"].items() if key != "event_list"}
    return {**figures, "alarms": alarms}
