"""Baselines without training: what a result on a benchmark has to be read beside.

Both score a frame by the largest mean over a cell of 16 x 16 pixels of a grey difference, 0 to 255. They are raw
scores: the protocol smooths them over time as it smooths a detector's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.errors import SourceError
from sdmae.scoring import Map, Series
from sdmae.video import Clip, Size, read_frames

CELL = 16
"""Side of a cell of the grid, in pixels."""

Grey = NDArray[np.uint8]
"""(H, W) uint8."""

Tap = Callable[[Map], object]
"""Gets the mean difference of each cell, (h, w) float32, of one frame after the other. Cell (0, 0) begins at the
picture's corner; a rest at the right and the bottom that fills no cell is in none."""


def frame_difference(clip: Clip, size: Size | None = None, *, tap: Tap | None = None) -> Series:
    """Raw scores (N,) of a clip's N frames: the largest cell mean of |I(t+1) - I(t-1)|.

    size: that of the frames that are compared; None: the source's own. The score is sensitive to it, since it decides
    where the grid lies and how much sensor noise a cell averages. At the ends the missing neighbour is the end frame
    itself. tap gets the cells of each frame, whose highest is the score. Raises `SourceError` as `read_frames` does.
    """
    pairs = _neighbours(_grey(clip, size))
    return _series((_cells(_difference(after, before)) for before, after in pairs), tap)


def background_subtraction(clip: Clip, background: Grey, *, tap: Tap | None = None) -> Series:
    """Raw scores (N,) of a clip's N frames: the largest cell mean of |I(t) - background|.

    background: (H, W) uint8 of the same camera, from `median_background`. tap: as for `frame_difference`. Raises
    `SourceError` when the clip's frames have another size.
    """

    def distance(image: Grey) -> Grey:
        if image.shape != background.shape:
            raise SourceError(_sizes(clip, image, background) + "; take the background from the same camera")
        return _difference(image, background)

    return _series((_cells(distance(image)) for image in _grey(clip)), tap)


def median_background(clips: Iterable[Clip], samples: int = 63) -> Grey:
    """The median picture of some clips of one camera, (H, W) uint8: what stands there when nobody does.

    The median is over frames spread evenly over all clips, between `samples` and half as many of them where the clips
    have that many, however long they are. Raises `SourceError` when there are no frames or their sizes differ.
    """
    # How many frames there are shows only at the end: take every one, and each time there are too many, drop every
    # second and take half as many from then on.
    kept: list[Grey] = []
    step = 1
    position = 0
    for clip in clips:
        for image in _grey(clip):
            if kept and kept[0].shape != image.shape:
                raise SourceError(_sizes(clip, image, kept[0]) + "; give clips of one camera")
            if position % step == 0:
                kept.append(image)
            if len(kept) > samples:
                del kept[1::2]
                step *= 2
            position += 1
    if not kept:
        raise SourceError("no frames to take a background from; give at least one clip that has some")
    # The middle one of an odd number: a value that was seen, and no rounding.
    odd = kept[: len(kept) - 1 + len(kept) % 2]
    # Row by row, since sorting wants the values of one pixel side by side, and all at once would copy the lot.
    rows = [np.partition(np.stack([image[y] for image in odd], -1), len(odd) // 2) for y in range(len(odd[0]))]
    return np.stack([row[:, len(odd) // 2] for row in rows])


def _grey(clip: Clip, size: Size | None = None) -> Iterator[Grey]:
    for frame in read_frames(clip, sizes=(size,), grey=True):
        yield frame.image[..., 0]


def _neighbours(images: Iterable[Grey]) -> Iterator[tuple[Grey, Grey]]:
    """The frames before and after each one."""
    before: Grey | None = None
    here: Grey | None = None
    for after in images:
        if here is not None:
            yield (here if before is None else before), after
        before, here = here, after
    if here is not None:
        yield (here if before is None else before), here


def _cells(image: Grey) -> NDArray[np.float64]:
    """Mean over each cell of the grid, (h, w). A last row or column of cells that is not whole is left out, but
    for a picture smaller than a cell, which is one.
    """
    height, width = image.shape
    rows, columns = min(CELL, height), min(CELL, width)
    # From the sums over the rectangles that end at each corner of the grid: exact in double, and quicker than a
    # reshape into cells.
    corners = np.asarray(cv2.integral(image, sdepth=cv2.CV_64F), np.float64)[::rows, ::columns]
    sums = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    return np.asarray(sums / (rows * columns), np.float64)


def _series(grids: Iterable[NDArray[np.float64]], tap: Tap | None) -> Series:
    def scores() -> Iterator[float]:
        for cells in grids:
            if tap is not None:
                tap(cells.astype(np.float32))
            yield float(cells.max())

    return np.fromiter(scores(), np.float64)


def _difference(image: Grey, other: Grey) -> Grey:
    return np.asarray(cv2.absdiff(image, other), np.uint8)


def _sizes(clip: Clip, image: Grey, other: Grey) -> str:
    return f"{clip.name}: frames of {image.shape[1]}x{image.shape[0]}, not {other.shape[1]}x{other.shape[0]}"
