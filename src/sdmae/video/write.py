"""Pictures and video from plain arrays, written beside the target and renamed when they are whole."""

from __future__ import annotations

import errno
import math
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from sdmae.errors import SourceError
from sdmae.video.frame import Image
from sdmae.video.say import named, reason

_CLOCK = 90_000
"""Ticks a second of the stamps written: every usual frame rate is a whole number of them, or nearly."""


def write_picture(path: Path, image: Image) -> None:
    """Write an (H, W, 3) RGB or (H, W, 1) grey uint8 picture in the format of the path's extension.

    A file that was there is replaced in one stroke. Raises `SourceError` naming the path when it cannot be written.
    """
    stored = image if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix.lower() in {".jpg", ".jpeg"} else []
    try:
        done, data = cv2.imencode(path.suffix.lower(), stored, quality)
    except cv2.error:
        done = False
    if not done:
        raise SourceError(f"{named(path)}: not a picture format; give it the extension .png or .jpg")
    part = _part(path)
    try:
        part.write_bytes(data.tobytes())
        part.replace(path)
    except OSError as error:
        _remove(part)
        raise _unwritable(path, error) from error
    except BaseException:
        _remove(part)
        raise


class VideoWriter:
    """Writes an H.264 .mp4 that any browser plays, from pictures of one size.

        with VideoWriter(Path("annotated.mp4"), rate=25) as video:
            video.write(picture)

    The file appears under its name when the context is left without an exception; otherwise nothing is left.
    Odd sizes get one more row or column, a copy of the last, since the format halves the colours.
    """

    def __init__(self, path: Path, rate: float) -> None:
        """`rate`: frames a second. Raises `SourceError` naming the path when it cannot be written."""
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"rate must be positive: {rate}")
        self._path = path
        self._part = _part(path)
        self._rate = Fraction(rate).limit_denominator(1001)
        self._size: tuple[int, ...] | None = None
        self._stream: VideoStream | None = None
        self._count = 0
        self._stamp = -1
        try:
            # Opened by us first, so that a folder that is missing or read-only is told as the system tells it.
            self._part.open("wb").close()
            self._container: OutputContainer = av.open(
                f"file:{self._part}", "w", format="mp4", options={"movflags": "+faststart"}
            )
        except OSError as error:
            _remove(self._part)
            raise _unwritable(path, error) from error

    def __enter__(self) -> Self:
        return self

    def write(self, image: Image, time: float | None = None) -> None:
        """Add an (H, W, 3) RGB uint8 picture of the same size as the first.

        time: seconds at which it is shown, rising; left out, one frame after the picture before it.
        """
        if self._size is not None and image.shape != self._size:
            raise ValueError(f"a picture of shape {image.shape} in a video of shape {self._size}")
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"a picture of shape {image.shape} is not (H, W, 3)")
        even = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(even, "rgb24")
        seconds = float(self._count / self._rate) if time is None else time
        self._stamp = max(round(seconds * _CLOCK), self._stamp + 1)
        frame.pts, frame.time_base = self._stamp, Fraction(1, _CLOCK)
        try:
            stream = self._stream or self._start(image)
            self._container.mux(stream.encode(frame))
        except (OSError, av.error.FFmpegError) as error:
            raise _unwritable(self._path, error) from error
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        finished = False
        try:
            if error is None:
                self._finish()
                finished = True
        finally:
            if not finished:
                self._discard()

    def _start(self, image: Image) -> VideoStream:
        self._size = image.shape
        stream = self._container.add_stream("libx264", rate=self._rate)
        stream.height, stream.width = image.shape[0] + image.shape[0] % 2, image.shape[1] + image.shape[1] % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _CLOCK)
        # Without reordered frames (bf) the container's length is right for uneven times too.
        stream.codec_context.options = {"crf": "20", "preset": "veryfast", "bf": "0"}
        self._stream = stream
        return stream

    def _finish(self) -> None:
        if self._stream is None:
            raise SourceError(f"{named(self._path)}: there was no picture to write into this video")
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._part.replace(self._path)
        except (OSError, av.error.FFmpegError) as error:
            raise _unwritable(self._path, error) from error

    def _discard(self) -> None:
        try:
            with suppress(
                OSError, av.error.FFmpegError
            ):  # a full disk fails once more here, and has been told already
                self._container.close()
        finally:
            _remove(self._part)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _remove(part: Path) -> None:
    # The folder may be no folder, or read-only: then nothing was written, and that is what gets told.
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError | av.error.FFmpegError) -> SourceError:
    why = os.strerror(error.errno) if error.errno and error.errno in errno.errorcode else reason(error)
    return SourceError(f"{named(path)}: cannot be written ({why}); check the folder, its permissions and free space")
