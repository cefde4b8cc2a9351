"""What the rest of the program knows of video: clips, and frames with their time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture: (H, W, C) uint8, C = 3 (RGB) or 1 (grey)."""


class Size(NamedTuple):
    """Rows and columns of a picture, in pixels."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Clip:
    """One stretch of video: a file, or a folder of numbered frames."""

    name: str
    """Unique within what the source string named; safe as a file name."""
    path: Path
    """The video file, or the folder of frames."""
    frames: tuple[Path, ...] = ()
    """The pictures of a folder of frames, in natural order; empty for a video file."""
    rate: float = 25.0
    """Frames a second of a folder of frames, which says nothing of time itself. Unused for a video file."""

    @property
    def mark(self) -> str:
        """By which the same video is known again elsewhere, nearly always: its name and the size of its files."""
        size = sum(path.stat().st_size for path in self.frames or (self.path,) if path.is_file())
        return f"{self.name} {size}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame, scaled to each size that was asked for."""

    index: int
    """Position among the frames that decoded, from 0."""
    time: float
    """Seconds since the clip's first frame, from the time stamps; never falls."""
    images: tuple[Image, ...]
    """One picture for each size asked for, in that order."""
    stretch: int = 0
    """Grows where something is missing before this frame: no frame of another stretch is its neighbour. A file has
    one; a camera begins another with every connection and every gap."""
    wall: float | None = None
    """When it arrived, in seconds since 1970 by this machine's clock; None for recorded video."""

    @property
    def image(self) -> Image:
        """The picture of the first size asked for."""
        return self.images[0]
