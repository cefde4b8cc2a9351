"""Words for messages: whatever happens is told in one line, and never with a camera's password in it."""

from __future__ import annotations

import re
from pathlib import Path

from sdmae.video.frame import Size

_CREDENTIALS = re.compile(r"(\w+://)[^/@\s]*@")


def named(thing: str | Path) -> str:
    """A path or URL as it stands in a message: one line, without user and password."""
    line = "".join(c if c.isprintable() else "?" for c in str(thing))
    return _CREDENTIALS.sub(r"\1…@", line)


def shape(size: Size) -> str:
    """A size as people say it: width×height."""
    return f"{size.width}×{size.height}"


def reason(error: BaseException) -> str:
    """Why, in a few words, from what FFmpeg, OpenCV or the system raised."""
    # FFmpeg's own messages repeat the whole URL and the last line of its log; `strerror` is the bare reason.
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return named(str(text).strip().splitlines()[0] if str(text).strip() else type(error).__name__)
