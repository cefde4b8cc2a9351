"""The 3-D mean filter over (t, y, x) as a stream: maps go in one by one and come out filtered."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from sdmae.errors import ConfigError
from sdmae.scoring.types import Map


class MeanFilter:
    """Mean over a window of frames, rows and columns; one object serves one unbroken stretch of video.

    Centred, a frame's window reaches `frames // 2` to either side, so its result comes that many frames later.
    Causal, the window holds as many frames, all of them past, and the result comes at once. At the ends of the
    video the mean is over the frames that exist; at the edges of the map it is over the reflected map.
    """

    def __init__(self, frames: int, cells: int, *, causal: bool) -> None:
        """`frames`: frames of the window; `cells`: its rows and columns. Raises `ConfigError` unless both are odd."""
        for name, value in (("score.filter_frames", frames), ("score.filter_cells", cells)):
            if value < 1 or value % 2 == 0:
                raise ConfigError(f"{name} must be an odd number from 1, not {value}")
        self._ahead = 0 if causal else frames // 2
        self._cells = cells
        self._window: deque[Map] = deque(maxlen=frames)
        self._waiting = 0  # maps that came in and whose result has not come out

    def push(self, image: Map) -> Map | None:
        """Takes the next map, (h, w); gives the filtered map that it completes, if any.

        Raises ValueError when the map's shape differs from those before it.
        """
        if self._window and self._window[0].shape != image.shape:
            raise ValueError(f"a map of {image.shape} after maps of {self._window[0].shape}; start a new segment")
        self._window.append(_blur(image, self._cells))
        self._waiting += 1
        if self._waiting <= self._ahead:
            return None
        self._waiting -= 1
        return self._mean()

    def flush(self) -> list[Map]:
        """The filtered maps still owed when the video has ended: `frames // 2` of them at most, none if causal."""
        # Without new maps the window only loses its oldest ones; those of a video shorter than it are all needed.
        owed = []
        for left in range(self._waiting, 0, -1):
            while len(self._window) > self._ahead + left:
                self._window.popleft()
            owed.append(self._mean())
        self._waiting = 0
        self._window.clear()
        return owed

    def _mean(self) -> Map:
        # The window is summed afresh, oldest first: a running sum would be quicker, but would carry the rounding
        # of all frames before it, and so make a score depend on where the video was begun.
        total = self._window[0].copy()
        for image in list(self._window)[1:]:
            total += image
        total /= np.float32(len(self._window))
        return total


def _blur(image: Map, cells: int) -> Map:
    """Spatial mean; a map smaller than the window is averaged over the largest odd window that fits."""
    rows, columns = (min(cells, n - 1 + n % 2) for n in image.shape)
    blurred = cv2.blur(image, (columns, rows), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
