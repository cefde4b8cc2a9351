"""From one string to clips: a file, a glob, a folder of frames, a folder of videos or of folders of frames."""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sdmae.errors import SourceError
from sdmae.video.frame import Clip
from sdmae.video.live.address import is_live
from sdmae.video.say import named

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
"""Extensions, in lower case, of pictures that can be the frames of a clip."""

_VIDEOS = """.mp4 .m4v .mov .qt .3gp .3g2 .avi .divx .mkv .webm .wmv .asf .flv .f4v .mpg .mpeg .mpe .m1v .m2v .vob
.ts .mts .m2ts .mxf .ogv .ogm .dav .h264 .264 .h265 .265 .hevc .av1 .ivf .mjpg .mjpeg .y4m .gif .nut .dv"""
VIDEO_SUFFIXES = frozenset(_VIDEOS.split())
"""Extensions, in lower case, taken for videos in a folder or a glob. A file named outright may have any."""

_UNSAFE = re.compile(r'[\s<>:"/\\|?*]|[^\w.,+=@()\[\]#&-]')
_LONGEST_NAME = 120


def find_clips(source: str, *, rate: float = 25.0) -> list[Clip]:
    """The clips that `source` names, in natural order (img2 before img10), none of them opened yet.

    source: a video file; a glob of videos, of pictures (those of one folder are one clip) or of folders; a folder of
    frames; a folder of videos; or a folder of folders of frames. Of a folder the nearest level counts: where it holds
    pictures or videos itself, its subfolders are not looked at. Hidden files and other extensions are ignored.
    rate: frames a second of a folder of frames, which says nothing of time itself.

    Raises `SourceError` when nothing there can be a clip, and for a live source.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise SourceError(f"a frame rate of {rate} is not possible: give a number of frames a second above 0")
    if not source.strip():
        raise SourceError("the source is empty: name a video, a folder or a glob")
    if is_live(source):
        raise SourceError(f"{named(source)}: is live; record the stream to a file and name that")
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            clips = _folder(path, rate)
        elif path.exists():
            clips = [_file(path)]
        elif glob.has_magic(source):
            clips = _glob(path, rate)
        else:
            raise SourceError(f"{named(source)}: no such file or folder; check the path")
    except OSError as error:
        raise SourceError(f"{named(source)}: cannot be read ({error.strerror}); check its permissions") from error
    return unique_names(clips)


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which img2 comes before img10, and upper and lower case count alike."""
    # `\d` would take in digits such as ², which int() refuses.
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return tuple((0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts if p)


def unique_names(clips: Sequence[Clip]) -> list[Clip]:
    """The same clips with names that differ, in upper and lower case too: cam, cam-2, cam-3.

    Wanted again by whoever joins the clips of several sources.
    """
    taken: set[str] = set()
    result = []
    for clip in clips:
        name, number = clip.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{clip.name}-{number}"
        taken.add(name.casefold())
        result.append(replace(clip, name=name))
    return result


def _file(path: Path) -> Clip:
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise SourceError(f"{named(path)}: a single picture; name its folder, or a glob such as '*{path.suffix}'")
    return _video(path)


def _folder(folder: Path, rate: float) -> list[Clip]:
    pictures, videos, folders = _sorted_out(folder.iterdir())
    if pictures and videos:
        raise SourceError(
            f"{named(folder)}: holds both pictures and videos; choose with a glob such as "
            f"'{named(folder / '*')}{videos[0].suffix}'"
        )
    if videos:
        return [_video(path) for path in videos]
    if pictures:
        return [_frames(folder, pictures, rate)]
    clips = []
    for inner in folders:
        pictures = _sorted_out(inner.iterdir())[0]
        if pictures:
            clips.append(_frames(inner, pictures, rate))
    if not clips:
        raise SourceError(
            f"{named(folder)}: no video and no picture in this folder, nor a picture in a folder in it; "
            f"name the folder that holds them"
        )
    return clips


def _glob(pattern: Path, rate: float) -> list[Clip]:
    # Path.glob would need the pattern cut into a fixed folder and the rest, and takes no absolute ones.
    found = [Path(p) for p in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207
    if not found:
        raise SourceError(f"{named(pattern)}: nothing matches; check the pattern")
    pictures, videos, folders = _sorted_out(found)
    by_folder: dict[Path, list[Path]] = {}
    for picture in pictures:
        by_folder.setdefault(picture.parent, []).append(picture)
    clips = [_frames(folder, inner, rate) for folder, inner in by_folder.items()]
    clips += [_video(path) for path in videos]
    # With ** the glob names the files inside a folder as well as the folder: those are not clips twice over.
    inside = {p.parent for p in (*pictures, *videos)}
    for folder in folders:
        if folder not in inside and _holds_anything(folder):
            clips += _folder(folder, rate)
    clips = sorted({clip.path: clip for clip in clips}.values(), key=lambda clip: natural_key(clip.path))
    if not clips:
        raise SourceError(f"{named(pattern)}: matches {len(found)} names, but no video and no picture among them")
    return clips


def _holds_anything(folder: Path) -> bool:
    """Whether a folder that a glob happened to match holds pictures or videos, itself or one level down."""
    pictures, videos, folders = _sorted_out(folder.iterdir())
    return bool(pictures or videos) or any(_sorted_out(inner.iterdir())[0] for inner in folders)


def _sorted_out(paths: Iterable[Path]) -> tuple[list[Path], list[Path], list[Path]]:
    """Pictures, videos and folders among the paths, each in natural order; hidden and other files are left out."""
    pictures, videos, folders = [], [], []
    for path in sorted(paths, key=natural_key):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            folders.append(path)
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            pictures.append(path)
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            videos.append(path)
    return pictures, videos, folders


def _video(path: Path) -> Clip:
    return Clip(_safe_name(path.stem), path)


def _frames(folder: Path, pictures: Sequence[Path], rate: float) -> Clip:
    # Of "." only the resolved path knows the name.
    return Clip(_safe_name(folder.resolve().name), folder, tuple(pictures), rate)


def _safe_name(name: str) -> str:
    """The name with what some file system refuses replaced by _, never empty and never hidden."""
    return _UNSAFE.sub("_", name)[:_LONGEST_NAME].strip(". ") or "clip"
