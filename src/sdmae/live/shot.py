"""A scored frame that is kept for a moment: to be looked at on the page, or as an event's picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sdmae.recordings.annotate import FULL
from sdmae.recordings.page import heated, shares
from sdmae.scoring import Levels, Map
from sdmae.video import Image, Size, boxes, write_picture

WIDTH = 480
"""Columns of the pictures that are kept, about."""
QUALITY = 85
"""Of JPEGs for the page, 0 to 100."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame."""

    time: float
    """Seconds since 1970."""
    image: Image
    """(H, W, C), squeezed to the shape of the detector's frames."""
    map: Map
    """Its filtered map."""
    box: tuple[float, float, float, float] | None
    """Of its strongest region, as shares of the width and height."""
    size: Size
    """Of the camera's own picture, whose shape it is to be drawn in."""
    median: float
    """The score of normal video: heat begins above it."""
    levels: Levels | None
    """None: the map's own highest value is where the heat is full."""


def drawn(shot: Shot, *, heat: bool) -> Image:
    """The frame in its true shape, with its heat and its box if they are asked for: (h, w, 3)."""
    height, width = shot.image.shape[:2]
    height = max(1, round(width * shot.size.height / shot.size.width))
    image = shot.image if shot.image.shape[2] == 3 else np.repeat(shot.image, 3, axis=2)
    if height != image.shape[0]:
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(resized, np.uint8)
    if not heat:
        return image
    full = float(shot.map.max()) if shot.levels is None else shot.levels.opens
    image = heated(image, shares(shot.map, shot.median, FULL * max(full - shot.median, 0.0)))
    if shot.box is None or shot.levels is None or full > float(shot.map.max()):
        return image
    x0, y0, x1, y1 = shot.box
    return boxes(image, [(x0 * width, y0 * height, min(x1 * width, width - 1), min(y1 * height, height - 1))])


def jpeg(shot: Shot, *, heat: bool) -> bytes:
    """The same as a JPEG."""
    stored = cv2.cvtColor(drawn(shot, heat=heat), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


def write_thumbnail(path: Path, shot: Shot) -> None:
    """An event's picture, with heat and box. Raises `SourceError` where it cannot be written."""
    write_picture(path, drawn(shot, heat=True))
