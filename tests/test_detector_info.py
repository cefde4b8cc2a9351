"""What things are: presets, detectors, videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdmae import Detector
from sdmae.detector.info import describe, in_words
from sdmae.errors import SdmaeError
from sdmae.model import PRESETS
from video_files import make_frames, make_video


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_described(name: str) -> None:
    facts = describe(name)
    assert facts["kind"] == "preset"
    assert {"parameters", "gflop_per_frame", "tokens", "input_size"} <= set(facts)
    rows, columns = (side // facts["patch"] for side in facts["input_size"])
    assert rows * columns == facts["tokens"]
    assert facts["gflop_per_frame"] > 0
    assert "gflop per frame: " in in_words(facts)


def test_a_detector_says_where_it_came_from(detector_file: Path, detector: Detector) -> None:
    facts = describe(str(detector_file))
    assert facts["provenance"] == detector.provenance
    words = in_words(facts)
    assert "training_frames: 40" in words
    assert "history" not in words
    assert "masking_ratio" not in words  # settings are left to --json


def test_a_folder_of_videos_is_a_list(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", 5)
    make_video(tmp_path / "b.mp4", 7, rate=10)
    facts = describe(str(tmp_path))
    assert [(c["name"], c["rate"], c["declared_frames"]) for c in facts["clips"]] == [("a", 25.0, 5), ("b", 10.0, 7)]
    assert in_words(facts).splitlines()[-1] == "b: 100x72, 10 frames/s, h264, 7 frames declared"


def test_a_folder_named_like_a_preset_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_frames(tmp_path / "small", ["1.png", "2.png"])
    monkeypatch.chdir(tmp_path)
    assert describe("small")["kind"] == "video"
    assert describe("base")["kind"] == "preset"


def test_what_is_none_of_the_three_is_refused(tmp_path: Path) -> None:
    for name in ("nothing", "nothing.safetensors", str(tmp_path)):
        with pytest.raises(SdmaeError):
            describe(name)
