"""What a live source's string names, and what FFmpeg may touch to reach it: nothing else is ever opened."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from sdmae.config import SourceConfig
from sdmae.errors import SourceError
from sdmae.video.say import named

Kind = Literal["rtsp", "http", "webcam", "file"]
KINDS = "rtsp://, rtsps://, http://, https://, webcam:N, realtime:FILE or loop:FILE"

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_DEVICE = re.compile(r"(webcam|realtime|loop):(?!//)(.*)", re.IGNORECASE | re.DOTALL)
_REACHES = {"rtsp": "rtp,tcp", "rtsps": "rtp,tls,tcp", "http": "http,tcp", "https": "https,tls,tcp"}
"""FFmpeg's protocols for each scheme: no playlist, description or redirection leads to a file or another service."""
_STREAMS = "mpjpeg,mjpeg,mpegts,flv"
"""What may come over HTTP: formats that hold pictures, and name no other address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A live source, understood."""

    kind: Kind
    url: str = field(repr=False)
    """What FFmpeg opens: an address, a device or a path. It may hold a password."""
    shown: str
    """The same for people: without user and password."""
    loop: bool = False
    """A file that begins again at its end."""

    @property
    def waits(self) -> bool:
        """Whether the source waits for whoever reads it: a file, of which nothing is ever dropped."""
        return self.kind == "file"

    def options(self, config: SourceConfig) -> dict[str, str]:
        """FFmpeg's options for opening it."""
        # PyAV interrupts what takes too long; this is for what it does not watch, such as taking leave.
        microseconds = str(round(max(config.open_timeout, config.read_timeout) * 1e6))
        common = {"max_pixels": str(config.max_pixels)}
        scheme = self.url.partition("://")[0].lower()
        if self.kind == "rtsp":
            reaches = _REACHES[scheme] + (",udp" if config.transport == "udp" else "")
            return common | {
                "protocol_whitelist": reaches,
                "rtsp_transport": config.transport,
                "allowed_media_types": "video",
                # By default FFmpeg listens for seconds until it believes the frame rate.
                "fpsprobesize": "1",
                "analyzeduration": "1000000",
                "timeout": microseconds,
            }
        if self.kind == "http":
            return common | {
                "protocol_whitelist": _REACHES[scheme],
                "format_whitelist": _STREAMS,
                "max_redirects": "0",
                "fpsprobesize": "1",
                "analyzeduration": "1000000",
                "rw_timeout": microseconds,
            }
        return common


def is_live(source: str) -> bool:
    """Whether the string names something that plays by the clock, rather than recorded video."""
    scheme = _SCHEME.match(source)
    return bool((scheme and scheme[1].lower() != "file") or _DEVICE.match(source))


def parse_address(source: str) -> Address:
    """What a live source's string names. Raises `SourceError`, without user and password, where it names nothing.

    `rtsp://user:password@host/path` and `rtsps://`; `http://` and `https://` of MJPEG or MPEG-TS; `webcam:0`, the
    first camera of this machine; `realtime:cam.mp4`, a file at the speed it was taken with, and `loop:cam.mp4`, the
    same over and over.
    """
    shown = named(source)
    device = _DEVICE.match(source)
    if device:
        kind, rest = device[1].lower(), device[2]
        return _webcam(rest, shown) if kind == "webcam" else _file(rest, shown, loop=kind == "loop")
    scheme = _SCHEME.match(source)
    if not scheme or scheme[1].lower() not in _REACHES:
        raise SourceError(f"{shown}: a live source begins with {KINDS}")
    try:
        parts = urlsplit(source)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or any(c.isspace() or not c.isprintable() for c in source):
        raise SourceError(f"{shown}: is no address; write it as {scheme[0].lower()}user:password@host:port/path")
    return Address("rtsp" if scheme[1].lower().startswith("rtsp") else "http", source, shown)


def _webcam(number: str, shown: str) -> Address:
    if not number.isascii() or not number.isdigit():
        raise SourceError(f"{shown}: name a camera of this machine by its number, as in webcam:0")
    if sys.platform == "darwin":
        return Address("webcam", number, shown)
    if not sys.platform.startswith("linux"):
        raise SourceError(f"{shown}: webcams are read on Linux and macOS only; name a file or an address")
    return Address("webcam", f"/dev/video{int(number)}", shown)


def _file(name: str, shown: str, *, loop: bool) -> Address:
    path = Path(name).expanduser()
    if not path.is_file():
        raise SourceError(f"{shown}: no such video file; check the path")
    return Address("file", str(path.resolve()), shown, loop)
