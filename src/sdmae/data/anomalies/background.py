"""What stands still in a stretch of video, and what moves before it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.anomalies.protocol import Bytes, Floats, Frames, read_frame

BACKGROUND_FRAMES = 31
LEAST_CONTRAST = 10.0
"""Grey levels: a threshold below this finds compression blocks, however quiet the sensor."""
MOST_CONTRAST = 40.0
"""Grey levels: a threshold above this finds nothing but black before white."""
SHADOW = 0.3
"""Share of an object's own contrast below which a pixel is its shadow, not the object."""
NOISE_FACTOR = 6.0
"""Threshold in standard deviations of the noise."""


@dataclass(frozen=True)
class Background:
    """The still part of a window of one clip."""

    image: Floats
    """(H, W, C) float32: the median over the window, 0..255."""
    threshold: float
    """Grey levels by which a pixel must differ from it to count as moving."""

    def difference(self, frame: Bytes) -> Floats:
        """(H, W, C) float32: frame minus background, less what the whole picture brightened by."""
        difference = frame.astype(np.float32) - self.image
        step = max(1, difference.shape[0] // 40)
        return np.asarray(difference - np.median(difference[::step, ::step]), np.float32)

    def moving(self, difference: Floats) -> NDArray[np.uint8]:
        """(H, W) uint8 0/1: pixels that differ, gaps closed, specks removed, holes filled."""
        strength = np.abs(difference).max(axis=2)
        mask = (cv2.blur(strength, (3, 3)) > self.threshold).astype(np.uint8)
        side = max(3, 2 * (mask.shape[0] // 160) + 1)
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((side + 2, side), np.uint8)).astype(np.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8)
        return _filled(mask)

    def outline(self, mask: NDArray[np.uint8], difference: Floats) -> NDArray[np.uint8]:
        """(h, w) uint8 0/1: the largest piece of one object's rough `mask` without the ground around it.

        Blurring and closing took ground in with the object, and its soft shadow differs from the background too; both
        differ far less than the object does.
        """
        strength = np.abs(difference).max(axis=2)
        inside = strength[mask > 0]
        if not inside.size:
            return mask
        level = max(self.threshold, SHADOW * float(np.quantile(inside, 0.9)))
        fine = cv2.morphologyEx((strength > level).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        fine = _filled(fine.astype(np.uint8) & mask)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(fine, connectivity=8)
        if count < 3:
            return fine
        return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), np.uint8)


def _filled(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, contours, -1, 1, -1)
    return mask


def learn_background(frames: Frames, first: int, last: int) -> Background:
    """The background of frames `first` up to, not including, `last`, from a few of them spread evenly."""
    count = min(BACKGROUND_FRAMES, last - first)
    picked = np.unique(np.linspace(first, last - 1, count).round().astype(int))
    stack = np.stack([read_frame(frames, int(i)) for i in picked])
    middle = np.partition(stack, len(stack) // 2, axis=0)[len(stack) // 2].astype(np.float32)
    # Most pixels of most frames show the background, so the median deviation is the sensor's noise.
    background = Background(middle, LEAST_CONTRAST)
    spread = [float(np.median(np.abs(background.difference(frame)))) for frame in stack]
    noise = 1.4826 * float(np.median(spread))
    return Background(middle, float(np.clip(NOISE_FACTOR * noise, LEAST_CONTRAST, MOST_CONTRAST)))
