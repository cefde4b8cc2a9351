"""The 3-D mean filter over (t, y, x) as a stream: maps go in one by one and come out filtered."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from sdmae.errors import ConfigError
from sdmae.scoring.types import Map

SLACK = 1e-6
"""Seconds by which two time stamps that mean the same moment may differ."""


class MeanFilter:
    """Mean over a window of time, rows and columns; one object serves one unbroken stretch of video.

    The window is as long as `frames` frames at `rate`, whatever the frame rate of the video is. Centred, it reaches
    half as far to either side, so the result comes that much later. Causal, all of it is past, and the result comes
    at once. At the ends of the video the mean is over the frames that exist; at the edges of the map it is over the
    reflected map.
    """

    def __init__(self, frames: int, cells: int, rate: float, *, causal: bool) -> None:
        """`frames`: length of the window, in frames at `rate` a second; `cells`: its rows and columns.

        Raises `ConfigError` unless `frames` and `cells` are odd.
        """
        for name, value in (("score.filter_frames", frames), ("score.filter_cells", cells)):
            if value < 1 or value % 2 == 0:
                raise ConfigError(f"{name} must be an odd number from 1, not {value}")
        # The edges lie between two frames, so that rounded time stamps change nothing; of a slower video a frame may
        # lie on an edge, and is inside.
        self._behind = (frames - 0.5 if causal else frames / 2) / rate + SLACK
        self._ahead = 0.0 if causal else frames / 2 / rate + SLACK
        self._cells = cells
        self._window: deque[tuple[float, Map]] = deque()
        self._waiting: deque[float] = deque()  # times of maps that came in and whose result has not come out

    def push(self, image: Map, time: float) -> list[Map]:
        """Takes the next map, (h, w), and its time in seconds; gives the filtered maps that it completes, if any.

        Raises ValueError when the map's shape differs from those before it, or time falls.
        """
        if self._window and self._window[-1][1].shape != image.shape:
            raise ValueError(f"a map of {image.shape} after maps of {self._window[-1][1].shape}; start a new segment")
        if self._window and time < self._window[-1][0]:
            raise ValueError(f"time falls from {self._window[-1][0]} to {time} s; start a new segment")
        done = []
        if self._ahead:
            while self._waiting and time > self._waiting[0] + self._ahead:
                done.append(self._mean(self._waiting.popleft()))
        self._window.append((time, _blur(image, self._cells)))
        self._waiting.append(time)
        if not self._ahead:
            done.append(self._mean(self._waiting.popleft()))
        return done

    def flush(self) -> list[Map]:
        """The filtered maps still owed when the video has ended; none if causal."""
        owed = [self._mean(time) for time in self._waiting]
        self._waiting.clear()
        self._window.clear()
        return owed

    def _mean(self, time: float) -> Map:
        while self._window[0][0] < time - self._behind:
            self._window.popleft()
        # The window is summed afresh, oldest first: a running sum would be quicker, but would carry the rounding
        # of all frames before it, and so make a score depend on where the video was begun.
        total = self._window[0][1].copy()
        count = 1
        for at, image in list(self._window)[1:]:
            if self._ahead and at > time + self._ahead:
                break
            total += image
            count += 1
        total /= np.float32(count)
        return total


def _blur(image: Map, cells: int) -> Map:
    """Spatial mean; a map smaller than the window is averaged over the largest odd window that fits."""
    rows, columns = (min(cells, n - 1 + n % 2) for n in image.shape)
    blurred = cv2.blur(image, (columns, rows), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
