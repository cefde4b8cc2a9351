"""What many tests need: a tiny world, a detector trained on it, and the real data where it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from sdmae import Detector
from tiny import TINY, train_tiny
from video_files import make_video


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


@pytest.fixture
def real_data() -> Path:
    """The folder of real data; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("SDMAE_DATA", Path(__file__).parent.parent / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}: set SDMAE_DATA")
    return folder
