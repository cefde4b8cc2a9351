"""What a decoder's process is asked to play, sent to it over a pipe: no password stands in a command line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from sdmae.video.frame import Size
from sdmae.video.live.address import Kind


@dataclass(frozen=True, slots=True)
class Order:
    """One source, and how its frames are wanted."""

    kind: Kind
    url: str = field(repr=False)
    options: dict[str, str]
    """FFmpeg's, for opening it."""
    sizes: tuple[Size | None, ...]
    """Of the pictures of every frame; None: the camera's own."""
    grey: tuple[bool, ...]
    """Whether each of them has one channel instead of RGB."""
    rate: float | None
    """Frames a second at most; None: all."""
    max_pixels: int
    open_timeout: float
    read_timeout: float
    packets: bool
    """Whether the coded pictures are wanted, too."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The order in such a line."""
        data: dict[str, Any] = json.loads(line)
        sizes = tuple(None if size is None else Size(*size) for size in data["sizes"])
        return replace(cls(**data), sizes=sizes)
