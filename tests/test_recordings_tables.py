"""Tables of scores: each format reads back equal, a bad one is refused, and none is ever half there."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from sdmae import Detector, VideoScores
from sdmae.errors import ConfigError, SourceError
from sdmae.recordings.detect import detect
from sdmae.recordings.tables import FORMATS, check_format, write_table
from sdmae.recordings.watch import Order
from sdmae.video import find_clips

Columns = tuple[list[int], list[float], list[float]]


def read(path: Path) -> Columns:
    """Frames, times and scores of a table, by other means than wrote it."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    elif path.suffix == ".json":
        rows = json.loads(path.read_text())["frames"]
    else:
        from pyarrow import parquet

        rows = parquet.read_table(path).to_pylist()
    assert all(list(row) == ["frame", "time", "score"] for row in rows)
    frames, times, scores = zip(*((int(r["frame"]), float(r["time"]), float(r["score"])) for r in rows), strict=True)
    return list(frames), list(times), list(scores)


def scores_of(count: int) -> VideoScores:
    rng = np.random.default_rng(0)
    frames = np.cumsum(rng.integers(1, 4, count))
    values = rng.random(count) * 10.0 ** rng.integers(-12, 6, count)
    return VideoScores('the "gate"', frames, frames / 29.97, values, values, None)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_reads_back_equal(kind: str, tmp_path: Path) -> None:
    scores = scores_of(300)
    path = write_table(tmp_path / "new" / "folder", scores, kind)
    assert path == tmp_path / "new" / "folder" / f"scores.{kind}"
    frames, times, values = read(path)
    assert frames == scores.frames.tolist()
    assert values == scores.scores.tolist()
    if kind == "csv":
        assert times == pytest.approx(scores.times, abs=1e-6)
    else:
        assert times == scores.times.tolist()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_json_names_its_video(tmp_path: Path) -> None:
    path = write_table(tmp_path, scores_of(2), "json")
    assert json.loads(path.read_text())["video"] == 'the "gate"'


def test_detect_writes_the_same_scores_in_every_format(detector: Detector, video: Path, tmp_path: Path) -> None:
    expected = detector.score(video)
    for kind in FORMATS:
        detect(detector, find_clips(str(video)), Order(tmp_path / kind, table=kind), lambda line: None)
        (table,) = [path for path in (tmp_path / kind / "cam").glob("scores.*") if path.suffix != ".png"]
        assert table.name == f"scores.{kind}"
        frames, times, values = read(table)
        assert frames == expected.frames.tolist()
        assert times == pytest.approx(expected.times, abs=1e-6)
        assert values == expected.scores.tolist()


def test_a_format_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FORMATS:
        check_format(name)
    with pytest.raises(ConfigError, match="--format xlsx: there are csv, json, parquet"):
        check_format("xlsx")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else real(name))
    with pytest.raises(ConfigError, match=r"--format parquet needs pyarrow: pip install 'sdmae\[parquet\]'"):
        check_format("parquet")
    check_format("csv")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_that_cannot_be_written(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError, match=r"cannot be written .*choose another --output") as error:
        write_table(tmp_path / "file" / "cam", scores_of(5), kind)
    assert "\n" not in str(error.value)
    # A folder in the table's place: what was begun beside it is gone.
    (tmp_path / f"scores.{kind}").mkdir()
    with pytest.raises(SourceError, match=rf"scores\.{kind}: cannot be written"):
        write_table(tmp_path, scores_of(5), kind)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", f"scores.{kind}"]
