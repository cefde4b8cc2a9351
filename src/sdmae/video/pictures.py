"""Folders of frames: one picture after the other, each whole and of one size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from cv2.utils import logging as cv2_logging

from sdmae.errors import SourceError
from sdmae.video.frame import Clip, Image, Size
from sdmae.video.say import named, reason, shape


def read_picture(path: Path, max_pixels: int = 64_000_000) -> Image:
    """The picture as OpenCV decodes it: (H, W, 3) uint8 in the order blue, green, red, or (H, W, 1) if it is grey.

    16 bits become 8, transparency is dropped. Raises `SourceError` naming the file when it cannot be read, is cut
    off, is no picture or has more than `max_pixels`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{named(path)}: cannot be read ({reason(error)})") from error
    picture = None if not data or _is_cut_off(data) else _decode(data)
    if picture is None:
        raise SourceError(f"{named(path)}: this picture does not decode; replace it, or take it out of the folder")
    size = Size(*picture.shape[:2])
    if size.height * size.width > max_pixels:
        raise SourceError(f"{named(path)}: {shape(size)} is more than {max_pixels} pixels; make the picture smaller")
    return picture[..., None] if picture.ndim == 2 else picture


def picture_frames(clip: Clip, max_pixels: int) -> Iterator[av.VideoFrame]:
    """The pictures of a folder of frames as video frames, so that they are scaled by the same code as a video's.

    Raises `SourceError` naming the first file that does not decode, or whose size differs from the first one's.
    """
    first: Size | None = None
    for path in clip.frames:
        picture = read_picture(path, max_pixels)
        size = Size(*picture.shape[:2])
        first = first or size
        if size != first:
            raise SourceError(
                f"{named(path)}: {shape(size)}, but {clip.frames[0].name} is {shape(first)}; "
                f"the frames of one folder must have one size"
            )
        if picture.shape[2] == 1:
            yield av.VideoFrame.from_ndarray(picture[..., 0], "gray")
        else:
            yield av.VideoFrame.from_ndarray(picture, "bgr24")


def _is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end. OpenCV fills the rest of such a JPEG with grey and says nothing."""
    if data.startswith(b"\xff\xd8"):
        # Markers cannot occur inside the coded data. A thumbnail brings an end of its own, hence the last of each.
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(b"\x89PNG") and b"IEND" not in data


def _decode(data: bytes) -> Image | None:
    level = cv2_logging.getLogLevel()
    cv2_logging.setLogLevel(
        cv2_logging.LOG_LEVEL_SILENT
    )  # OpenCV would write its own complaint to stderr beside ours
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)  # type: ignore[return-value]
    except cv2.error:
        return None
    finally:
        cv2_logging.setLogLevel(level)
