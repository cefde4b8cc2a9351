"""What a detector file says of its alarms, and when that no longer holds."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sdmae import Detector, load
from sdmae.config import Config, to_dict
from sdmae.data.zones import parse_zone
from sdmae.detector import read_config
from sdmae.errors import DetectorError
from test_detector import edited
from video_files import SIZE


def metadata(path: Path) -> dict[str, str]:
    """What stands in the head of the file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    found: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    return found


def refused(path: Path) -> str:
    """The line with which the file is refused."""
    with pytest.raises(DetectorError) as error:
        load(path, device="cpu")
    line = str(error.value)
    assert "\n" not in line
    assert path.name in line
    return line


def test_a_calibration_survives_its_file(calibrated: Detector, odd_video: Path, tmp_path: Path) -> None:
    calibrated.save(tmp_path / "copy.safetensors")
    copy = load(tmp_path / "copy.safetensors", device="cpu")
    assert copy.calibration == calibrated.calibration  # every number, to the bit
    assert copy.calibration is not None
    assert copy.calibration.fingerprint == copy.calibration_fingerprint()
    for causal in (False, True):
        assert copy.levels(causal=causal) == calibrated.levels(causal=causal)
        assert list(copy.events(odd_video, causal=causal)) == list(calibrated.events(odd_video, causal=causal))
    # The rate at another threshold can be had without the video.
    level, same = copy.calibration.offline, calibrated.calibration
    assert same is not None
    assert level.rate_at(level.threshold) == (level.rate, level.low, level.high)
    assert level.threshold_for(500.0) == same.offline.threshold_for(500.0) > level.threshold


def test_offline_and_causal_scores_have_thresholds_of_their_own(calibrated: Detector) -> None:
    assert calibrated.levels(causal=False).opens != calibrated.levels(causal=True).opens


def test_without_a_calibration_there_are_no_levels(detector: Detector, video: Path) -> None:
    for ask in (lambda: detector.levels(causal=True), lambda: list(detector.events(video))):
        with pytest.raises(DetectorError, match=r"never calibrated; run sdmae calibrate"):
            ask()


# --- changed since it was calibrated -------------------------------------------------------------------------------


def other_weights(source: Path, target: Path) -> Path:
    tensors = load_file(source)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = tensors[name] + 0.01
    save_file(tensors, target, metadata(source))
    return target


def other_settings(**changes: tuple[str, Any]) -> Callable[[Path, Path], Path]:
    def make(source: Path, target: Path) -> Path:
        config = to_dict(read_config(source))
        for section, (name, value) in changes.items():
            config[section][name] = value
        return edited(source, target, config=json.dumps(config))

    return make


def another_runtime(source: Path, target: Path) -> Path:
    kept = json.loads(metadata(source)["calibration"])
    return edited(source, target, calibration=json.dumps({**kept, "fingerprint": "0" * 32}))


@pytest.mark.parametrize(
    "change",
    [
        other_weights,
        other_settings(score=("alpha", 0.9)),
        other_settings(score=("sigma", 2.0)),
        other_settings(input=("gap", 2.0)),
        other_settings(input=("ignore", [[0.0, 0.0, 0.5, 0.0, 0.5, 0.5]])),
        other_settings(events=("merge", 7.0)),
        other_settings(events=("hysteresis", 0.1)),
        another_runtime,
    ],
    ids=["weights", "alpha", "sigma", "gap", "zones", "merge", "hysteresis", "runtime"],
)
def test_what_was_changed_since_it_was_calibrated_is_refused(
    change: Callable[[Path, Path], Path], calibrated_file: Path, tmp_path: Path
) -> None:
    path = change(calibrated_file, tmp_path / "changed.safetensors")
    assert f"sdmae calibrate NORMAL_VIDEO --detector {path} --output" in refused(path)
    # It can still be calibrated again.
    assert load(path, device="cpu", stale=True).calibration is None


def test_what_moves_no_alarm_may_change(calibrated_file: Path, tmp_path: Path) -> None:
    for change in (other_settings(events=("schedule", "mon 08:00-09:00")), other_settings(train=("seed", 99))):
        path = change(calibrated_file, tmp_path / "same.safetensors")
        assert load(path, device="cpu").calibration is not None


