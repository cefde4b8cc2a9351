"""One line that says how far a long piece of work is, how fast it goes and when it ends."""

from __future__ import annotations

import sys

from tqdm import tqdm


def progress(what: str, total: int | None, unit: str, done: int = 0, *, silent: bool = False) -> tqdm[None]:
    """A bar on standard error, to be used in `with`; `done` units were finished by an earlier run; `silent`: where
    another process shows it.

    On a terminal it is redrawn in place; where the output is a file, it adds a line every half minute.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        desc=what,
        total=total,
        unit=f" {unit}",
        initial=done,
        mininterval=0.2 if terminal else 30.0,
        dynamic_ncols=terminal,
        ascii=not terminal,
        disable=silent,
    )
