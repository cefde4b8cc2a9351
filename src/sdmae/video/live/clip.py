"""A clip from coded pictures, in an .mp4 and without encoding anything anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from sdmae.errors import SourceError
from sdmae.video.live.ring import CodedPicture, PacketRing
from sdmae.video.live.status import StreamInfo
from sdmae.video.say import named, reason

_CLOCK = 90_000
"""Ticks a second of the stamps written."""
_SEAM = 1
"""Ticks between two pictures, at least."""


def write_clip(ring: PacketRing, path: Path, start: float, end: float) -> tuple[float, float]:
    """Writes what the ring holds from `start` to `end`, in seconds of the camera, and gives what that came to be.

    It begins with the last key picture before `start`; a connection that was lost in between leaves its gap. The
    file appears under its name when it is whole. Raises `SourceError` where the ring holds nothing of that time,
    where .mp4 cannot hold the camera's codec, or where the file cannot be written.
    """
    cut = ring.cut(start, end)
    if cut is None:
        raise SourceError(f"{named(path)}: no video is kept of that time; keep more seconds, or ask for it sooner")
    stream, runs = cut
    part = path.with_name(f"{path.name}.part")
    try:
        part.open("wb").close()  # by us first, so that a folder that is missing is told as the system tells it
        _mux(part, stream, runs)
        part.replace(path)
    except (OSError, ValueError, av.error.FFmpegError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else reason(error)
        raise SourceError(
            f"{named(path)}: the clip cannot be written ({why}); its codec is {stream.codec}"
        ) from error
    times = [picture.time for run in runs for picture in run]
    return min(times), max(times)


def _mux(path: Path, stream: StreamInfo, runs: Sequence[Sequence[CodedPicture]]) -> None:
    zero = min(picture.time for run in runs for picture in run)
    with av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"}) as container:
        out = container.add_mux_stream(
            stream.codec,
            rate=Fraction(stream.rate).limit_denominator(1001),
            width=stream.size.width,
            height=stream.size.height,
        )
        out.time_base = Fraction(1, _CLOCK)
        after = None
        for run in runs:
            stamps = _stamps(run, zero)
            for picture, (shown, decoded) in zip(run, stamps, strict=True):
                # What was shown earlier than the picture before it was decoded is a slip of the camera's clock.
                decoded = decoded if after is None else max(decoded, after + _SEAM)
                after = decoded
                packet: av.Packet[Any] = av.Packet(picture.data)
                packet.pts, packet.dts, packet.time_base = max(shown, decoded), decoded, Fraction(1, _CLOCK)
                packet.is_keyframe = picture.key
                packet.stream = out
                container.mux(packet)


def _stamps(run: Sequence[CodedPicture], zero: float) -> list[tuple[int, int]]:
    """When each picture is shown and decoded, in ticks."""
    shown = [round((picture.time - zero) * _CLOCK) for picture in run]
    lags = [picture.lag for picture in run]
    known = [lag for lag in lags if lag is not None]
    if len(known) == len(lags):
        return [(at, at - round(lag * _CLOCK)) for at, lag in zip(shown, known, strict=True)]
    # The order of decoding is known, and so are the times: the k-th is decoded at the k-th time, or earlier by what
    # it takes for none to be shown before it is decoded.
    ordered = sorted(shown)
    early = max(0, *(at - own for at, own in zip(ordered, shown, strict=True)))
    return [(own, at - early) for own, at in zip(shown, ordered, strict=True)]
