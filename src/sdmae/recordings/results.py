"""A video's folder of results: which of the files in it are ours, since nothing else is ever deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sdmae.errors import DetectorError, SourceError
from sdmae.recordings.files import write_text
from sdmae.video import Clip
from sdmae.video.place import folders_of

DONE = "done.json"
"""Written last: for which detector, settings and file the rest of the folder holds, and which files that is."""
BEGUN = "begun.json"
"""Written first, gone at the end: says that the folder is being written, and what lay in it before."""
_NAMES = re.compile(
    r"(scores\.(csv|json|parquet|png)|events\.json|event_\d{3,}\.jpg|overlay\.mp4|(begun|done)\.json)(\.(\d+\.)?part)?"
)
"""What is ever written into such a folder."""


def begin(folder: Path) -> None:
    """A folder to write into, without what an earlier run left: nothing of it stands beside what comes now.

    Raises `DetectorError` where it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _ours(folder)
        write_text(folder / BEGUN, json.dumps({"foreign": sorted(_present(folder) - before)}) + "\n")
        (folder / DONE).unlink(missing_ok=True)  # first: from here on the rest is no result
        for name in before - {BEGUN}:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DetectorError(f"{folder}: cannot be written to ({error.strerror}); choose another --output") from None


def finish(folder: Path, clip: Clip, files: Sequence[str], of: dict[str, Any], facts: dict[str, Any]) -> None:
    """Notes that the results of a clip are whole: `files` under the settings `of`."""
    done = {"of": of, "path": str(clip.path.resolve()), "files": list(files), **facts}
    write_text(folder / DONE, json.dumps(done, indent=2) + "\n")
    with suppress(OSError):
        (folder / BEGUN).unlink(missing_ok=True)


def kept(folder: Path, of: dict[str, Any]) -> dict[str, Any] | None:
    """The facts of a whole result under the same settings; None where there is none, or any of its files is lost."""
    done = _read(folder / DONE)
    try:
        if done.pop("of") != of or not all((folder / name).stat().st_size for name in done.pop("files")):
            return None
        del done["path"]
    except (OSError, KeyError, TypeError):
        return None
    return done


def refuse_other_source(folder: Path, clip: Clip) -> None:
    """Raises `DetectorError` where the folder holds the results of another video of the same name."""
    other = _read(folder / DONE).get("path")
    if other not in (None, str(clip.path.resolve())):
        raise DetectorError(
            f"{clip.path}: {folder} holds the results of {other}; choose another --output, or delete that folder"
        )


def discard(folder: Path) -> None:
    """What a video that could not be finished left goes; a result that is whole stays, and what is not ours."""
    with suppress(OSError):
        if not (folder / DONE).exists():
            for name in _ours(folder) - {BEGUN}:
                (folder / name).unlink(missing_ok=True)
        if _read(folder / BEGUN):
            (folder / BEGUN).unlink()
        folder.rmdir()
        folder.parent.rmdir()


def refuse_sources(clips: Sequence[Clip], output: Path) -> None:
    """Raises `SourceError` where a clip's results would lie among the files of this or another clip."""
    pictures = {place for clip in clips if clip.frames for place in folders_of(clip)}
    around = {above for clip in clips for place in folders_of(clip) for above in (place, *place.parents)}
    for clip in clips:
        folder = output / clip.name
        place = folder.resolve()
        if place in around or not pictures.isdisjoint((place, *place.parents)):
            raise SourceError(f"{folder}: is where the video itself lies; choose another --output")


def _ours(folder: Path) -> set[str]:
    """Names of the files there that an earlier run has written."""
    present = _present(folder)
    if begun := _read(folder / BEGUN):
        return present - set(begun.get("foreign", ()))
    if done := _read(folder / DONE):
        return present & {DONE, *done.get("files", ())}
    return set()


def _present(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if _NAMES.fullmatch(path.name)}


def _read(path: Path) -> dict[str, Any]:
    """What a mark says; empty where there is none, or a broken one."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
