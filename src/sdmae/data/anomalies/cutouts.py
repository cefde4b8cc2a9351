"""Moving objects cut out of the training footage itself: no download, and they look as this camera sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from sdmae.data.anomalies.background import Background, learn_background
from sdmae.data.anomalies.fit import FEWEST, Line
from sdmae.data.anomalies.follow import follow
from sdmae.data.anomalies.protocol import CENTRE, Bytes, Floats, Frames, read_frame

WINDOW = 1000
"""Frames that share one background, at most: light changes in longer ones, in shorter ones who stands is ground."""
WINDOWS = 32
KEYS = 360
"""Frames searched for objects, over all windows: a hundred times more video costs no more time."""
KEYS_PER_WINDOW = 120
CUTOUTS = 800
LEAST_MOVE = 0.02
"""Share of its height that an object moves from t to t+s. What stands is a ghost: somebody the background took in."""
LEAST_MOVE_PIXELS = 0.4


@dataclass(frozen=True)
class CutOut:
    """A moving object of the training footage and how it moved."""

    texture: Bytes
    """(T, h, w, C) uint8, T = 5 where it could be cut out at all five instants, else 1."""
    mask: Bytes
    """(T, h, w) uint8, 0 or 1."""
    foot: float
    """Row below its lowest pixel at t."""
    x: float
    """Column of its middle at t."""
    height: float
    """Rows of the object at t; the canvas is a little larger."""
    width: float
    """Columns of the object at t."""
    velocity: Floats
    """(2,) float32 (dy, dx), pixels a frame."""
    residual: Floats
    """(5, 2) float32: what the canvas, cut at whole pixels, lags behind the object at each instant."""


def find_cutouts(
    frames: Frames, clips: Sequence[tuple[int, int]], moments: Floats, rng: np.random.Generator
) -> list[CutOut]:
    """Single moving objects of `frames` (N, H, W, C) in the rows (first, stop) of `clips`.

    `moments` (5,) are the instants in frames from t.

    Looks at a bounded number of frames. Objects that touch the border, are tiny or huge, or are far larger than is
    usual on their row (groups, mostly) are left out. A still scene gives an empty list, and so does one with fewer
    than `FEWEST` objects: a handful says nothing of what is ordinary.
    """
    steps = [round(float(m)) for m in moments]
    windows = _windows(clips)
    if len(windows) > WINDOWS:
        windows = [windows[i] for i in np.linspace(0, len(windows) - 1, WINDOWS).round().astype(int)]
    keys = min(KEYS_PER_WINDOW, -(-KEYS // max(1, len(windows))))
    found: list[CutOut] = []
    for first, last in windows:
        low, high = first - steps[0], last - 1 - steps[-1]
        if high < low:
            continue
        background = learn_background(frames, first, last)
        for key in np.unique(np.linspace(low, high, keys).round().astype(int)):
            found += _at_key(frames, int(key), steps, background)
    found = _without_groups(found)
    if len(found) < FEWEST:
        return []
    if len(found) > CUTOUTS:
        found = [found[i] for i in np.sort(rng.choice(len(found), CUTOUTS, replace=False))]
    return found


def _windows(clips: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    windows = []
    for first, last in clips:
        pieces = max(1, -(-(last - first) // WINDOW))
        cuts = np.linspace(first, last, pieces + 1).round().astype(int)
        windows += [(int(a), int(b)) for a, b in pairwise(cuts)]
    return windows


def _at_key(frames: Frames, key: int, steps: list[int], background: Background) -> list[CutOut]:
    images = [read_frame(frames, key + step) for step in steps]
    differences = [background.difference(image) for image in images]
    moving = [background.moving(difference) for difference in differences]
    height, width = moving[CENTRE].shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(moving[CENTRE], connectivity=8)
    found = []
    for label in range(1, count):
        x, y, w, h, _ = (int(v) for v in stats[label])
        if x == 0 or y == 0 or x + w == width or y + h == height:
            continue  # cut by the border: half an object teaches nothing
        own = labels[y : y + h, x : x + w] == label
        own = background.outline(own.astype(np.uint8), differences[CENTRE][y : y + h, x : x + w]) > 0
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        if not len(rows):
            continue
        y, x, h, w = y + rows[0], x + columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
        own = own[rows[0] : rows[0] + h, columns[0] : columns[0] + w]
        if h < max(5, 0.03 * height) or w < max(3, 0.01 * width) or own.mean() < 0.3:
            continue
        if h > 0.97 * height or w > 0.7 * width:
            continue
        if np.abs(differences[CENTRE][y : y + h, x : x + w][own]).max() < 2 * background.threshold:
            continue  # a flicker, not an object
        template = np.where(own[:, :, None], differences[CENTRE][y : y + h, x : x + w], 0).astype(np.float32)
        path = follow(differences, template, (y, x), steps)
        if path is not None:
            cut = _cut(images, differences, background, moving, own, (y, x), steps, path)
            if float(np.hypot(*cut.velocity)) * steps[-1] >= max(LEAST_MOVE_PIXELS, LEAST_MOVE * h):
                found.append(cut)
    return found


def _cut(
    images: list[Bytes],
    differences: list[Floats],
    background: Background,
    moving: list[Bytes],
    own: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    place: tuple[int, int],
    steps: list[int],
    path: Floats,
) -> CutOut:
    (top, left), (h, w) = place, own.shape
    times = np.asarray(steps, np.float32)
    key = CutOut(
        texture=images[CENTRE][None, top : top + h, left : left + w].copy(),
        mask=own[None].astype(np.uint8),
        foot=float(top + h),
        x=left + w / 2,
        height=float(h),
        width=float(w),
        velocity=((path * times[:, None]).sum(axis=0) / max(float((times**2).sum()), 1.0)).astype(np.float32),
        residual=np.zeros((5, 2), np.float32),
    )
    whole = np.round(path).astype(int)
    margin = 1 + round(0.12 * h)  # a stride opens wider at another instant
    grown = cv2.dilate(np.pad(own.astype(np.uint8), margin), np.ones((margin, 2 * margin + 1), np.uint8))
    near = grown.astype(np.uint8)
    looks, masks = [], []
    for image, difference, mask, (dy, dx) in zip(images, differences, moving, whole, strict=True):
        y, x = top + int(dy) - margin, left + int(dx) - margin
        if y < 0 or x < 0 or y + near.shape[0] > mask.shape[0] or x + near.shape[1] > mask.shape[1]:
            break
        area = slice(y, y + near.shape[0]), slice(x, x + near.shape[1])
        looks.append(image[area])
        masks.append(background.outline(mask[area] & near, difference[area]))
    areas = [int(m.sum()) for m in masks]
    if len(masks) < 5 or min(areas) < 0.6 * own.sum() or max(areas) > 1.5 * own.sum():
        return key
    masks[CENTRE] = np.pad(own.astype(np.uint8), margin)
    residual = (path - whole).astype(np.float32)
    return replace(key, texture=np.stack(looks), mask=np.stack(masks), residual=residual)


def _without_groups(found: list[CutOut]) -> list[CutOut]:
    """Single objects: those near the height, width and area that are usual for their row."""
    for _ in range(2):  # the second time on a fit that no group spoils
        if len(found) < FEWEST:
            break
        foot, height, width = (np.array([getattr(c, k) for c in found]) for k in ("foot", "height", "width"))
        area = np.array([float(c.mask[len(c.mask) // 2].sum()) for c in found])
        usual = Line.fit(foot, height)(foot)
        wide, big = width / usual, area / usual**2
        single = (height > 0.55 * usual) & (height < 1.45 * usual)
        single &= (wide < 1.5 * np.median(wide)) & (big < 1.7 * np.median(big)) & (big > 0.4 * np.median(big))
        found = [c for c, good in zip(found, single, strict=True) if good]
    return found
