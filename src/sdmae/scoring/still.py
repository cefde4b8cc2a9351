"""What stands still where nothing stood before: a slow term of the score, beside what the network sees of motion.

The motion gradient of a thing that lies is zero, so the paper's weighting does not see a bag left behind. As with
the two backgrounds of Porikli (Detection of temporarily static regions by processing video at different frame rates,
AVSS 2007), what differs from a slow reference of the place and is yet steady for some seconds is new and stands
still. Here the quick one of the two is not an average, in which everybody who passes would leave a trace, but one
candidate for each place with the time it was seen there, like the cache of Kim et al. (Real-time
foreground-background segmentation using codebook model, Real-Time Imaging 2005).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.scoring.types import Map

_Floats = NDArray[np.float32]

_SIDE = 4
"""Places along each side of a cell that are watched, where there are as many pixels."""
_FULL = 0.25
"""Share of a cell's places that makes its value 1: a small thing need not fill a cell."""
_INTERVAL = 0.2
"""Seconds between two updates; frames between them change nothing."""
_DEVIATIONS = 6.0
"""Mean deviations of the noise that a place may differ from a reference and still match it."""
_LEAST = 7.0
"""Grey levels that it may differ in any case: compression moves flat places by some of them."""
_EDGE = 0.3
"""Share of the range of grey levels round about that it may differ besides: a camera trembles, and shows at edges."""
_NONLINEAR = 4.0
"""How much more it may differ for each e-fold change of the light: no camera answers to light quite linearly."""
_LIGHT_SECONDS = 30.0
"""Time constant at which the reference is brought into the present light."""
_NOISE_SECONDS = 20.0
"""Time constant at which the noise of a place is learned."""
_FADE = 4.0
"""How many times quicker than it grew the evidence is lost where the ground is seen again."""
_SAMPLES = 1500
"""Places, at most, from which the light of a frame is estimated."""
_STRONGEST = 3.0
"""Largest gain of the light, up or down, that is taken out."""


