"""Ignore zones: polygons of the picture that are neither learned from nor scored."""

from __future__ import annotations

import re
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.errors import ConfigError
from sdmae.video.frame import Size

Polygon = tuple[float, ...]
"""x1, y1, x2, y2, ... as shares of the picture's width and height."""


def parse_zone(text: str, size: Size, name: str = "--ignore") -> Polygon:
    """The polygon that `x,y x,y x,y ...` says, in pixels of a source of that size.

    name: the setting it comes from, for messages. Raises `ConfigError` where it says none, or one that leaves the
    picture or has no area.
    """
    numbers = re.split(r"[\s,;]+", text.strip())
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        values = []
    if len(values) < 6 or len(values) % 2 or not np.isfinite(values).all():
        raise ConfigError(
            f"{name} '{text}': write the corners of a polygon in pixels of the video, x,y x,y x,y, three or more"
        )
    corners = np.array(values).reshape(-1, 2)
    if (corners < 0).any() or (corners > (size.width, size.height)).any():
        x, y = corners[((corners < 0) | (corners > (size.width, size.height))).any(axis=1)][0]
        raise ConfigError(
            f"{name} '{text}': the corner {x:g},{y:g} lies outside the picture of {size.width}x{size.height} pixels"
        )
    if abs(cv2.contourArea(corners.astype(np.float32))) < 1:
        raise ConfigError(f"{name} '{text}': its corners lie on one line; a zone needs an area")
    shares = corners / (size.width, size.height)
    return tuple(round(float(value), 6) for value in shares.reshape(-1))


def ignored_cells(polygons: Sequence[Polygon], grid: tuple[int, int]) -> NDArray[np.bool_]:
    """(rows, columns) bool: cells of a grid over the picture whose middle lies in one of the polygons."""
    rows, columns = grid
    inside = np.zeros(grid, np.bool_)
    y, x = (np.mgrid[:rows, :columns] + 0.5) / np.array([rows, columns])[:, None, None]
    for polygon in polygons:
        corners = np.array(polygon).reshape(-1, 2)
        crossed = np.zeros(grid, np.bool_)
        # A point is inside when a ray from it crosses the edges an odd number of times.
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y0 == y1:
                continue
            at = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            crossed ^= ((y0 <= y) != (y1 <= y)) & (x < at)
        inside |= crossed
    return inside
