"""From normal video to alarms on the command line: `train` and `calibrate` set the threshold, `detect` uses it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sdmae import Detector, load
from sdmae.cli import main
from sdmae.detector import read_config
from spoken import said
from tiny import SETTINGS
from video_files import make_video

BUDGET = ["--false-alarms-per-day", "2000"]


@pytest.fixture
def tiny(tmp_path: Path) -> list[str]:
    """Flags that make training a matter of a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SETTINGS)
    return ["--config", str(path), "--train.student_epochs", "1", "--device", "cpu"]


# --- train ---------------------------------------------------------------------------------------------------------


def test_train_calibrates_on_what_it_held_out(
    tmp_path: Path, tiny: list[str], odd_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_video(tmp_path / "cam.mp4", 275, rate=5)
    output = tmp_path / "cam.safetensors"
    words = ["train", str(source), "--output", str(output), *tiny, "--train.held_out", "0.4"]
    assert main([*words, "--train.batch_size", "32"]) == 0
    lines = said(capsys.readouterr().err)
    level = load(output, device="cpu").calibration
    assert level is not None
    # Nobody has asked for a budget that so little video cannot vouch for: it takes the smallest that it can.
    assert level.causal.asked >= level.causal.vouched > 100
    (warned,) = [line for line in lines if line.startswith("asked for 1 false alarms a day")]
    assert "no fewer than" in warned
    assert "sdmae calibrate" in warned
    (told,) = [line for line in lines if line.startswith("threshold ")]
    assert "from 22 s of normal video" in told
    assert "held out of training: cam" in level.video
    assert level.causal.seconds == pytest.approx(22, abs=1)
    # It serves at once.
    out = tmp_path / "out"
    assert main(["detect", str(odd_video), "--detector", str(output), "--output", str(out), "--device", "cpu"]) == 0
    assert (out / "odd" / "events.json").exists()


def test_train_says_why_it_has_no_alarms(
    tmp_path: Path, tiny: list[str], video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "cam.safetensors"
    assert main(["train", str(video), "--output", str(output), *tiny]) == 0
    (line,) = [line for line in said(capsys.readouterr().err) if line.startswith("no alarms yet")]
    assert "s of normal video were scored" in line
    assert "calibrate with 20 s" in line
    assert load(output, device="cpu").calibration is None


def test_train_learns_nothing_outside_the_schedule_and_in_ignore_zones(
    tmp_path: Path, tiny: list[str], video: Path
) -> None:
    source = shutil.copy(video, tmp_path / "cam_20261123-075959.mp4")  # the second of two seconds is watched
    output = tmp_path / "cam.safetensors"
    words = ["train", str(source), "--output", str(output), *tiny, "--ignore", "0,0 50,0 50,72 0,72"]
    assert main([*words, "--events.schedule", "mon 08:00-09:00"]) == 0
    detector = load(output, device="cpu")
    assert detector.config.events.schedule == "mon 08:00-09:00"
    assert detector.config.input.ignore == ((0.0, 0.0, 0.5, 0.0, 0.5, 1.0, 0.0, 1.0),)
    assert detector.provenance["training_frames"] == 20  # of 25 in that second, a fifth held out
    maps = detector.score(video, maps=True).maps
    assert maps is not None
    assert (maps[:, :, :5] == 0).all()
    assert (maps[:, :, 7:] > 0).all()


# --- calibrate -----------------------------------------------------------------------------------------------------


def test_calibrate_then_detect(
    tmp_path: Path, detector_file: Path, normal_video: Path, odd_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new.safetensors"
    words = ["calibrate", str(normal_video), "--detector", str(detector_file), "--output", str(output)]
    assert main([*words, *BUDGET]) == 0
    lines = said(capsys.readouterr().err)
    assert lines[0].startswith("live and causal: threshold ")
    assert lines[1].startswith("offline: threshold ")
    assert lines[-1] == f"{output}: done. Next: sdmae detect SOURCE --detector {output} --output DIR"
    assert load(output, device="cpu").config.events.false_alarms_per_day == 2000
    out = tmp_path / "out"
    assert main(["detect", str(odd_video), "--detector", str(output), "--output", str(out)]) == 0
    assert said(capsys.readouterr().err)[-1] == f"{out}: 1 video, 100 frames, 0.3 min, 1 event"
    (event,) = json.loads((out / "odd" / "events.json").read_text())["events"]
    assert 7.5 < event["start"] < event["end"] < 12.5


def test_the_budget_is_a_setting_like_any_other(tmp_path: Path, detector_file: Path, normal_video: Path) -> None:
    words = ["calibrate", str(normal_video), "--detector", str(detector_file), "--output"]
    flag, setting = tmp_path / "flag.safetensors", tmp_path / "setting.safetensors"
    assert main([*words, str(flag), *BUDGET]) == 0
    assert main([*words, str(setting), "--events.false_alarms_per_day", "2000"]) == 0
    assert load(flag, device="cpu").calibration == load(setting, device="cpu").calibration


def test_calibrate_goes_on_after_ctrl_c(
    tmp_path: Path,
    detector_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in "ab":
        make_video(tmp_path / f"{name}.mp4", 150, rate=5)
    output = tmp_path / "new.safetensors"
    words = ["calibrate", str(tmp_path / "?.mp4"), "--detector", str(detector_file), "--output", str(output)]
    real = Detector.score_both
    stop = True
    scored: list[str] = []

    def watched(self: Detector, source: object, **options: object) -> object:
        name = source.name  # type: ignore[attr-defined]
        if stop and name == "b":
            raise KeyboardInterrupt
        scored.append(name)
        return real(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Detector, "score_both", watched)
    assert main([*words, *BUDGET]) == 130
    (line,) = said(capsys.readouterr().err)
    assert line.startswith(f"interrupted; scores of finished videos are in {tmp_path / 'new.calibration'}")
    assert "--resume" in line
    assert not output.exists()
    stop = False
    assert main([*words, *BUDGET, "--resume"]) == 0
    assert scored == ["a", "b"]
    assert sorted(path.name for path in tmp_path.glob("new*")) == ["new.safetensors"]


def test_calibrate_leaves_out_what_it_is_told_to(
    tmp_path: Path, detector_file: Path, normal_video: Path, odd_video: Path
) -> None:
    output = tmp_path / "new.safetensors"
    words = [
        "calibrate",
        str(normal_video),
        str(odd_video),
        "--detector",
        str(detector_file),
        "--output",
        str(output),
    ]
    assert main([*words, *BUDGET, "--exclude", "odd:7-14"]) == 0
    calibration = load(output, device="cpu").calibration
    assert calibration is not None
    assert calibration.causal.seconds == pytest.approx(
        60 + 20 - 7 - 3.6, abs=1
    )  # and what the smoothing carries over
    assert calibration.causal.highest < 0.58  # what happened in those seconds


def test_calibrate_uses_the_hours_that_are_watched(tmp_path: Path, detector_file: Path, normal_video: Path) -> None:
    output = tmp_path / "new.safetensors"
    words = ["calibrate", str(normal_video), "--detector", str(detector_file), "--output", str(output), *BUDGET]
    schedule = ["--events.schedule", "mon 08:00-09:00", "--start"]
    assert main([*words, *schedule, "2026-11-23T07:59:30"]) == 0
    calibration = load(output, device="cpu").calibration
    assert calibration is not None
    assert calibration.causal.seconds == pytest.approx(30 - 3, abs=1)
    assert read_config(output).events.schedule == "mon 08:00-09:00"
    # And detect keeps them without being told again.
    source = shutil.copy(normal_video, tmp_path / "late_20261123-090000.mp4")
    out = tmp_path / "out"
    assert main(["detect", str(source), "--detector", str(output), "--output", str(out), "--threshold", "0.5"]) == 0
    assert json.loads((out / "late_20261123-090000" / "events.json").read_text())["events"] == []


def test_a_detector_whose_settings_changed_is_calibrated_again(
    tmp_path: Path, calibrated_file: Path, normal_video: Path, odd_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With other zones than it was calibrated with, a detector is refused, and the line says what to do: do it."""
    zone = ["--ignore", "0,0 80,0 80,48 0,48"]
    detect = ["detect", str(odd_video), "--output", str(tmp_path / "out"), *zone, "--detector"]
    assert main([*detect, str(calibrated_file)]) == 2
    (line,) = said(capsys.readouterr().err)
    assert f"sdmae calibrate NORMAL_VIDEO --detector {calibrated_file} --output NEW.safetensors" in line
    assert "--threshold" in line
    assert not (tmp_path / "out").exists()
    output = tmp_path / "new.safetensors"
    words = ["calibrate", str(normal_video), "--detector", str(calibrated_file), "--output", str(output), *BUDGET]
    assert main([*words, *zone]) == 0
    assert read_config(output).input.ignore == ((0.0, 0.0, 0.8, 0.0, 0.8, 0.666667, 0.0, 0.666667),)
    # It carries its zones, so that they need not be named again; named again they are the same.
    for k, flags in enumerate(([], zone)):
        out = str(tmp_path / f"out{k}")
        assert main(["detect", str(odd_video), "--output", out, "--detector", str(output), *flags]) == 0
    # And with a threshold of one's own any detector serves.
    assert main([*detect, str(calibrated_file), "--threshold", "0.6"]) == 0


# --- detect --------------------------------------------------------------------------------------------------------


def test_detect_writes_what_it_is_asked_for(tmp_path: Path, detector_file: Path, odd_video: Path) -> None:
    out = tmp_path / "out"
    words = ["detect", str(odd_video), "--detector", str(detector_file), "--output", str(out), "--overlay"]
    assert main([*words, "--threshold", "0.58", "--format", "parquet", "--start", "2026-11-23T08:00"]) == 0
    found = {path.name for path in (out / "odd").iterdir()}
    assert found == {*("scores.parquet", "scores.png", "events.json", "event_001.jpg", "overlay.mp4", "done.json")}
    about = json.loads((out / "odd" / "events.json").read_text())
    assert about["taken"] == "2026-11-23T08:00:00"
    assert about["events"][0]["taken"].startswith("2026-11-23T08:00:0")


def test_detect_keeps_the_schedule(tmp_path: Path, calibrated_file: Path, odd_video: Path) -> None:
    words = ["detect", str(odd_video), "--detector", str(calibrated_file), "--events.schedule", "mon 08:00-09:00"]
    counts = []
    for k, start in enumerate(("2026-11-23T08:00", "2026-11-23T12:00")):
        assert main([*words, "--start", start, "--output", str(tmp_path / f"{k}")]) == 0
        counts.append(len(json.loads((tmp_path / f"{k}" / "odd" / "events.json").read_text())["events"]))
    assert counts == [1, 0]
