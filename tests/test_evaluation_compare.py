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
from sdmae.evaluation.comparison.compare import Comparison, Difference, as_json, compare, signed_figure
from sdmae.evaluation.comparison.compare_page import as_html, points, write_comparison
from sdmae.evaluation.comparison.compare_words import as_markdown, as_text, tables, warnings
from sdmae.evaluation.comparison.methods import Contest, Method, read_contest
from sdmae.evaluation.comparison.noted import Alarms, Noted
from sdmae.metrics import (
    Interval,
    average_precision,
    bootstrap_auc,
    bootstrap_difference,
    equal_error_rate,
    macro_auc_two_class,
    micro_auc,
)
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
    assert [m.noted.machine for m in contest.methods] == ["AMD EPYC, 2 cores", "H100"]
    assert (contest.benchmark, list(contest.videos), contest.methods[0].noted.fps) == ("ped2", NAMES, 84.7)
    for found, expected in zip(contest.methods[0].scores, scores(ord("a"), 1.0), strict=True):
        assert found.tobytes() == expected.tobytes()
    for found, expected in zip(contest.labels, LABELS, strict=True):
        assert (found == expected).all()


def test_the_scores_of_a_baseline_are_read_with_the_labels_beside_them(evaluated: Make) -> None:
    a, b = evaluated("a"), evaluated("b")
    for folder in (a, b):
        export_scores(folder / "series" / "frame_difference", NAMES, scores(5, 1.0))
    contest = read_contest([str(a), str(a / "series" / "frame_difference")])
    assert [m.noted.fps for m in contest.methods] == [84.7, None]
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
    refused("a/metrics.json: is not what sdmae writes", [a, c])
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


# What evaluate noted

CALIBRATED = {
    "protocol": "causal",
    "events": 9,
    "calibrated": {"events_found": 7, "false_alarms_per_hour": 12.34, "median_delay": 0.4, "alarms": 9},
}


@pytest.fixture
def full(evaluated: Make) -> Make:
    """Makes a folder as evaluate leaves it, with all that it measures and the scores in `series`."""

    def make(name: str, **notes: object) -> Path:
        values, causal, other = scores(sum(map(ord, name)), 1.0), scores(1, 0.5), scores(2, 0.7)
        folder = evaluated(
            name,
            **{
                "causal": {"micro_auc": micro_auc(LABELS, causal)},
                "baselines": {
                    "frame_difference": {
                        "micro_auc": micro_auc(LABELS, other),
                        "causal": {"micro_auc": micro_auc(LABELS, other)},
                        "rbdc": 0.01,
                        "tbdc": 0.02,
                        "pixel_auc": None,
                        "regions": {"origin": "derived"},
                    }
                },
                "rbdc": 0.4321,
                "tbdc": 0.5678,
                "pixel_auc": 0.876,
                "regions": {"origin": "derived"},
                "alarms": CALIBRATED,
                "missing": [],
                "protocol": {"offline": "Gaussian of 1 s", "causal": "exponential average of 2 s"},
            }
            | notes,
        )
        for series, kept in (
            ("detector", values),
            ("detector_causal", causal),
            ("frame_difference", other),
            ("frame_difference_causal", other),
        ):
            export_scores(folder / "series" / series, NAMES, kept)
        return folder

    return make


def row_of(table: int, method: int, comparison: Comparison) -> dict[str, str]:
    found = tables(comparison)[table]
    return dict(zip(found.heads, found.rows[method], strict=True))


