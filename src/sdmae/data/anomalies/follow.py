"""Where an object of frame t is at the other four instants: a local search against the background."""

from __future__ import annotations

import cv2
import numpy as np

from sdmae.data.anomalies.protocol import CENTRE, Floats

LARGEST_STEP = 0.25
"""Fastest object that is followed: this share of its larger side in one frame."""
LEAST_LIKENESS = 0.7
"""Correlation below which an object counts as lost."""


def follow(differences: list[Floats], template: Floats, place: tuple[int, int], steps: list[int]) -> Floats | None:
    """(5, 2) float32 displacements (dy, dx) in pixels at the five instants, or None where the object is lost.

    `differences` are the five frames minus their background (H, W, C), `template` (h, w, C) is the object at t minus
    the background, zero outside its mask, `place` its top left corner, `steps` the instants in whole frames.
    """
    top, left = place
    side = max(template.shape[:2])
    found = np.zeros((5, 2), np.float32)
    for instant, step in enumerate(steps):
        if instant == CENTRE or step == 0:
            continue
        reach = int(np.ceil(LARGEST_STEP * side * abs(step))) + 2
        hit = _search(differences[instant], template, top, left, reach)
        if hit is None:
            return None
        found[instant] = hit
    return found if _steady(found, np.asarray(steps, np.float32), side) else None


def _search(difference: Floats, template: Floats, top: int, left: int, reach: int) -> tuple[float, float] | None:
    height, width = template.shape[:2]
    y0, x0 = max(0, top - reach), max(0, left - reach)
    area = difference[y0 : top + height + reach, x0 : left + width + reach]
    # The background is zero in both pictures, so only the object itself votes.
    likeness = cv2.matchTemplate(np.ascontiguousarray(area), template, cv2.TM_CCORR_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < LEAST_LIKENESS or not (0 < x < likeness.shape[1] - 1 and 0 < y < likeness.shape[0] - 1):
        return None
    dy = y0 + y - top + _peak(*likeness[y - 1 : y + 2, x].tolist())
    dx = x0 + x - left + _peak(*likeness[y, x - 1 : x + 2].tolist())
    return dy, dx


def _peak(before: float, at: float, after: float) -> float:
    """Vertex of the parabola through three values around a maximum, in -0.5..0.5."""
    bend = before - 2 * at + after
    return 0.5 * (before - after) / bend if bend < -1e-9 else 0.0


def _steady(found: Floats, steps: Floats, side: int) -> bool:
    """Whether one constant velocity explains the four places, to a tenth of the object or one pixel."""
    velocity = (found * steps[:, None]).sum(axis=0) / max(float((steps**2).sum()), 1.0)
    return bool(np.abs(found - steps[:, None] * velocity).max() <= max(1.0, 0.1 * side))
