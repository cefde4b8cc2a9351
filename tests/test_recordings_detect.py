"""Scores as files: a table that reads back to the bit, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdmae import Detector, VideoScores
from sdmae.errors import DetectorError, SourceError
from sdmae.recordings import tables
from sdmae.recordings.detect import detect
from sdmae.recordings.tables import write_scores
from sdmae.recordings.watch import Order
from sdmae.video import find_clips
from video_files import make_video


def scores_of(count: int) -> VideoScores:
    values = np.random.default_rng(0).random(count)
    return VideoScores("cam", np.arange(count), np.arange(count) / 30, values, values, None)


def test_the_table_reads_back_to_the_bit(tmp_path: Path) -> None:
    scores = scores_of(200)
    write_scores(tmp_path / "cam", scores)
    table = np.genfromtxt(tmp_path / "cam" / "scores.csv", delimiter=",", names=True)
    assert table.dtype.names == ("frame", "time", "score")
    assert table["frame"].tolist() == scores.frames.tolist()
    assert table["score"].tolist() == scores.scores.tolist()
    assert table["time"] == pytest.approx(scores.times, abs=1e-6)


def test_the_table_comes_last_since_it_says_that_all_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*rest: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "score_plot", fails)
    with pytest.raises(DetectorError, match=r"cam: cannot be written to \(No space left on device\)"):
        write_scores(tmp_path / "cam", scores_of(5))
    assert list((tmp_path / "cam").iterdir()) == []


def run(detector: Detector, source: Path, output: Path, *, causal: bool = False, resume: bool = False) -> list[str]:
    said: list[str] = []
    detect(detector, find_clips(str(source)), Order(output, causal=causal, resume=resume), said.append)
    return said


def test_the_folder_says_whose_scores_it_holds(detector: Detector, video: Path, tmp_path: Path) -> None:
    run(detector, video, tmp_path / "out")
    mark = json.loads((tmp_path / "out" / "run.json").read_text())
    assert mark == {"detector": detector.fingerprint(), "protocol": "offline"}


def test_a_folder_of_another_detector_is_left_alone(detector: Detector, video: Path, tmp_path: Path) -> None:
    run(detector, video, tmp_path / "out")
    with_other_weights = Detector(detector.model, detector.config, {}, device="cpu")
    next(iter(with_other_weights.model.parameters())).data += 1.0
    for resume in (False, True):
        with pytest.raises(DetectorError, match="holds scores of another detector"):
            run(with_other_weights, video, tmp_path / "out", resume=resume)


def test_a_broken_mark_is_not_believed(detector: Detector, video: Path, tmp_path: Path) -> None:
    run(detector, video, tmp_path / "out")
    (tmp_path / "out" / "run.json").write_text("{")
    with pytest.raises(DetectorError, match="or delete it"):
        run(detector, video, tmp_path / "out", resume=True)


def test_the_only_video_must_be_readable(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "cam.mp4").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"cam\.mp4"):
        run(detector, tmp_path / "cam.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_failures_are_counted_and_the_rest_is_scored(detector: Detector, tmp_path: Path) -> None:
    for name in ("a", "c"):
        make_video(tmp_path / f"{name}.mp4", 6)
    (tmp_path / "b.mp4").write_bytes(b"nothing")
    said: list[str] = []
    clips = find_clips(str(tmp_path))
    failed = detect(detector, clips, Order(tmp_path / "out"), said.append)
    assert failed == 1
    assert "b.mp4" in said[0]
    assert said[-1].startswith("1 of 3 videos")
    assert sorted(p.parent.name for p in tmp_path.glob("out/*/scores.csv")) == ["a", "c"]
