"""The offline smoothing belongs to the benchmark: two detectors on it are measured alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdmae import Detector
from sdmae.cli import main
from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.data.readers import READERS
from sdmae.data.scene import write_scene
from sdmae.errors import ConfigError
from sdmae.evaluation import baselines
from sdmae.evaluation.protocol import evaluate
from sdmae.evaluation.smoothing import FIXED, smoothing_of
from sdmae.model.presets import PRESETS
from sdmae.recordings.calibrate import Order, calibrate
from sdmae.scoring import smooth_offline
from sdmae.video import find_clips
from video_files import make_video, picture, with_a_blaze


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    """A calm training clip and two test clips of 16 s, at the rate of 5."""
    clips = [
        find_clips(str(make_video(tmp_path / f"{name}.mp4", 80, rate=5, draw=draw)))[0]
        for name, draw in (("calm", picture), ("odd", with_a_blaze), ("usual", picture))
    ]
    labels = [(np.arange(80) >= 40) & (np.arange(80) < 60), np.zeros(80, bool)]
    test = tuple(TestClip(clip, one) for clip, one in zip(clips[1:], labels, strict=True))
    return Benchmark(name="scene", rate=5.0, training=(clips[0],), test=test)


def with_sigma(detector: Detector, sigma: float) -> Detector:
    return detector.with_settings(replace(detector.config, score=replace(detector.config.score, sigma=sigma)))


def series(folder: Path, method: str, clip: str) -> list[float]:
    return [float(line) for line in (folder / "series" / method / f"{clip}.txt").read_text().split()]


def test_every_benchmark_has_one_and_the_published_presets_agree_with_it() -> None:
    assert set(FIXED) == set(READERS)
    for name in ("avenue", "shanghaitech", "ubnormal", "ped2"):
        assert FIXED[name].is_of(PRESETS[f"paper-{name}"].score.sigma)
    assert (FIXED["ped1"].sigma, FIXED["ped2"].sigma) == (1.0, 1.0)
    assert "micro_auc_clip_normalised" in FIXED["shanghaitech"].source
    assert all(one.source and one.fixed for one in FIXED.values())


def test_another_one_has_another_name() -> None:
    assert smoothing_of("ped2", 1.0) == smoothing_of("ped2") == FIXED["ped2"]
    other = smoothing_of("avenue", 1.0)
    assert (other.sigma, other.fixed) == (1.0, False)
    assert other.name != FIXED["avenue"].name
    assert "0.44 s" in other.source
    assert smoothing_of("somebody's own").fixed
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="offline smoothing"):
            smoothing_of("ped2", wrong)


def test_detectors_of_different_settings_are_measured_alike(
    detector: Detector, benchmark: Benchmark, tmp_path: Path
) -> None:
    said: list[str] = []
    found = {
        sigma: evaluate(with_sigma(detector, sigma), benchmark, tmp_path / f"{sigma}", report=said.append)
        for sigma in (0.2, 1.0)
    }
    own = with_sigma(detector, 1.0)
    for truth in benchmark.test:
        scores = own.score(truth.clip).scores.tolist()
        frames = smooth_offline(baselines.frame_difference(truth.clip), 1.0, 5.0).tolist()
        for sigma in found:
            folder = tmp_path / f"{sigma}"
            assert series(folder, "detector", truth.clip.name) == scores
            assert series(folder, "frame_difference", truth.clip.name) == frames
    assert found[0.2]["detector"] == with_sigma(detector, 0.2).fingerprint() != found[1.0]["detector"]
    assert found[0.2]["protocol"] == found[1.0]["protocol"] | {"detector_sigma": 0.2}
    assert (found[0.2]["protocol"]["sigma"], found[0.2]["protocol"]["fixed"]) == (1.0, True)
    assert sum("fixed for scene, and not over the detector's own 0.2 s" in line for line in said) == 1


def test_the_causal_protocol_is_the_detectors_own(detector: Detector, benchmark: Benchmark, tmp_path: Path) -> None:
    slow = detector.with_settings(replace(detector.config, score=replace(detector.config.score, causal_seconds=3.0)))
    metrics = evaluate(slow, benchmark, tmp_path / "out", report=lambda line: None)
    assert metrics["protocol"]["causal"].startswith("exponential average of 3 s")
    for truth in benchmark.test:
        scores = slow.score(truth.clip, causal=True).scores.tolist()
        assert series(tmp_path / "out", "detector_causal", truth.clip.name) == scores


def calibrated(detector: Detector, folder: Path) -> Detector:
    clips = find_clips(str(make_video(folder / "normal.mp4", 300, rate=5)))
    events = replace(detector.config.events, false_alarms_per_day=2000.0)
    ready = detector.with_settings(replace(detector.config, events=events))
    return calibrate(ready, Order(clips, folder / "calibrated.safetensors"), lambda line: None)


@pytest.mark.parametrize("sigma", [0.2, 1.0])
def test_a_threshold_of_scores_smoothed_otherwise_is_not_used(
    detector: Detector, benchmark: Benchmark, tmp_path: Path, sigma: float
) -> None:
    ready = calibrated(with_sigma(detector, sigma), tmp_path)
    metrics = evaluate(ready, benchmark, tmp_path / "out", report=lambda line: None)
    page = (tmp_path / "out" / "report.html").read_text()
    own = sigma == 1.0
    assert ('class="limit"' in page) == own
    assert (" of the threshold; " in page) == own
    assert ("smoothed over 0.2 s, its own setting" in page) == (not own)
    # That of the causal scores is the detector's own in either case.
    assert ready.calibration is not None
    found = metrics["alarms"]["calibrated"]
    assert found["threshold"] == ready.calibration.causal.threshold
    assert "calibrated, from normal video" in page
    assert "never calibrated" not in page


def test_asking_for_another_smoothing_is_another_protocol(detector_file: Path, tmp_path: Path) -> None:
    root = tmp_path / "scene"
    write_scene(
        root, training_clips=1, training_seconds=2, test_clips=4, test_seconds=4, height=72, width=104, rate=10
    )
    words = ["evaluate", "--detector", str(detector_file), "--benchmark", "scene", "--root", str(root)]
    assert main([*words, "--output", str(tmp_path / "plain")]) == 0
    assert main([*words, "--output", str(tmp_path / "asked"), "--score.sigma", "0.6"]) == 0
    plain, asked = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("plain", "asked"))
    assert (plain["protocol"]["sigma"], asked["protocol"]["sigma"]) == (1.0, 0.6)
    assert (plain["protocol"]["fixed"], asked["protocol"]["fixed"]) == (True, False)
    assert plain["protocol"]["name"] != asked["protocol"]["name"]
    assert plain["detector"] == asked["detector"]
    for name in ("report.html", "table.md"):
        assert "Another offline smoothing" in (tmp_path / "asked" / name).read_text()
        assert "Another offline smoothing" not in (tmp_path / "plain" / name).read_text()
