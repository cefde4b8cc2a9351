"""The folder of one evaluation: whole or without `metrics.json`, and never a mixture of two runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from sdmae.errors import SourceError
from sdmae.recordings.files import write_text

METRICS = "metrics.json"
"""Goes first and comes last: where it stands, all beside it is of the same run."""
FILES = "files.json"
"""Which of the files there are ours, since nothing else is ever deleted."""
_STAGED = ".evaluating"
_NAMES = re.compile(
    r"metrics\.json|report\.html|table\.md|[^/\\]+/scores\.(csv|png)|series/[^/\\]+/[^/\\]+\.txt|"
    r"regions/README\.txt|regions/[^/\\]+/[^/\\]+\.csv"
)
"""What is ever written into such a folder."""


@contextmanager
def run_folder(output: Path) -> Iterator[Path]:
    """`with run_folder(output) as folder`: what is written into `folder` then takes the place of an earlier run.

    The files of that run are deleted, files of other names stay. After an error or an interrupt within the context,
    `output` is as it was. While files change places it has no `metrics.json`; where that is cut short, the next run
    deletes what was left. Raises `SourceError` where the folder cannot be written to.
    """
    missing = [place for place in (output, *output.parents) if not place.exists()]
    staged = output / _STAGED
    try:
        with suppress(FileNotFoundError):
            shutil.rmtree(staged)  # of a run that was killed
        staged.mkdir(parents=True)
        yield staged
        _change_places(staged, output)
    except OSError as error:
        raise SourceError(f"{output}: cannot be written to ({error.strerror}); choose another --output") from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        for place in missing:  # if nothing came of it
            with suppress(OSError):
                place.rmdir()


def _change_places(staged: Path, output: Path) -> None:
    new = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
    old = _ours(output)
    # Somebody else's file of one of our names is ours once it is overwritten, and not before.
    free = {name for name in new if not (output / name).exists()}
    _list(output, old | free)
    (output / METRICS).unlink(missing_ok=True)
    for name in old - set(new):
        (output / name).unlink(missing_ok=True)
    folders = {parent for name in old for parent in PurePosixPath(name).parents if parent.name}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        with suppress(OSError):
            (output / folder).rmdir()  # only where nothing is left in it
    for name in sorted(new, key=lambda name: name == METRICS):
        if name == METRICS:
            _list(output, set(new))
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).replace(output / name)


def _list(output: Path, names: set[str]) -> None:
    write_text(output / FILES, json.dumps({"files": sorted(names)}, indent=1) + "\n")


def _ours(output: Path) -> set[str]:
    """Names below the folder, with /, of what an earlier run has written and may be deleted."""
    try:
        names = json.loads((output / FILES).read_text(encoding="utf-8"))["files"]
        # Whatever the list says: nothing that we never write, and nothing outside.
        return {name for name in names if _NAMES.fullmatch(name) and ".." not in PurePosixPath(name).parts}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
