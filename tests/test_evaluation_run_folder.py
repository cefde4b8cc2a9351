"""The folder of an evaluation: of one run at a time, and nobody else's file is ever deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdmae.errors import SourceError
from sdmae.evaluation.run_folder import FILES, METRICS, run_folder


def put(output: Path, **clips: str) -> None:
    """One run: a table for each clip, a series, and metrics."""
    with run_folder(output) as folder:
        for name, text in clips.items():
            for path in (folder / name / "scores.csv", folder / "series" / "detector" / f"{name}.txt"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        (folder / METRICS).write_text(json.dumps(clips))


def held(output: Path) -> dict[str, str]:
    """What lies in the folder, by name, without the list of what is ours."""
    files = {path.relative_to(output).as_posix(): path for path in output.rglob("*") if path.is_file()}
    return {name: path.read_text() for name, path in files.items() if name != FILES}


def whole(**clips: str) -> dict[str, str]:
    found = {METRICS: json.dumps(clips)}
    for name, text in clips.items():
        found |= {f"{name}/scores.csv": text, f"series/detector/{name}.txt": text}
    return found


def test_the_second_run_takes_the_place_of_the_first(tmp_path: Path) -> None:
    put(tmp_path / "out", a="1", b="1")
    assert held(tmp_path / "out") == whole(a="1", b="1")
    put(tmp_path / "out", b="2", c="2")
    assert held(tmp_path / "out") == whole(b="2", c="2")
    assert not (tmp_path / "out" / "a").exists()


def test_nobody_elses_file_is_deleted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out, a="1")
    theirs = {"notes.txt": "n", "a/mine.txt": "m", "series/own/a.txt": "s", "z/scores.csv": "of detect"}
    for name, text in theirs.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    put(out, b="2")
    assert held(out) == whole(b="2") | theirs


@pytest.mark.parametrize(
    "name", ["../kept.txt", "../kept/scores.csv", "/etc/passwd", "notes.txt", "a/b/scores.csv", 7]
)
def test_a_list_that_was_tampered_with_deletes_nothing_that_is_never_ours(tmp_path: Path, name: object) -> None:
    out = tmp_path / "out"
    put(out, a="1")
    for path in (tmp_path / "kept.txt", tmp_path / "kept" / "scores.csv", out / "notes.txt", out / "a/b/scores.csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept")
    (out / FILES).write_text(json.dumps({"files": [name]}))
    before = sorted(tmp_path.rglob("*"))
    put(out, a="1")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_is_cut_short_before_the_end_changes_nothing(
    tmp_path: Path, error: type[BaseException] | BaseException
) -> None:
    out = tmp_path / "deep" / "out"

    def cut_short() -> None:
        with run_folder(out) as folder:
            (folder / METRICS).write_text("new")
            raise error

    with pytest.raises((KeyboardInterrupt, SourceError)):
        cut_short()
    assert list(tmp_path.iterdir()) == []
    put(out, a="1")
    with pytest.raises((KeyboardInterrupt, SourceError)):
        cut_short()
    assert held(out) == whole(a="1")


def test_where_the_change_itself_is_cut_short_there_are_no_metrics_and_the_next_run_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    put(out, a="1", b="1")
    replace_by = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if Path(target).parent.name == "d":
            raise KeyboardInterrupt
        return replace_by(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            put(out, b="2", c="2", d="2")
    assert METRICS not in held(out)
    assert held(out)["c/scores.csv"] == "2"
    put(out, e="3")
    assert held(out) == whole(e="3")


def test_what_a_killed_run_left_half_written_goes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with run_folder(out) as folder:
        staged = folder
        (folder / METRICS).write_text("{}")
    assert not staged.exists()
    (staged / "old").mkdir(parents=True)
    (staged / "old" / "scores.csv").write_text("0")
    put(out, a="1")
    assert held(out) == whole(a="1")


def test_a_place_that_is_taken_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(SourceError, match=r"out: cannot be written to .*choose another --output"):
        put(tmp_path / "out", a="1")
