"""The benchmarks of speed do what they say, at a tiny size: same frames, same maps, honest counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

import gpu
import network
import pipeline
from about import about, tell

from sdmae.evaluation.speed.subject import Setting, open_subject, settled, untrained
from sdmae.runtime import EagerNetwork
from sdmae.video import find_clips, probe, read_frames
from video_files import make_frames

CPU = torch.device("cpu")


def test_the_network_against_the_yardstick(video: Path) -> None:
    (clip,) = find_clips(str(video))
    found = network.measure("small", clip, [clip], CPU, "eager", [2, 4], 8, 1)
    wanted = {"fps", "baseline_fps", "ratio", "ratio_gated", "token_share", "runtime", "batch", "baseline_batch"}
    assert wanted <= found.keys()
    assert found["ratio"] == pytest.approx(found["fps"] / found["baseline_fps"], rel=1e-2)
    assert found["ratio_gated"] == pytest.approx(found["gates"]["gated"]["fps"] / found["baseline_fps"], rel=1e-2)
    assert found["gates"]["gated, no margin"]["token_share"] <= found["token_share"]
    assert found["frames"] == 8
    assert {found["batch"], found["baseline_batch"]} <= {2, 4}
    # Of 9 x 12 tokens small keeps a fifth, and the gate no more than that.
    assert 0 < found["token_share"] <= round(108 * 0.2) / 108 + 1e-4
    assert found["gates"]["gated"]["gate"]["active"]
    assert found["gates"]["gated"]["gate"]["threshold"] >= 1


def test_both_sides_give_maps_of_the_same_frames(video: Path) -> None:
    (clip,) = find_clips(str(video))
    config = settled("paper-avenue", clip, None)
    batches = network.held(clip, config, 8, 20, CPU)
    assert [len(samples.indices) for _, samples in batches] == [8, 8, 4]
    assert all(one.frames.shape[1:] == (320, 640, 3) and one.frames.dtype == torch.uint8 for one, _ in batches)


def test_tokens_are_counted_where_they_are_run(video: Path) -> None:
    (clip,) = find_clips(str(video))
    detector = untrained(settled("small", clip), "cpu", 4)
    counted = network.Counted(EagerNetwork(detector.model, "token", CPU), 108)
    assert counted.name == "eager"
    samples, noise = torch.zeros(2, 5, 72, 96, 1, dtype=torch.uint8), torch.rand(2, 108)
    counted(samples, noise, torch.arange(30).expand(2, -1))
    assert counted.tokens == 60
    counted(samples, noise, None)
    assert counted.tokens == 60 + 216


def test_end_to_end_against_decoding(detector_file: Path, video: Path) -> None:
    (clip,) = find_clips(str(video))
    detector = open_subject(Setting(str(detector_file), "eager", "cpu", 8), clip)
    found = pipeline.measure(detector, clip, 2)
    assert found["share"] == pytest.approx(found["fps"] / found["decode_fps"], rel=1e-2)
    assert found["frames"] == 50
    assert found["video"]["codec"] == "h264"


def test_folders_of_frames_become_a_video(tmp_path: Path, video: Path) -> None:
    for name in ("one", "two"):
        make_frames(tmp_path / "clips" / name, [f"{k}.png" for k in range(6)])
    clip = pipeline.as_video(str(tmp_path / "clips"), tmp_path, 10.0, None)
    assert (clip.path, probe(clip).rate) == (tmp_path / "clips.mp4", 10.0)
    assert sum(1 for _ in read_frames(clip, ())) == 12
    assert pipeline.as_video(str(video), tmp_path, 10.0, None).path == video
    cut = pipeline.as_video(str(video), tmp_path, 10.0, 7)
    assert sum(1 for _ in read_frames(cut, ())) == 7


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(detector_file: Path, video: Path, tmp_path: Path) -> None:
    (clip,) = find_clips(str(video))
    found = pipeline.peaks(Setting(str(detector_file), "eager", "cpu", 8), clip, tmp_path, 4)
    assert found["frames_looped"] == 200
    assert found["memory_ratio"] == pytest.approx(1.0, abs=0.1)


def test_the_gpu_command_knows_what_is_done(tmp_path: Path) -> None:
    gpu.draw(tmp_path / "scene.mp4", 3, 96, 160)
    todo = gpu.parts(tmp_path, tmp_path / "scene.mp4", "cpu", quick=True)
    ways = ("eager", "folded", "compile")  # no CUDA graphs without a GPU
    wanted = [f"{what}-{way}" for what in ("network", "pipeline-small") for way in ways]
    assert [part.name for part in todo] == [*wanted, "bench"]
    (tmp_path / "network-eager.json").write_text("{}")
    assert [part.name for part in todo if gpu.done(tmp_path, part)] == ["network-eager"]


def test_a_result_says_where_it_came_from(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = about("cpu", 0)
    assert {"command", "commit", "dirty", "machine", "versions", "seed", "threads", "load_average"} <= made.keys()
    tell({"fps": 1.5, **made}, tmp_path / "new" / "out.json", True)
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "new" / "out.json").read_text())
    assert np.isfinite(printed["fps"])
