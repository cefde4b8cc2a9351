"""When a clip was taken: the wall-clock time of its first frame, as far as its file says."""

from __future__ import annotations

import re
from datetime import datetime

from sdmae.errors import SourceError
from sdmae.video.container import DECODER_ERRORS, open_video
from sdmae.video.frame import Clip

_IN_NAME = re.compile(r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_T. ]?(\d\d)[-_.:h]?(\d\d)(?:[-_.:m]?(\d\d))?(?!\d)")
"""20261123-143000, 2026-11-23_14-30-00, 20261123T1430 and their like, as recorders name files."""


def taken_at(clip: Clip) -> datetime | None:
    """Local time of the first frame: from the clip's name, else from the file's creation time; None where neither is.

    A name is taken at its word; a creation time with a time zone is turned into this machine's.
    """
    found = _IN_NAME.search(clip.path.name)
    if found:
        numbers = [int(part or 0) for part in found.groups()]
        try:
            return datetime(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5])
        except ValueError:
            pass
    if clip.frames:
        return None
    with open_video(clip.path, 1 << 40) as (container, stream):
        try:
            tags = (stream.metadata.get("creation_time"), container.metadata.get("creation_time"))
        except DECODER_ERRORS:
            return None
    for tag in tags:
        if tag:
            try:
                taken = datetime.fromisoformat(tag)
            except ValueError:
                continue
            # Cameras without a clock say 1904 or 1970.
            if taken.year >= 2000:
                return taken.astimezone().replace(tzinfo=None) if taken.tzinfo else taken
    return None


def parse_moment(text: str) -> datetime:
    """The local time that an ISO 8601 text says. Raises `SourceError` where it says none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone().replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise SourceError(f"--start {text}: no time; write it as 2026-11-23T08:00:00") from None
