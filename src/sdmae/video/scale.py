"""One decoded frame to one array of the size and the channels that were asked for."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from sdmae.video.frame import Image, Size

# Exact arithmetic gives the same pixels on every processor; scaling 768×432 to 320×192 it costs some 5 %.
_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT
_SHRINKING, _ENLARGING = Interpolation.AREA | _EXACT, Interpolation.BILINEAR | _EXACT


class Scaler:
    """Scales and converts the frames of one clip to one size.

    It lives as long as the clip, so that FFmpeg sets its tables up once; and it has one thread, since a frame is too
    small to be worth sharing out (../shared/anchors.md has the measurement).
    """

    def __init__(self, size: Size | None, *, grey: bool) -> None:
        """`size`: of the pictures, None for the frame's own; `grey`: one channel instead of RGB."""
        self._size = size
        self._channels = 1 if grey else 3
        self._format = "gray" if grey else "rgb24"
        self._reformatter = VideoReformatter()

    def scale(self, frame: av.VideoFrame) -> Image:
        """(H, W, 3) RGB or (H, W, 1) grey, uint8, contiguous and the caller's own."""
        height, width = self._size or Size(frame.height, frame.width)
        shrinks = height <= frame.height and width <= frame.width
        method = _SHRINKING if shrinks else _ENLARGING
        scaled = self._reformatter.reformat(
            frame, width=width, height=height, format=self._format, interpolation=method, threads=1
        )
        if scaled.planes[0].line_size < 0:  # rows stored from the bottom up, and nothing that made FFmpeg turn them
            scaled = av.VideoFrame.from_ndarray(scaled.to_ndarray(), self._format)
        plane = scaled.planes[0]
        # FFmpeg pads every row; and a frame that needed no conversion is the decoder's own memory: hence the copy.
        rows: Image = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        return rows[:, : width * self._channels].reshape(height, width, self._channels).copy()
