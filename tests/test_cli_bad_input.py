"""Bad input, each through the command line: exit code 2, one line naming the thing and the remedy, nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sdmae import load
from sdmae.cli import main
from sdmae.data.scene import write_scene
from sdmae.errors import BenchmarkError
from sdmae.video import Size
from spoken import Refused, said
from test_detector import edited
from tiny import SETTINGS
from video_files import cut, make_frames, make_video


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """The settings of a network that trains in a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SETTINGS)
    return str(path)


# --- what is wrong with the video ----------------------------------------------------------------------------------


def missing(folder: Path) -> Path:
    return folder / "nowhere.mp4"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def text_file(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is not a video\n" * 50)
    return folder / "text.mp4"


def one_frame(folder: Path) -> Path:
    return make_video(folder / "one.mp4", 1)


def mixed_sizes(folder: Path) -> Path:
    path = make_frames(folder / "mixed", [f"{k:03d}.png" for k in range(8)])
    return make_frames(path, ["005.png"], size=Size(60, 80))


def broken_picture(folder: Path) -> Path:
    path = make_frames(folder / "broken", [f"{k:03d}.png" for k in range(8)])
    cut(path / "004.png", 0.3)
    return path


def too_small(folder: Path) -> Path:
    return make_frames(folder / "small", ["1.png", "2.png", "3.png"], size=Size(6, 40))


VIDEOS: list[tuple[Callable[[Path], Path], tuple[str, ...]]] = [
    (missing, ("nowhere.mp4", "check the path")),
    (empty_folder, ("empty", "no video and no picture", "name the folder")),
    (text_file, ("text.mp4", "not a video that can be read", "copy it anew")),
    (one_frame, ("one.mp4",)),
    (mixed_sizes, ("005.png", "80×60", "100×72", "one size")),
    (broken_picture, ("004.png", "does not decode", "replace it")),
    (too_small, ("small", "40x6", "smaller than", "patch")),
]


@pytest.mark.parametrize(("make", "words"), VIDEOS)
def test_detect_refuses_bad_video(
    make: Callable[[Path], Path], words: tuple[str, ...], tmp_path: Path, detector_file: Path, refused: Refused
) -> None:
    source = make(tmp_path)
    refused(["detect", str(source), "--detector", str(detector_file), "--output", str(tmp_path / "out")], *words)


@pytest.mark.parametrize(("make", "words"), VIDEOS)
def test_train_refuses_bad_video(
    make: Callable[[Path], Path], words: tuple[str, ...], tmp_path: Path, tiny: str, refused: Refused
) -> None:
    source = make(tmp_path)
    refused(["train", str(source), "--config", tiny, "--output", str(tmp_path / "cam.safetensors")], *words)


@pytest.mark.parametrize("make", [missing, empty_folder, text_file])
def test_info_refuses_what_is_no_video(make: Callable[[Path], Path], tmp_path: Path, refused: Refused) -> None:
    source = make(tmp_path)
    refused(["info", str(source)], source.name)


@pytest.mark.parametrize("verb", ["train", "info", "data preview"])
def test_a_live_source_is_refused_without_its_password(
    verb: str, tmp_path: Path, tiny: str, refused: Refused
) -> None:
    rest = {
        "train": ["--config", tiny, "--output", str(tmp_path / "cam.safetensors")],
        "info": [],
        "data preview": ["--config", tiny, "--output", str(tmp_path / "sheet.png")],
    }
    line = refused([*verb.split(), "rtsp://user:secret@host/x", *rest[verb]], "host/x", "record the stream to a file")
    assert "secret" not in line
    assert "user" not in line


def test_a_bad_video_among_good_ones_is_named_and_the_others_are_scored(
    tmp_path: Path, detector_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, out = make_video(tmp_path / "good.mp4", 10), tmp_path / "out"
    words = ["detect", str(text_file(tmp_path)), str(good), str(one_frame(tmp_path))]
    assert main([*words, "--detector", str(detector_file), "--output", str(out)]) == 2
    lines = said(capsys.readouterr().err)
    assert "text.mp4" in lines[0]
    assert "one.mp4" in lines[1]
    assert lines[-1] == f"2 of 3 videos could not be scored; the others are in {out}"
    assert sorted(path.name for path in out.iterdir()) == ["good", "run.json"]


def test_where_no_video_can_be_scored_nothing_is_written(
    tmp_path: Path, detector_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["detect", str(text_file(tmp_path)), str(one_frame(tmp_path)), "--detector", str(detector_file)]
    assert main([*words, "--output", str(tmp_path / "out")]) == 2
    assert said(capsys.readouterr().err)[-1] == "2 of 2 videos could not be scored; nothing was written"
    assert not (tmp_path / "out").exists()


def test_a_truncated_video_is_scored_as_far_as_it_decodes(
    tmp_path: Path, detector_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = cut(make_video(tmp_path / "cam.mkv", 60), 0.6)
    words = ["detect", str(source), "--detector", str(detector_file), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    assert "cam.mkv: stops decoding" in said(capsys.readouterr().err)[0]
    rows = (tmp_path / "out" / "cam" / "scores.csv").read_text().splitlines()
    assert 10 < len(rows) - 1 < 60


# --- what is wrong with the detector -------------------------------------------------------------------------------


def cut_off(good: Path, folder: Path) -> Path:
    (folder / "cut.safetensors").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    return folder / "cut.safetensors"


def newer(good: Path, folder: Path) -> Path:
    return edited(good, folder / "new.safetensors", format_version="3")


def foreign(good: Path, folder: Path) -> Path:
    save_file({"x": torch.zeros(2)}, folder / "other.safetensors")
    return folder / "other.safetensors"


def not_even_safetensors(good: Path, folder: Path) -> Path:
    return text_file(folder)


def a_folder(good: Path, folder: Path) -> Path:
    return empty_folder(folder)


def no_file(good: Path, folder: Path) -> Path:
    return folder / "nowhere.safetensors"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (cut_off, ("cut.safetensors", "cut off", "copy it again")),
        (newer, ("new.safetensors", "format 3", "install a newer sdmae")),
        (foreign, ("other.safetensors", "not an sdmae detector")),
        (not_even_safetensors, ("text.mp4", "not a detector")),
        (a_folder, ("empty", "`sdmae train`")),
        (no_file, ("nowhere.safetensors", "`sdmae train` makes one")),
    ],
)
@pytest.mark.parametrize("verb", ["detect", "evaluate"])
def test_a_bad_detector_is_refused(
    verb: str,
    make: Callable[[Path, Path], Path],
    words: tuple[str, ...],
    tmp_path: Path,
    detector_file: Path,
    video: Path,
    refused: Refused,
) -> None:
    source = [str(video)] if verb == "detect" else ["--benchmark", "scene", "--root", str(tmp_path)]
    bad = make(detector_file, tmp_path)
    refused([verb, *source, "--detector", str(bad), "--output", str(tmp_path / "out")], *words)


# --- what is wrong with the benchmark ------------------------------------------------------------------------------


def test_a_benchmark_with_clips_missing_is_named(
    tmp_path: Path, tiny: str, detector_file: Path, refused: Refused
) -> None:
    root = tmp_path / "scene"
    write_scene(
        root, training_clips=1, training_seconds=0.5, test_clips=1, test_seconds=0.5, height=72, width=104, rate=10
    )
    (root / "test" / "test_01.mp4").unlink()
    which = ["--benchmark", "scene", "--root", str(root)]
    output = ["--output", str(tmp_path / "cam.safetensors")]
    refused(["train", *which, "--config", tiny, *output], "lacks test/test_01.mp4", "anew")
    refused(
        ["evaluate", *which, "--detector", str(detector_file), "--output", str(tmp_path / "out")],
        "lacks test/test_01.mp4",
        "anew",
    )


def test_ped2_with_clips_missing_is_named(tmp_path: Path, detector_file: Path, refused: Refused) -> None:
    make_frames(tmp_path / "ped2" / "Train" / "Train001", ["001.png"])
    make_frames(tmp_path / "ped2" / "Test" / "Test001", ["001.png"])
    words = ["evaluate", "--benchmark", "ped2", "--root", str(tmp_path / "ped2"), "--detector", str(detector_file)]
    refused([*words, "--output", str(tmp_path / "out")], "not a whole UCSD Ped2", "missing", "copy it anew")


def test_a_test_split_of_one_kind_is_refused_before_it_is_scored(
    tmp_path: Path, detector_file: Path, refused: Refused
) -> None:
    root = tmp_path / "scene"
    write_scene(
        root, training_clips=1, training_seconds=0.5, test_clips=1, test_seconds=0.5, height=72, width=104, rate=10
    )
    np.savez(root / "test" / "test_01_mask.npz")  # nothing abnormal anywhere
    words = ["evaluate", "--benchmark", "scene", "--root", str(root), "--detector", str(detector_file)]
    refused([*words, "--output", str(tmp_path / "out")], "all 5 test frames are normal", "both kinds")


# --- what is wrong with the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--preset", "nope"], ("no preset is called 'nope'", "base, small")),
        (["--train.sed", "3"], ("--train.sed", "see sdmae train --help")),
        (["--train.seed", "x"], ("train.seed: Expected a whole number. Got value: x",)),
        (["--input.height", "x"], ("input.height: Expected a whole number. Got value: x",)),
        (["--input.grey", "x"], ("input.grey: Expected true or false",)),
        (["--model.convolution", "spiral"], ("model.convolution", "one of 'grid', 'shuffled', 'none'")),
        (["--train.batch_size", "0"], ("train.batch_size is 0", "between 1 and 1048576")),
        (["--model.encoder_width", "0"], ("model.encoder_width is 0", "between")),
        (["--model.encoder_width", "18"], ("model.encoder_width is 18", "multiple of 4")),
        (["--score.filter_frames", "4"], ("score.filter_frames is 4", "odd")),
        (["--input.height", "48"], ("input.height and input.width belong together",)),
        (["--input.height", "50", "--input.width", "64"], ("input.height 50", "no multiple of the patch")),
        (["--anomalies.families", '["nope"]'], ("'nope'", "known: fast")),
        (["--anomalies.families", '["thin"]'], ("thin is both trained on and held out",)),
        (["--anomalies.held_out", "[]"], ("anomalies.held_out is empty",)),
        (["--exclude", "3"], ("--exclude 3", "START-END")),
        (["--exclude", "5-3"], ("--exclude 5-3", "START-END")),
        (["--exclude", "dog:0-1"], ("no clip is called 'dog'", "cam")),
        (["--exclude", "0-100"], ("the exclusions cover everything",)),
        (["--frame-rate", "0"], ("--frame-rate must be above 0",)),
        (["--device", "tpu"], ("no device 'tpu'", "use cpu")),
        (["--root", "somewhere"], ("--root is the folder of a benchmark", "--benchmark")),
        (["--benchmark", "ped2", "--root", "x"], ("one of the two",)),
        (["--config", "nowhere.yaml"], ("nowhere.yaml",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_refuses_bad_settings(
    flags: list[str], words: tuple[str, ...], tmp_path: Path, video: Path, tiny: str, refused: Refused
) -> None:
    output = str(tmp_path / "cam.safetensors")
    refused(["train", str(video), "--config", tiny, "--output", output, *flags], *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: {sed: 3}", ("bad.yaml", "'sed'")),
        ("nope: 3", ("bad.yaml", "'nope'")),
        ("train: [1", ("bad.yaml", "line 1")),
        ("hello", ("bad.yaml",)),
        ("train: {seed: x}", ("train.seed", "a whole number")),
    ],
)
def test_a_bad_settings_file_is_named(
    text: str, words: tuple[str, ...], tmp_path: Path, video: Path, refused: Refused
) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    output = str(tmp_path / "cam.safetensors")
    refused(["train", str(video), "--config", str(tmp_path / "bad.yaml"), "--output", output], *words)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nope", ("no verb 'nope'", "train, calibrate, detect")),
        ("data nope", ("no verb 'data nope'", "data preview")),
        ("detect", ("required", "detector", "sdmae detect --help")),
        ("train a.mp4", ("required", "output")),
        ("train --output a.safetensors", ("one of the two",)),
        ("train --benchmark ped2 --output a.safetensors", ("--root DIR",)),
        ("train --benchmark ped3 --root . --output a.safetensors", ("ped3", "ped2, scene")),
        ("train a.mp4 --output cam", ("--output cam", "*.safetensors")),
        ("data preview a.mp4 --output a.png --count 0", ("--count must be at least 1",)),
        ("detect a.mp4 --detector nope --output out", ("nope", "shipped")),
        ("info nowhere", ("nowhere", "no preset (paper-avenue")),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(command: str, words: tuple[str, ...], refused: Refused) -> None:
    refused(command.split(), *words)


# --- Ctrl-C --------------------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_was_learned_and_says_how_to_go_on(tmp_path: Path, video: Path, tiny: str) -> None:
    words = ["train", str(video), "--config", tiny, "--device", "cpu", "--train.teacher_epochs"]
    output = tmp_path / "cam.safetensors"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "sdmae", *words, "500", "--output", str(output)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        checkpoint = tmp_path / "cam.training" / "checkpoint.pt"
        end = time.monotonic() + 60
        while not checkpoint.exists() and time.monotonic() < end and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert said(err)[-1].startswith("interrupted")
    assert str(tmp_path / "cam.training") in said(err)[-1]
    assert "--resume" in said(err)[-1]
    assert "Traceback" not in err
    assert not output.exists()
    # The rest of so long a run is left out: its state says that one epoch is missing.
    state = torch.load(checkpoint, weights_only=True)
    state["epoch"], state["step"] = 499, 0
    torch.save(state, checkpoint)
    assert main([*words, "500", "--output", str(output), "--resume"]) == 0
    assert load(output, device="cpu").provenance["finished"]


def test_ctrl_c_during_detect_keeps_the_finished_videos(
    tmp_path: Path, detector_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sdmae.recordings import watch
    from sdmae.recordings.tables import write_scores

    for name in ("a", "b"):
        make_video(tmp_path / f"{name}.mp4", 8)
    out = tmp_path / "out"
    words = ["detect", str(tmp_path / "*.mp4"), "--detector", str(detector_file), "--output", str(out)]

    def interrupted(folder: Path, *rest: object, **options: object) -> None:
        if folder.name == "b":
            raise KeyboardInterrupt
        write_scores(folder, *rest, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(watch, "write_scores", interrupted)
        assert main(words) == 130
    assert said(capsys.readouterr().err)[-1].startswith("interrupted; finished videos are in")
    assert [path.parent.name for path in out.glob("*/scores.csv")] == ["a"]
    assert main([*words, "--resume"]) == 0
    assert len(list(out.glob("*/scores.csv"))) == 2


def test_a_benchmark_whose_clip_lost_frames_is_named(tmp_path: Path, detector_file: Path) -> None:
    from sdmae.data.readers import read_benchmark
    from sdmae.evaluation.protocol import evaluate

    root = tmp_path / "scene"
    write_scene(
        root, training_clips=1, training_seconds=0.5, test_clips=4, test_seconds=0.5, height=72, width=104, rate=10
    )
    about = json.loads((root / "scene.json").read_text())
    about["test"][3]["frames"] = 6
    (root / "scene.json").write_text(json.dumps(about))
    benchmark = read_benchmark("scene", root)
    with pytest.raises(BenchmarkError, match=r"test_04\.mp4: 5 frames decode, but it has 6 labels"):
        evaluate(load(detector_file, device="cpu"), benchmark, tmp_path / "out", report=lambda line: None)
    assert not (tmp_path / "out").exists()
