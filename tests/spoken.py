"""What the command line said, and what must hold when it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable

Refused = Callable[..., str]
"""Runs a verb that must fail with one line holding the words given; see the fixture `refused`."""


def said(text: str) -> list[str]:
    """What was said, line by line, without the progress bars that a terminal would have drawn over."""
    lines = [re.split(r"\r", line)[-1].strip() for line in text.splitlines()]
    return [line for line in lines if line and not re.match(r"[a-z ]+: +(\d+%\|| *\d+ [a-z]+ \[)", line)]
