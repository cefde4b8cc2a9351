"""What every benchmark gives, whatever its folder looks like: clips, split, rate, labels, masks and tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from sdmae.errors import BenchmarkError
from sdmae.video.frame import Clip

Labels = NDArray[np.bool_]
"""(N,) bool: frame n of a clip is abnormal."""

Mask = NDArray[np.bool_]
"""(H, W) bool in source pixels: abnormal ones are True."""


class MaskReader(Protocol):
    """Reads the pixel mask of one frame when it is asked for: a picture, or a slice of a stored volume."""

    def __call__(self, index: int) -> Mask:
        """The mask (H, W) of frame `index`, counted from 0. Raises `BenchmarkError` when it cannot be read."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One abnormal object (or region) through the frames in which it is seen."""

    id: int
    """Unique within its clip."""
    kind: str
    """What it is, such as "cyclist"; empty where the benchmark does not say."""
    frames: NDArray[np.int64]
    """(n,) frames in which it is seen, counted from 0, rising."""
    boxes: NDArray[np.float64]
    """(n, 4) x_min, y_min, x_max, y_max in source pixels; the maxima lie just outside, so width = x_max - x_min."""


@dataclass(frozen=True, slots=True, eq=False)
class TestClip:
    """A clip with its ground truth."""

    __test__: ClassVar[bool] = False  # pytest would take the name for a class of tests

    clip: Clip
    """The video."""
    labels: Labels
    """(N,) bool, one for each frame of the clip: is anything abnormal to be seen?"""
    masks: MaskReader | None = None
    """Reads the pixel mask of a frame; None where the benchmark has none."""
    tracks: Sequence[Track] | None = None
    """The abnormal objects, of which there may be none; None where the benchmark does not track them.

    Their boxes may be read only when they are first asked for, which then raises `BenchmarkError` for broken files.
    """

    def read_mask(self, index: int) -> Mask:
        """The pixel mask (H, W) of frame `index` in 0 … N-1.

        Raises `IndexError` beyond the clip and `BenchmarkError` where there are no masks or it cannot be read.
        """
        if not 0 <= index < len(self.labels):
            raise IndexError(f"frame {index} of {self.clip.name}, which has {len(self.labels)}")
        if self.masks is None:
            raise BenchmarkError(f"{self.clip.name} has no pixel masks; only its frame labels can be used")
        return self.masks(index)


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """Normal video to train on, and test video with its ground truth."""

    name: str
    """As `read_benchmark` knows it."""
    rate: float
    """Frames a second at which the clips were taken."""
    training: tuple[Clip, ...]
    """Normal video only."""
    test: tuple[TestClip, ...]
    """Never to be trained on."""
    missing: tuple[str, ...] = ()
    """What the official benchmark has and this folder has not, a few entries in words, ready to print.

    Clips, labels and frames in the first place: a figure from a test split that lacks any compares with nothing
    published.
    """
