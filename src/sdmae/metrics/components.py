"""What hangs together in a picture: connected components over sides and corners, each with its box."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def components(mask: NDArray[np.bool_], min_area: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The 8-connected components of at least `min_area` pixels.

    mask: (H, W) bool. Returns numbers (H, W), 0 outside and from 1 within the components, and boxes (n, 4) of pixels
    x_min, y_min, x_max, y_max, both ends included, that of component k at k - 1. Components are numbered by their
    boxes: from top to bottom, then from left to right.
    """
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    left, top, width, height, area = stats[1:].T.astype(np.int64)
    boxes = np.stack([left, top, left + width - 1, top + height - 1], axis=1)
    kept = np.flatnonzero(area >= min_area)
    kept = kept[np.lexsort(boxes[kept].T[[2, 3, 0, 1]])]
    renamed = np.zeros(len(stats), np.int32)
    renamed[kept + 1] = np.arange(1, len(kept) + 1)
    return renamed[numbers], boxes[kept]