def test_all_that_evaluate_measured_is_shown_and_the_rest_is_a_dash(full: Make, tmp_path: Path) -> None:
    a = full("a")
    export_scores(tmp_path / "theirs", NAMES, scores(3, 2.0))
    comparison = compare(read_contest([str(a), str(tmp_path / "theirs"), str(a / "series" / "frame_difference")]))
    own, theirs, baseline = as_json(comparison)["methods"]
    assert (own["rbdc"], own["tbdc"], own["pixel_auc"], own["regions_origin"]) == (0.4321, 0.5678, 0.876, "derived")
    assert own["average_precision"] == average_precision(LABELS, scores(ord("a"), 1.0))
    assert theirs["eer"] == equal_error_rate(LABELS, scores(3, 2.0))
    assert own["alarms"] == {"events": 9, "found": 7, "false_per_hour": 12.34, "median_delay": 0.4}
    assert (theirs["rbdc"], theirs["pixel_auc"], theirs["alarms"], baseline["alarms"]) == (None,) * 4
    assert (baseline["rbdc"], baseline["pixel_auc"], baseline["fps_end_to_end"]) == (0.01, None, None)
    shown = [row_of(1, k, comparison) for k in range(3)]
    assert [row["RBDC, %"] for row in shown] == ["43.2", "–", "1.0"]
    assert [row["pixel AUC, %"] for row in shown] == ["87.6", "–", "–"]
    assert shown[1]["EER, %"] == f"{100 * theirs['eer']:.1f}"
    assert row_of(2, 0, comparison) == {
        "method": "a",
        "events found": "7 of 9",
        "false alarms/h": "12.3",
        "median delay, s": "0.4",
    }
    for said in (as_text(comparison), as_markdown(comparison), as_html(comparison)):
        assert all(word in said for word in ("RBDC, %", "43.2", "7 of 9", "12.3", "without intervals"))


def test_without_any_alarms_or_regions_there_is_no_column_of_dashes(comparison: Comparison) -> None:
    assert [table.title for table in tables(comparison)] == ["AUC", "Other measures, without intervals"]
    assert tables(comparison)[1].heads == ["method", "AP, %", "EER, %"]


def test_each_method_says_its_protocol_and_a_mixture_is_warned_of(full: Make, tmp_path: Path) -> None:
    a, b = full("a"), full("b", protocol={"offline": "Gaussian of 2 s"})
    series = a / "series"
    export_scores(tmp_path / "theirs", NAMES, scores(3, 2.0))
    words = [a, series / "detector_causal", series / "frame_difference_causal", tmp_path / "theirs"]
    comparison = compare(read_contest([str(word) for word in words]))
    assert [m.noted.protocol for m in comparison.contest.methods] == ["offline", "causal", "causal", "unknown"]
    assert [row_of(0, k, comparison)["protocol"] for k in range(4)] == ["offline", "causal", "causal", "unknown"]
    (warning,) = warnings(comparison)
    assert warning.startswith(
        "Protocols differ (a: offline; detector_causal and frame_difference_causal: causal; theirs: unknown)"
    )
    for said in (as_text(comparison), as_markdown(comparison), as_html(comparison)):
        assert "Protocols differ" in said
        assert "causal (exponential average of 2 s)" in said
    assert [p.name for p in points(comparison)][:2] == ["a", "detector_causal (causal)"]
    # The alarms are those of the detector, whichever of its scores are compared.
    assert comparison.contest.methods[1].noted.alarms == Alarms(9, 7, 12.34, 0.4)
    same = compare(read_contest([str(a), str(series / "detector"), str(series / "frame_difference")]))
    assert warnings(same) == []
    (warning,) = warnings(compare(read_contest([str(a), str(b)])))
    assert warning == "Smoothing differs (a: Gaussian of 1 s; b: Gaussian of 2 s)."


def test_what_detect_wrote_says_its_protocol(full: Make) -> None:
    a, b = full("a"), full("b")
    (b / "metrics.json").unlink()
    (b / "run.json").write_text(json.dumps({"detector": "x", "protocol": "causal"}))
    noted = read_contest([str(a), str(b)]).methods[1].noted
    assert noted == Noted(protocol="causal")


def test_scores_in_series_that_are_not_those_of_metrics_json_are_refused(full: Make) -> None:
    a = full("a", causal={"micro_auc": 0.5})
    refused(r"detector_causal: metrics.json says micro AUC 0\.5000", [a, a / "series" / "detector_causal"])


def test_figures_by_other_labels_are_left_out_and_that_is_said(full: Make, tmp_path: Path) -> None:
    a, b = full("a"), full("b")
    export_scores(tmp_path / "own", NAMES, [1 - t if k == 1 else t for k, t in enumerate(LABELS)])
    comparison = compare(read_contest([str(a), str(b)], tmp_path / "own"))
    assert as_json(comparison)["methods"][0]["rbdc"] is None
    assert as_json(comparison)["methods"][0]["alarms"] is None
    assert as_json(comparison)["methods"][0]["fps_end_to_end"] == 84.7
    assert "a and b: evaluated by other labels" in as_text(comparison)
    same = compare(read_contest([str(a), str(b)], a / "series" / "labels"))
    assert as_json(same)["methods"][0]["rbdc"] == 0.4321


