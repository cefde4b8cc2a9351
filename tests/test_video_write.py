"""Writing pictures and video: what comes back when they are read, and what is left when they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from sdmae.errors import SourceError
from sdmae.video import Clip, Size, VideoWriter, find_clips, probe, read_frames, write_picture
from sdmae.video.pictures import read_picture
from video_files import picture


@pytest.mark.parametrize("size", [Size(72, 100), Size(71, 99), Size(16, 33)])
def test_video_comes_back(tmp_path: Path, size: Size) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 25) as video:
        for index in range(20):
            video.write(picture(index, size))
        assert not path.exists()
    assert os.listdir(tmp_path) == ["a.mp4"]  # noqa: PTH208
    [clip] = find_clips(str(path))
    info = probe(clip)
    assert (info.codec, info.rate, info.declared_frames) == ("h264", 25.0, 20)
    assert info.size == Size(size.height + size.height % 2, size.width + size.width % 2)
    with av.open(path) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
    frames = list(read_frames(clip))
    assert [f.time for f in frames] == pytest.approx([i / 25 for i in range(20)])
    for frame in frames:
        inner = frame.image[: size.height, : size.width].astype(int)
        assert np.abs(inner - picture(frame.index, size)).mean() < 12


def test_uneven_times_come_back(tmp_path: Path) -> None:
    wanted = [0.0, 0.04, 0.5, 0.54, 2.0, 2.5]
    with VideoWriter(tmp_path / "a.mp4", 25) as video:
        for index, time in enumerate(wanted):
            video.write(picture(index), time)
    clip = Clip("a", tmp_path / "a.mp4")
    assert [f.time for f in read_frames(clip)] == pytest.approx(wanted, abs=1e-3)
    assert probe(clip).declared_seconds == pytest.approx(2.54, abs=0.5)


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    def stop_half_way() -> None:
        with VideoWriter(tmp_path / "a.mp4", 25) as video:
            video.write(picture(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SourceError, match=r"a\.mp4: there was no picture"), VideoWriter(tmp_path / "a.mp4", 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_what_was_there(tmp_path: Path) -> None:
    def change_size() -> None:
        with VideoWriter(tmp_path / "a.mp4", 25) as video:
            video.write(picture(0))
            video.write(picture(0, Size(10, 10)))

    (tmp_path / "a.mp4").write_text("before")
    with pytest.raises(ValueError, match="shape"):
        change_size()
    assert (tmp_path / "a.mp4").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_unwritable_folder(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SourceError, match=rf"{folder}/a\.mp4: cannot be written") as raised:
        VideoWriter(tmp_path / folder / "a.mp4", 25)
    assert "\n" not in str(raised.value)
    with pytest.raises(SourceError, match=rf"{folder}/a\.png: cannot be written"):
        write_picture(tmp_path / folder / "a.png", picture(0))


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from sdmae.errors import SourceError
from sdmae.video import VideoWriter, write_picture
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
failed = 0
try:
    with VideoWriter(Path(sys.argv[1], "a.mp4"), 25) as video:
        for _ in range(40):
            video.write(noise)
except SourceError as error:
    failed += "a.mp4: cannot be written" in str(error)
try:
    write_picture(Path(sys.argv[1], "a.png"), noise)
except SourceError as error:
    failed += "a.png: cannot be written" in str(error)
raise SystemExit(failed != 2)
"""


def test_no_room_left(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.BMP", "a.tif"])
def test_picture_comes_back(tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / name, picture(3))
    assert len(list(tmp_path.iterdir())) == 1
    back = read_picture(tmp_path / name)[..., ::-1]
    assert np.abs(back.astype(int) - picture(3)).mean() <= (6 if name == "a.jpg" else 0)
    write_picture(tmp_path / name, picture(3)[..., :1])
    assert read_picture(tmp_path / name).shape == (72, 100, 1)


def test_unknown_picture_format(tmp_path: Path) -> None:
    for name in ("a.xyz", "a"):
        with pytest.raises(SourceError, match=r"\.png or \.jpg"):
            write_picture(tmp_path / name, picture(0))
    assert list(tmp_path.iterdir()) == []
