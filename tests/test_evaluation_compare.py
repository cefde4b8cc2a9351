"""Methods side by side: the figures are the bootstrap's, and what cannot be compared is refused in one line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.errors import BenchmarkError, ConfigError, SdmaeError, SourceError
from sdmae.evaluation.compare import (
    Comparison,
    Difference,
    as_json,
    as_markdown,
    as_text,
    compare,
    signed_figure,
)
from sdmae.evaluation.compare_page import as_html, write_comparison
from sdmae.evaluation.methods import Contest, Method, read_contest
from sdmae.metrics import Interval, bootstrap_auc, bootstrap_difference, macro_auc_two_class, micro_auc
from sdmae.recordings.tables import export_scores
from sdmae.video.frame import Clip

NAMES = [f"{k:02d}" for k in range(12)]
LABELS = [(np.arange(40 + k) > 25).astype(float) if k % 4 else np.zeros(40 + k) for k in range(12)]
Make = Callable[..., Path]


def scores(seed: int, strength: float) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    rng = np.random.default_rng(seed)
    return [strength * t + rng.normal(size=len(t)) for t in LABELS]


@pytest.fixture
def evaluated(tmp_path: Path) -> Make:
    """Makes a folder as evaluate leaves it."""

    def make(name: str, strength: float = 1.0, *, labels: bool = True, **notes: object) -> Path:
        folder, values = tmp_path / name, scores(sum(map(ord, name)), strength)
        for video, series in zip(NAMES, values, strict=True):
            (folder / video).mkdir(parents=True)
            rows = [f"{k},{k / 10:.6f},{score!r}\n" for k, score in enumerate(series.tolist())]
            (folder / video / "scores.csv").write_text("frame,time,score\n" + "".join(rows))
        if labels:
            export_scores(folder / "series" / "labels", NAMES, LABELS)
        metrics = {
            "benchmark": "ped2",
            "micro_auc": micro_auc(LABELS, values),
            "fps_end_to_end": 84.7,
            "made": {"machine": {"cpu": "AMD EPYC", "cores": 2, "gpus": []}},
        }
        (folder / "metrics.json").write_text(json.dumps(metrics | notes))
        return folder

    return make


@pytest.fixture(scope="module")
def contest() -> Contest:
    methods = [
        Method(name, Path(name), scores(k, s)) for k, (name, s) in enumerate((("A", 0.5), ("B", 3), ("C", 0.5)))
    ]
    return Contest("ped2", NAMES, LABELS, methods)


@pytest.fixture(scope="module")
def comparison(contest: Contest) -> Comparison:
    return compare(contest)


def refused(message: str, methods: Sequence[object], truth: Benchmark | Path | None = None) -> None:
    with pytest.raises(SdmaeError, match=message) as caught:
        compare(read_contest([str(method) for method in methods], truth))
    assert "\n" not in str(caught.value)


# What is read


def test_what_evaluate_left_is_read_with_its_labels_speed_and_machine(evaluated: Make) -> None:
    a, b = evaluated("a"), evaluated("b", 2.0, made={"machine": {"cpu": "x", "cores": 1, "gpus": ["H100"]}})
    contest = read_contest([str(a), f"the other={b}"])
    assert [m.name for m in contest.methods] == ["a", "the other"]
    assert [m.machine for m in contest.methods] == ["AMD EPYC, 2 cores", "H100"]
    assert (contest.benchmark, list(contest.videos), contest.methods[0].fps) == ("ped2", NAMES, 84.7)
    for found, expected in zip(contest.methods[0].scores, scores(ord("a"), 1.0), strict=True):
        assert found.tobytes() == expected.tobytes()
    for found, expected in zip(contest.labels, LABELS, strict=True):
        assert (found == expected).all()


def test_the_scores_of_a_baseline_are_read_with_the_labels_beside_them(evaluated: Make) -> None:
    a, b = evaluated("a"), evaluated("b")
    for folder in (a, b):
        export_scores(folder / "series" / "frame_difference", NAMES, scores(5, 1.0))
    contest = read_contest([str(a), str(a / "series" / "frame_difference")])
    assert [m.fps for m in contest.methods] == [84.7, None]
    both = [f"{k}={folder / 'series' / 'frame_difference'}" for k, folder in enumerate((a, b))]
    assert read_contest(both).benchmark == "ped2"
    assert {it.verdict for it in compare(read_contest(both)).differences} == {"equal"}


def test_anybodys_scores_are_read_with_labels_of_a_folder_or_a_benchmark(tmp_path: Path) -> None:
    for k in range(2):
        export_scores(tmp_path / f"m{k}", NAMES, scores(k, 1.0))
    export_scores(tmp_path / "labels", NAMES, LABELS)
    words = [str(tmp_path / "m0"), str(tmp_path / "m1")]
    by_folder = read_contest(words, tmp_path / "labels")
    clips = tuple(TestClip(Clip(n, Path(n)), t.astype(bool)) for n, t in zip(NAMES, LABELS, strict=True))
    by_benchmark = read_contest(words, Benchmark("ped2", 10.0, (), clips))
    assert (by_folder.benchmark, by_benchmark.benchmark) == (None, "ped2")
    first, second = (as_json(compare(it)) for it in (by_folder, by_benchmark))
    assert first["methods"] == second["methods"]
    assert first["differences"] == second["differences"]


def test_what_cannot_be_compared_is_refused(evaluated: Make, tmp_path: Path) -> None:
    a = evaluated("a")
    refused("1 method; give at least two folders", [a])
    refused("are both called a; tell them apart: NAME=", [a, a])
    refused("=: give NAME=DIR|give NAME=DIR", [a, "x="])
    refused("none: no such folder", [a, tmp_path / "none"])
    refused(r"a is of ped2, but .*/b of avenue", [a, evaluated("b", benchmark="avenue")])
    refused(r"metrics.json says micro AUC 0\.5000, but its scores give", [a, evaluated("c", micro_auc=0.5)])
    bare = [evaluated(name, labels=False) for name in ("d", "e")]
    refused("d: no labels in it or in any other", bare)
    refused(r"a is of ped2, but --benchmark of ped1", [a, *bare], Benchmark("ped1", 10.0, (), ()))


def test_other_videos_frames_labels_and_numbers_are_refused(evaluated: Make) -> None:
    a, b = evaluated("a"), evaluated("b")
    table = b / "03" / "scores.csv"
    whole = table.read_text()
    table.write_text(whole.rsplit("\n", 2)[0] + "\n")
    refused(r"b/03/scores.csv has 42 scores, but .*labels/03.txt has 43 labels", [a, b])
    table.write_text(re.sub(r"\n5,0.500000,.*", "\n5,0.500000,nan", whole))
    refused(r"b/03/scores.csv:7: 'nan' where score should be", [a, b])
    table.write_text(whole)
    shutil.rmtree(b / "03")
    refused(r"a/series/labels/03.txt: no file of that name", [a, b])
    c = evaluated("c")
    (c / "series" / "labels" / "04.txt").write_text("1\n" * 44)
    refused(r"a/series/labels/04.txt and .*c/series/labels/04.txt differ", [a, c])
    (a / "metrics.json").write_text("[]")
    refused("a/metrics.json: is not what evaluate writes", [a, c])
    (a / "metrics.json").write_text("{")
    refused("a/metrics.json: cannot be read", [a, c])


def test_labels_of_one_kind_and_one_video_alone_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b", "labels"):
        export_scores(tmp_path / name, ["1"], [np.array([0.0, 1.0])])
    words = [tmp_path / "a", tmp_path / "b"]
    refused("1 video; at least two", words, tmp_path / "labels")
    export_scores(tmp_path / "labels", ["1"], [np.zeros(2)])
    refused("all 2 frames are normal", words, tmp_path / "labels")


# What is said


def test_every_figure_is_the_bootstraps(contest: Contest, comparison: Comparison) -> None:
    report = as_json(comparison)
    interval = bootstrap_auc(LABELS, contest.methods[1].scores, "macro_two_class")
    assert report["methods"][1]["macro_auc_two_class"]["value"] == interval.value
    assert interval.value == pytest.approx(macro_auc_two_class(LABELS, contest.methods[1].scores))
    assert report["methods"][1]["macro_auc_two_class"]["low"] == interval.low
    difference = bootstrap_difference(LABELS, contest.methods[1].scores, contest.methods[0].scores, "micro")
    first = report["differences"][0]
    assert (first["first"], first["second"], first["measure"]) == ("A", "B", "micro_auc")
    assert first["second_less_first"]["value"] == difference.value > 0
    assert first["verdict"] == "B is better"
    assert len(report["differences"]) == 9
    assert (report["videos"], report["frames"]) == (12, sum(len(t) for t in LABELS))
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_verdict_is_about_the_interval() -> None:
    def verdict(value: float, low: float, high: float) -> str:
        return Difference("A", "B", "micro_auc", Interval(value, low, high, 0.95, 2000, 0)).sentence

    assert verdict(0.012, -0.003, 0.028) == "B − A = +1.2 [−0.3, +2.8]: not told apart"
    assert verdict(0.012, 0.003, 0.028) == "B − A = +1.2 [+0.3, +2.8]: B is better"
    assert verdict(-0.012, -0.028, -0.003) == "B − A = −1.2 [−2.8, −0.3]: A is better"
    assert verdict(0.0, 0.0, 0.0) == "B − A = 0.0 [0.0, 0.0]: equal"
    # 0 itself is in the interval, and an end that would round to it gets another digit.
    assert verdict(0.012, 0.0, 0.028) == "B − A = +1.2 [0.0, +2.8]: not told apart"
    assert verdict(0.012, 0.0001, 0.028) == "B − A = +1.20 [+0.01, +2.80]: B is better"


def test_digits_are_added_only_where_they_say_something() -> None:
    assert signed_figure(Interval(0.0, -1e-9, 1e-9, 0.95, 1, 0)) == "0.000 [0.000, 0.000]"


def test_without_a_video_of_both_classes_that_measure_is_left_out() -> None:
    labels = [np.zeros(3), np.ones(3), np.zeros(3), np.ones(3)]
    methods = [Method(n, Path(n), [t + k * np.arange(3) for t in labels]) for k, n in enumerate("AB")]
    comparison = compare(Contest(None, list("1234"), labels, methods))
    assert comparison.keys == ["micro_auc", "macro_auc"]
    report = as_json(comparison)
    assert report["methods"][0]["macro_auc_two_class"] is None
    assert "two-class" not in as_text(comparison)
    # Draws of one kind only have no micro AUC, and that is said.
    assert report["methods"][0]["micro_auc"]["left_out"] > 0
    assert "draws are left out" in as_text(comparison)


def test_text_markdown_and_page_say_the_same(comparison: Comparison) -> None:
    sentences = [it.sentence for it in comparison.differences]
    text, markdown, page = as_text(comparison), as_markdown(comparison), as_html(comparison)
    for sentence in sentences:
        assert sentence in text
        assert f"- {sentence}\n" in markdown
    assert page.count("<em ") == len(sentences) == 9
    assert page.count('<em class="apart">B is better') == sum(
        it.verdict == "B is better" for it in comparison.differences
    )
    for said in (text, markdown, page):
        assert "12 videos are few" in said


def test_the_page_needs_nothing_else_and_says_names_as_they_are(contest: Contest) -> None:
    odd = Method('<script>"x" & $y', Path("<b>"), contest.methods[0].scores, 20.0)
    comparison = compare(Contest("ped2", NAMES, LABELS, [odd, contest.methods[1]]))
    page = as_html(comparison)
    assert "<script" not in page
    assert "&lt;script&gt;&quot;x&quot; &amp; $y" in page
    assert set(re.findall(r'(?:src|href)="([^"]{0,15})', page)) == {"data:image/png;"}
    assert "http" not in page
    assert "\\<script\\>" in as_markdown(comparison)


def test_a_benchmark_without_published_points_has_no_picture(comparison: Comparison) -> None:
    assert "<img" not in as_html(replace(comparison, contest=replace(comparison.contest, benchmark="scene")))
    assert "<img" in as_html(comparison)


def test_the_files_are_written(comparison: Comparison, tmp_path: Path) -> None:
    write_comparison(tmp_path / "out", comparison)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["compare.html", "compare.json", "compare.md"]
    assert json.loads((tmp_path / "out" / "compare.json").read_text()) == as_json(comparison)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError, match="choose another --output"):
        write_comparison(tmp_path / "file", comparison)


def test_errors_are_of_their_kinds(evaluated: Make) -> None:
    with pytest.raises(ConfigError):
        read_contest([str(evaluated("a"))])
    with pytest.raises(BenchmarkError):
        read_contest([str(evaluated("b")), str(evaluated("c", benchmark="scene"))])
