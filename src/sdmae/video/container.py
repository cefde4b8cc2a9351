"""Video files through FFmpeg: opened without reaching the network, described, and every failure told alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from sdmae.errors import SourceError
from sdmae.video.frame import Clip, Size
from sdmae.video.pictures import read_picture
from sdmae.video.say import named, reason, shape

DECODER_ERRORS = (av.error.FFmpegError, OSError, ValueError, AttributeError, LookupError, EOFError, ArithmeticError)
"""What PyAV raises on damaged files: FFmpeg's own errors, and what its bindings trip over themselves."""

DEFAULT_RATE = 25.0
"""Frames a second where neither a container nor its stamps say: FFmpeg's own assumption."""

# Formats that only name other files or addresses, and those that take any text for a picture.
_INDIRECT = frozenset("hls applehttp dash concat concatf sdp rtsp rtp sap imf image2 image2pipe tty".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a clip says of itself before it is decoded."""

    size: Size
    """Rows and columns of a frame."""
    rate: float
    """Frames a second, on average over the file; of a folder of frames, the clip's."""
    codec: str
    """FFmpeg's name of the codec; of a folder of frames, the first picture's extension."""
    declared_frames: int | None
    """Frames the container claims to hold, often wrong; None where it claims nothing."""
    declared_seconds: float | None
    """Length the container claims, in seconds, often wrong; None where it claims nothing."""


def probe(clip: Clip, *, max_pixels: int = 64_000_000) -> VideoInfo:
    """What the clip says of itself. Raises `SourceError` when it cannot be opened or holds no video."""
    if clip.frames:
        picture = read_picture(clip.frames[0], max_pixels)
        count = len(clip.frames)
        codec = clip.frames[0].suffix.lower().lstrip(".")
        return VideoInfo(Size(*picture.shape[:2]), clip.rate, codec, count, count / clip.rate)
    with open_video(clip.path, max_pixels) as (container, stream):
        return describe(container, stream)


@contextmanager
def open_video(path: Path, max_pixels: int, *, threads: bool = True) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The opened file and its video stream, closed when the context is left, however that happens.

    threads: decode with as many as FFmpeg likes; one alone conceals damage the same way every time.
    Raises `SourceError` when the file is missing, is no video, or declares frames of more than `max_pixels`.
    """
    container = _open(path)
    try:
        try:
            stream = video_stream(path, container)
            size = Size(stream.codec_context.height, stream.codec_context.width)
        except DECODER_ERRORS as error:
            raise _unreadable(path, reason(error)) from error
        if size.height * size.width > max_pixels:
            raise SourceError(
                f"{named(path)}: declares frames of {shape(size)}, more than {max_pixels} pixels; scale it down first"
            )
        if size.height <= 0 or size.width <= 0:
            raise _unreadable(path, "its frames have no size")
        if threads:
            stream.thread_type = "AUTO"
        else:
            stream.codec_context.thread_count = 1
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
        yield container, stream
    finally:
        container.close()


def describe(container: InputContainer, stream: VideoStream) -> VideoInfo:
    """What the container says of its video stream."""
    context = stream.codec_context
    return VideoInfo(
        size=Size(context.height, context.width),
        rate=_rate(stream),
        codec=context.name,
        declared_frames=stream.frames if stream.frames > 0 else None,
        declared_seconds=_seconds(container, stream),
    )


def _open(path: Path) -> InputContainer:
    if not path.is_file():
        raise SourceError(f"{named(path)}: no such file; check the path")
    formats = sorted(av.formats_available - _INDIRECT)
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(formats)}
    try:
        # The prefix keeps FFmpeg from taking a name such as "a:b.mp4" for a protocol.
        return av.open(f"file:{path}", "r", options=options, metadata_errors="replace")
    except DECODER_ERRORS as error:
        raise _unreadable(path, reason(error)) from error


def video_stream(path: Path | str, container: InputContainer) -> VideoStream:
    """The stream of an opened container to look at. Raises `SourceError` where it holds no video."""
    # The picture on the sleeve of a piece of music is a video stream of one frame.
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise SourceError(f"{named(path)}: holds no video, only sound or other data; name a video file")
    best = container.streams.best("video")
    return best if isinstance(best, VideoStream) and best in streams else streams[0]


def _unreadable(path: Path, why: str) -> SourceError:
    try:
        empty = path.stat().st_size == 0
    except OSError:
        empty = False
    why = "the file is empty" if empty else why
    return SourceError(f"{named(path)}: not a video that can be read ({why}); check that it plays, or copy it anew")


def _rate(stream: VideoStream) -> float:
    for candidate in (stream.average_rate, stream.guessed_rate):
        # Beyond 1000 it is the clock of the stamps that FFmpeg took for a rate.
        if candidate is not None and 0 < candidate <= 1000:
            return float(candidate)
    return DEFAULT_RATE


def _seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    else:
        tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))  # Matroska
        if tag:
            end = int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
        elif container.duration is not None and len(container.streams) == 1:  # else it may be the sound's
            end = container.duration / av.time_base
        else:
            return None
        # These count from the clock's zero, not from the first frame.
        start = float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0
        seconds = end - max(start, 0.0)
    return seconds if math.isfinite(seconds) and seconds > 0 else None
