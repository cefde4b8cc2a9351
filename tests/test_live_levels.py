from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sdmae import Detector
from sdmae.errors import ConfigError
from sdmae.live.health import CameraState
from sdmae.live.levels import CameraLevels
from sdmae.live.settings import CameraSettings, Secret
from sdmae.live.state import State
from sdmae.live.wall import WallClock
from sdmae.scoring import FrameScore
from sdmae.video.live import Status

YARD = CameraSettings("yard", Secret.address("rtsp://10.0.0.5/s"), "yard.safetensors")


def test_the_strongest_holds_and_is_kept(calibrated: Detector, tmp_path: Path) -> None:
    path = tmp_path / "yard" / "levels.json"
    assert calibrated.calibration is not None
    own = calibrated.calibration.causal
    levels = CameraLevels(YARD, calibrated, path)
    seen = levels.view()
    assert (seen.opens, seen.set_by, seen.usual, seen.median) == (
        own.threshold,
        "detector",
        own.threshold,
        own.median,
    )
    assert seen.a_day == pytest.approx(own.rate)
    levels.set(0.75)
    seen = CameraLevels(YARD, calibrated, path).view()
    assert (seen.opens, seen.set_by, seen.usual) == (0.75, "page", own.threshold)
    assert seen.closes is not None
    assert own.median < seen.closes < 0.75
    # Whoever writes another threshold into the settings means it.
    written = CameraLevels(replace(YARD, threshold=0.5), calibrated, path)
    assert (written.view().opens, written.view().set_by) == (0.5, "settings")
    levels.set(None)
    assert CameraLevels(YARD, calibrated, path).view().set_by == "detector"
    with pytest.raises(ConfigError, match="no number"):
        levels.set(float("nan"))


def test_a_warm_up_learns_once(calibrated: Detector, tmp_path: Path) -> None:
    assert calibrated.calibration is not None
    path = tmp_path / "levels.json"
    warm = replace(YARD, warm_up=0.5)
    levels = CameraLevels(warm, calibrated, path)
    # The detector's own calibration is of another camera: it does not hold meanwhile.
    assert levels.view().opens is None
    done = [levels.learn_from(FrameScore(k, k / 10, 0.1 + 0.01 * (k * 7 % 11), 0.1)) for k in range(302)]
    assert done.index(True) == 300
    assert done.count(True) == 1
    levels.learn()
    assert levels.warm_up is None
    assert levels.view().set_by == "warm-up"
    assert levels.levels is not None
    assert 0.1 < levels.levels.opens < 1
    again = CameraLevels(warm, calibrated, path)
    assert again.levels == levels.levels
    # Under other settings of the score it is worth nothing.
    config = calibrated.config
    other = calibrated.with_settings(replace(config, score=replace(config.score, alpha=9.0)))
    assert CameraLevels(warm, other, path).levels is None


def test_a_warm_up_in_which_nothing_happens_begins_anew(calibrated: Detector, tmp_path: Path) -> None:
    levels = CameraLevels(replace(YARD, warm_up=0.5), calibrated, tmp_path / "levels.json")
    for k in range(301):
        levels.learn_from(FrameScore(k, k / 10, 0.1, 0.1))
    levels.learn()
    assert levels.levels is None
    assert levels.warm_up == 0.0


def test_a_file_that_is_damaged_is_begun_anew(calibrated: Detector, tmp_path: Path) -> None:
    path = tmp_path / "levels.json"
    path.write_text("{")
    levels = CameraLevels(YARD, calibrated, path)
    assert levels.view().set_by == "detector"
    levels.set(0.5)
    assert CameraLevels(YARD, calibrated, path).view().opens == 0.5


def test_the_wall_clock_goes_by_the_frames_that_came_soonest() -> None:
    clock = WallClock()
    for time, late in ((0.0, 0.3), (0.1, 0.05), (0.2, 0.4), (0.3, 0.2)):
        clock.note(time, 1000 + time + late)
    assert clock.ahead == pytest.approx(1000.05, abs=1e-3)
    # A camera whose clock is slow by 0.1 %: followed. This machine's clock set by an hour: followed at once.
    for k in range(1, 1001):
        clock.note(0.3 + k, 1000.35 + 1.0005 * k)
    assert clock.ahead == pytest.approx(1000.55, abs=0.01)
    clock.note(1001.3, 4600 + 1001.3)
    assert clock.ahead == pytest.approx(4600)


def test_how_a_camera_is() -> None:
    state = State(YARD)
    assert state.said.state == "starting"

    def now(status: Status, warm_up: float | None = None, *, scored: bool = True) -> CameraState:
        state.changed(status, warm_up, scored=scored)
        return state.said.state

    assert now(Status("connecting"), scored=False) == "starting"
    assert now(Status("lost", "Connection refused", 1.0), scored=False) == "lost"
    assert state.said.why == "Connection refused"
    assert now(Status("connecting"), scored=False) == "lost"
    assert now(Status("streaming"), scored=False) == "warming up"
    assert now(Status("streaming")) == "watching"
    assert now(Status("streaming"), 0.3) == "warming up"
    assert "learnt" in state.said.why
    assert now(Status("lost", "its decoder was ended by SIGSEGV", 30.0, True)) == "degraded"
    assert now(Status("connecting")) == "degraded"
    assert now(Status("streaming")) == "watching"
    state.broken = "ignore: outside the picture"
    assert now(Status("streaming")) == "degraded"
    assert State(replace(YARD, enabled=False)).said.state == "off"
