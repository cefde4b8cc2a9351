"""Where in a frame its score came from: the strongest cell of the filtered map and what hangs together with it."""

from __future__ import annotations

import cv2
import numpy as np

from sdmae.scoring.types import Map

RIM = 0.35
"""Share of the peak's height above the frame's median below which a cell is not counted to the region."""
FINE = 64
"""A map of more cells than this on its longer side is looked at in coarser cells, each as high as its highest."""


def strongest(image: Map) -> tuple[float, float, float, float] | None:
    """Box round the strongest region of a map (h, w): x_min, y_min, x_max, y_max as shares of width and height.

    None where no cell stands out. The filter spreads what it finds, so the outermost rim is left out.
    """
    rows, columns = image.shape
    step = -(-max(rows, columns) // FINE)
    if step > 1:
        padded = np.pad(image, ((0, -rows % step), (0, -columns % step)), mode="edge")
        image = padded.reshape(padded.shape[0] // step, step, -1, step).max(axis=(1, 3))
    base = _median(image)
    height = float(image.max()) - base
    if not height > 0:
        return None
    _, parts = cv2.connectedComponents((image >= base + RIM * height).astype(np.uint8), connectivity=8)
    ys, xs = np.nonzero(parts == parts.flat[int(image.argmax())])
    return (
        min(float(xs.min() * step / columns), 1.0),
        min(float(ys.min() * step / rows), 1.0),
        min(float((xs.max() + 1) * step / columns), 1.0),
        min(float((ys.max() + 1) * step / rows), 1.0),
    )


def _median(image: Map) -> float:
    """As numpy's, which takes four times as long over a map of some hundred cells."""
    middle = image.size // 2
    if image.size % 2:
        return float(np.partition(image, middle, axis=None)[middle])
    low, high = np.partition(image, (middle - 1, middle), axis=None)[middle - 1 : middle + 1]
    return float((low + high) / np.float32(2))


def around_peak(image: Map, cells: int) -> tuple[slice, slice]:
    """Rows and columns of the filter's window round the highest cell of a map (h, w), cut off at its edges."""
    y, x = divmod(int(image.argmax()), image.shape[1])
    half = cells // 2
    return slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half + 1)
