"""One line that says how far a long piece of work is, how fast it goes and when it ends."""

from __future__ import annotations

import io
import sys
from typing import Any

from tqdm import tqdm

LINE_SECONDS = 30.0
"""Where the output is a file, a line is added this often, and short work says nothing."""


def progress(what: str, total: int | None, unit: str, done: int = 0, *, silent: bool = False) -> tqdm[Any]:
    """A bar on standard error, to be used in `with`.

    `done` units were finished by an earlier run; `silent`: where another process shows it. On a terminal the bar is
    redrawn in place; elsewhere it is a line now and then.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        desc=what,
        total=total,
        unit=f" {unit}",
        initial=done,
        file=sys.stderr if terminal else _Lines(),
        mininterval=0.2 if terminal else LINE_SECONDS,
        delay=0 if terminal else LINE_SECONDS,
        dynamic_ncols=terminal,
        ascii=not terminal,
        disable=silent,
    )


def say(line: str) -> None:
    """One line for the user, on standard error, above a bar that is being drawn."""
    if sys.stderr.isatty():
        tqdm.write(line, file=sys.stderr)
    else:
        sys.stderr.write(f"{line}\n")


class _Lines(io.TextIOBase):
    """Standard error for a bar that cannot be redrawn: each state of it becomes a line of its own."""

    def write(self, text: str) -> int:
        if text.strip():
            sys.stderr.write(f"{text.strip()}\n")
        return len(text)
