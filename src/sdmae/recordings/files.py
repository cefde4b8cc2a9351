"""Result files that are whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from sdmae.errors import SourceError
from sdmae.video import Clip


def write_text(path: Path, text: str) -> None:
    """Writes beside the file, then takes its place. Raises `SourceError` where it cannot be written."""
    write_lines(path, (text,))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """The same for lines that end themselves, written as they come: a long table never is in memory as text."""
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        file.writelines(lines)


@contextlib.contextmanager
def replacing(path: Path, option: str = "--output") -> Iterator[Path]:
    """`with replacing(path) as part`: what is written to `part` then takes the place of `path`, or nothing does.

    option: what to choose another of where it cannot be written, which is a `SourceError`.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be written ({error.strerror}); choose another {option}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def stamp(clip: Clip) -> str:
    """What tells one state of a clip's files from another without reading them: names, sizes, times of change."""
    digest = hashlib.blake2b(repr(clip.rate).encode() if clip.frames else b"", digest_size=16)
    for path in clip.frames or (clip.path,):
        try:
            found = path.stat()
        except OSError as error:
            raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
        digest.update(f"{path.name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def check_writable(folder: Path) -> None:
    """Raises `SourceError` where no file can be written into the folder; leaves things as they were.

    To be asked before long work whose results go there.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SourceError(f"{folder}: cannot be written to ({error.strerror}); choose another --output") from None
    finally:
        for place in missing:
            with contextlib.suppress(OSError):
                place.rmdir()
