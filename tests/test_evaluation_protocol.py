"""The protocol: what is measured is what the detector says, and the labels are only used to measure it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdmae import Detector
from sdmae.data.benchmark import Benchmark, Mask, TestClip
from sdmae.errors import BenchmarkError, SourceError
from sdmae.evaluation.protocol import aucs, evaluate, score_test_clips
from sdmae.metrics import macro_auc, micro_auc
from sdmae.video import find_clips
from video_files import make_video


def no_masks(index: int) -> Mask:
    raise AssertionError("frame scores need no masks")


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    """One training clip and two test clips, the second without anomalies."""
    clips = [find_clips(str(make_video(tmp_path / f"{n}.mp4", c)))[0] for n, c in (("n", 20), ("a", 24), ("b", 12))]
    labels = [np.arange(24) % 24 >= 15, np.zeros(12, bool)]
    test = tuple(TestClip(c, label, no_masks) for c, label in zip(clips[1:], labels, strict=True))
    return Benchmark(name="scene", rate=25.0, training=(clips[0],), test=test)


def run(detector: Detector, benchmark: Benchmark, output: Path) -> dict[str, object]:
    metrics = evaluate(detector, benchmark, output, report=lambda line: None)
    assert json.loads((output / "metrics.json").read_text()) == metrics
    return metrics


def test_the_metrics_are_those_of_the_detectors_scores(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    metrics = run(detector, benchmark, tmp_path / "out")
    labels = [t.labels for t in benchmark.test]
    for causal, where in ((False, metrics), (True, metrics["causal"])):
        scores = [detector.score(t.clip, causal=causal).scores for t in benchmark.test]
        assert isinstance(where, dict)
        assert where["micro_auc"] == micro_auc(labels, scores)
        assert where["macro_auc"] == macro_auc(labels, scores)
    assert (metrics["frames"], metrics["abnormal_frames"]) == (36, 9)
    assert metrics["detector"] == detector.fingerprint()


def test_a_clip_without_anomalies_has_no_auc_of_its_own(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    rows = run(detector, benchmark, tmp_path / "out")["videos"]
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == ["a", "b"]
    assert rows[0]["auc"] is not None
    assert rows[1]["auc"] is None


def test_scores_do_not_depend_on_the_labels(detector: Detector, benchmark: Benchmark) -> None:
    other = replace(benchmark, test=tuple(replace(t, labels=~t.labels) for t in benchmark.test))
    first, second = (score_test_clips(detector, b, lambda line: None)[0] for b in (benchmark, other))
    for one, two in zip(first, second, strict=True):
        assert one.offline.scores.tobytes() == two.offline.scores.tobytes()
        assert one.causal.scores.tobytes() == two.causal.scores.tobytes()


def test_better_scores_have_a_higher_auc() -> None:
    labels = [np.array([False, False, True, True])]
    assert aucs(labels, [np.array([0.0, 0.1, 0.8, 0.9])])["micro_auc"] == 1.0
    assert aucs(labels, [np.array([0.9, 0.8, 0.1, 0.0])])["micro_auc"] == 0.0


def test_a_clip_with_another_number_of_frames_is_named(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    first = replace(benchmark.test[0], labels=benchmark.test[0].labels[:-1])
    with pytest.raises(BenchmarkError, match=r"a\.mp4: 24 frames decode, but it has 23 labels"):
        run(detector, replace(benchmark, test=(first, *benchmark.test[1:])), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("value", "kind"), [(True, "abnormal"), (False, "normal")])
def test_labels_of_one_kind_measure_nothing(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, value: bool, kind: str
) -> None:
    test = tuple(replace(t, labels=np.full(len(t.labels), value)) for t in benchmark.test)
    with pytest.raises(BenchmarkError, match=f"all 36 test frames are {kind}; an AUC needs both kinds"):
        run(detector, replace(benchmark, test=test), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_told_before_the_test_set_is_looked_at(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    ledger = tmp_path / "ledger.jsonl"
    with pytest.raises(SourceError, match="choose another --output"):
        evaluate(
            detector, replace(benchmark, name="real"), tmp_path / "file", ledger=ledger, report=lambda line: None
        )
    assert not ledger.exists()