class StillReference:
    """Where something stands still that was not there before; one object serves one unbroken stretch of video.

    Each place (a quarter of a cell's side, or a pixel) has a reference, which follows slow changes of the picture, a
    candidate that differs from it, and the seconds for which the candidate has been seen there. A frame's gain and
    offset against the reference are estimated and taken out first. Whoever passes in front of something that lies
    costs it no more evidence than the time he takes.

    It cannot see what was there from the first moment; where that is taken away, the bare place lights up instead.
    What stands for longer than `slow` becomes the reference, and is normal from then on; when it goes, the bare place
    is new for as long. A person who waits is seen as well as a bag, and so is a new hard shadow that does not move.
    When more than half of the picture has been another one for `fast` seconds (the camera was moved, the lamps
    lit), or no frame came for `slow` seconds, it begins anew.

    Deterministic and causal: a map depends on the frames up to its own, in their order. Memory is bounded: some
    arrays of 16 places a cell.
    """

    def __init__(
        self, grid: tuple[int, int], *, fast: float = 5.0, slow: float = 300.0, warmup: float | None = None
    ) -> None:
        """The map is of `grid` (h, w) cells.

        fast: seconds that something must stand before it counts; in half as many more its value grows to 1.
        slow: seconds of standing after which it belongs to the place; more than `fast`.
        warmup: seconds in which the reference is found and the map is 0, by default twice `fast`. What is first seen
        for half as many seconds in all is taken for the place itself; where people hide it for long, that takes
        longer than elsewhere, and the map stays 0 there.
        Raises ValueError for a grid without cells, or times that are not in this order.
        """
        self._warmup = 2 * fast if warmup is None else warmup
        if min(grid) < 1 or not 0 < fast < slow or self._warmup < 0:
            raise ValueError(
                f"expected a grid of cells and 0 < fast < slow, not {grid}, {fast} s, {slow} s, {self._warmup} s"
            )
        self._grid, self._fast, self._slow = grid, fast, slow
        self._shape: tuple[int, ...] | None = None
        self._last = self._latest = 0.0  # seconds: of the last frame used, and of the last frame
        self._begin(np.zeros((1, 1, 1), np.float32), 0.0)

    def push(self, image: NDArray[np.uint8], time: float) -> Map:
        """Takes the next frame, (H, W, C) uint8 with C of 1 or 3, and its time in seconds.

        Gives the map (h, w) float32: 0 where nothing new stands still, up to 1. All 0 in the warm-up. Frames closer
        than 0.2 s to the last one used change nothing. Raises ValueError when frames change shape, are smaller
        than the grid, or time falls.
        """
        if self._shape is None:
            self._shape = _checked(image, self._grid)
            self._last = time
            self._begin(self._places(image), time)
        elif image.shape != self._shape:
            raise ValueError(f"a frame of {image.shape} after frames of {self._shape}; start a new segment")
        elif time < self._latest:
            raise ValueError(f"time falls from {self._latest} to {time} s; start a new segment")
        elif time - self._last > self._slow:
            self._begin(self._places(image), time)
            self._last = time
        elif time - self._last >= _INTERVAL * 0.999:
            # After a gap nobody knows what stood there in the meantime.
            self._update(self._places(image), min(time - self._last, max(self._fast / 2, _INTERVAL)), time)
            self._last = time
        self._latest = time
        return self._map.copy()

    def _places(self, image: NDArray[np.uint8]) -> _Floats:
        """The frame at the places watched, (C, rows, columns) float32 in grey levels."""
        rows, columns = (min(_SIDE, n // cells) * cells for n, cells in zip(image.shape, self._grid, strict=False))
        small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).reshape(rows, columns, -1)
        return np.ascontiguousarray(small.transpose(2, 0, 1), np.float32)

    def _begin(self, places: _Floats, time: float) -> None:
        size = places.shape[1:]
        self._ready = time + self._warmup
        self._reference = places.copy()
        self._seen = np.zeros(size, np.float32)  # seconds in which the reference was
        self._candidate = places.copy()
        self._evidence = np.zeros(size, np.float32)  # seconds, up to twice `fast`
        self._standing = np.zeros(size, np.float32)  # seconds since the evidence sufficed
        self._noise = np.full(size, _LEAST / _DEVIATIONS, np.float32)
        self._foreign = 0.0  # seconds for which more than half of the picture has been another one
        self._light = [(1.0, 0.0)] * len(places)
        self._map: Map = np.zeros(self._grid, np.float32)

    def _update(self, raw: _Floats, passed: float, time: float) -> None:
        places = self._relit(raw)
        quiet = np.maximum(np.float32(_DEVIATIONS) * self._noise, np.float32(_LEAST))
        limit = self._limit(quiet)
        apart = _distance(places, self._reference)
        ground = apart < limit
        here = ~ground & (_distance(places, self._candidate) < limit)
        self._weigh(places, ground, here, passed)
        self._follow(places, apart, ground, here, passed)
        self._brighten(passed)
        self._settle(ground, passed)
        if time >= self._ready:
            self._accept(passed)
            self._map = self._cells()
        # A light fitted to another picture leaves wide limits: here the narrow ones count.
        self._foreign = self._foreign + passed if (apart < quiet).mean() < 0.5 else 0.0
        if self._foreign >= self._fast:
            self._begin(raw, time)

    def _relit(self, places: _Floats) -> _Floats:
        """The frame in the light of the reference: its gain and offset are fitted where the two agree."""
        step = max(1, math.isqrt(places[0].size // _SAMPLES))
        relit = np.empty_like(places)
        for n, (seen, known) in enumerate(zip(places, self._reference, strict=True)):
            x, y = seen[::step, ::step].ravel(), known[::step, ::step].ravel()
            gain, offset = self._light[n]
            residual = np.abs(gain * x + offset - y)
            if np.median(residual) > _LEAST:
                # The light has jumped: begin from the spread of the whole picture.
                low, mid, high = np.percentile(x, (20, 50, 80))
                low_known, mid_known, high_known = np.percentile(y, (20, 50, 80))
                gain = _bounded(float((high_known - low_known) / max(high - low, 1.0)))
                offset = float(mid_known - gain * mid)
                residual = np.abs(gain * x + offset - y)
            for _ in range(2):
                agree = residual <= max(3 * float(np.median(residual)), 1.0)
                gain, offset = _line(x[agree], y[agree])
                residual = np.abs(gain * x + offset - y)
            self._light[n] = gain, offset
            relit[n] = np.float32(gain) * seen + np.float32(offset)
        return relit

    def _limit(self, quiet: _Floats) -> _Floats:
        """How far a place may be from a reference that it matches, (rows, columns) in grey levels.

        quiet: how far it may be where the light has not changed and the place round about is even.
        """
        limit = quiet * np.float32(1 + _NONLINEAR * max(abs(math.log(gain)) for gain, _ in self._light))
        window = np.ones((3, 3), np.uint8)
        edges = [cv2.morphologyEx(known, cv2.MORPH_GRADIENT, window) for known in self._reference]
        return np.asarray(limit + np.float32(_EDGE) * np.max(edges, axis=0), np.float32)

    def _weigh(self, places: _Floats, ground: NDArray[np.bool_], here: NDArray[np.bool_], passed: float) -> None:
        """Evidence for each place's candidate: more while it is seen, less while the ground or something else is."""
        change = np.where(here, passed, np.where(ground, -_FADE * passed, -passed)).astype(np.float32)
        self._evidence = np.clip(self._evidence + change, 0, np.float32(2 * self._fast))
        # Something new becomes the candidate as soon as nothing speaks for the old one any more.
        new = ~ground & ~here & (self._evidence == 0)
        np.copyto(self._candidate, places, where=new)

    def _follow(
        self,
        places: _Floats,
        apart: _Floats,
        ground: NDArray[np.bool_],
        here: NDArray[np.bool_],
        passed: float,
    ) -> None:
        """Reference, candidate and noise follow what matches them, at the speed of the fast time."""
        rate = np.float32(-math.expm1(-passed / (4 * self._fast)))
        self._reference += rate * ground * (places - self._reference)
        self._candidate += rate * here * (places - self._candidate)
        learned = np.float32(-math.expm1(-passed / _NOISE_SECONDS))
        self._noise += learned * ground * (apart - self._noise)

    def _brighten(self, passed: float) -> None:
        """Reference and candidate go some way from the light they were seen in to the present one."""
        share = -math.expm1(-passed / _LIGHT_SECONDS)
        for n, (gain, offset) in enumerate(self._light):
            scale, shift = gain**share, share * offset
            for known in (self._reference[n], self._candidate[n]):
                known -= np.float32(shift)
                known /= np.float32(scale)
            self._light[n] = gain / scale, (offset - shift) / scale

    def _settle(self, ground: NDArray[np.bool_], passed: float) -> None:
        """Until the reference of a place has been seen long enough, what is seen for longer takes its place."""
        self._seen += np.float32(passed) * ground
        longer = self._open() & (self._evidence > self._seen)
        self._swap(longer)
        self._seen[longer] = self._evidence[longer]
        self._evidence[longer] = 0

    def _open(self) -> NDArray[np.bool_]:
        return np.asarray(self._seen < np.float32(self._warmup / 2), np.bool_)

    def _accept(self, passed: float) -> None:
        """What has stood for the slow time belongs to the place; the place without it is then what would be new."""
        stands = self._evidence >= np.float32(self._fast)
        self._standing = np.where(stands, self._standing + np.float32(passed), np.float32(0))
        settled = self._standing > self._slow
        self._swap(settled)
        self._evidence[settled] = 0
        self._standing[settled] = 0

    def _swap(self, where: NDArray[np.bool_]) -> None:
        self._reference, self._candidate = (
            np.where(where, self._candidate, self._reference),
            np.where(where, self._reference, self._candidate),
        )

    def _cells(self) -> Map:
        grown = np.clip((self._evidence - np.float32(self._fast)) / np.float32(self._fast / 2), 0, 1)
        grown[self._open()] = 0
        height, width = self._grid
        share = cv2.resize(grown, (width, height), interpolation=cv2.INTER_AREA)
        share = np.asarray(share, np.float32).reshape(self._grid)
        return np.asarray(np.minimum(share / np.float32(_FULL), 1), np.float32)


def _checked(image: NDArray[np.uint8], grid: tuple[int, int]) -> tuple[int, ...]:
    shape = image.shape
    if len(shape) != 3 or shape[2] not in (1, 3) or shape[0] < grid[0] or shape[1] < grid[1]:
        raise ValueError(f"expected a frame (H, W, 1 or 3) of at least {grid[0]}×{grid[1]} pixels, not {shape}")
    return shape


def _distance(one: _Floats, other: _Floats) -> _Floats:
    """Largest difference (rows, columns) over the channels of two (C, rows, columns)."""
    return np.asarray(np.abs(one - other).max(axis=0), np.float32)


def _line(x: _Floats, y: _Floats) -> tuple[float, float]:
    """Gain and offset of y over x by least squares; a gain of 1 where x is too even to tell."""
    middle, level = float(x.mean()), float(y.mean())
    spread = float(((x - middle) ** 2).mean())
    if spread < 25.0:
        return 1.0, level - middle
    gain = _bounded(float(((x - middle) * (y - level)).mean()) / spread)
    return gain, level - gain * middle


def _bounded(gain: float) -> float:
    return min(max(gain, 1 / _STRONGEST), _STRONGEST)
