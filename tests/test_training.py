"""Training on a real video file: what each phase changes, that it resumes exactly, and that it stays clean."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sdmae import Detector, load
from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.training import phases
from sdmae.training.checkpoint import State
from sdmae.video import Size
from tiny import TINY, longer, train_tiny
from video_files import make_video


def weights(detector: Detector) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in detector.model.state_dict().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_phase_two_leaves_everything_but_the_student_as_it_was(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, dict[str, Tensor]] = {}

    def spy(run: phases.Run, phase: int) -> None:
        seen[f"before {phase}"] = {k: v.clone() for k, v in run.model.state_dict().items()}
        phases.run_phase(run, phase)
        seen[f"after {phase}"] = {k: v.clone() for k, v in run.model.state_dict().items()}

    monkeypatch.setattr("sdmae.training.run.run_phase", spy)
    train_tiny(video, tmp_path / "cam.safetensors", longer(TINY, 1, 2))

    def part(moment: str, student: bool) -> dict[str, Tensor]:
        return {k: v for k, v in seen[moment].items() if k.startswith("student.") == student}

    assert equal(part("before 2", student=False), part("after 2", student=False))
    assert not equal(part("before 2", student=True), part("after 2", student=True))
    assert not equal(part("before 1", student=False), part("after 1", student=False))
    # Even the student's batch statistics must not have moved in phase 1.
    assert equal(part("before 1", student=True), part("after 1", student=True))


def test_the_same_seed_gives_the_same_weights_and_another_others(video: Path, tmp_path: Path) -> None:
    first, second = (train_tiny(video, tmp_path / f"{k}.safetensors") for k in range(2))
    assert equal(weights(first), weights(second))
    other = replace(TINY, train=replace(TINY.train, seed=1))
    assert not equal(weights(first), weights(train_tiny(video, tmp_path / "other.safetensors", other)))


@pytest.mark.parametrize("stop", [(1, 1, 3), (2, 0, 2)], ids=["teacher", "student"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_ctrl_c_within_a_step_resumes_to_the_same_weights(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: tuple[int, int, int], moment: str
) -> None:
    config = longer(TINY, 2, 2)
    whole = train_tiny(video, tmp_path / "whole.safetensors", config)
    real = phases._step

    def interrupted(run: phases.Run, *rest: object) -> dict[str, float]:
        now = (run.state.phase, run.state.epoch, run.state.step) == stop
        if now and moment == "before":
            os.kill(os.getpid(), signal.SIGINT)
        losses = real(run, *rest)  # type: ignore[arg-type]
        if now and moment == "after":
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    output = tmp_path / "part.safetensors"
    monkeypatch.setattr(phases, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(video, output, config)
    assert not output.exists()
    monkeypatch.setattr(phases, "_step", real)
    resumed = train_tiny(video, output, config, resume=True)
    assert equal(weights(whole), weights(resumed))
    assert (tmp_path / "whole.training/losses.csv").read_bytes() == (
        tmp_path / "part.training/losses.csv"
    ).read_bytes()


def test_ctrl_c_while_judging_a_checkpoint_resumes_to_the_same_weights(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = longer(TINY, 2, 1)
    whole = train_tiny(video, tmp_path / "whole.safetensors", config)
    from sdmae.training.validation import held_out_auc as real

    def interrupted(*rest: object, **more: object) -> float:
        os.kill(os.getpid(), signal.SIGINT)
        return real(*rest, **more)  # type: ignore[arg-type]

    output = tmp_path / "part.safetensors"
    monkeypatch.setattr(phases, "held_out_auc", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(video, output, config)
    monkeypatch.setattr(phases, "held_out_auc", real)
    resumed = train_tiny(video, output, config, resume=True)
    assert resumed.provenance["history"] == whole.provenance["history"]
    assert equal(weights(whole), weights(resumed))


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["1", "2"])
def test_a_killed_run_resumes_to_the_same_weights(video: Path, tmp_path: Path, phase: str) -> None:
    config = replace(longer(TINY, 6, 6), train=replace(longer(TINY, 6, 6).train, checkpoint_minutes=0.0))
    whole = train_tiny(video, tmp_path / "whole.safetensors", config)
    output = tmp_path / "killed.safetensors"
    script = f"""
