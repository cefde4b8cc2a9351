"""Words for messages: whatever happens is told in one line, and never with a camera's password in it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote

from sdmae.video.frame import Size

_ADDRESS = re.compile(r"(\w+://)(\S*)")
_SECRET = re.compile(
    r"(?i)(?<![a-z])((?:user|usr|username|login|loginuse|account|pass|passwd|password|pwd|psw|loginpas|token|auth|key|"
    r"apikey|api_key|access_token|secret|sig|signature|session|sid)=)[^&;/\s\"'#]*"
)
_FEWEST = 3
"""Letters of a word that is taken out wherever it stands: a shorter one would tear holes into everything."""


def named(thing: str | Path) -> str:
    """A path or URL as it stands in a message: one line, without user and password, nor what else lets one in.

    Rather too much is taken out than too little: a password may hold @ and / though it should not.
    """
    line = "".join(c if c.isprintable() else "?" for c in str(thing))
    return _SECRET.sub(r"\1…", _ADDRESS.sub(lambda found: found[1] + _without_user(found[2]), line))


def without_secrets(text: str, source: str) -> str:
    """What was said about a source, without its user and password in whatever form they came."""
    _, _, rest = source.partition("://")
    said = named(text.replace(source, named(source)))
    user, _, password = rest[: _end_of_user(rest)].partition(":")
    values = [found[0].partition("=")[2] for found in _SECRET.finditer(source)]
    for secret in sorted({user, password, *values}, key=len, reverse=True):
        for form in {secret, unquote(secret), quote(unquote(secret), safe="")}:
            if len(form) >= _FEWEST:
                said = said.replace(form, "…")
    return said


def _without_user(rest: str) -> str:
    end = _end_of_user(rest)
    return f"…{rest[end:]}" if end else rest


def _end_of_user(rest: str) -> int:
    """Where, in an address without its scheme, user and password end: at the @; 0 where there are none."""
    last = rest.rfind("@")
    # An @ with neither a colon nor itself in the host's part stands in the path.
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return last if last >= 0 and ("@" in host or ":" in rest[:last]) else 0


def shape(size: Size) -> str:
    """A size as people say it: width×height."""
    return f"{size.width}×{size.height}"


def reason(error: BaseException) -> str:
    """Why, in a few words, from what FFmpeg, OpenCV or the system raised."""
    # FFmpeg's own messages repeat the whole URL and the last line of its log; `strerror` is the bare reason.
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return named(str(text).strip().splitlines()[0] if str(text).strip() else type(error).__name__)
