"""What many tests need: a tiny world, a detector trained on it, and the real data where it is there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from replay import Footage
from sdmae import Detector
from sdmae.cli import main
from sdmae.video import find_clips
from spoken import Refused, said
from tiny import TINY, train_tiny
from video_files import make_video, with_a_blaze

# The same examples in every run: a failure is of the change at hand. New ones: pytest --hypothesis-profile default.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's decoded frames, or the user's."""
    monkeypatch.setenv("SDMAE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The tiny networks of the tests only lose by sharing their work."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a block that moves before a still background."""
    return make_video(tmp_path_factory.mktemp("video") / "cam.mp4", 50)


@pytest.fixture(scope="session")
def detector_file(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector trained on the video, for one epoch of each phase."""
    folder = tmp_path_factory.mktemp("detector")
    patch = pytest.MonkeyPatch()
    patch.setenv("SDMAE_CACHE", str(folder / "cache"))
    train_tiny(video, folder / "cam.safetensors", TINY)
    patch.undo()
    return folder / "cam.safetensors"


@pytest.fixture
def detector(detector_file: Path) -> Detector:
    """The detector of the file, on the CPU."""
    from sdmae import load

    return load(detector_file, device="cpu")


@pytest.fixture(scope="session")
def normal_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of the same block, at 5 frames a second: enough to calibrate with."""
    return make_video(tmp_path_factory.mktemp("normal") / "normal.mp4", 300, rate=5)


@pytest.fixture(scope="session")
def odd_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds at 5 frames a second; from 8 s to 12 s something is there that was never learned."""
    return make_video(tmp_path_factory.mktemp("odd") / "odd.mp4", 100, rate=5, draw=with_a_blaze)


@pytest.fixture(scope="session")
def calibrated_file(detector_file: Path, normal_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same detector, calibrated on the minute for 2000 alarms a day: so short a video vouches for no fewer."""
    from sdmae import load
    from sdmae.recordings.calibrate import Order, calibrate

    before = load(detector_file, device="cpu")
    events = replace(before.config.events, false_alarms_per_day=2000.0)
    output = tmp_path_factory.mktemp("calibrated") / "calibrated.safetensors"
    clips = find_clips(str(normal_video))
    calibrate(before.with_settings(replace(before.config, events=events)), Order(clips, output), lambda line: None)
    return output


@pytest.fixture
def calibrated(calibrated_file: Path) -> Detector:
    """The detector of that file, on the CPU."""
    from sdmae import load

    return load(calibrated_file, device="cpu")


@pytest.fixture(scope="session")
def footage(calibrated_file: Path, odd_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """The odd video with its scores: what the page's cameras see in tests."""
    from sdmae import load

    patch = pytest.MonkeyPatch()
    patch.setenv("SDMAE_CACHE", str(tmp_path_factory.mktemp("footage")))
    found = Footage.of(load(calibrated_file, device="cpu"), find_clips(str(odd_video))[0])
    patch.undo()
    return found


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Runs a verb that must fail with one line holding `words` and leave no file behind; gives the line."""

    def run(command: list[str], *words: str) -> str:
        kept = sorted(path for path in tmp_path.rglob("*") if "cache" not in path.parts)
        capsys.readouterr()
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert out == ""
        lines = said(err)
        assert len(lines) == 1, err
        assert lines[0].startswith("sdmae ")
        for word in words:
            assert word in lines[0]
        assert "Traceback" not in err
        assert sorted(path for path in tmp_path.rglob("*") if "cache" not in path.parts) == kept
        return lines[0]

    return run


@pytest.fixture
def real_data() -> Path:
    """The folder of real data; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("SDMAE_DATA", Path(__file__).parent.parent / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}: set SDMAE_DATA")
    return folder
