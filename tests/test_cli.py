"""The command line, verb by verb: what it writes, what it says, and what it must never read."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdmae import Detector, load
from sdmae.cli import VERBS, main
from sdmae.data.ped2 import read_ped2
from sdmae.data.scene import write_scene
from sdmae.evaluation.protocol import evaluate
from sdmae.training import Job
from sdmae.video import Clip
from tiny import SETTINGS
from video_files import make_frames, make_video

AUCS = ("micro_auc", "macro_auc", "macro_auc_two_class", "micro_auc_clip_normalised")


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    """Flags that make training a matter of a second; the last overrides the file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SETTINGS)
    return ["--config", str(path), "--train.student_epochs", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def scene_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small scene in its benchmark's layout."""
    root = tmp_path_factory.mktemp("world") / "scene"
    write_scene(
        root, training_clips=1, training_seconds=10, test_clips=4, test_seconds=20, height=72, width=104, rate=4
    )
    return root


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def weights(path: Path) -> bytes:
    state = load(path, device="cpu").model.state_dict()
    return b"".join(state[name].numpy().tobytes() for name in sorted(state))


# --- train ---------------------------------------------------------------------------------------------------------


def test_train_learns_from_a_folder_of_videos(tmp_path: Path, settings: list[str]) -> None:
    (tmp_path / "normal").mkdir()
    for name in ("b.mp4", "a.mp4"):
        make_video(tmp_path / "normal" / name, 30)
    output = tmp_path / "cam.safetensors"
    assert main(["train", str(tmp_path / "normal"), "--output", str(output), *settings]) == 0
    detector = load(output, device="cpu")
    assert detector.config.preset == "base"
    assert detector.config.model.encoder_width == 16  # from the file
    assert detector.config.train.student_epochs == 1  # the flag wins over the file
    assert detector.config.model.mlp_ratio == 2.0  # from the preset
    assert detector.provenance["clips"] == 2
    beside = {path.name for path in (tmp_path / "cam.training").iterdir()}
    assert {"losses.csv", "review.jpg", "checkpoint.pt"} <= beside


def test_train_learns_from_a_folder_of_frames(tmp_path: Path, settings: list[str]) -> None:
    folder = make_frames(tmp_path / "img", [f"{k:03d}.png" for k in range(40)])
    words = ["train", str(folder), "--output", str(tmp_path / "cam.safetensors"), "--frame-rate", "10", *settings]
    assert main([*words, "--preset", "small", "--train.seed=7"]) == 0
    config = load(tmp_path / "cam.safetensors", device="cpu").config
    assert (config.preset, config.train.seed, config.input.rate) == ("small", 7, 10.0)


def test_train_says_how_to_go_on(
    tmp_path: Path, video: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "cam.safetensors"
    words = ["train", str(video), "--output", str(output), *settings]
    assert main(words) == 0
    assert f"Next: sdmae detect SOURCE --detector {output}" in capsys.readouterr().err
    # A finished run is not trained over by accident.
    assert main(words) == 2
    assert "--resume" in capsys.readouterr().err
    before = weights(output)
    assert main([*words, "--resume"]) == 0
    assert weights(output) == before
    assert main([*words, "--overwrite"]) == 0
    assert weights(output) == before


def test_resume_without_a_run_begins_one(tmp_path: Path, video: Path, settings: list[str]) -> None:
    assert main(["train", str(video), "--output", str(tmp_path / "cam.safetensors"), *settings, "--resume"]) == 0
    assert (tmp_path / "cam.safetensors").exists()


def test_resume_refuses_other_settings(
    tmp_path: Path, video: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(video), "--output", str(tmp_path / "cam.safetensors"), *settings]
    assert main(words) == 0
    assert main([*words, "--resume", "--train.seed", "3"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_excluded_moments_are_not_learned(tmp_path: Path, video: Path, settings: list[str]) -> None:
    counts = []
    for k, exclude in enumerate(([], ["--exclude", "0-0.38"], ["--exclude", "cam:0-0.38", "--exclude", "1-1.5"])):
        output = tmp_path / f"{k}.safetensors"
        assert main(["train", str(video), "--output", str(output), *settings, *exclude]) == 0
        provenance = load(output, device="cpu").provenance
        assert len(provenance["excluded"]) == len(exclude) // 2
        counts.append(provenance["training_frames"])
    assert counts[0] == 40
    assert counts[0] > counts[1] > counts[2]


# --- detect --------------------------------------------------------------------------------------------------------


def test_detect_writes_a_table_and_a_plot_for_each_video(
    tmp_path: Path, detector_file: Path, detector: Detector
) -> None:
    videos = [make_video(tmp_path / f"{name}.mp4", count) for name, count in (("a", 12), ("b", 20))]
    out = tmp_path / "out"
    assert main(["detect", *map(str, videos), "--detector", str(detector_file), "--output", str(out)]) == 0
    assert (out / "a" / "scores.csv").read_text().splitlines()[0] == "frame,time,score"
    for video, count in zip(videos, (12, 20), strict=True):
        rows = table(out / video.stem / "scores.csv")
        scores = detector.score(video)
        assert [int(row["frame"]) for row in rows] == list(range(count))
        assert [float(row["time"]) for row in rows] == pytest.approx(np.arange(count) / 25)
        assert [float(row["score"]) for row in rows] == scores.scores.tolist()
        assert cv2.imread(str(out / video.stem / "scores.png")) is not None
    assert not list(out.rglob("*.part"))


def test_videos_of_one_name_get_folders_of_their_own(tmp_path: Path, detector_file: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        make_video(tmp_path / folder / "cam.mp4", 5)
    words = ["detect", str(tmp_path / "x"), str(tmp_path / "y"), "--detector", str(detector_file)]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    assert sorted(p.parent.name for p in tmp_path.glob("out/*/scores.csv")) == ["cam", "cam-2"]


def test_causal_scores_are_those_of_a_live_stream(
    tmp_path: Path, detector_file: Path, detector: Detector, video: Path
) -> None:
    words = ["detect", str(video), "--detector", str(detector_file), "--causal", "--output", str(tmp_path / "out")]
    assert main(words) == 0
    rows = table(tmp_path / "out" / "cam" / "scores.csv")
    assert [float(row["score"]) for row in rows] == [frame.score for frame in detector.stream(video)]


def test_detect_resumes_with_what_is_not_done(tmp_path: Path, detector_file: Path) -> None:
    for name in ("a", "b"):
        make_video(tmp_path / f"{name}.mp4", 8)
    out = tmp_path / "out"
    words = ["detect", str(tmp_path / "*.mp4"), "--detector", str(detector_file), "--output", str(out), "--resume"]
    assert main(words) == 0
    (out / "a" / "scores.csv").write_text("kept")
    shutil.rmtree(out / "b")
    assert main(words) == 0
    assert (out / "a" / "scores.csv").read_text() == "kept"
    assert len(table(out / "b" / "scores.csv")) == 8
    assert main(words[:-1]) == 0
    assert len(table(out / "a" / "scores.csv")) == 8


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_two_protocols_never_share_a_folder(
    tmp_path: Path, detector_file: Path, video: Path, resume: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["detect", str(video), "--detector", str(detector_file), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    before = (tmp_path / "out" / "cam" / "scores.csv").read_text()
    assert main([*words, "--causal", *resume]) == 2
    assert "another detector or protocol" in capsys.readouterr().err
    assert (tmp_path / "out" / "cam" / "scores.csv").read_text() == before


# --- evaluate ------------------------------------------------------------------------------------------------------


def test_evaluate_writes_the_metrics(
    tmp_path: Path, detector_file: Path, scene_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["evaluate", "--detector", str(detector_file), "--benchmark", "scene", "--root", str(scene_folder)]
    assert main([*words, "--output", str(out), "--ledger", str(tmp_path / "ledger.jsonl")]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert tuple(metrics)[:8] == (*AUCS, "causal", "baselines", "videos", "fps_end_to_end")
    assert set(metrics["causal"]) == {*AUCS, "average_precision", "eer", "intervals"}
    assert set(metrics["baselines"]) == {"frame_difference", "background_subtraction"}
    for baseline in metrics["baselines"].values():
        assert set(baseline) == {*metrics["causal"], "causal", "rbdc", "tbdc", "regions"}
    assert all(0 <= metrics[name] <= 1 for name in AUCS)
    assert [row["name"] for row in metrics["videos"]] == ["test_01", "test_02", "test_03", "test_04"]
    assert sum(row["abnormal_frames"] for row in metrics["videos"]) == metrics["abnormal_frames"] > 0
    for row in metrics["videos"]:
        assert len(table(out / row["name"] / "scores.csv")) == row["frames"] == 80
        assert (out / row["name"] / "scores.png").exists()
    assert json.loads(capsys.readouterr().out)["micro_auc"] == metrics["micro_auc"]
    # A scene can be drawn as often as one likes: looking at it is no run on a real test set.
    assert not (tmp_path / "ledger.jsonl").exists()


def tiny_ped2(root: Path) -> Path:
    """Ped2's layout in small: one training clip of 40 frames, one test clip of 12."""
    for split, count in (("Train", 40), ("Test", 12)):
        make_frames(root / split / f"{split}001", [f"{k:03d}.png" for k in range(1, count + 1)])
    (root / "Test" / "UCSDped2.m").write_text("TestVideoFile{end+1}.gt_frame = [5:8];\n")
    return root


def test_every_run_on_a_real_test_set_is_a_line_of_the_ledger(tmp_path: Path, detector: Detector) -> None:
    benchmark = read_ped2(tiny_ped2(tmp_path / "ped2"), train_frames=[40], test_frames=[12])
    said: list[str] = []
    ledger = tmp_path / "notes" / "ledger.jsonl"
    for k in range(2):
        metrics = evaluate(detector, benchmark, tmp_path / f"{k}", ledger=ledger, report=said.append)
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert line["benchmark"] == "ped2"
        assert line["detector"] == detector.fingerprint()
        assert line["seed"] == detector.config.train.seed
        assert {"commit", "config", "command", "machine", "versions", "time"} <= set(line)
        assert {name: line["metrics"][name] for name in AUCS} == {name: metrics[name] for name in AUCS}
    assert any(str(ledger) in line for line in said)


def test_without_a_ledger_of_its_own_a_run_is_noted_beside_its_results(
    tmp_path: Path, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = read_ped2(tiny_ped2(tmp_path / "ped2"), train_frames=[40], test_frames=[12])
    monkeypatch.chdir(tmp_path)
    evaluate(detector, benchmark, tmp_path / "out", report=lambda line: None)
    assert len((tmp_path / "out" / "test-ledger.jsonl").read_text().splitlines()) == 1
    # In a checkout of the project the runs are kept together.
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    evaluate(detector, benchmark, tmp_path / "out", report=lambda line: None)
    assert len((tmp_path / "benchmarks" / "results" / "test-ledger.jsonl").read_text().splitlines()) == 1


def test_a_small_copy_of_ped2_is_refused(
    tmp_path: Path, detector_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny_ped2(tmp_path / "ped2")
    words = ["evaluate", "--detector", str(detector_file), "--benchmark", "ped2", "--root", str(root)]
    assert main([*words, "--output", str(tmp_path / "out")]) == 2
    assert "not a whole UCSD Ped2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# --- test data never enters training -------------------------------------------------------------------------------


def test_test_data_never_enters_training(
    tmp_path: Path, scene_folder: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies of a benchmark, the second with noise for its test clips: training opens none of them, and ends
    with the same weights to the bit."""
    opened: list[Path] = []
    copies = [Path(shutil.copytree(scene_folder, tmp_path / name)) for name in ("whole", "poisoned")]
    for clip in (copies[1] / "test").glob("*.mp4"):
        clip.write_bytes(np.random.default_rng(0).bytes(5000))
    results = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and isinstance(arguments[0], str | Path):
            opened.append(Path(arguments[0]))

    sys.addaudithook(watch)
    try:
        for copy in copies:
            # Each run decodes for itself, or the second would only find the first one's cache.
            monkeypatch.setenv("SDMAE_CACHE", str(tmp_path / f"cache of {copy.name}"))
            output = tmp_path / f"{copy.name}.safetensors"
            words = ["train", "--benchmark", "scene", "--root", str(copy), "--output", str(output)]
            assert main([*words, *settings]) == 0
            results.append(weights(output))
    finally:
        watching = False
    assert results[0] == results[1]
    videos = {path for path in opened if path.suffix == ".mp4"}
    assert videos == {copy / "training" / "training_01.mp4" for copy in copies}


def test_the_clips_given_to_training_are_the_training_split(
    tmp_path: Path, scene_folder: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Clip] = []

    def look(job: Job, *rest: object) -> None:
        given.extend(job.clips)

    monkeypatch.setattr("sdmae.training.train", look)
    words = ["train", "--benchmark", "scene", "--root", str(scene_folder)]
    assert main([*words, "--output", str(tmp_path / "cam.safetensors"), *settings]) == 0
    assert [clip.path.relative_to(scene_folder).as_posix() for clip in given] == ["training/training_01.mp4"]


# --- info, data ----------------------------------------------------------------------------------------------------


def test_info_describes_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "paper-avenue", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == "preset"
    assert facts["input_size"] == [320, 640]
    assert facts["tokens"] == 800
    assert facts["parameters"] == pytest.approx(3.0e6, rel=0.03)
    assert facts["gflop_per_frame"] > 0
    assert main(["info", "paper-avenue"]) == 0
    words = capsys.readouterr().out
    assert "input size: 640x320" in words
    assert "tokens: 800" in words


def test_info_describes_a_detector(
    detector_file: Path, detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(detector_file), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == "detector"
    assert facts["input_size"] == list(detector.size)
    assert facts["parameters"] == sum(p.numel() for p in detector.model.parameters())
    assert facts["fingerprint"] == detector.fingerprint()
    assert main(["info", str(detector_file)]) == 0
    assert "trained on: " in capsys.readouterr().out.replace("trained_on", "trained on")


def test_info_describes_videos(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(video), "--json"]) == 0
    (clip,) = json.loads(capsys.readouterr().out)["clips"]
    assert (clip["name"], clip["width"], clip["height"], clip["rate"]) == ("cam", 100, 72, 25.0)
    assert main(["info", str(video)]) == 0
    assert "cam: 100x72, 25 frames/s, h264, 50 frames declared" in capsys.readouterr().out


def test_preview_draws_samples(
    tmp_path: Path, video: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    assert main(["data", "preview", str(video), "--output", str(sheet), "--count", "4", *settings[:-2]]) == 0
    assert cv2.imread(str(sheet)) is not None
    assert "4 samples" in capsys.readouterr().err


def test_scene_draws_a_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def brief(root: Path, **options: object) -> None:
        seen.update(options)
        write_scene(
            root,
            seed=3,
            training_clips=1,
            training_seconds=0.5,
            test_clips=1,
            test_seconds=0.5,
            height=72,
            width=104,
            rate=10,
            progress=options["progress"],  # type: ignore[arg-type]
        )

    monkeypatch.setattr("sdmae.data.scene.write_scene", brief)
    assert main(["data", "scene", "--output", str(tmp_path / "scene"), "--seed", "3"]) == 0
    assert seen["seed"] == 3
    assert (tmp_path / "scene" / "scene.json").exists()


# --- help ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", list(VERBS))
def test_help_teaches_by_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*verb.split(), "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"Example: {VERBS[verb].example}" in text


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"], ["data"], ["data", "--help"]])
def test_the_overview_names_every_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in VERBS)


def test_every_setting_is_a_flag_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--model.masking_ratio" in text
    assert "Share of the kept tokens that the encoder does not see." in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sdmae {version('sdmae')}\n"


def test_it_runs_as_a_program(tmp_path: Path, detector_file: Path, video: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "sdmae", *words], capture_output=True, text=True, check=False)

    good = run("detect", str(video), "--detector", str(detector_file), "--output", str(tmp_path / "out"))
    assert good.returncode == 0, good.stderr
    assert good.stdout == ""
    assert len(table(tmp_path / "out" / "cam" / "scores.csv")) == 50
    bad = run("detect", str(tmp_path / "no.mp4"), "--detector", str(detector_file), "--output", str(tmp_path / "x"))
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
    assert "no.mp4" in bad.stderr


def test_score_settings_can_be_changed_without_training(
    tmp_path: Path, detector_file: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["detect", str(video), "--detector", str(detector_file), "--output"]
    settings = tmp_path / "score.yaml"
    settings.write_text("score:\n  masks: complementary\n")
    assert main([*words, str(tmp_path / "own")]) == 0
    assert main([*words, str(tmp_path / "flag"), "--score.masks", "complementary"]) == 0
    assert main([*words, str(tmp_path / "file"), "--config", str(settings)]) == 0
    own, flag, file = ((tmp_path / name / "cam/scores.csv").read_text() for name in ("own", "flag", "file"))
    assert own != flag == file
    assert main([*words, str(tmp_path / "odd"), "--score.filter_cells", "4"]) == 2
    assert "score.filter_cells" in capsys.readouterr().err
