"""A detector with a gate: what it learns of a camera, what it costs, and what becomes of older ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sdmae import Detector, load
from sdmae.cli import main
from sdmae.config import Config, GateConfig, check, from_dict, to_dict
from sdmae.data.neighbours import Spacing, stream_samples
from sdmae.data.scene import SceneSpec, render
from sdmae.detector import build_model, read_config
from sdmae.detector.gating import (
    HIGHEST,
    LOWEST,
    Observed,
    full_passes,
    learn_idle,
    learn_threshold,
    learned,
    observe,
)
from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.runtime.motion import motion_of
from sdmae.video import Frame, Image, Size, VideoWriter, find_clips, read_frames
from spoken import Refused
from test_detector import edited
from tiny import TINY, train_tiny
from video_files import SIZE, make_video, picture

GATED = GateConfig(active=True, threshold=4.0, idle=0.2)


def with_gate(detector: Detector, gate: GateConfig) -> Detector:
    return detector.with_settings(replace(detector.config, gate=gate))


def resting(index: int, size: Size = SIZE) -> Image:
    """A block that moves, rests from picture 20 to 79, and moves again."""
    return picture(min(index, 20) if index < 80 else index - 60, size)


@pytest.fixture(scope="module")
def resting_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("resting") / "resting.mp4", 120, draw=resting)


# --- what is run ---------------------------------------------------------------------------------------------------


def test_full_passes_come_by_the_clock_for_as_long_as_the_filter_is() -> None:
    config = replace(TINY, input=replace(TINY.input, rate=10.0), gate=replace(GATED, full_seconds=2.0))
    times = np.arange(60) / 10
    expected = [k % 20 < 3 for k in range(60)]  # score.filter_frames is 3
    assert full_passes(times, config, 10.0).tolist() == expected
    for part in (times[:7], times[7:33], times[33:]):  # wherever a batch begins
        assert full_passes(part, config, 10.0).tolist() == [expected[round(10 * t)] for t in part]
    slow = np.arange(0, 30, 1.0)
    assert full_passes(slow, config, 1.0).tolist() == [k % 2 == 0 for k in range(30)]
    never = replace(config, gate=replace(config.gate, full_seconds=0.0))
    assert not full_passes(times, never, 10.0).any()
    assert not full_passes(times, replace(config, gate=GateConfig()), 10.0).any()


def test_scores_under_a_gate_do_not_depend_on_the_batch(detector_file: Path, resting_video: Path) -> None:
    small, large = (with_gate(load(detector_file, device="cpu", batch=n), GATED) for n in (1, 64))
    one, other = (d.score(resting_video, maps=True) for d in (small, large))
    assert np.abs(one.scores - other.scores).max() < 1e-5
    assert one.maps is not None
    assert other.maps is not None
    assert np.abs(one.maps - other.maps).max() < 1e-5
    again = with_gate(load(detector_file, device="cpu", batch=64), GATED).score(resting_video)
    assert np.array_equal(again.scores, other.scores)


def test_a_scene_at_rest_is_not_run(detector: Detector, resting_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gated = with_gate(detector, replace(GATED, full_seconds=2.0))
    ran = []
    network = gated.runtime.network

    def watched(samples: torch.Tensor, noise: torch.Tensor, cells: torch.Tensor | None) -> dict[str, torch.Tensor]:
        ran.append(len(samples))
        return network(samples, noise, cells)

    monkeypatch.setattr(gated.runtime, "network", watched)
    scores = gated.score(resting_video)
    assert len(scores.scores) == 120
    moving = 23 + 43  # each frame that has the moving block three frames away
    assert sum(ran) <= moving + 2 * 3
    assert sum(ran) >= moving - 4


def test_the_probability_does_not_jump_where_the_scene_comes_to_rest(detector: Detector, resting_video: Path) -> None:
    config = replace(detector.config, score=replace(detector.config.score, alpha=0.0, beta=0.0, delta=0.0, gamma=1.0))
    plain = detector.with_settings(config)
    clip = find_clips(str(resting_video))[0]
    videos = [(read_frames(clip, (detector.size,), grey=True, rate=detector.rate), detector.rate)]
    gate = learned(replace(config, gate=GateConfig(active=True, full_seconds=0.0)), detector.model, videos)
    gated = detector.with_settings(replace(config, gate=gate))
    rest = slice(40, 70)
    said, expected = gated.score(clip).raw[rest], plain.score(clip).raw[rest]
    assert np.ptp(said) < 1e-6
    assert np.abs(said - expected).max() < 0.1


# --- what is learned -----------------------------------------------------------------------------------------------


def film(path: Path, frames: int, *, people: bool) -> Path:
    spec = SceneSpec(clip=5, height=120, width=180, people=people)
    with VideoWriter(path, spec.rate) as video:
        for frame in render(spec, frames):
            video.write(frame.image)
    return path


def scene_config() -> Config:
    size = replace(TINY.input, height=120, width=176, rate=12.5)
    return replace(TINY, input=size)


def seen(path: Path, config: Config) -> list[tuple[Iterator[Frame], float]]:
    size = Size(config.input.height or 0, config.input.width or 0)
    return [(read_frames(find_clips(str(path))[0], (size,), grey=True, rate=12.5), 12.5)]


def test_the_threshold_is_above_noise_and_below_somebody_who_walks(tmp_path: Path) -> None:
    config = scene_config()
    busy = observe(seen(film(tmp_path / "busy.mp4", 120, people=True), config), config)
    empty = observe(seen(film(tmp_path / "empty.mp4", 120, people=False), config), config)
    threshold = learn_threshold(busy.motion)
    assert (empty.motion.max(axis=1) > threshold).mean() < 0.02  # hardly a frame has one cell of noise above it
    walking = busy.motion.max(axis=1)
    assert (walking > 3 * threshold).mean() > 0.9  # and hardly a frame in which somebody walks is missed
    # Of a scene in which nobody ever was it is learned as well.
    calm = learn_threshold(empty.motion)
    assert LOWEST < calm <= 1.2 * threshold
    assert (empty.motion.max(axis=1) > calm).mean() < 0.05


def test_a_keyframe_every_second_is_not_motion() -> None:
    rng = np.random.default_rng(0)
    motion = rng.uniform(0.2, 0.6, (500, 60)).astype(np.float32)
    motion[::12] += 2.0  # every cell, whenever a picture is coded anew
    assert learn_threshold(motion) > 2.6


def test_odd_scenes_give_a_threshold_that_misses_nothing() -> None:
    rng = np.random.default_rng(0)
    assert learn_threshold(np.zeros((50, 60), np.float32)) == LOWEST  # drawn, without noise
    assert learn_threshold(rng.uniform(20, 90, (50, 60)).astype(np.float32)) == HIGHEST  # a crowd everywhere
    motion = rng.uniform(0.5, 1.0, (50, 60)).astype(np.float32)
    motion[:, :30] = 80.0
    assert learn_threshold(motion) == pytest.approx(2.0, abs=0.1)  # one half is always busy
    ignored = np.arange(60) >= 30
    assert learn_threshold(motion, ignored) == HIGHEST  # the still half lies in a zone


def test_no_video_is_nothing_to_learn_from() -> None:
    with pytest.raises(SourceError, match="no normal video"):
        observe([], scene_config())


def test_the_idle_probability_is_that_of_still_parts_with_their_noise(tmp_path: Path) -> None:
    config = scene_config()
    torch.manual_seed(0)
    model = build_model(config).eval()
    found = observe(seen(film(tmp_path / "busy.mp4", 60, people=True), config), config)
    assert len(found.samples) <= 16
    idle = learn_idle(model, found)
    assert 0 < idle < 1
    assert idle == learn_idle(model, found)
    other = Observed(found.motion, 255 - found.samples, found.sums)
    assert idle != learn_idle(model, other)  # the network is asked


def test_what_is_known_is_not_learned_again() -> None:
    config = replace(scene_config(), gate=GATED)
    assert learned(config, build_model(config), []) == GATED


def test_motion_that_is_observed_is_in_grey_levels(tmp_path: Path) -> None:
    config = scene_config()
    path = film(tmp_path / "busy.mp4", 20, people=True)
    found = observe(seen(path, config), config)
    ((frames, rate),) = seen(path, config)
    samples = next(iter(stream_samples(frames, Spacing.of(config.input, rate), 32)))
    sums = motion_of(samples.frames, torch.from_numpy(samples.frames), samples.neighbours, 8).numpy()
    assert np.allclose(found.motion[: len(sums)], sums / 64)


# --- files and verbs -----------------------------------------------------------------------------------------------


def test_a_gate_survives_being_written_and_bounds_are_checked() -> None:
    config = replace(TINY, gate=GATED)
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config
    for bad in ({"threshold": -1.0}, {"idle": 1.5}, {"step": 1.0}, {"full_seconds": -1.0}, {"margin": -1}):
        with pytest.raises(ConfigError, match=f"gate.{next(iter(bad))}"):
            check(replace(config, gate=replace(GATED, **bad)))
    with pytest.raises(ConfigError, match=r"gate\.train is on, but gate\.active is not"):
        check(replace(config, gate=GateConfig(train=True)))


def test_a_file_from_before_there_was_a_gate_is_what_it_was(
    calibrated_file: Path, video: Path, tmp_path: Path
) -> None:
    config = to_dict(read_config(calibrated_file))
    del config["gate"]
    old = load(edited(calibrated_file, tmp_path / "old.safetensors", config=json.dumps(config)), device="cpu")
    new = load(calibrated_file, device="cpu")
    assert not old.config.gate.gates
    assert old.calibration == new.calibration is not None
    assert old.fingerprint() == new.fingerprint()
    assert np.array_equal(old.score(video).scores, new.score(video).scores)
    # Nor does asking for a gate change anything as long as nothing was learned.
    asked = with_gate(old, GateConfig(active=True))
    assert asked.fingerprint() == old.fingerprint()
    assert np.array_equal(asked.score(video).scores, old.score(video).scores)


def test_a_calibration_holds_for_the_gate_it_was_made_with(calibrated: Detector, tmp_path: Path) -> None:
    gated = with_gate(calibrated, GATED)
    assert gated.calibration is None
    assert with_gate(gated, replace(GATED, threshold=5.0)).fingerprint() != gated.fingerprint()
    assert with_gate(gated, replace(GATED, train=True)).fingerprint() == gated.fingerprint()
    assert calibrated.calibration is not None
    gated.calibration = replace(calibrated.calibration, fingerprint=gated.calibration_fingerprint())
    gated.save(tmp_path / "gated.safetensors")
    again = load(tmp_path / "gated.safetensors", device="cpu")
    assert again.calibration is not None
    assert again.config.gate == GATED
    off = with_gate(again, replace(GATED, active=False))
    assert off.calibration is None
    assert off.fingerprint() == calibrated.fingerprint()
    config = replace(again.config, gate=replace(GATED, active=False))
    path = edited(tmp_path / "gated.safetensors", tmp_path / "off.safetensors", config=json.dumps(to_dict(config)))
    with pytest.raises(DetectorError, match="calibrate it again"):
        load(path, device="cpu")


def test_calibrate_learns_the_gate_and_learns_it_anew(
    detector_file: Path, normal_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["calibrate", str(normal_video), "--device", "cpu", "--false-alarms-per-day", "2000"]
    first, second, third = (tmp_path / f"{k}.safetensors" for k in range(3))
    asked = ["--detector", str(detector_file), "--gate.active", "true", "--output", str(first)]
    assert main([*words, *asked]) == 0
    assert "gate: what changes by more than" in capsys.readouterr().err
    found = load(first, device="cpu")
    assert found.config.gate.gates
    assert found.config.gate.idle is not None
    assert found.calibration is not None
    # Another camera: what was learned of the first does not count.
    noisy = make_video(tmp_path / "noisy.mp4", 150, rate=5, draw=lambda k, size: with_noise(k, size))
    words[1] = str(noisy)
    assert main([*words, "--detector", str(first), "--output", str(second), "--force"]) == 0
    threshold = read_config(second).gate.threshold
    assert threshold is not None
    assert threshold > 2 * (found.config.gate.threshold or 0)
    # What is said stays.
    assert main([*words, "--detector", str(first), "--output", str(third), "--force", "--gate.threshold", "7"]) == 0
    assert read_config(third).gate.threshold == 7.0


def with_noise(index: int, size: Size) -> Image:
    noise = np.random.default_rng(index).normal(0, 9, (*size, 3))
    return np.asarray((picture(index, size) + noise).clip(0, 255), np.uint8)


def test_a_gate_that_was_never_learned_is_asked_for(
    detector_file: Path, video: Path, tmp_path: Path, refused: Refused
) -> None:
    command = ["detect", str(video), "--detector", str(detector_file), "--output", str(tmp_path / "out")]
    refused([*command, "--gate.active", "true"], "its gate was never learned", "sdmae calibrate", "--gate.threshold")


def test_training_leaves_a_detector_that_knows_its_gate(video: Path, tmp_path: Path) -> None:
    config = replace(TINY, gate=GateConfig(active=True))
    plain = train_tiny(video, tmp_path / "plain.safetensors")
    detector = train_tiny(video, tmp_path / "gated.safetensors", config)
    found = load(tmp_path / "gated.safetensors", device="cpu").config.gate
    assert found.gates
    assert found.idle is not None
    states = plain.model.state_dict(), detector.model.state_dict()
    assert all(
        torch.equal(states[0][name], states[1][name]) for name in states[0]
    )  # the network is trained as before


def test_training_with_the_gate_can_be_resumed(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(TINY, gate=GateConfig(active=True, train=True, margin=0))
    whole = train_tiny(video, tmp_path / "whole.safetensors", config)
    plain = train_tiny(video, tmp_path / "plain.safetensors")
    states = whole.model.state_dict(), plain.model.state_dict()
    assert not all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    import sdmae.training.phases as phases

    real, count = phases._step, 0

    def interrupted(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(phases, "_step", interrupted)
    settings = replace(config, train=replace(config.train, checkpoint_minutes=0.0))
    with pytest.raises(KeyboardInterrupt):
        train_tiny(video, tmp_path / "part.safetensors", settings)
    monkeypatch.setattr(phases, "_step", real)
    resumed = train_tiny(video, tmp_path / "part.safetensors", settings, resume=True)
    assert all(
        torch.equal(tensor, resumed.model.state_dict()[name]) for name, tensor in whole.model.state_dict().items()
    )
    assert resumed.config.gate == whole.config.gate
