"""Ctrl-C and failures during an evaluation: nothing is seen that was not noted, and nothing noted is lost lightly."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdmae import Detector
from sdmae.cli import main
from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.data.scene import write_scene
from sdmae.errors import SourceError
from sdmae.evaluation import ledger, protocol
from sdmae.evaluation.protocol import evaluate
from sdmae.video import find_clips
from spoken import said
from video_files import make_video


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as at a terminal, also where the tests run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    """A test split that no other run is noted of."""
    clips = [find_clips(str(make_video(tmp_path / f"{n}.mp4", c)))[0] for n, c in (("n", 20), ("a", 24), ("b", 12))]
    labels = [np.arange(24) >= 15, np.zeros(12, bool)]
    test = tuple(TestClip(c, label) for c, label in zip(clips[1:], labels, strict=True))
    return Benchmark(name="real", rate=25.0, training=(clips[0],), test=test)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pressed(times: int) -> None:
    """Ctrl-C."""
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)


def after(patch: pytest.MonkeyPatch, place: Any, name: str, act: Callable[[], None]) -> None:
    """Lets `act` happen when the function of that name has done its work."""
    before = getattr(place, name)

    def both(*arguments: Any, **options: Any) -> Any:
        found = before(*arguments, **options)
        act()
        return found

    patch.setattr(place, name, both)


@pytest.mark.parametrize("step", ["score_test_clips", "measure_baselines", "report_files", "score_png"])
def test_before_the_note_nothing_is_noted_or_written_and_that_is_said(
    step: str, detector: Detector, benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    after(monkeypatch, protocol, step, lambda: pressed(1))
    with pytest.raises(KeyboardInterrupt):
        evaluate(detector, benchmark, tmp_path / "out", ledger=tmp_path / "l.jsonl", report=lines.append)
    assert lines[-1] == "interrupted: nothing of this run is noted or written; the same command begins it again"
    assert not (tmp_path / "l.jsonl").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("place", "step"), [(ledger, "append"), (protocol, "write_table"), (protocol, "write_text")])
def test_once_it_is_noted_the_results_are_written_all_the_same(
    place: Any,
    step: str,
    detector: Detector,
    benchmark: Benchmark,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    pressing = [1]
    after(monkeypatch, place, step, lambda: pressed(pressing.pop() if pressing else 0))
    with pytest.raises(KeyboardInterrupt):
        evaluate(detector, benchmark, tmp_path / "out", ledger=tmp_path / "l.jsonl", report=lines.append)
    (line,) = (tmp_path / "l.jsonl").read_text().splitlines()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert json.loads(line)["metrics"]["micro_auc"] == metrics["micro_auc"]
    assert lines[-1] == "interrupted, but all was measured: the results are whole"
    monkeypatch.undo()
    evaluate(detector, benchmark, tmp_path / "whole", ledger=tmp_path / "m.jsonl", report=lambda line: None)
    assert contents(tmp_path / "out").keys() == contents(tmp_path / "whole").keys()


def test_a_second_interrupt_half_way_through_the_writing_leaves_the_run_before(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    evaluate(detector, benchmark, out, ledger=tmp_path / "l.jsonl", report=lambda line: None)
    before = contents(out)
    lines: list[str] = []
    after(monkeypatch, protocol, "write_table", lambda: pressed(2))
    with pytest.raises(KeyboardInterrupt):
        evaluate(detector, benchmark, out, ledger=tmp_path / "l.jsonl", report=lines.append)
    assert contents(out) == before
    assert "not whole, but the run is noted" in lines[-1]
    assert len((tmp_path / "l.jsonl").read_text().splitlines()) == 2


def test_a_run_that_cannot_be_noted_shows_nothing(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError("no room")

    lines: list[str] = []
    monkeypatch.setattr(ledger, "append", full)  # only now, for the place itself was tried before
    with pytest.raises(SourceError, match="cannot be noted"):
        evaluate(detector, benchmark, tmp_path / "out", ledger=tmp_path / "l.jsonl", report=lines.append)
    assert not (tmp_path / "out").exists()
    assert not any("AUC" in line for line in lines)


def test_a_ledger_that_cannot_be_is_told_before_the_test_set_is_looked_at(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder" / "l.jsonl").mkdir(parents=True)
    monkeypatch.setattr(protocol, "score_test_clips", lambda *rest: pytest.fail("it was looked at"))
    for place in ("file", "folder"):
        with pytest.raises(SourceError, match=r"l\.jsonl: the run could not be noted there; choose another --ledger"):
            evaluate(
                detector, benchmark, tmp_path / "out", ledger=tmp_path / place / "l.jsonl", report=lambda line: None
            )


def test_nothing_is_written_before_the_note(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    seen: list[tuple[list[str], bool]] = []
    after(monkeypatch, ledger, "append", lambda: seen.append((lines.copy(), (tmp_path / "out").exists())))
    evaluate(detector, benchmark, tmp_path / "out", ledger=tmp_path / "l.jsonl", report=lines.append)
    ((before, written),) = seen
    assert not written
    assert not any("AUC" in line for line in before)
    assert any("AUC" in line for line in lines)


def test_the_command_ends_as_interrupted_with_one_word_of_what_became_of_the_run(
    detector_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "scene"
    write_scene(
        root, training_clips=1, training_seconds=1, test_clips=4, test_seconds=2, height=72, width=104, rate=10
    )
    words = ["evaluate", "--detector", str(detector_file), "--benchmark", "scene", "--root", str(root)]
    after(monkeypatch, protocol, "measure_baselines", lambda: pressed(1))
    assert main([*words, "--output", str(tmp_path / "out")]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert said(err)[-1].startswith("interrupted: nothing of this run is noted or written")
    assert sum("interrupted" in line for line in said(err)) == 1
    assert not (tmp_path / "out").exists()
