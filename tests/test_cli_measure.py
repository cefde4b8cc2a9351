"""`sdmae metrics` and `sdmae compare`: what they print, what they write, and what they refuse with exit code 2."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sdmae.cli import main
from sdmae.data.benchmark import Benchmark
from sdmae.data.readers import read_benchmark
from sdmae.data.scene import write_scene
from sdmae.evaluation import baselines
from sdmae.evaluation.region_truth import true_regions
from sdmae.metrics import macro_auc, macro_auc_two_class, micro_auc
from sdmae.recordings.tables import export_scores, write_table
from sdmae.scoring import Series, VideoScores, smooth_offline

FRAME_KEYS = [
    "micro_auc",
    "macro_auc",
    "macro_auc_two_class",
    "average_precision",
    "eer",
    "videos",
    "frames",
    "abnormal_frames",
]
REGION_KEYS = ["rbdc", "tbdc", "tracks", "regions", "detections"]

Refused = Callable[..., None]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small scene in its benchmark's layout."""
    root = tmp_path_factory.mktemp("world") / "scene"
    write_scene(
        root, training_clips=1, training_seconds=5, test_clips=4, test_seconds=20, height=72, width=104, rate=4
    )
    return root


@pytest.fixture(scope="module")
def benchmark(scene: Path) -> Benchmark:
    return read_benchmark("scene", scene)


@pytest.fixture(scope="module")
def difference(benchmark: Benchmark) -> list[Series]:
    """The baseline's scores of each test clip, smoothed as evaluate does."""
    return [smooth_offline(baselines.frame_difference(t.clip), 1.0, benchmark.rate) for t in benchmark.test]


