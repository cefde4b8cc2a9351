"""A detector on the test split of a benchmark: both protocols, the baselines beside them, the ledger, the report."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sdmae.config import to_dict
from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.detector import Detector
from sdmae.errors import SourceError
from sdmae.evaluation import ledger
from sdmae.evaluation.beside import Baseline, measure_baselines
from sdmae.evaluation.files.frame_files import REGIONS, SERIES
from sdmae.evaluation.files.region_files import DETECTIONS, write_regions
from sdmae.evaluation.map_store import MapStore
from sdmae.evaluation.measures import Scored, video_row
from sdmae.evaluation.region_truth import true_regions
from sdmae.evaluation.report.benchmark_report import Measured, report_files
from sdmae.evaluation.report.benchmark_words import detector_saw
from sdmae.evaluation.report.moments import pictures, worst_false_alarms, worst_misses
from sdmae.evaluation.run_folder import METRICS, run_folder
from sdmae.evaluation.scored_clips import check_labels, headline, score_test_clips, under
from sdmae.evaluation.smoothing import RULE, Smoothing, smoothing_of
from sdmae.interrupt import deferred_interrupt
from sdmae.recordings.files import check_writable, write_text
from sdmae.recordings.plots import score_png
from sdmae.recordings.tables import export_scores, write_table
from sdmae.scoring import Series

SYNTHETIC = ("scene",)
"""Benchmarks whose test split is drawn, not filmed: they can be looked at as often as one likes, with no ledger."""
LEDGER = Path("benchmarks/results/test-ledger.jsonl")
Report = Callable[[str], None]


def evaluate(
    detector: Detector,
    benchmark: Benchmark,
    output: Path,
    *,
    ledger: Path | None = None,
    report: Report,
    whole: bool = True,
    sigma: float | None = None,
) -> dict[str, Any]:
    """Scores every test clip and measures the scores; returns what it writes into `metrics.json`.

    Beside it lie `scores.csv` and `scores.png` of each clip. At the top level stand the measures of the offline
    protocol (0 to 1), then `causal`, `baselines`, `videos`, `fps_end_to_end` (decoding to score, on this machine),
    `alarms` and what was measured on what. All but `fps_end_to_end` is the same in every run on one machine.

    whole: also the measures of regions and pixels, where there is ground truth of them; `report.html`; `table.md`;
    in `series` each clip's labels and scores, the baselines' too, for `sdmae metrics frames`; and in `regions`, where
    there are any, the tracks and the detections of each clip that counts, for `sdmae metrics regions` with
    `--num-frames` as `regions` in `metrics.json` has it under `frames`. sigma: seconds of another offline smoothing
    than the one fixed for the benchmark, which is then another protocol.

    A run on a real test set is added to the ledger when all is measured, and before anything of it is written or
    said. What an earlier run left in the folder goes. Ctrl-C raises KeyboardInterrupt after a word to `report`:
    before the line in the ledger nothing was written, after it the results are. Raises `BenchmarkError` where a clip
    has another number of frames than labels, and before anything is scored where all labels are of one kind;
    `SourceError`, also before, where output folder or ledger cannot be written to.
    """
    check_labels(benchmark)
    smoothing = smoothing_of(benchmark.name, sigma)
    check_writable(output)
    noted = None
    if benchmark.name not in SYNTHETIC:
        noted = ledger_of(output) if ledger is None else ledger
        check_ledger(noted)
    seen = seen_in_training(detector.provenance, benchmark.test)
    _remark(detector, benchmark, smoothing, seen, report)
    try:
        done = _measured(detector, benchmark, smoothing, seen, noted, report, whole=whole)
    except KeyboardInterrupt:
        report("interrupted: nothing of this run is noted or written; the same command begins it again")
        raise
    with deferred_interrupt() as interrupted:
        try:
            # Noted before anything of it can be seen, so that no look at a test set goes unrecorded.
            if noted is not None:
                about = {key: done.metrics[key] for key in ("protocol", "seen_in_training")}
                note(detector, benchmark, done.figures, noted, report, **about)
            with run_folder(output) as folder:
                _write(folder, done)
        except KeyboardInterrupt:
            told = "" if noted is None else ", but the run is noted"
            report(f"{output}: interrupted while the results were written; they are not whole{told}")
            raise
        if "report.html" in done.texts:
            report(f"{output / 'report.html'}: the report")
        metrics = done.metrics
        figures = f"micro AUC {metrics['micro_auc']:.4f}, macro AUC {metrics['macro_auc']:.4f}"
        report(f"{output / METRICS}: {figures}")
        if interrupted():
            report("interrupted, but all was measured: the results are whole")
            raise KeyboardInterrupt
    return metrics


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    """All of a run, measured and drawn, and nothing of it written."""

    metrics: dict[str, Any]
    figures: dict[str, Any]
    """The detector's own."""
    scored: Sequence[Scored]
    plots: Sequence[bytes]
    """A PNG of each clip's scores."""
    series: Mapping[str, Sequence[Series]]
    """By folder: one number for each frame of each clip."""
    regions: Callable[[Path], None] | None
    """Writes tracks and detections into the folder it is given; None where there are none."""
    texts: Mapping[str, str]
    """By file name."""


