"""Detectors that come with the package, and the tool that puts them there."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import sdmae
import sdmae.detector.shipped as place
from sdmae import load
from sdmae.cli import main
from sdmae.data.readers import read_benchmark
from sdmae.data.scene import write_scene
from sdmae.detector import read_config, shipped_detectors
from sdmae.errors import DetectorError
from sdmae.model import PRESETS
from sdmae.training import Job, train
from sdmae.video import find_clips
from spoken import Refused, said
from tiny import TINY
from video_files import make_frames

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
import ship
import ship_card


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small scene, a detector trained on it, and what `evaluate` measured of that."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDMAE_CACHE", str(folder / "cache"))
        root = folder / "scene"
        write_scene(
            root, training_clips=1, training_seconds=120, test_clips=4, test_seconds=20, height=72, width=104, rate=4
        )
        clips = read_benchmark("scene", root).training
        output = folder / "tiny.safetensors"
        train(Job(clips, output, device="cpu", trained_on="scene (training split)"), TINY)
        words = [
            "evaluate",
            "--detector",
            str(output),
            "--benchmark",
            "scene",
            "--root",
            str(root),
            "--device",
            "cpu",
        ]
        assert main([*words, "--output", str(folder / "out")]) == 0
    return folder


@pytest.fixture(scope="module")
def stand_in(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which that detector is shipped, as `tiny`."""
    folder = tmp_path_factory.mktemp("shipped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDMAE_CACHE", str(world / "cache"))
        root = str(world / "scene")
        assert ship.main([*order(world), "--folder", str(folder), "--benchmark", "scene", "--root", root]) == 0
    return folder