import torch; torch.set_num_threads(1)
from pathlib import Path
from dataclasses import replace
from tiny import TINY, longer, train_tiny
config = longer(TINY, 6, 6)
config = replace(config, train=replace(config.train, checkpoint_minutes=0.0))
train_tiny(Path({str(video)!r}), Path({str(output)!r}), config)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    log = tmp_path / "killed.training/losses.csv"
    deadline = time.monotonic() + 120
    while not (log.exists() and any(line.startswith(f"{phase},3,") for line in log.read_text().splitlines())):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    resumed = train_tiny(video, output, config, resume=True)
    assert equal(weights(whole), weights(resumed))


def test_fetching_ahead_changes_nothing(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdmae.data.training_set import FrameSource

    plain = train_tiny(video, tmp_path / "plain.safetensors")
    real = FrameSource.gather

    def on_disk(self: FrameSource, rows: Tensor) -> Tensor:
        self.resident = True  # pinned memory is for GPUs
        found = real(self, rows)
        self.resident = False
        return found

    monkeypatch.setattr(FrameSource, "gather", on_disk)
    ahead = train_tiny(video, tmp_path / "ahead.safetensors")
    assert equal(weights(plain), weights(ahead))


def test_losses_are_a_table_and_fall(video: Path, tmp_path: Path) -> None:
    train_tiny(video, tmp_path / "cam.safetensors", longer(TINY, 12, 1))
    with (tmp_path / "cam.training/losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    teacher = [float(r["loss"]) for r in rows if r["phase"] == "1"]
    assert len(teacher) == 12 * 5
    assert sum(teacher[-10:]) < sum(teacher[:10])
    assert {r["phase"] for r in rows} == {"1", "2"}


def test_the_checkpoint_kept_is_the_best_on_held_out_normal_video(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = iter([0.5, 0.9, 0.7, 0.6, 0.8])  # three epochs of the teacher, two of the student
    seen: list[dict[str, Tensor]] = []

    def judged(model: torch.nn.Module, *rest: object, **more: object) -> float:
        seen.append({k: v.clone() for k, v in model.state_dict().items()})
        return next(marks)

    monkeypatch.setattr(phases, "held_out_auc", judged)
    detector = train_tiny(video, tmp_path / "cam.safetensors", longer(TINY, 3, 2))
    kept = weights(detector)
    assert all(torch.equal(kept[k], seen[1][k]) for k in kept if not k.startswith("student."))
    assert all(torch.equal(kept[k], seen[4][k]) for k in kept if k.startswith("student."))


def test_held_out_video_and_families_are_never_trained_on(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[phases.Run] = []

    def spy(run: phases.Run, phase: int) -> None:
        runs.append(run)
        phases.run_phase(run, phase)

    monkeypatch.setattr("sdmae.training.run.run_phase", spy)
    train_tiny(video, tmp_path / "cam.safetensors")
    trained = set(runs[0].training.neighbours.flatten().tolist())
    held_out = set(runs[0].held_out.neighbours.flatten().tolist())
    assert trained
    assert held_out
    assert not trained & held_out
    both = replace(TINY, anomalies=replace(TINY.anomalies, held_out=("shapes",)))
    with pytest.raises(ConfigError, match="shapes is both"):
        train_tiny(video, tmp_path / "both.safetensors", both)


def test_excluded_moments_are_left_out(video: Path, tmp_path: Path) -> None:
    from sdmae.data.store import Exclusion
    from sdmae.training import Job, train
    from sdmae.video import find_clips

    job = Job(find_clips(str(video)), tmp_path / "cam.safetensors", exclude=[Exclusion(0.5, 1.0)], device="cpu")
    detector = train(job, TINY)
    # 50 frames; 13 of them (0.52 s to 1.0 s) are left out; a fifth of each of the two stretches is held out.
    assert detector.provenance["training_frames"] == 37 - int(13 * 0.2) - int(24 * 0.2)
    assert detector.provenance["excluded"] == [[None, 0.5, 1.0]]


def test_a_contact_sheet_of_the_strangest_moments_is_written(video: Path, tmp_path: Path) -> None:
    import cv2

    train_tiny(video, tmp_path / "cam.safetensors")
    sheet = cv2.imread(str(tmp_path / "cam.training/review.jpg"))
    assert sheet is not None
    assert sheet.shape[0] > 100


def test_what_is_there_is_not_overwritten_unasked(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "cam.safetensors"
    train_tiny(video, output)
    with pytest.raises(DetectorError, match="--resume"):
        train_tiny(video, output)
    before = output.read_bytes()
    train_tiny(video, output, resume=True)  # a finished run: nothing is left to do
    assert weights(load(output)).keys() == weights(load(output)).keys()
    train_tiny(video, output, overwrite=True)
    assert len(output.read_bytes()) == len(before)


def test_starting_anew_deletes_nothing_of_the_users(video: Path, tmp_path: Path) -> None:
    output, folder = tmp_path / "cam.safetensors", tmp_path / "cam.training"
    folder.mkdir()
    (folder / "holiday.mp4").write_text("mine")
    for name in ("checkpoint.pt", "checkpoint.pt.part"):
        (folder / name).write_text("of a run that was killed")
    train_tiny(video, output, overwrite=True)
    assert (folder / "holiday.mp4").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"checkpoint.pt", "losses.csv", "review.jpg", "holiday.mp4"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_video_in_the_folder_of_the_run_is_refused(overwrite: bool, tmp_path: Path) -> None:
    folder = tmp_path / "cam.training"
    (folder / "deeper").mkdir(parents=True)
    source = make_video(folder / "deeper" / "cam.mp4", 30)
    with pytest.raises(SourceError, match=r"cam\.mp4: lies in .*cam\.training.*choose another --output$"):
        train_tiny(source, tmp_path / "cam.safetensors", overwrite=overwrite)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [source]


def test_a_checkpoint_of_other_settings_is_refused(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "cam.safetensors"
    train_tiny(video, output)
    with pytest.raises(DetectorError, match="other settings or other video"):
        train_tiny(video, output, longer(TINY, 7, 1), resume=True)
    (tmp_path / "cam.training/checkpoint.pt").write_bytes(b"broken")
    with pytest.raises(DetectorError, match="--overwrite"):
        train_tiny(video, output, resume=True)


def test_too_little_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="too little video"):
        train_tiny(make_video(tmp_path / "short.mp4", 3), tmp_path / "cam.safetensors")


def test_a_clip_of_another_kind_does_not_cost_the_run(video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "cam.mp4").write_bytes(video.read_bytes())
    make_video(folder / "one.mp4", 1)
    detector = train_tiny(folder, tmp_path / "cam.safetensors")
    assert (tmp_path / "cam.safetensors").exists()
    assert detector.provenance["clips"] == 2
    make_video(folder / "tiny.mp4", 9, size=Size(6, 40))
    with pytest.raises(ConfigError, match=r"tiny\.mp4.*smaller than one patch"):
        train_tiny(folder, tmp_path / "other.safetensors")


def test_a_run_that_diverges_says_so(video: Path, tmp_path: Path) -> None:
    wild = replace(TINY, train=replace(TINY.train, learning_rate=1e12, warmup_steps=0))
    with pytest.raises(ConfigError, match="diverged"):
        train_tiny(video, tmp_path / "cam.safetensors", wild)


def test_learning_rate_rises_then_falls() -> None:
    settings = replace(TINY.train, learning_rate=1.0, warmup_steps=10)
    rates = [phases.learning_rate(settings, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1, abs=1e-3)
    assert max(rates) == pytest.approx(1.0, abs=0.03)
    assert rates[-1] == pytest.approx(0.02, abs=1e-2)
    flat = replace(settings, schedule="constant", warmup_steps=0)
    assert {phases.learning_rate(flat, step, 100) for step in range(100)} == {1.0}


def test_state_begins_with_the_teacher() -> None:
    assert (State("key").phase, State("key").epoch, State("key").step) == (phases.TEACHER, 0, 0)