def seen_in_training(provenance: Mapping[str, Any], test: Sequence[TestClip]) -> list[str] | None:
    """Names of the test clips that the detector was trained on, going by name and size of the files.

    None where that is not known: older detector files have no list of what they were trained on.
    """
    marks = provenance.get("marks")
    if not isinstance(marks, list):
        return None
    return [truth.clip.name for truth in test if truth.clip.mark in marks]


def _remark(
    detector: Detector, benchmark: Benchmark, smoothing: Smoothing, seen: list[str] | None, report: Report
) -> None:
    """What is to be known before a figure is."""
    if benchmark.missing:
        report(f"{benchmark.name} is not whole, so that no figure compares with a published one:")
        for line in benchmark.missing:
            report(f"  {line}")
    if seen:
        report(f"{detector_saw(seen)}: their figures say nothing of new video")
    own = detector.config.score.sigma
    if not smoothing.fixed:
        report(f"offline scores are smoothed over {smoothing.sigma:g} s ({smoothing.source}): another protocol")
    elif not smoothing.is_of(own):
        report(
            f"offline scores are smoothed over {smoothing.sigma:g} s, fixed for {benchmark.name}, and not over the "
            f"detector's own {own:g} s"
        )


def _measured(
    detector: Detector,
    benchmark: Benchmark,
    smoothing: Smoothing,
    seen: list[str] | None,
    noted: Path | None,
    report: Report,
    *,
    whole: bool,
) -> _Done:
    # What cannot be read of the ground truth is told before the test set is looked at.
    truth = true_regions(benchmark.test) if whole else None
    scorer = under(detector, smoothing)
    with ExitStack() as stack:
        maps = stack.enter_context(MapStore()) if whole else None
        scored, seconds = score_test_clips(scorer, benchmark, report, maps)
        figures, regions = headline(detector, scored, maps, truth)
        figures["fps_end_to_end"] = sum(len(clip.labels) for clip in benchmark.test) / seconds
        beside = measure_baselines(benchmark, scorer.config.score, truth, report)
        metrics = _metrics(detector, benchmark, smoothing, seen, figures, beside, scored)
        texts, files = {}, None
        if truth is not None and regions is not None:
            own = {DETECTIONS: regions.detections}
            others = {f"{DETECTIONS}_{k}": one.regions.detections for k, one in beside.items() if one.regions}
            files = partial(write_regions, clips=benchmark.test, truth=truth, detections=own | others)
        if maps is not None:
            same = detector.calibration is not None and smoothing.is_of(detector.config.score.sigma)
            threshold = detector.calibration.offline.threshold if detector.calibration and same else None
            texts = report_files(
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
                )
            )
    plots = [
        score_png(one.offline.times, one.offline.scores, one.truth.labels[one.offline.frames], title=one.offline.name)
        for one in scored
    ]
    return _Done(metrics, figures, scored, plots, _series(scored, beside) if whole else {}, files, texts)


