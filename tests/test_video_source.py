"""From one source string to clips, and every string that names none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sdmae.errors import SourceError
from sdmae.video import Clip, find_clips, unique_names
from video_files import make_frames


def names(clips: list[Clip]) -> list[str]:
    return [clip.name for clip in clips]


def touch(folder: Path, *files: str) -> Path:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def refusal(source: str | Path) -> str:
    with pytest.raises(SourceError) as raised:
        find_clips(str(source))
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_file_of_any_extension(tmp_path: Path) -> None:
    touch(tmp_path, "front door.mp4", "dump.bin")
    assert find_clips(str(tmp_path / "front door.mp4")) == [Clip("front_door", tmp_path / "front door.mp4")]
    assert names(find_clips(str(tmp_path / "dump.bin"))) == ["dump"]


def test_folder_of_frames_in_natural_order(tmp_path: Path) -> None:
    folder = make_frames(
        tmp_path / "walk", ["img10.PNG", "img2.jpg", "img1.jpeg", "img3.tif", "img4.TIFF", "img20.bmp"]
    )
    touch(folder, "Thumbs.db", ".hidden.png", "notes.txt", "truth.csv")
    [clip] = find_clips(str(folder), rate=10)
    assert [p.name for p in clip.frames] == [
        "img1.jpeg",
        "img2.jpg",
        "img3.tif",
        "img4.TIFF",
        "img10.PNG",
        "img20.bmp",
    ]
    assert (clip.name, clip.path, clip.rate) == ("walk", folder, 10)


def test_folder_of_videos(tmp_path: Path) -> None:
    touch(tmp_path, "cam10.mp4", "cam2.MKV", "cam1.avi", "README.txt", "scores.json", "._cam1.avi", "inner/cam3.mp4")
    assert [c.path.name for c in find_clips(str(tmp_path))] == ["cam1.avi", "cam2.MKV", "cam10.mp4"]


def test_folder_of_folders_of_frames(tmp_path: Path) -> None:
    make_frames(tmp_path / "Test10", ["1.png"])
    make_frames(tmp_path / "Test2", ["1.png", "2.png"])
    touch(tmp_path, "labels.m", "empty/notes.txt")
    assert [(c.name, len(c.frames)) for c in find_clips(str(tmp_path))] == [("Test2", 2), ("Test10", 1)]


def test_glob_of_videos_pictures_and_folders(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a2.mp4", "videos/a10.mp4", "videos/b1.mp4", "videos/a.txt")
    make_frames(tmp_path / "frames", ["a1.png", "a2.png", "b1.png"])
    make_frames(tmp_path / "sets" / "one", ["1.png"])
    make_frames(tmp_path / "sets" / "two", ["1.png"])
    touch(tmp_path, "sets/three/notes.txt")
    assert names(find_clips(str(tmp_path / "videos" / "a*"))) == ["a2", "a10"]
    [clip] = find_clips(str(tmp_path / "frames" / "a*.png"))
    assert (clip.name, [p.name for p in clip.frames]) == ("frames", ["a1.png", "a2.png"])
    assert names(find_clips(str(tmp_path / "sets" / "*"))) == ["one", "two"]
    assert len(find_clips(str(tmp_path / "**" / "*.png"))) == 3
    assert names(find_clips(str(tmp_path / "sets" / "**"))) == ["one", "two"]


def test_path_that_looks_like_a_glob(tmp_path: Path) -> None:
    touch(tmp_path, "[1] cam?.mp4")
    assert len(find_clips(str(tmp_path / "[1] cam?.mp4"))) == 1


def test_names_are_unique_and_safe(tmp_path: Path) -> None:
    touch(tmp_path, "cam.mp4", "Cam.avi", "cam-2.mkv", "a:b*c.mp4", "çà 1.mp4")
    found = names(find_clips(str(tmp_path)))
    assert len({n.casefold() for n in found}) == 5
    assert all(not set(n) & set('/\\:*?"<>| ') for n in found)
    again = unique_names([Clip("x", Path("a/x.mp4")), Clip("X", Path("b/X.mp4")), Clip("x", Path("c/x.mp4"))])
    assert names(again) == ["x", "X-2", "x-3"]


@pytest.mark.parametrize("source", ["rtsp://admin:secret@cam/1", "RTSPS://cam", "http://cam/x.mp4", "webcam:0"])
def test_live_sources_are_refused(source: str) -> None:
    message = refusal(source)
    assert "record the stream to a file" in message
    assert "secret" not in message


def test_missing_empty_and_foreign(tmp_path: Path) -> None:
    assert str(tmp_path / "none.mp4") in refusal(tmp_path / "none.mp4")
    assert "nothing matches" in refusal(tmp_path / "*.mp4")
    assert "the source is empty" in refusal("")
    assert str(tmp_path) in refusal(tmp_path)
    touch(tmp_path, "a.txt", "inner/b.csv")
    assert "no video and no picture" in refusal(tmp_path)
    assert "no video and no picture" in refusal(tmp_path / "*.txt")
    (tmp_path / "two\nlines").mkdir()
    refusal(tmp_path / "two\nlines")


def test_a_single_picture_and_a_mixed_folder(tmp_path: Path) -> None:
    make_frames(tmp_path, ["1.png"])
    assert "1.png" in refusal(tmp_path / "1.png")
    touch(tmp_path, "cam.mp4")
    assert "*.mp4" in refusal(tmp_path)
    assert names(find_clips(str(tmp_path / "*.mp4"))) == ["cam"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    assert "permissions" in refusal(tmp_path / "shut")


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_rate(tmp_path: Path, rate: float) -> None:
    with pytest.raises(SourceError, match="frame rate"):
        find_clips(str(tmp_path), rate=rate)
