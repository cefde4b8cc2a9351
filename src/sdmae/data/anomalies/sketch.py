"""Drawing of shapes as opacity, with strokes thinner than a pixel drawn as such."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from sdmae.data.anomalies.protocol import Bytes

FINE = 4
"""Sub-pixels a side: everything is drawn this much larger, then averaged."""

Point = tuple[float, float]


class Sketch:
    """A sheet of `height` × `width` pixels; all coordinates are pixels, (x, y), with fractions."""

    def __init__(self, height: int, width: int) -> None:
        self._sheet = np.zeros((height * FINE, width * FINE), np.uint8)

    def ring(self, centre: Point, radii: Point, stroke: float, tilt: float = 0.0, opacity: float = 1.0) -> None:
        """Outline of an ellipse; `tilt` in degrees."""
        self._ellipse(centre, radii, _thickness(stroke), tilt, opacity)

    def disc(self, centre: Point, radii: Point, tilt: float = 0.0, opacity: float = 1.0) -> None:
        """Filled ellipse."""
        self._ellipse(centre, radii, -1, tilt, opacity)

    def line(self, points: Sequence[Point], stroke: float, closed: bool = False, opacity: float = 1.0) -> None:
        """Strokes from point to point."""
        layer = np.zeros_like(self._sheet)
        cv2.polylines(layer, [_fine(points)], closed, 255, _thickness(stroke))
        self._add(layer, opacity)

    def fill(self, points: Sequence[Point], opacity: float = 1.0) -> None:
        """Filled polygon."""
        layer = np.zeros_like(self._sheet)
        cv2.fillPoly(layer, [_fine(points)], 255)
        self._add(layer, opacity)

    def box(self, left: float, top: float, right: float, bottom: float, opacity: float = 1.0) -> None:
        """Filled upright rectangle."""
        self.fill([(left, top), (right, top), (right, bottom), (left, bottom)], opacity)

    def mask(self) -> Bytes:
        """(height, width) uint8 opacity, 0..255."""
        height, width = self._sheet.shape
        return np.asarray(
            cv2.resize(self._sheet, (width // FINE, height // FINE), interpolation=cv2.INTER_AREA), np.uint8
        )

    def _ellipse(self, centre: Point, radii: Point, thickness: int, tilt: float, opacity: float) -> None:
        layer = np.zeros_like(self._sheet)
        x, y = (round(c * FINE) for c in centre)
        a, b = (max(1, round(r * FINE)) for r in radii)
        cv2.ellipse(layer, (x, y), (a, b), tilt, 0, 360, 255, thickness)
        self._add(layer, opacity)

    def _add(self, layer: Bytes, opacity: float) -> None:
        np.maximum(self._sheet, (layer * opacity).astype(np.uint8), out=self._sheet)


def _fine(points: Sequence[Point]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return (np.asarray(points, np.float64) * FINE).round().astype(np.int32)


def _thickness(stroke: float) -> int:
    return max(1, round(stroke * FINE))