def _write(folder: Path, done: _Done) -> None:
    names = [one.truth.clip.name for one in done.scored]
    for name, one, plot in zip(names, done.scored, done.plots, strict=True):
        write_table(folder / name, one.offline)
        (folder / name / "scores.png").write_bytes(plot)
    for key, series in done.series.items():
        export_scores(folder / SERIES / key, names, series)
    if done.regions is not None:
        done.regions(folder / REGIONS)
    for name, text in done.texts.items():
        write_text(folder / name, text)
    write_text(folder / METRICS, json.dumps(done.metrics, indent=2, allow_nan=False) + "\n")


def protocol_of(detector: Detector, smoothing: Smoothing) -> dict[str, Any]:
    """What the scores were smoothed by, for metrics.json and the ledger."""
    return {
        "name": smoothing.name,
        "fixed": smoothing.fixed,
        "sigma": smoothing.sigma,
        "source": smoothing.source,
        "rule": RULE,
        "detector_sigma": detector.config.score.sigma,
        "offline": f"Gaussian of {smoothing.sigma:g} s, reflected ends, no clip normalisation",
        "causal": f"exponential average of {detector.config.score.causal_seconds:g} s, no future",
    }


def _metrics(
    detector: Detector,
    benchmark: Benchmark,
    smoothing: Smoothing,
    seen: list[str] | None,
    figures: Mapping[str, Any],
    beside: Mapping[str, Baseline],
    scored: Sequence[Scored],
) -> dict[str, Any]:
    """What metrics.json holds, in its order."""
    first = ("micro_auc", "macro_auc", "macro_auc_two_class", "micro_auc_clip_normalised")
    level = detector.calibration.causal if detector.calibration else None
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
        "seen_in_training": seen,
        "protocol": protocol_of(detector, smoothing),
        "made": ledger.environment() | ledger.ran_on(detector.device) | ledger.commit(ledger.CODE),
    }


def _series(scored: Sequence[Scored], beside: Mapping[str, Baseline]) -> dict[str, Sequence[Series]]:
    """Labels and scores of every frame of each clip, by the folder that they go into."""
    counts = [len(one.truth.labels) for one in scored]
    found: dict[str, Sequence[Series]] = {
        "labels": [one.truth.labels.astype(np.int64) for one in scored],
        "detector": [one.offline.at_frames(n) for one, n in zip(scored, counts, strict=True)],
        "detector_causal": [one.causal.at_frames(n) for one, n in zip(scored, counts, strict=True)],
    }
    for key, one in beside.items():
        found |= {key: one.offline, f"{key}_causal": one.causal}
    return found


def ledger_of(output: Path) -> Path:
    """Where a run is noted unless told otherwise: with the project's others, or beside its results."""
    return LEDGER if LEDGER.parent.is_dir() else output / LEDGER.name


def check_ledger(path: Path) -> None:
    """Raises `SourceError` where no run could be noted, before a test set is looked at in vain."""
    try:
        check_writable(path.parent)
        if path.exists():
            path.open("ab").close()
    except (SourceError, OSError):
        raise SourceError(f"{path}: the run could not be noted there; choose another --ledger") from None


def note(
    detector: Detector,
    benchmark: Benchmark,
    figures: Mapping[str, Any],
    path: Path,
    report: Report,
    **about: Any,
) -> None:
    """Adds a run on a test set to the ledger at `path`, before its figures are seen.

    figures: what `headline` gave; about: what else the line is to say. Raises `SourceError` where it cannot be noted.
    """
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
                **about,
                **ledger.ran_on(detector.device),
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
