"""`sdmae bench`: what it writes, that it goes on where it was stopped, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from sdmae import Detector
from sdmae.cli import main
from sdmae.errors import ConfigError
from sdmae.evaluation.speed import Order, Setting, bench, stages
from sdmae.evaluation.speed.measure import measure
from sdmae.evaluation.speed.timing import in_turn, peak_memory
from sdmae.video import Size, find_clips
from spoken import Refused

SMALL = Setting("small", "eager", "cpu", 8, Size(16, 24))


def order_of(video: Path, output: Path, *settings: Setting) -> Order:
    return Order(find_clips(str(video))[0], output, settings, repeats=1, seconds=0.001)


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "bench.json").read_text())
    return found


def quiet(line: str) -> None:
    pass


def test_a_row_says_everything(video: Path, tmp_path: Path) -> None:
    assert bench(order_of(video, tmp_path / "out", SMALL), quiet) == {}
    found = read(tmp_path / "out")
    assert {"command", "machine", "versions", "seed", "threads", "source", "ceilings"} <= found.keys()
    assert found["ceilings"]["cpu"].keys() == {"matmul_gflops", "copy_gbs"}
    (row,) = found["rows"]
    assert set(row["stages"]) == {"decode", "decode_resize", "resize", "network", "score", "write", "together"}
    for stage in row["stages"].values():
        assert 0 < stage["fps_low"] <= stage["fps"] <= stage["fps_high"]
        assert stage["latency_ms"].keys() == {"p50", "p95", "p99"}
    assert row["stages"]["together"]["frames"] % 50 == 0
    assert row["tokens"] == 6
    assert row["gflop_per_frame"] > 0
    assert "1,655" in row["network_is"]
    assert row["frame_to_map_ms"]["p50"] > 0
    assert row["peak_mib"]["rss"] > 1
    assert {"commit", "dirty", "threads", "device"} <= row.keys()
    assert set(row["share_of_ceiling"]) == {
        "together_of_decode",
        "together_of_decode_resize",
        "network_of_matmul",
    }
    table = (tmp_path / "out" / "bench.md").read_text()
    assert "small 16x24, eager on cpu, batch 8" in table
    assert "1,655" in table
    assert cv2.imread(str(tmp_path / "out" / "bench.png")) is not None


def test_several_streams_share_a_detector_or_have_one_each(video: Path, tmp_path: Path) -> None:
    rows = (replace(SMALL, streams=2), replace(SMALL, streams=2, shared=False))
    assert bench(order_of(video, tmp_path / "out", *rows), quiet) == {}
    one, each = read(tmp_path / "out")["rows"]
    assert (one["detectors"], each["detectors"]) == (1, 2)
    assert one["stages"]["together"]["frames"] % 100 == 0
    assert "network" not in one["stages"]


def test_it_goes_on_where_it_was_interrupted(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (SMALL, replace(SMALL, batch=4))
    measured: list[int] = []

    def interrupted(setting: Setting, *rest: Any) -> dict[str, Any]:
        measured.append(setting.batch)
        if len(measured) == 2:
            raise KeyboardInterrupt
        return measure(setting, *rest)

    monkeypatch.setattr("sdmae.evaluation.speed.run.measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench(order_of(video, tmp_path / "out", *rows), quiet)
    first = read(tmp_path / "out")["rows"]
    assert [row["batch"] for row in first] == [8]
    assert bench(order_of(video, tmp_path / "out", *rows), quiet) == {}
    assert measured == [8, 4, 4]
    assert read(tmp_path / "out")["rows"][0] == first[0]
    assert [row["batch"] for row in read(tmp_path / "out")["rows"]] == [8, 4]


def test_what_cannot_be_measured_is_said_and_tried_again(video: Path, tmp_path: Path) -> None:
    failures = bench(order_of(video, tmp_path / "out", SMALL, replace(SMALL, size=Size(17, 24))), quiet)
    assert list(failures) == ["small 17x24, eager on cpu, batch 8"]
    assert "no multiple of the patch" in next(iter(failures.values()))
    assert len(read(tmp_path / "out")["rows"]) == 1


def test_a_folder_of_other_measurements_is_refused(video: Path, odd_video: Path, tmp_path: Path) -> None:
    bench(order_of(video, tmp_path / "out", SMALL), quiet)
    with pytest.raises(ConfigError, match="another source"):
        bench(order_of(odd_video, tmp_path / "out", SMALL), quiet)
    with pytest.raises(ConfigError, match="another repeats"):
        bench(replace(order_of(video, tmp_path / "out", SMALL), repeats=2), quiet)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "diary.txt").write_text("mine")
    with pytest.raises(ConfigError, match="something else"):
        bench(order_of(video, tmp_path / "other", SMALL), quiet)


def test_works_count_the_frames_they_do(detector: Detector, video: Path, tmp_path: Path) -> None:
    clip = find_clips(str(video))[0]
    detector.batch = 20
    batches = stages.held_batches(clip, detector)
    assert [len(one.indices) for one in batches] == [20, 20, 10]
    assert stages.decoding(clip)() == 50
    assert stages.decoding_and_resizing(clip, detector)() == 50
    assert stages.resizing(clip, detector.size, grey=True)() == 16
    assert stages.scoring(batches, detector)() == 50
    waits: list[float] = []
    assert stages.together(clip, detector, waits)() == 50
    assert len(waits) == 50
    network, upload = stages.network_alone(batches, detector), stages.uploading(batches, detector)
    assert [network() for _ in range(4)] == [upload() for _ in range(4)] == [20, 20, 10, 20]
    assert stages.writing(detector.score(clip), tmp_path)() == 50


def test_works_take_turns_and_warming_up_does_not_count() -> None:
    calls: list[str] = []

    def work(name: str) -> int:
        calls.append(name)
        return 5

    rates = in_turn(
        {"a": lambda: work("a"), "b": lambda: work("b")}, repeats=2, seconds=0.0, device=torch.device("cpu")
    )
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert {name: rate.frames for name, rate in rates.items()} == {"a": 10, "b": 10}
    assert peak_memory(torch.device("cpu"))["gpu"] is None


def test_the_command(tmp_path: Path, video: Path) -> None:
    words = [
        "bench",
        str(video),
        "--output",
        str(tmp_path / "out"),
        "--quick",
        "--devices",
        "cpu",
        "--sizes",
        "16x24",
    ]
    assert main(words) == 0
    assert read(tmp_path / "out")["rows"][0]["input_size"] == [16, 24]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--presets", "tiny"], "no preset 'tiny'"),
        (["--runtimes", "magic"], "no runtime 'magic'"),
        (["--devices", "abacus"], "no device 'abacus'"),
        (["--batches", "0"], "--batches 0"),
        (["--sizes", "big"], "--sizes big"),
        (["--streams", ","], "--streams is empty"),
        (["--detector", "ped2-small", "--presets", "small"], "--presets"),
        (["--repeats", "0"], "0 repeats"),
        (["--seconds=-1"], "of -1 s"),
    ],
)
def test_bad_words_are_refused_in_one_line(
    refused: Refused, video: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    refused(["bench", str(video), "--output", str(tmp_path / "out"), *words], said)
