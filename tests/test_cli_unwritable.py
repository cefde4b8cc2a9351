"""What cannot be written, through the command line: one line, exit code 2, nothing half there."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sdmae import load
from sdmae.cli import main
from sdmae.errors import SourceError
from sdmae.recordings.files import check_writable, write_text
from spoken import Refused, said
from tiny import SETTINGS
from video_files import make_video


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """The settings of a network that trains in a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SETTINGS)
    return str(path)


@contextmanager
def full_after(count: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: the system refuses, in the middle of a write, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_output_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, video: Path, tiny: str, detector_file: Path, refused: Refused
) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "deeper"):
        words = ["detect", str(video), "--detector", str(detector_file), "--output", str(place)]
        refused(words, str(place), "choose another --output")
    output = str(tmp_path / "file" / "cam.safetensors")
    refused(["train", str(video), "--config", tiny, "--output", output], "file", "choose another --output")
    sheet = str(tmp_path / "file" / "sheet.png")
    refused(["data", "preview", str(video), "--config", tiny, "--output", sheet], "sheet.png", "cannot be written")
    refused(["data", "scene", "--output", str(tmp_path / "file" / "scene")], "scene", "choose another --output")
    refused(["data", "scene", "--output", str(tmp_path / "file")], "file is there already", "another folder")


def test_asking_whether_a_folder_can_be_written_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    check_writable(tmp_path / "kept" / "a" / "b")
    assert list((tmp_path / "kept").iterdir()) == []
    check_writable(tmp_path / "kept")
    assert (tmp_path / "kept").is_dir()


def test_a_result_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", "old")
    (tmp_path / "b.json").mkdir()
    with pytest.raises(SourceError, match=r"b\.json: cannot be written"):
        write_text(tmp_path / "b.json", "new")
    with pytest.raises(SourceError, match="cannot be written"):
        write_text(tmp_path / "a.json" / "c.json", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]
    assert (tmp_path / "a.json").read_text() == "old"


def test_an_output_below_a_file_is_told_before_the_work(
    tmp_path: Path, calibrated_file: Path, normal_video: Path, refused: Refused
) -> None:
    (tmp_path / "file").write_text("in the way")
    output = tmp_path / "file" / "deep" / "new.safetensors"
    words = ["calibrate", str(normal_video), "--detector", str(calibrated_file), "--output", str(output)]
    refused(words, str(output.parent), "cannot be written", "choose another --output")
    words = ["detect", str(normal_video), "--detector", str(calibrated_file), "--output", str(output.parent)]
    refused([*words, "--overlay", "--format", "parquet"], str(output.parent), "choose another --output")


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (1_000, ("no place for the anomaly maps", "TMPDIR")),
        (25_000, ("overlay.mp4: cannot be written", "free space")),
    ],
)
def test_a_full_disk_during_detect(
    room: int,
    words: tuple[str, ...],
    tmp_path: Path,
    detector_file: Path,
    odd_video: Path,
    refused: Refused,
) -> None:
    command = ["detect", str(odd_video), "--detector", str(detector_file), "--output", str(tmp_path / "out")]
    with full_after(room):
        refused([*command, "--threshold", "0.58", "--overlay"], *words, "File too large")
    # With room for it the same command does it.
    assert main([*command, "--threshold", "0.58", "--overlay"]) == 0


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_full_disk_under_the_table_of_scores(
    kind: str, tmp_path: Path, detector_file: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    # The plot is larger than a short table; what it needs is not the matter here.
    monkeypatch.setattr("sdmae.recordings.tables.score_plot", lambda path, *rest, **options: path.touch())
    source = make_video(tmp_path / "cam.mp4", 100, rate=5)
    command = ["detect", str(source), "--detector", str(detector_file), "--output", str(tmp_path / "out")]
    with full_after(1_000):
        refused([*command, "--format", kind], f"scores.{kind}: cannot be written", "too large")


def test_a_full_disk_leaves_an_earlier_result_gone_rather_than_half(
    tmp_path: Path, detector_file: Path, odd_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (tmp_path / "videos").mkdir()
    make_video(tmp_path / "videos" / "calm.mp4", 10, rate=5)
    shutil.copy(odd_video, tmp_path / "videos")
    command = ["detect", str(tmp_path / "videos"), "--detector", str(detector_file), "--output", str(out)]
    assert main([*command, "--threshold", "0.58"]) == 0
    capsys.readouterr()
    with full_after(25_000):
        assert main([*command, "--threshold", "0.58", "--overlay", "--resume"]) == 2
    lines = said(capsys.readouterr().err)
    assert any("odd" in line and "cannot be written" in line for line in lines)
    assert not (out / "odd").exists()
    assert not list(out.rglob("*.part"))


def test_a_full_disk_during_calibrate(
    tmp_path: Path, detector_file: Path, normal_video: Path, refused: Refused
) -> None:
    output = tmp_path / "new.safetensors"
    command = ["calibrate", str(normal_video), "--detector", str(detector_file), "--output", str(output)]
    with full_after(5_000):
        refused(command, "new.calibration: cannot be written", "File too large", "choose another --output")


def test_a_full_disk_under_the_calibrated_detector_loses_no_scores(
    tmp_path: Path,
    detector_file: Path,
    normal_video: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "new.safetensors"
    command = ["calibrate", str(normal_video), "--detector", str(detector_file), "--output", str(output)]
    size = detector_file.stat().st_size
    with full_after(size // 2):
        assert main(command) == 2
    (line,) = said(capsys.readouterr().err)
    assert "new.safetensors: cannot be written (File too large)" in line
    # It took hours to score: that is not lost, and is said.
    assert f"the scores are kept in {tmp_path / 'new.calibration'}, --resume takes them" in line
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["new.calibration", "normal.npz"]
    monkeypatch.setattr("sdmae.Detector.score_both", lambda *rest, **options: pytest.fail("scored again"))
    assert main([*command, "--resume"]) == 0
    assert load(output, device="cpu").calibration is not None
    assert not (tmp_path / "new.calibration").exists()