@pytest.mark.parametrize("text", ["{", "[]", '{"offline": {}}', "null nonsense", '{"offline": 3, "causal": 4}'])
def test_a_calibration_that_cannot_be_read(text: str, calibrated_file: Path, tmp_path: Path) -> None:
    path = edited(calibrated_file, tmp_path / "odd.safetensors", calibration=text)
    assert "metadata cannot be read" in refused(path)


@pytest.mark.parametrize(
    "change", [{"colour": 3}, {"threshold": "high"}, {"threshold": None}, {"excesses": [0.1, "x"]}, "missing"]
)
def test_a_calibration_with_numbers_that_are_none(
    change: dict[str, object] | str, calibrated_file: Path, tmp_path: Path
) -> None:
    kept = json.loads(metadata(calibrated_file)["calibration"])
    levels = dict(kept["offline"])
    if isinstance(change, dict):
        levels.update(change)
    else:
        del levels["threshold"]
    text = json.dumps({**kept, "offline": levels})
    path = edited(calibrated_file, tmp_path / "odd.safetensors", calibration=text)
    assert "metadata cannot be read" in refused(path)


# --- other settings ------------------------------------------------------------------------------------------------


def with_zone(config: Config) -> Config:
    zone = parse_zone("0,0 50,0 50,36 0,36", SIZE)
    return replace(config, input=replace(config.input, ignore=(zone,)))


def with_score(config: Config) -> Config:
    return replace(config, score=replace(config.score, gamma=0.0))


def with_merge(config: Config) -> Config:
    return replace(config, events=replace(config.events, merge=9.0))


@pytest.mark.parametrize("change", [with_zone, with_score, with_merge])
def test_a_calibration_goes_where_it_does_not_hold(
    change: Callable[[Config], Config], calibrated: Detector, tmp_path: Path
) -> None:
    other = calibrated.with_settings(change(calibrated.config))
    assert other.calibration is None
    assert calibrated.calibration is not None  # the first is as it was
    other.save(tmp_path / "other.safetensors")
    again = load(tmp_path / "other.safetensors", device="cpu")
    assert again.calibration is None
    assert again.config == other.config


def test_a_calibration_comes_along_where_it_holds(calibrated: Detector) -> None:
    events = replace(calibrated.config.events, schedule="08:00-18:00", false_alarms_per_day=3.0)
    other = calibrated.with_settings(replace(calibrated.config, events=events))
    assert calibrated.calibration is not None
    assert other.calibration == calibrated.calibration.asked_for(3.0)
    assert other.levels(causal=True).opens != calibrated.levels(causal=True).opens
    hours = replace(calibrated.config.events, schedule="08:00-18:00")
    assert calibrated.with_settings(replace(calibrated.config, events=hours)).calibration == calibrated.calibration
    assert other.fingerprint() == calibrated.fingerprint()


def test_the_same_weights_serve_under_an_ignore_zone(calibrated: Detector, video: Path) -> None:
    other = calibrated.with_settings(with_zone(calibrated.config))
    mine, others = calibrated.model.state_dict(), other.model.state_dict()
    assert mine.keys() == others.keys()
    assert all(torch.equal(mine[name], others[name]) for name in mine)
    assert other.score(video).scores.tolist() != calibrated.score(video).scores.tolist()


# --- the file's format ---------------------------------------------------------------------------------------------


def test_a_file_of_the_first_format_is_read(detector_file: Path, video: Path, tmp_path: Path) -> None:
    """Without events, ignore zones and what stands still, as the first release wrote it."""
    config = to_dict(read_config(detector_file))
    del config["events"]
    del config["input"]["ignore"]
    del config["score"]["still"], config["score"]["still_seconds"]
    path = edited(detector_file, tmp_path / "old.safetensors", config=json.dumps(config), format_version="1")
    assert "calibration" not in metadata(path)
    old, new = load(path, device="cpu"), load(detector_file, device="cpu")
    assert old.calibration is None
    assert old.config == new.config
    assert old.fingerprint() == new.fingerprint()
    assert np.array_equal(old.score(video).scores, new.score(video).scores)
    # It is written anew in the format of today.
    old.save(tmp_path / "new.safetensors")
    assert metadata(tmp_path / "new.safetensors")["format_version"] == "2"


def test_a_detector_below_a_file_cannot_be_saved(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DetectorError, match=r"cam\.safetensors: cannot be written \(.*name a folder") as error:
        detector.save(tmp_path / "file" / "cam.safetensors")
    assert "\n" not in str(error.value)