@pytest.fixture
def exported(tmp_path: Path, benchmark: Benchmark, difference: list[Series]) -> Path:
    """Folders `scores` and `labels` of the scene's test clips."""
    names = [t.clip.name for t in benchmark.test]
    export_scores(tmp_path / "scores", names, difference)
    export_scores(tmp_path / "labels", names, [t.labels.astype(np.float64) for t in benchmark.test])
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must end with exit code 2 and one line that holds all of some words."""

    def run(words: list[object], *parts: str) -> None:
        assert main([str(word) for word in words]) == 2
        caught = capsys.readouterr()
        assert caught.out == ""
        assert caught.err.count("\n") == 1
        assert all(part in caught.err for part in parts), caught.err

    return run


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main([str(word) for word in words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


# --- metrics frames ------------------------------------------------------------------------------------------------


def test_exported_scores_of_a_baseline_give_the_figures_of_the_baseline(
    exported: Path, scene: Path, benchmark: Benchmark, difference: list[Series], capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [t.labels for t in benchmark.test]
    words = ("metrics", "frames", "--scores", exported / "scores")
    report = printed(capsys, *words, "--labels", exported / "labels")
    assert list(report) == FRAME_KEYS
    assert report["micro_auc"] == micro_auc(labels, difference)
    assert report["macro_auc"] == macro_auc(labels, difference)
    assert report["macro_auc_two_class"] == macro_auc_two_class(labels, difference)
    assert (report["videos"], report["frames"]) == (4, sum(map(len, labels)))
    assert report["abnormal_frames"] == sum(int(t.sum()) for t in labels)
    own = printed(capsys, *words, "--benchmark", "scene", "--root", scene)
    assert own == report | {"benchmark": "scene", "missing": []}


def test_the_tables_of_detect_and_evaluate_are_scores_too(
    exported: Path, benchmark: Benchmark, difference: list[Series], capsys: pytest.CaptureFixture[str]
) -> None:
    for truth, series in zip(benchmark.test, difference, strict=True):
        count = np.arange(len(series))
        write_table(
            exported / "out" / truth.clip.name, VideoScores(truth.clip.name, count, count / 4, series, series)
        )
    (exported / "out" / "metrics.json").write_text("{}")
    labels = ("--labels", exported / "labels")
    plain = printed(capsys, "metrics", "frames", "--scores", exported / "scores", *labels)
    assert printed(capsys, "metrics", "frames", "--scores", exported / "out", *labels) == plain
    side = exported / "side"
    side.mkdir()
    for path in (exported / "out").glob("*/scores.csv"):
        path.rename(side / f"{path.parent.name}.csv")
    assert printed(capsys, "metrics", "frames", "--scores", side, *labels) == plain


def test_frames_that_a_slow_detector_left_out_lie_between_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Refused
) -> None:
    labels = np.arange(30) >= 20
    for name, kept in (("a", np.arange(0, 30, 3)), ("b", np.arange(1, 30, 3))):
        scores = np.sin(kept / 3)
        write_table(tmp_path / "s" / name, VideoScores(name, kept, kept / 25, scores, scores))
    export_scores(tmp_path / "t", ["a", "b"], [labels.astype(np.float64)] * 2)
    words: list[object] = ["metrics", "frames", "--scores", tmp_path / "s", "--labels", tmp_path / "t"]
    expected = [np.interp(np.arange(30), np.arange(k, 30, 3), np.sin(np.arange(k, 30, 3) / 3)) for k in (0, 1)]
    assert printed(capsys, *words)["micro_auc"] == micro_auc([labels] * 2, expected)
    export_scores(tmp_path / "t", ["b"], [np.ones(40)])
    refused(words, "b/scores.csv has scores of frames 1 to 28, one in 3, but", "has 40 labels")
    table = tmp_path / "s" / "a" / "scores.csv"
    rows = table.read_text().splitlines(keepends=True)
    for change, parts in (
        ([*rows[:3], "3,0.1,1\n"], ["a/scores.csv:4: frame 3 again, after line 3; give each frame once"]),
        ([*rows[:3], "6.5,0.1,1\n"], ["a/scores.csv:4: frame 6.5; frames are whole numbers that count from 0"]),
        ([*rows[:3], "-1,0.1,1\n"], ["a/scores.csv:4: frame -1; frames are whole"]),
        ([*rows[:3], "9,0.1\n"], ["a/scores.csv:4: 2 values instead of 3; give frame,time,score"]),
        ([*rows[:3], "9,0.1,nan\n"], ["a/scores.csv:4: 'nan' where score should be"]),
        (
            [*rows[:3], *rows[6:]],
            ["a/scores.csv has scores of frames 0 to 27, one in 3 (none of frame 4 to 14), but"],
        ),
        (rows[:1], ["a/scores.csv: no scores below its header"]),
    ):
        table.write_text("".join(change))
        refused(words, *parts)


def test_a_table_with_a_frame_missing_is_refused(tmp_path: Path, refused: Refused) -> None:
    kept = np.array([0, 1, 2, 4, 5])
    write_table(tmp_path / "s" / "a", VideoScores("a", kept, kept / 25, kept / 1.0, kept / 1.0))
    export_scores(tmp_path / "t", ["a"], [np.array([0.0, 1.0] * 3)])
    words = ["metrics", "frames", "--scores", tmp_path / "s", "--labels", tmp_path / "t"]
    refused(words, "5 scores (none of frame 3), but", "6 labels")
    kept = np.array([2, 3, 4, 6, 9, 10, 11])
    write_table(tmp_path / "s" / "a", VideoScores("a", kept, kept / 25, kept / 1.0, kept / 1.0))
    refused(words, "7 scores (none of frame 0 to 1, 5, 7 to 8), but", "6 labels")


def test_the_rows_of_a_table_may_be_in_any_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = np.array([0.5, 3.0, 1.0, 2.0, -1.0, 0.0])
    write_table(tmp_path / "s" / "a", VideoScores("a", np.arange(6), np.arange(6) / 25, scores, scores))
    export_scores(tmp_path / "t", ["a"], [np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])])
    words = ("metrics", "frames", "--scores", tmp_path / "s", "--labels", tmp_path / "t")
    report = printed(capsys, *words)
    table = tmp_path / "s" / "a" / "scores.csv"
    head, *rows = table.read_text().splitlines(keepends=True)
    table.write_text(head + "".join(rows[k] for k in (4, 0, 5, 2, 3, 1)))
    assert printed(capsys, *words) == report
    assert report["micro_auc"] == micro_auc([[0, 1, 0, 1, 0, 1]], [scores])


def test_what_is_not_read_of_a_folder_is_told_in_one_line(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["metrics", "frames", "--scores", str(exported / "scores"), "--labels", str(exported / "labels")]
    (exported / "scores" / ".hidden").write_text("")
    assert main(words) == 0
    plain, said = capsys.readouterr()
    assert said == ""
    (exported / "scores" / "README.md").write_text("")
    (exported / "scores" / "plots").mkdir()
    assert main(words) == 0
    out, said = capsys.readouterr()
    assert out == plain
    assert said == f"{exported / 'scores'}: README.md, plots not read; only files that end in .csv, .txt, .npy are\n"
    # The two layouts in one folder: those of evaluate count.
    for path in sorted((exported / "scores").glob("*.txt")):
        folder = exported / "scores" / path.stem
        folder.mkdir()
        (folder / "scores.csv").write_text(path.read_text())
    (exported / "scores" / "series").mkdir()
    assert main(words) == 0
    out, said = capsys.readouterr()
    assert out == plain
    assert said.startswith(
        f"{exported / 'scores'}: plots, test_01.txt, test_02.txt, test_03.txt, test_04.txt not read;"
    )
    assert said.endswith("beside folders that hold scores.csv nothing else is\n")


def test_annotations_without_any_video_are_enough(
    exported: Path, scene: Path, benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = exported / "bare"
    shutil.copytree(scene, bare, ignore=shutil.ignore_patterns("*.mp4"))
    found = regions_of(benchmark, exported / "found")
    for words in (("frames", "--scores", exported / "scores"), ("regions", "--detections", found)):
        reports = [
            printed(capsys, "metrics", *words, "--benchmark", "scene", "--root", root) for root in (scene, bare)
        ]
        assert reports[0] == reports[1]
    both = [f"{name}={exported / 'scores'}" for name in "ab"]
    assert main(["compare", *both, "--benchmark", "scene", "--root", str(bare)]) == 0


def test_a_part_of_a_benchmark_says_what_is_missing(
    tmp_path: Path, real_data: Path, capsys: pytest.CaptureFixture[str], refused: Refused
) -> None:
    root = real_data / "avenue_sample"
    if not root.is_dir():
        pytest.skip(f"no sample of CUHK Avenue in {root}")
    export_scores(tmp_path / "s", ["21"], [np.arange(76.0)])
    words = ["metrics", "frames", "--scores", tmp_path / "s", "--benchmark", "avenue", "--root", root]
    refused(words, "mask 1_label.mat and 19 more missing", "--partial")
    assert main([str(word) for word in (*words, "--partial")]) == 0
    caught = capsys.readouterr()
    report = json.loads(caught.out)
    assert (report["benchmark"], report["missing"]) == ("avenue", ["mask 1_label.mat and 19 more"])
    assert (report["frames"], report["abnormal_frames"]) == (76, 53)
    assert "mask 1_label.mat and 19 more missing; partial: not comparable with published figures\n" in caught.err


def test_it_writes_to_a_file(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["metrics", "frames", "--scores", str(exported / "scores"), "--labels", str(exported / "labels")]
    report = printed(capsys, *words)
    assert main([*words, "--output", str(exported / "deep" / "report.json")]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((exported / "deep" / "report.json").read_text()) == report


def test_metrics_frames_loads_no_torch_and_draws_nothing(exported: Path) -> None:
    words = ["metrics", "frames", "--scores", str(exported / "scores"), "--labels", str(exported / "labels")]
    code = (
        f"import sys; from sdmae.cli import main; assert main({words!r}) == 0; "
        "print([name for name in ('torch', 'matplotlib') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_what_is_wrong_is_named_with_its_line(exported: Path, scene: Path, refused: Refused) -> None:
    scores = ["metrics", "frames", "--scores", exported / "scores"]
    labels = ["--labels", exported / "labels"]
    refused(scores, "give either --labels DIR or --benchmark NAME --root DIR")
    refused([*scores, *labels, "--benchmark", "scene", "--root", scene], "give either --labels DIR or")
    refused([*scores, *labels, "--root", scene], "leave it out beside --labels")
    refused([*scores, "--benchmark", "scene"], "needs its folder: --root DIR")
    refused([*scores, "--benchmark", "nothing", "--root", scene], "unknown benchmark 'nothing'")
    refused(["metrics", "frames", *labels], "scores")
    refused(["metrics", "pictures"], "no verb 'metrics pictures'; there are")
    file = sorted((exported / "scores").iterdir())[1]
    whole = file.read_text()
    file.write_text(whole.replace("\n", "\nnan\n", 1))
    refused([*scores, *labels], f"{file}:2: 'nan' where a number should be")
    file.write_text(whole + "1\n")
    refused([*scores, "--benchmark", "scene", "--root", scene], "81 scores, but test clip", "of scene has 80 labels")
    file.rename(file.with_name("other.txt"))
    refused([*scores, "--benchmark", "scene", "--root", scene], "other.txt, test clip", "no file of that name")
    refused([*scores, *labels, "--output", exported / "scores"], "no file of that name")


def test_what_evaluate_exports_gives_what_evaluate_says(
    tmp_path: Path, scene: Path, detector_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, series = tmp_path / "out", tmp_path / "out" / "series"
    own = ["--benchmark", "scene", "--root", str(scene)]
    assert main(["evaluate", "--detector", str(detector_file), *own, "--output", str(out)]) == 0
    said = json.loads((out / "metrics.json").read_text())
    capsys.readouterr()
    keys = ("micro_auc", "macro_auc", "macro_auc_two_class")
    for scores, figures in (
        (out, said),
        (series / "frame_difference", said["baselines"]["frame_difference"]),
        (series / "background_subtraction", said["baselines"]["background_subtraction"]),
    ):
        report = printed(capsys, "metrics", "frames", "--scores", scores, "--labels", series / "labels")
        assert {key: report[key] for key in keys} == {key: figures[key] for key in keys}
    about, where = said["regions"], out / "regions"
    for found, figures in (
        ("detections", said),
        ("detections_frame_difference", said["baselines"]["frame_difference"]),
    ):
        words = ("metrics", "regions", "--tracks", where / "tracks", "--detections", where / found)
        report = printed(capsys, *words, "--num-frames", about["frames"])
        every = figures | figures["regions"]
        assert report == {key: every[key] for key in REGION_KEYS}
    # Labels, speed and machine come from there, too.
    assert main(["compare", str(out), str(series / "frame_difference"), "--output", str(tmp_path / "both")]) == 0
    methods = json.loads((tmp_path / "both" / "compare.json").read_text())["methods"]
    assert methods[0]["fps_end_to_end"] == said["fps_end_to_end"]
    assert methods[0]["machine"].startswith(said["made"]["machine"]["cpu"])
    assert (methods[1]["name"], methods[1]["machine"]) == ("frame_difference", None)


# --- metrics regions -----------------------------------------------------------------------------------------------


def tracks_of(benchmark: Benchmark) -> dict[str, NDArray[np.float64]]:
    """The rows of each test clip, track_id first."""
    truth = true_regions(benchmark.test)
    assert truth is not None
    return {test.clip.name: truth.rows[truth.rows[:, 0] == k, 1:] for k, test in enumerate(benchmark.test)}


def regions_of(benchmark: Benchmark, folder: Path) -> Path:
    """What is truly there as detections: each region once, with a score of its own."""
    folder.mkdir()
    for name, rows in tracks_of(benchmark).items():
        lines = [",".join(f"{v:g}" for v in (*row[1:], k)) + "\n" for k, row in enumerate(rows)]
        (folder / f"{name}.csv").write_text("".join(lines))
    return folder


def test_regions_of_a_benchmark_are_its_tracks(
    tmp_path: Path, scene: Path, benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    found = regions_of(benchmark, tmp_path / "found")
    words = ("metrics", "regions", "--detections", found)
    report = printed(capsys, *words, "--benchmark", "scene", "--root", scene)
    assert list(report) == [*REGION_KEYS, "tracks_origin", "clips", "frames", "benchmark", "missing"]
    tracks = [track for t in benchmark.test for track in t.tracks or ()]
    assert (report["tracks_origin"], report["clips"]) == ("tracks", len(benchmark.test))
    assert (report["tracks"], report["regions"]) == (len(tracks), sum(len(track.frames) for track in tracks))
    assert report["detections"] == report["regions"]
    assert (report["rbdc"], report["tbdc"]) == (1, 1)
    # The same from files, where the tracks lie in a folder.
    (tmp_path / "tracks").mkdir()
    for name, rows in tracks_of(benchmark).items():
        (tmp_path / "tracks" / f"{name}.txt").write_text("".join(",".join(f"{v:g}" for v in r) + "\n" for r in rows))
    frames = sum(len(t.labels) for t in benchmark.test)
    assert report["frames"] == frames
    plain = printed(capsys, *words, "--tracks", tmp_path / "tracks", "--num-frames", frames)
    assert list(plain) == REGION_KEYS
    assert plain == {key: report[key] for key in REGION_KEYS}


def test_regions_are_derived_from_masks_where_there_are_no_tracks(
    tmp_path: Path,
    scene: Path,
    benchmark: Benchmark,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataclasses import replace

    bare = replace(benchmark, test=tuple(replace(t, tracks=None) for t in benchmark.test))
    monkeypatch.setattr("sdmae.data.readers.read_annotations", lambda name, root, partial: bare)
    found = regions_of(bare, tmp_path / "found")
    report = printed(
        capsys, "metrics", "regions", "--detections", found, "--benchmark", "scene", "--root", scene, "--partial"
    )
    assert report["tracks_origin"] == "derived"
    assert (report["rbdc"], report["tbdc"]) == (1, 1)
    assert report["regions"] > 0


def test_what_is_wrong_with_regions_is_named_with_its_line(
    tmp_path: Path, scene: Path, benchmark: Benchmark, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    found = regions_of(benchmark, tmp_path / "found")
    words = ["metrics", "regions", "--detections", found]
    own = ["--benchmark", "scene", "--root", scene]
    refused(words, "give either --tracks DIR or --benchmark")
    refused([*words, "--tracks", found], "--tracks needs --num-frames N")
    refused([*words, "--tracks", found, "--num-frames", "many"], "num_frames")
    refused(
        [*words, *own, "--num-frames", "7"], "--num-frames is 7, but the test clips of scene have 320; leave it out"
    )
    first = sorted(found.iterdir())[0]
    whole = first.read_text()
    first.write_text("80,1,1,2,2,1\n")
    refused([*words, *own], f"{first}:1: the frame lies beyond its clip, which has 80; frames count from 0")
    first.write_text("0,1,1,0,2,1\n")
    refused([*words, *own], f"{first}:1: an inverted box")
    first.unlink()
    refused([*words, *own], "test clip", "must have one file for each test clip")
    first.write_text(whole)
    bare = replace(benchmark, test=tuple(replace(t, tracks=None, masks=None) for t in benchmark.test))
    monkeypatch.setattr("sdmae.data.readers.read_annotations", lambda name, root, partial: bare)
    refused([*words, *own], "with neither tracks nor masks; give track files with --tracks DIR")


def test_the_toy_case_is_one(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy = real_data / "rbdc_tbdc_toy"
    words = ("--tracks", toy / "toy_tracks", "--detections", toy / "toy_anomalies", "--num-frames", "10")
    report = printed(capsys, "metrics", "regions", *words)
    assert report == {"rbdc": 1, "tbdc": 1, "tracks": 2, "regions": 10, "detections": 12}


# --- compare -------------------------------------------------------------------------------------------------------


def test_compare_prints_a_table_and_writes_the_report(
    exported: Path, scene: Path, benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [t.clip.name for t in benchmark.test]
    rng = np.random.default_rng(0)
    export_scores(exported / "noise", names, [rng.normal(size=len(t.labels)) for t in benchmark.test])
    words = ["compare", f"difference={exported / 'scores'}", str(exported / "noise")]
    own = ["--benchmark", "scene", "--root", str(scene)]
    assert main([*words, *own, "--output", str(exported / "both")]) == 0
    caught = capsys.readouterr()
    assert caught.out.startswith("2 methods on scene: 4 videos, 320 frames")
    assert "noise − difference = −" in caught.out
    assert "compare.html: written" in caught.err
    report = json.loads((exported / "both" / "compare.json").read_text())
    assert [method["name"] for method in report["methods"]] == ["difference", "noise"]
    assert main([*words, "--labels", str(exported / "labels")]) == 0
    assert capsys.readouterr().out.startswith("2 methods on the same videos: 4 videos, 320 frames")


def test_compare_refuses_in_one_line(exported: Path, scene: Path, refused: Refused) -> None:
    scores = exported / "scores"
    own = ["--benchmark", "scene", "--root", scene]
    refused(["compare", scores, *own], "1 method; give at least two folders")
    refused(["compare"], "methods")
    refused(["compare", scores, f"b={scores}"], "no labels in it or in any other of the folders")
    both = ["compare", scores, f"b={scores}", *own]
    refused([*both, "--plot", exported / "a.png"], "nothing published on scene to plot beside")
    refused([*both, "--plot", exported / "a.jpg"], "the picture is called *.png")
    labels = ["--labels", exported / "labels"]
    refused(["compare", scores, f"b={scores}", *labels, "--plot", "a.png"], "nothing says which benchmark")


def test_compare_plots_speed_against_accuracy(
    exported: Path, capsys: pytest.CaptureFixture[str], refused: Refused
) -> None:
    for name in ("a", "b"):
        folder = exported / name / "series"
        folder.mkdir(parents=True)
        (exported / "labels").rename(folder / "labels") if name == "a" else None
        (exported / name / "metrics.json").write_text(json.dumps({"benchmark": "ped2", "fps_end_to_end": 80}))
        for path in (exported / "scores").iterdir():
            (exported / name / path.stem).mkdir()
            rows = [f"{k},{k / 4},{score}\n" for k, score in enumerate(path.read_text().split())]
            (exported / name / path.stem / "scores.csv").write_text("frame,time,score\n" + "".join(rows))
    words = ["compare", str(exported / "a"), str(exported / "b"), "--plot", str(exported / "plot.png")]
    assert main(words) == 0
    caught = capsys.readouterr()
    assert "b − a = 0.0 points [0.0, 0.0]: equal" in caught.out
    assert "plot.png: written" in caught.err
    assert (exported / "plot.png").read_bytes().startswith(b"\x89PNG")
    # What was measured on a part of the benchmark is not drawn beside figures of the whole.
    (exported / "b" / "metrics.json").write_text(json.dumps({"benchmark": "ped2", "missing": ["clip Test012"]}))
    refused(
        words,
        "--plot: b is of a part of ped2 (not there: clip Test012)",
        "leave --plot out, or evaluate on the whole",
    )


# --- help ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["metrics"], ["metrics", "--help"], ["metrics", "-h"], ["metrics", "help"]])
def test_the_first_word_alone_names_the_verbs(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb}  " in text for verb in ("metrics frames ", "metrics regions", "compare "))


def test_the_face_of_the_package_is_there_when_it_is_asked_for() -> None:
    import sdmae
    from sdmae.detector import Detector

    assert sdmae.Detector is Detector
    assert set(sdmae.__all__) <= set(dir(sdmae))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sdmae.nothing
