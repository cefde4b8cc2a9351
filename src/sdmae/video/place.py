"""Where the files of a clip lie, so that nothing is written among them."""

from __future__ import annotations

from pathlib import Path

from sdmae.video.frame import Clip


def folders_of(clip: Clip) -> set[Path]:
    """The folders that hold the clip's files, links followed: that of a link and that of what it points to."""
    files = clip.frames or (clip.path,)
    folders = {parent.resolve() for parent in {path.parent for path in files}}
    return folders | {path.resolve().parent for path in files if path.is_symlink()}


def lies_in(clip: Clip, folder: Path) -> bool:
    """Whether any of the clip's files lies in the folder, at whatever depth."""
    folder = folder.resolve()
    return any(folder in (place, *place.parents) for place in folders_of(clip))
