"""The protocol: what is measured is what the detector says, and the labels are only used to measure it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sdmae import Detector
from sdmae.data.benchmark import Benchmark, Mask, TestClip, Track
from sdmae.errors import BenchmarkError, SourceError
from sdmae.evaluation.files.metric_files import frames_report, regions_report
from sdmae.evaluation.measures import frame_measures
from sdmae.evaluation.protocol import evaluate
from sdmae.evaluation.scored_clips import score_test_clips
from sdmae.metrics import average_precision, equal_error_rate, macro_auc, micro_auc
from sdmae.video import find_clips
from video_files import make_video


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    """One training clip and two test clips, the second without anomalies."""
    clips = [find_clips(str(make_video(tmp_path / f"{n}.mp4", c)))[0] for n, c in (("n", 20), ("a", 24), ("b", 12))]
    labels = [np.arange(24) % 24 >= 15, np.zeros(12, bool)]
    test = tuple(TestClip(c, label) for c, label in zip(clips[1:], labels, strict=True))
    return Benchmark(name="scene", rate=25.0, training=(clips[0],), test=test)


def run(detector: Detector, benchmark: Benchmark, output: Path, *, whole: bool = True) -> dict[str, Any]:
    metrics = evaluate(detector, benchmark, output, report=lambda line: None, whole=whole)
    assert json.loads((output / "metrics.json").read_text()) == metrics
    return metrics


def test_the_metrics_are_those_of_the_detectors_scores(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    metrics = run(detector, benchmark, tmp_path / "out")
    labels = [t.labels for t in benchmark.test]
    for causal, where in ((False, metrics), (True, metrics["causal"])):
        # The tiny detector's own settings smooth over 0.2 s, the scene's protocol over 1 s.
        score = replace(detector.config.score, sigma=1.0)
        own = detector.with_settings(replace(detector.config, score=score))
        scores = [own.score(t.clip, causal=causal).scores for t in benchmark.test]
        assert where["average_precision"] == average_precision(labels, scores)
        assert where["eer"] == equal_error_rate(labels, scores)
        assert where["micro_auc"] == micro_auc(labels, scores)
        assert where["macro_auc"] == macro_auc(labels, scores)
    assert (metrics["frames"], metrics["abnormal_frames"]) == (36, 9)
    assert metrics["detector"] == detector.fingerprint()


def test_a_clip_without_anomalies_has_no_auc_of_its_own(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    rows = run(detector, benchmark, tmp_path / "out")["videos"]
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
    assert frame_measures(labels, [np.array([0.0, 0.1, 0.8, 0.9])])["micro_auc"] == 1.0
    assert frame_measures(labels, [np.array([0.9, 0.8, 0.1, 0.0])])["micro_auc"] == 0.0


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


def test_what_was_written_measures_as_it_was_printed(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    metrics = run(detector, benchmark, tmp_path / "out")
    series = tmp_path / "out" / "series"
    for folder, figures in (
        ("detector", metrics),
        ("detector_causal", metrics["causal"]),
        ("frame_difference", metrics["baselines"]["frame_difference"]),
        ("background_subtraction_causal", metrics["baselines"]["background_subtraction"]["causal"]),
    ):
        found = frames_report(series / folder, series / "labels")
        for key in ("micro_auc", "macro_auc", "macro_auc_two_class", "average_precision", "eer"):
            assert found[key] == figures[key], (folder, key)


def test_the_same_input_gives_the_same_metrics(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    first, second = (run(detector, benchmark, tmp_path / name) for name in "ab")
    assert first.pop("fps_end_to_end") > 0
    second.pop("fps_end_to_end")
    assert first == second
    assert (tmp_path / "a" / "series" / "detector" / "a.txt").exists()


def test_labels_alone_are_enough(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    metrics = run(detector, benchmark, tmp_path / "out")
    assert (metrics["rbdc"], metrics["tbdc"], metrics["regions"]) == (None, None, None)
    assert (metrics["pixel_auc"], metrics["pixels"]) == (None, None)
    assert not (tmp_path / "out" / "regions").exists()
    assert "neither tracks nor masks" in (tmp_path / "out" / "report.html").read_text()


def block(index: int) -> Mask:
    """Where the block of `video_files.picture` is, from frame 15 on."""
    mask = np.zeros((72, 100), bool)
    if index >= 15:
        mask[24:36, index * 3 % 88 : index * 3 % 88 + 12] = True
    return mask


def nothing(index: int) -> Mask:
    return np.zeros((72, 100), bool)


def masked(benchmark: Benchmark) -> Benchmark:
    a, b = benchmark.test
    return replace(benchmark, test=(replace(a, masks=block), replace(b, masks=nothing)))


def test_masks_give_derived_regions_and_pixels(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    metrics = run(detector, masked(benchmark), tmp_path / "out")
    assert metrics["regions"]["origin"] == "derived"
    assert (metrics["regions"]["regions"], metrics["regions"]["frames"], metrics["regions"]["clips"]) == (9, 36, 2)
    assert metrics["pixels"]["pixels"] == 36 * 72 * 100
    assert metrics["pixels"]["abnormal_pixels"] == 9 * 144
    assert 0 <= metrics["rbdc"] <= 1
    assert 0 <= metrics["tbdc"] <= 1
    # Frame differencing sees the one thing that moves.
    assert metrics["baselines"]["frame_difference"]["regions"]["regions_found"] == 9


def test_tracks_come_before_masks(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    frames = np.arange(15, 24)
    x = frames * 3.0 % 88
    boxes = np.stack([x, np.full(9, 24.0), x + 12, np.full(9, 36.0)], axis=1)
    a, b = masked(benchmark).test
    tracked = replace(
        benchmark, test=(replace(a, tracks=(Track(1, "block", frames, boxes),)), replace(b, masks=None))
    )
    metrics = run(detector, tracked, tmp_path / "out")
    # The clip without any ground truth but its labels, which are all normal, counts: it has no region.
    assert (metrics["regions"]["origin"], metrics["regions"]["clips"], metrics["regions"]["frames"]) == (
        "tracks",
        2,
        36,
    )
    derived = run(detector, masked(benchmark), tmp_path / "derived")
    assert (metrics["rbdc"], metrics["tbdc"]) == (derived["rbdc"], derived["tbdc"])  # the same boxes


@pytest.mark.parametrize("odd", [False, True])
def test_the_regions_that_were_written_measure_as_they_were_printed(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, odd: bool
) -> None:
    a, b = masked(benchmark).test
    test: tuple[TestClip, ...] = (a, b)
    if odd:  # one clip has tracks and no masks, and so does not count; the last has no region
        frames = np.arange(15, 24)
        lone = replace(a, masks=None, tracks=(Track(1, "", frames, np.tile([1.0, 1, 9, 9], (9, 1))),))
        test = (replace(lone, clip=replace(a.clip, name="0")), a, replace(b, masks=None))
    mixed = replace(benchmark, test=test)
    metrics = run(detector, mixed, tmp_path / "out")
    folder = tmp_path / "out" / "regions"
    count = metrics["regions"]["frames"]
    assert (count, metrics["regions"]["origin"]) == (36, "derived")
    assert (folder / "README.txt").read_text() == (
        "sdmae metrics regions --tracks tracks --detections detections --num-frames 36\n"
    )
    assert sorted(path.name for path in (folder / "tracks").iterdir()) == ["a.csv", "b.csv"]
    assert (folder / "tracks" / "b.csv").read_text() == ""
    for name, figures in (
        ("detections", metrics),
        ("detections_frame_difference", metrics["baselines"]["frame_difference"]),
        ("detections_background_subtraction", metrics["baselines"]["background_subtraction"]),
    ):
        expected = {key: figures[key] for key in ("rbdc", "tbdc")}
        expected |= {key: figures["regions"][key] for key in ("tracks", "regions", "detections")}
        assert regions_report(folder / "tracks", folder / name, count) == expected
        assert expected["detections"] > 0
        # And the benchmark's own truth is the same, by the same rule.
        again = regions_report(mixed, folder / name)
        about = {key: figures["regions"][key] for key in ("clips", "frames")} | {"benchmark": "scene", "missing": []}
        assert again == expected | about | {"tracks_origin": figures["regions"]["origin"]}


def test_a_clip_faster_than_the_detector(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    fast = find_clips(str(make_video(tmp_path / "fast.mp4", 48, rate=50)))[0]
    mixed = replace(benchmark, test=(TestClip(fast, np.arange(48) >= 30, block), *masked(benchmark).test))
    metrics = run(detector, mixed, tmp_path / "out")
    row = metrics["videos"][0]
    assert (row["name"], row["frames"], row["abnormal_frames"]) == ("fast", 48, 18)
    assert len((tmp_path / "out" / "series" / "detector" / "fast.txt").read_text().split()) == 48
    event = metrics["alarms"]["event_list"][0]
    assert event["start"] == pytest.approx(30 / 50, abs=0.021)
    assert event["end"] == pytest.approx(48 / 50, abs=1e-6)  # with the clip
    assert metrics["regions"]["frames"] == 48 + 36


def test_what_a_partial_benchmark_lacks_is_said_everywhere(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    partial = replace(benchmark, name="real", missing=("test clips 07 to 12",))
    said: list[str] = []
    ledger = tmp_path / "ledger.jsonl"
    metrics = evaluate(detector, partial, tmp_path / "out", ledger=ledger, report=said.append)
    assert metrics["missing"] == ["test clips 07 to 12"]
    assert json.loads(ledger.read_text())["missing"] == ["test clips 07 to 12"]
    assert any("test clips 07 to 12" in line for line in said)
    for name in ("report.html", "table.md"):
        text = (tmp_path / "out" / name).read_text()
        assert "no figure here compares with a published one" in text
        assert "test clips 07 to 12" in text


def test_the_demo_asks_for_frames_alone(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    def no_masks(index: int) -> Mask:
        raise AssertionError("frame scores need no masks")

    short = replace(benchmark, test=tuple(replace(t, masks=no_masks) for t in benchmark.test))
    metrics = run(detector, short, tmp_path / "out", whole=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b", "files.json", "metrics.json"]
    whole = run(detector, benchmark, tmp_path / "whole")
    assert {k: v for k, v in whole.items() if k in metrics and k not in ("fps_end_to_end", "baselines")} == {
        k: v for k, v in metrics.items() if k not in ("fps_end_to_end", "baselines")
    }


def test_another_benchmark_in_the_same_folder_leaves_nothing_of_the_first(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(detector, benchmark, out)
    (out / "a" / "notes.txt").write_text("a user's own")
    renamed = tuple(replace(t, clip=replace(t.clip, name=f"other_{t.clip.name}")) for t in benchmark.test)
    metrics = run(detector, replace(benchmark, test=renamed), out)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    names = [row["name"] for row in metrics["videos"]]
    methods = ["labels", *(f"{m}{s}" for m in ("detector", *metrics["baselines"]) for s in ("", "_causal"))]
    assert files == {
        *("files.json", "metrics.json", "report.html", "table.md", "a/notes.txt"),
        *(f"{name}/scores.{kind}" for name in names for kind in ("csv", "png")),
        *(f"series/{method}/{name}.txt" for method in methods for name in names),
    }
    assert names == ["other_a", "other_b"]


@pytest.mark.parametrize("known", ["some", "none", "unknown"])
def test_whether_the_detector_was_trained_on_test_clips_is_looked_up(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, known: str
) -> None:
    marks = {"some": [benchmark.test[1].clip.mark, "elsewhere 7"], "none": ["b 1"], "unknown": None}[known]
    detector.provenance = {k: v for k, v in detector.provenance.items() if k != "marks"}
    if marks is not None:
        detector.provenance["marks"] = marks
    said: list[str] = []
    metrics = evaluate(detector, benchmark, tmp_path / "out", report=said.append)
    assert metrics["seen_in_training"] == {"some": ["b"], "none": [], "unknown": None}[known]
    words = {
        "some": "trained on b of the test clips",
        "none": "trained on none of these clips",
        "unknown": "not known",
    }
    for name in ("report.html", "table.md"):
        text = (tmp_path / "out" / name).read_text()
        assert [key for key, part in words.items() if part in text] == [known]
    assert sum("trained on b of the test clips" in line for line in said) == (known == "some")


def test_what_the_run_used_of_the_machine_is_noted(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    metrics = evaluate(
        detector, replace(benchmark, name="real"), tmp_path / "out", ledger=ledger, report=lambda line: None
    )
    used = {"device": "cpu", "gpu": None, "threads": torch.get_num_threads()}
    line = json.loads(ledger.read_text())
    for made in (metrics["made"], line):
        assert {key: made[key] for key in used} == used
    assert line["protocol"] == metrics["protocol"]
    assert f"Ran on: cpu, {used['threads']} thread" in (tmp_path / "out" / "report.html").read_text()