@pytest.fixture(params=["package", "stand-in"])
def names(request: pytest.FixtureRequest, stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shipped detectors, and a stand-in for as long as there are none."""
    if request.param == "stand-in":
        monkeypatch.setattr(place, "FOLDER", stand_in)
    return shipped_detectors() or pytest.skip("no detector is shipped yet")


@pytest.fixture
def tiny(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the stand-in, which now is shipped."""
    monkeypatch.setattr(place, "FOLDER", stand_in)
    return stand_in / "tiny.safetensors"


def order(world: Path, *results: str, name: str = "tiny") -> list[str]:
    """What the tool is told: detector, name, results."""
    found = results or (str(world / "out" / "metrics.json"),)
    return [str(world / "tiny.safetensors"), "--name", name, "--results", *found]


def edited(world: Path, target: Path, **changes: Any) -> str:
    """The measured result with something else in it."""
    metrics = json.loads((world / "out" / "metrics.json").read_text())
    target.write_text(json.dumps({**metrics, **changes}))
    return str(target)


# --- what is shipped -----------------------------------------------------------------------------------------------


def test_every_shipped_detector_is_whole(names: list[str]) -> None:
    for name in names:
        file = place.FOLDER / f"{name}.safetensors"
        assert file.stat().st_size <= ship.LARGEST
        detector = load(name, device="cpu")  # refuses alarms that were calibrated before rounding
        assert detector.provenance["shipped"].startswith(f"{name}, with sdmae ")
        assert detector.provenance["finished"]
        stored = load_file(file)
        for parameter, _ in detector.model.named_parameters():
            assert stored[parameter].dtype == torch.float16


def test_every_shipped_detector_has_a_card(names: list[str]) -> None:
    for name in names:
        text = place.card(name)
        assert text.startswith(f"# {name}\n")
        for heading in ("What it is for", "Data", "How it was trained", "How well it finds", "Limits", "Licence"):
            assert f"\n## {heading}\n" in text
        rows = [line for line in text.splitlines() if line.startswith("| seed ")]
        assert rows
        assert all("%" not in row and row.count("|") == 2 + len(ship_card.COLUMNS) for row in rows)
        assert sum("(this one)" in row for row in rows) <= 1
        assert load(name, device="cpu").fingerprint() in text
        for word in ("\nOffline (", "\nCausal (", "sdmae train --benchmark", "Apache-2.0", "single"):
            assert word in text
        assert "without test labels" in text
        assert "None of these figures" not in text


def test_nothing_else_is_shipped(names: list[str]) -> None:
    expected = {f"{name}.{kind}" for name in names for kind in ("safetensors", "md")} | {"README.md"}
    assert {path.name for path in place.FOLDER.iterdir()} <= expected


def test_a_shipped_detector_scores_real_video(names: list[str], real_data: Path) -> None:
    (clip,) = find_clips(str(real_data / "ucsd_ped2" / "UCSDped2" / "Train" / "Train001"), rate=10)
    assert clip.frames is not None
    for name in names:
        scores = sdmae.load(name, device="cpu").score(replace(clip, frames=clip.frames[:12])).scores
        assert 2 <= len(scores) <= 12  # as fast as it looks
        assert np.isfinite(scores).all()
        assert np.ptp(scores) > 0


def test_a_file_of_that_name_comes_first(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_frames(tmp_path / "tiny", ["1.png", "2.png"])
    assert load("tiny", device="cpu").fingerprint() == load(tiny, device="cpu").fingerprint()  # a folder is none
    with pytest.raises(DetectorError, match="no such detector file"):
        load("./tiny/tiny")
    with pytest.raises(DetectorError, match="no such detector file"):
        load("tiny.safetensors")
    shutil.rmtree(tmp_path / "tiny")
    (tmp_path / "tiny").write_bytes(b"no detector")
    with pytest.raises(DetectorError, match="not a detector"):  # the user's own file, not ours
        load("tiny")


def test_an_unknown_name_lists_those_there_are(tiny: Path, video: Path, tmp_path: Path, refused: Refused) -> None:
    for ask in (load, read_config):
        with pytest.raises(
            DetectorError, match=r"^huge: no such .*shipped \(there is tiny\); `sdmae train`"
        ) as error:
            ask("huge")
        assert "\n" not in str(error.value)
    output = ["--output", str(tmp_path / "out.safetensors")]
    benchmark = ["--benchmark", "scene", "--root", str(tmp_path)]
    for command in (["detect", str(video)], ["calibrate", str(video)], ["evaluate", *benchmark]):
        refused([*command, "--detector", "huge", *output], "huge", "shipped (there is tiny)")


def test_every_verb_takes_the_name(
    tiny: Path, world: Path, video: Path, normal_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--detector", "tiny", "--device", "cpu", "--output"]
    assert main(["detect", str(video), *words, str(tmp_path / "found")]) == 0
    assert (tmp_path / "found" / "cam" / "scores.csv").is_file()
    output = tmp_path / "own.safetensors"
    assert main(["calibrate", str(normal_video), "--force", *words, str(output)]) == 0
    assert load(output, device="cpu").fingerprint() == load("tiny").fingerprint()
    assert output.stat().st_size < 1.1 * tiny.stat().st_size
    benchmark = ["--benchmark", "scene", "--root", str(world / "scene")]
    assert main(["evaluate", *benchmark, *words, str(tmp_path / "out")]) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["seed"] == 0
    assert metrics["detector"] == load("tiny").fingerprint()
    # The figures of the very file, once they are there.
    shutil.copytree(tiny.parent, tmp_path / "again")
    again = [*order(world, str(tmp_path / "out" / "metrics.json")), "--folder", str(tmp_path / "again")]
    assert ship.main(again) == 0
    assert "The figures of seed 0 are of this file." in (tmp_path / "again" / "tiny.md").read_text()


def test_info_names_and_describes_them(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"presets: {', '.join(PRESETS)}", "shipped detectors: tiny"]
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shipped_detectors"] == ["tiny"]
    assert main(["info", "tiny"]) == 0
    out = capsys.readouterr().out
    assert "shipped: tiny, with sdmae " in out
    assert out.endswith((tiny.parent / "tiny.md").read_text().rstrip() + "\n")
    assert main(["info", "tiny", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == "detector"
    assert facts["card"].startswith("# tiny\n")


# --- the tool ------------------------------------------------------------------------------------------------------


def test_shipping_calibrates_what_was_rounded(tiny: Path) -> None:
    detector = load("tiny", device="cpu")
    assert detector.calibration is not None
    assert detector.calibration.video == "held out of training: training_01"
    text = place.card("tiny")
    assert "Alarms, live: threshold " in text
    assert "Rounding moved no score of training_01" in text
    assert "The figures of seed 0 are of these weights before they were rounded." in text
    assert "| seed 0 (this one) |" in text
    assert "## Speed" not in text


def test_without_video_it_ships_without_alarms_and_says_so(world: Path, tmp_path: Path) -> None:
    other = edited(world, tmp_path / "1.json", seed=1, detector="0" * 32, micro_auc=0.25)
    own = edited(world, tmp_path / "0.json", micro_auc=0.75)
    words = ["--speed", "As fast as light.", "--note", "Chosen by chance.", "--folder", str(tmp_path / "to")]
    assert ship.main([*order(world, other, f"0={own}"), *words]) == 0
    assert load(tmp_path / "to" / "tiny.safetensors", device="cpu").calibration is None
    text = (tmp_path / "to" / "tiny.md").read_text()
    assert "Alarms: none, only scores: it was not calibrated after rounding" in text
    assert "Rounding moved" not in text
    assert "\n## Speed\n\nAs fast as light.\n" in text
    assert "Chosen by chance." in text
    micro = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in text.splitlines() if "|" in line}
    assert micro["seed 0 (this one)"] == "75.0"
    assert micro["seed 1"] == "25.0"
    assert micro["**mean of 2 seeds**"] == "50.0"


def test_figures_of_other_weights_are_called_so(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = edited(world, tmp_path / "0.json", detector="0" * 32)
    assert ship.main([*order(world, other), "--folder", str(tmp_path / "to")]) == 0
    assert "none of the results is of these weights" in capsys.readouterr().err
    text = (tmp_path / "to" / "tiny.md").read_text()
    assert "None of these figures is of this file's weights" in text
    assert "(this one)" not in text


def test_what_cannot_be_shipped_is_refused(
    world: Path, detector_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unseeded = edited(world, tmp_path / "unseeded.json", seed=None)
    foreign = edited(world, tmp_path / "foreign.json", benchmark="ped2")
    protocol = json.loads((world / "out" / "metrics.json").read_text())["protocol"]
    early = edited(world, tmp_path / "early.json", protocol={key: protocol[key] for key in ("offline", "causal")})
    smooth = edited(world, tmp_path / "smooth.json", protocol={**protocol, "fixed": False})
    learned = edited(world, tmp_path / "learned.json", seen_in_training=["test_01"])
    partial = edited(world, tmp_path / "partial.json", missing=["a clip"])
    write_scene(
        tmp_path / "scene", training_clips=1, training_seconds=2, test_seconds=20, height=72, width=104, rate=4
    )
    measured = str(world / "out" / "metrics.json")
    asked = [
        (order(world, name="small"), "--name small"),
        (order(world, name="../tiny"), "--name ../tiny"),
        ([str(detector_file), *order(world)[1:]], "trained on cam; shipped are those of ped2, scene"),
        (order(world, unseeded), f"says no seed; write SEED={unseeded}"),
        (order(world, f"1={measured}"), "is of seed 0, not 1"),
        (order(world, measured, measured), "two results of seed 0"),
        (order(world, foreign), "of ped2; figures of scene wanted"),
        (order(world, partial), "which was not whole"),
        (order(world, early), "by an earlier sdmae"),
        (order(world, smooth), "another smoothing"),
        (order(world, learned), "was trained on test_01 of its test clips"),
        (order(world, str(detector_file)), "not the metrics.json"),
        ([*order(world), "--benchmark", "scene"], "both --benchmark scene and --root DIR"),
        ([*order(world), "--benchmark", "ped2", "--root", "."], "both --benchmark scene and --root DIR"),
        ([*order(world), "--benchmark", "scene", "--root", str(tmp_path / "scene")], "not the clips"),
    ]
    for words, expected in asked:
        capsys.readouterr()
        assert ship.main([*words, "--folder", str(tmp_path / "to")]) == 2
        (line,) = said(capsys.readouterr().err)
        assert expected in line
        assert not (tmp_path / "to").exists()


def test_a_large_one_is_refused(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ship, "LARGEST", 1000)
    assert ship.main([*order(world), "--folder", str(tmp_path / "to")]) == 2
    assert "at most 1,000 are shipped" in capsys.readouterr().err
    assert not (tmp_path / "to").exists()


def test_the_card_gives_the_command_that_trained_it() -> None:
    small = PRESETS["small"]
    changed = replace(
        small,
        input=replace(small.input, height=240, width=360, rate=10.0),  # settled by the video
        anomalies=replace(small.anomalies, families=("shapes",)),
        train=replace(small.train, flip=True, seed=2),
    )
    assert ship_card.training_command(changed, "ped2") == (
        "sdmae train --benchmark ped2 --root DIR --preset small --anomalies.families '[\"shapes\"]' "
        "--train.flip true --train.seed 2 --output FILE.safetensors"
    )