def test_regions_of_different_origin_are_warned_of(full: Make) -> None:
    a, b = full("a"), full("b", regions={"origin": "benchmark"})
    assert warnings(compare(read_contest([str(a), str(b)]))) == [
        "RBDC and TBDC are of different regions (a: derived; b: benchmark) and do not compare."
    ]


def test_what_was_measured_on_a_part_says_so_and_is_not_drawn(full: Make) -> None:
    a, b = full("a", missing=["test clip 01 and 3 more", "training clip 02"]), full("b")
    comparison = compare(read_contest([str(a), str(b), str(a / "series" / "frame_difference")]))
    report = as_json(comparison)
    assert report["missing"] == ["test clip 01 and 3 more", "training clip 02"]
    assert [bool(method["missing"]) for method in report["methods"]] == [True, False, True]
    first, second = warnings(comparison)
    assert first == (
        "Partial: not comparable with published figures. Not there for a and frame_difference: test clip 01 and 3 "
        "more; training clip 02."
    )
    assert second.startswith("What was missing differs")
    page = as_html(comparison)
    for said in (as_text(comparison), as_markdown(comparison), page):
        assert "partial: not comparable with published figures" in said
        assert ": test clip 01 and 3 more" in said
    assert "<img" not in page
    assert "no picture beside published figures, since a is of a part of ped2" in page
    whole = compare(read_contest([str(b), str(b / "series" / "frame_difference")]))
    assert as_json(whole)["missing"] == []
    assert "artial" not in as_text(whole) + as_markdown(whole)
    assert "<img" in as_html(whole)


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ({"seen_in_training": ["00", "01"]}, "a was trained on 2 of the test clips."),
        ({"protocol": {"fixed": False}}, "a was smoothed otherwise than is fixed for the benchmark."),
    ],
)
def test_what_does_not_compare_with_published_figures_is_told_and_not_drawn(
    notes: dict[str, object], said: str, full: Make
) -> None:
    comparison = compare(read_contest([str(full("a", **notes)), str(full("b"))]))
    assert said in warnings(comparison)
    assert comparison.contest.apart == said[:-1]
    assert "<img" not in as_html(comparison)
    assert compare(read_contest([str(full("c")), str(full("d", seen_in_training=[]))])).contest.apart is None


def test_labels_of_a_part_of_a_benchmark_make_it_a_part(tmp_path: Path) -> None:
    for k in range(2):
        export_scores(tmp_path / f"m{k}", NAMES, scores(k, 1.0))
    clips = tuple(TestClip(Clip(n, Path(n)), t.astype(bool)) for n, t in zip(NAMES, LABELS, strict=True))
    benchmark = Benchmark("ped2", 10.0, (), clips, missing=("clip Test001",))
    comparison = compare(read_contest([str(tmp_path / "m0"), str(tmp_path / "m1")], benchmark))
    assert as_json(comparison)["missing"] == ["clip Test001"]
    assert "Not there for the labels: clip Test001." in as_text(comparison)


# What is said of differences


def test_the_verdict_is_about_the_interval() -> None:
    def verdict(value: float, low: float, high: float) -> str:
        return Difference("A", "B", "micro_auc", Interval(value, low, high, 0.95, 2000, 0)).sentence

    assert verdict(0.012, -0.003, 0.028) == "B − A = +1.2 points [−0.3, +2.8]: not told apart"
    assert verdict(0.012, 0.003, 0.028) == "B − A = +1.2 points [+0.3, +2.8]: B is better"
    assert verdict(-0.012, -0.028, -0.003) == "B − A = −1.2 points [−2.8, −0.3]: A is better"
    assert verdict(0.0, 0.0, 0.0) == "B − A = 0.0 points [0.0, 0.0]: equal"
    # 0 itself is in the interval, and an end that would round to it gets another digit.
    assert verdict(0.012, 0.0, 0.028) == "B − A = +1.2 points [0.0, +2.8]: not told apart"
    assert verdict(0.012, 0.0001, 0.028) == "B − A = +1.20 points [+0.01, +2.80]: B is better"


def test_digits_are_added_only_where_they_say_something() -> None:
    assert signed_figure(Interval(0.0, -1e-9, 1e-9, 0.95, 1, 0)) == "0.000 points [0.000, 0.000]"


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
    odd = Method('<script>"x" & $y', Path("<b>"), contest.methods[0].scores, Noted(fps=20.0))
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
