"""A detector on the test split of a benchmark: both protocols, the baselines beside them, and the ledger."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdmae.config import ScoreConfig, to_dict
from sdmae.data.benchmark import Benchmark, Labels, TestClip
from sdmae.detector import Detector
from sdmae.errors import BenchmarkError, SourceError
from sdmae.evaluation import baselines, ledger
from sdmae.evaluation.files import check_writable, write_text
from sdmae.evaluation.tables import write_scores
from sdmae.metrics import macro_auc, macro_auc_two_class, micro_auc, micro_auc_clip_normalised
from sdmae.progress import progress
from sdmae.scoring import Series, VideoScores, smooth_causal, smooth_offline
from sdmae.video import probe

SYNTHETIC = ("scene",)
"""Benchmarks whose test split is drawn, not filmed: they can be looked at as often as one likes, with no ledger."""
LEDGER = Path("benchmarks/results/test-ledger.jsonl")

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One test clip with the detector's scores under both protocols."""

    truth: TestClip
    offline: VideoScores
    causal: VideoScores


def evaluate(
    detector: Detector, benchmark: Benchmark, output: Path, *, ledger: Path | None = None, report: Report
) -> dict[str, Any]:
    """Scores every test clip; writes `metrics.json`, and `scores.csv` and `scores.png` of each; returns the metrics.

    At the top level stand the AUCs of the offline protocol (0 to 1), then `causal`, `baselines`, `videos` and
    `fps_end_to_end` (decoding to score, on this machine). A run on a real test set is added to the ledger. Raises
    `BenchmarkError` where a clip has another number of frames than labels, and before anything is scored where all
    labels are of one kind; `SourceError`, also before, where the output folder cannot be written to.
    """
    truth = np.concatenate([clip.labels for clip in benchmark.test])
    if truth.all() or not truth.any():
        kind = "abnormal" if truth.all() else "normal"
        raise BenchmarkError(f"{benchmark.name}: all {len(truth)} test frames are {kind}; an AUC needs both kinds")
    check_writable(output)
    scored, seconds = score_test_clips(detector, benchmark, report)
    frames = sum(len(s.truth.labels) for s in scored)
    fps = frames / seconds
    labels = [s.truth.labels for s in scored]
    headline: dict[str, Any] = {
        **aucs(labels, [s.offline.at_frames(len(s.truth.labels)) for s in scored]),
        "causal": aucs(labels, [s.causal.at_frames(len(s.truth.labels)) for s in scored]),
    }
    # Noted before anything of it can be seen, so that no look at a test set goes unrecorded.
    if benchmark.name not in SYNTHETIC:
        _note(detector, benchmark, {**headline, "fps_end_to_end": fps}, ledger or _default_ledger(output), report)
    metrics = {
        **headline,
        "baselines": _baselines(benchmark, detector.config.score),
        "videos": [_row(s) for s in scored],
        "fps_end_to_end": fps,
        "frames": frames,
        "abnormal_frames": int(sum(label.sum() for label in labels)),
        "benchmark": benchmark.name,
        "detector": detector.fingerprint(),
        "protocol": {
            "offline": f"Gaussian of {detector.config.score.sigma:g} s, reflected ends, no clip normalisation",
            "causal": f"exponential average of {detector.config.score.causal_seconds:g} s, no future",
        },
    }
    for item in scored:
        write_scores(output / item.truth.clip.name, item.offline, item.truth.labels[item.offline.frames].tolist())
    write_text(output / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    report(f"{output / 'metrics.json'}: micro AUC {metrics['micro_auc']:.4f}, macro AUC {metrics['macro_auc']:.4f}")
    return metrics


def score_test_clips(detector: Detector, benchmark: Benchmark, report: Report) -> tuple[list[Scored], float]:
    """The test clips with their scores, and the seconds that decoding and scoring took."""
    scored = []
    seconds = 0.0
    with progress("scoring", sum(len(t.labels) for t in benchmark.test), "frames") as bar:
        for truth in benchmark.test:
            start = time.perf_counter()
            offline, causal = detector.score_both(truth.clip, report=report)
            seconds += time.perf_counter() - start
            _check_count(truth, offline, detector)
            scored.append(Scored(truth, offline, causal))
            bar.update(len(truth.labels))
    return scored, seconds


def _check_count(truth: TestClip, scores: VideoScores, detector: Detector) -> None:
    """Raises `BenchmarkError` where the clip has another number of frames than labels."""
    labels, last = len(truth.labels), int(scores.frames[-1])
    # Of a clip faster than the detector, the last frames may not have been looked at.
    slack = max(0, round(probe(truth.clip).rate / detector.rate))
    complete = len(scores.scores) == labels if slack <= 1 else last < labels <= last + 1 + slack
    if not complete:
        raise BenchmarkError(f"{truth.clip.path}: {last + 1} frames decode, but it has {labels} labels")


def aucs(labels: Sequence[Labels], scores: Sequence[Series]) -> dict[str, float | None]:
    """The four AUCs of a set of clips, 0 to 1; `macro_auc_two_class` is None where no clip has both classes."""
    return {
        "micro_auc": micro_auc(labels, scores),
        "macro_auc": macro_auc(labels, scores),
        "macro_auc_two_class": macro_auc_two_class(labels, scores),
        "micro_auc_clip_normalised": micro_auc_clip_normalised(labels, scores),
    }


def _baselines(benchmark: Benchmark, score: ScoreConfig) -> dict[str, Any]:
    """What needs no training, smoothed as the detector is."""
    labels = [truth.labels for truth in benchmark.test]
    background = baselines.median_background(benchmark.training)
    raw: dict[str, list[Series]] = {"frame_difference": [], "background_subtraction": []}
    with progress("baselines", len(benchmark.test), "videos") as bar:
        for truth in benchmark.test:
            raw["frame_difference"].append(baselines.frame_difference(truth.clip))
            raw["background_subtraction"].append(baselines.background_subtraction(truth.clip, background))
            bar.update()
    rates = [probe(truth.clip).rate for truth in benchmark.test]
    return {
        name: {
            **aucs(labels, [smooth_offline(s, score.sigma, r) for s, r in zip(series, rates, strict=True)]),
            "causal": aucs(
                labels,
                [
                    smooth_causal(s, _times(len(s), r), score.causal_seconds, r)
                    for s, r in zip(series, rates, strict=True)
                ],
            ),
        }
        for name, series in raw.items()
    }


def _times(count: int, rate: float) -> NDArray[np.float64]:
    return np.arange(count) / rate


def _row(scored: Scored) -> dict[str, Any]:
    """One clip: its own AUC where it has both classes."""
    labels = scored.truth.labels
    return {
        "name": scored.truth.clip.name,
        "frames": len(labels),
        "abnormal_frames": int(labels.sum()),
        "auc": macro_auc_two_class([labels], [scored.offline.at_frames(len(labels))]),
        "causal_auc": macro_auc_two_class([labels], [scored.causal.at_frames(len(labels))]),
    }


def _default_ledger(output: Path) -> Path:
    return LEDGER if LEDGER.parent.is_dir() else output / LEDGER.name


def _note(detector: Detector, benchmark: Benchmark, metrics: Mapping[str, Any], path: Path, report: Report) -> None:
    try:
        ledger.append(
            path,
            {
                "command": shlex.join(["sdmae", *sys.argv[1:]]),
                "benchmark": benchmark.name,
                "detector": detector.fingerprint(),
                "config": to_dict(detector.config),
                "seed": detector.config.train.seed,
                "metrics": dict(metrics),
                "provenance": {k: v for k, v in detector.provenance.items() if k != "history"},
            },
        )
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path}: the run cannot be noted ({error}), and one that is not does not count; see --ledger"
        ) from None
    report(f"{path}: the run is noted")
