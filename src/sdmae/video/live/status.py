"""What is known of a camera besides its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sdmae.video.frame import Size

State = Literal["connecting", "streaming", "lost", "ended"]


@dataclass(frozen=True, slots=True)
class Status:
    """How a camera is. Nothing in it holds a password."""

    state: State
    """`connecting`; `streaming`: frames come; `lost`: it is tried again in `retry_in` seconds; `ended`: closed, or a
    file that has been played."""
    why: str = ""
    """Why it was lost, or has ended, in a few words."""
    retry_in: float = 0.0
    """Seconds until the next attempt."""
    degraded: bool = False
    """Its decoder has crashed `camera.CRASHES` times within a minute: each further attempt waits as long as any."""
    wall: float = 0.0
    """Since when, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a connection says of its video."""

    size: Size
    """Rows and columns of the camera's own frames."""
    rate: float
    """Frames a second, as far as the camera says."""
    codec: str
    """FFmpeg's name of the codec."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a camera has done since it was made."""

    received: int = 0
    """Frames that came, thinned out to the rate asked for: those fetched, those waiting and those dropped."""
    dropped: int = 0
    """Of these, the ones that nobody fetched in time."""
    connections: int = 0
    """Times that it was opened and frames came."""
    crashes: int = 0
    """Times that its decoder crashed or hung."""
