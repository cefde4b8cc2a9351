"""Files of numbers that somebody else wrote: which there are, and what is in them, every fault with file and line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from sdmae.errors import BenchmarkError
from sdmae.progress import say

_NAMED = 5
"""Files named one by one in a message; the rest are counted."""


def files_by_video(
    folder: Path, endings: Sequence[str], inner: str | None = None, known: Sequence[str] = ()
) -> dict[str, Path]:
    """The file of each video by the video's name, sorted by it.

    Where folders in this one hold a file called `inner`, those files, named by their folders: so do detect and
    evaluate lay out what they write. Otherwise the files that end in one of `endings`, named without it. What is left
    aside is told in one line: in the second layout everything else, in the first what could be taken for scores,
    folders of the names `known` excepted. Hidden files are not looked at. Raises `BenchmarkError` where there are
    none, two for one video, or the folder cannot be listed.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"{folder}: no such folder; name one with a file for each video")
    try:
        shown = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        nested = {path.name: path / inner for path in shown if inner and (path / inner).is_file()}
        every = [path for path in shown if path.suffix.lower() in endings and path.is_file()]
    except OSError as error:
        raise BenchmarkError(f"{folder}: cannot be listed ({error.strerror}); mend its rights") from None
    if nested:
        aside = [p.name for p in shown if p in every or (p.is_dir() and p.name not in (*nested, *known))]
        _tell(folder, aside, f"beside folders that hold {inner} nothing else is")
        return nested
    found: dict[str, Path] = {}
    for path in every:
        if path.stem in found:
            raise BenchmarkError(f"{found[path.stem]} and {path} are of the same video; remove one of them")
        found[path.stem] = path
    if not found:
        layout = f", nor any VIDEO/{inner}" if inner else ""
        raise BenchmarkError(f"{folder}: no file that ends in {', '.join(endings)}{layout}; give one for each video")
    _tell(folder, [p.name for p in shown if p not in every], f"only files that end in {', '.join(endings)} are")
    return found


def _tell(folder: Path, aside: Sequence[str], why: str) -> None:
    """One line on what of a folder is not read, where there is anything."""
    if aside:
        say(f"{folder}: {listed(aside)} not read; {why}")


def listed(names: Sequence[str]) -> str:
    """The first few of the names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def check_matched(one: Mapping[str, object], other: Mapping[str, object], why: str) -> None:
    """Raises `BenchmarkError` naming what stands under a name that the other has not, followed by `why`."""
    alone = [str(it) for name, it in one.items() if name not in other]
    alone += [str(it) for name, it in other.items() if name not in one]
    if alone:
        raise BenchmarkError(f"{listed(alone)}: {why}")


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file as an editor counts them. Raises `BenchmarkError` where it is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read ({error.strerror}); mend its rights") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(path, data.count(b"\n", 0, error.start) + 1, "is not text; give numbers")
    # Not splitlines, which knows ends of lines that no editor counts.
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return iter(rows if rows[-1] else rows[:-1])


def number(path: Path, line: int, text: str, name: str) -> float:
    """The finite number in `text`. Raises `BenchmarkError` saying what stands where `name` should."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        refuse(path, line, f"{_shown(text)} where {name} should be; give a finite number")
    return value


def check_header(path: Path, line: int, row: str, *known: str) -> None:
    """Raises `BenchmarkError` where a row of words stands for a header, naming the headers that are `known`."""
    if any(c.isalpha() for c in row) and not any(_is_number(field) for field in row.split(",")):
        understood = f"give {' or '.join(known)}, or none" if known else "give none"
        refuse(path, line, f"{_shown(row)} is no header that is understood; {understood}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def refuse(path: Path, line: int, what: str) -> NoReturn:
    """Raises `BenchmarkError` naming file and line, which counts from 1."""
    raise BenchmarkError(f"{path}:{line}: {what}")


def _shown(text: str) -> str:
    cleaned = " ".join(text.split())
    return repr(cleaned if len(cleaned) <= 40 else cleaned[:37] + "...") if cleaned else "nothing"
