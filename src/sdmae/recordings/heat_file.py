"""The anomaly maps of a whole video, kept on disk for the second pass that draws them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sdmae.errors import SourceError
from sdmae.scoring import Map

CELLS = 64
"""Cells on the longer side of a map that is kept: a picture of heat shows no more."""
_HIGHEST = float(np.finfo(np.float16).max)


class HeatFile:
    """Maps go in one by one and come out by their position; memory does not grow, and the file is nobody else's.

        with HeatFile() as heat:
            heat.append(map)
            heat[0]  # (h', w') float32

    A map is shrunk to at most 64 cells on its longer side, each the highest value of what falls in it, so that
    nothing small vanishes; values are kept to three digits (float16). An hour of wide pictures at 25 frames a second
    takes 0.4 GB. The file is gone when the context is left, or the program ends, however that happens.
    """

    def __init__(self, folder: Path | None = None, *, cells: int = CELLS, exact: bool = False) -> None:
        """`folder`: where the file lies; None is the system's folder for such files, which TMPDIR names.

        `cells`: of the longer side of what is kept, at most; `exact`: values as they come (float32), for measuring
        instead of drawing. Raises `SourceError` where no file can be written there.
        """
        self._cells = cells
        self._type: type[np.float16] | type[np.float32] = np.float32 if exact else np.float16
        self._count = 0
        self._given: tuple[int, ...] | None = None
        self._kept = (0, 0)
        self._folder = "the temporary folder" if folder is None else str(folder)
        try:
            self._folder = str(folder or tempfile.gettempdir())
            # Without a buffer a full disk shows where the map is appended, never when the file is closed.
            self._file = tempfile.TemporaryFile(buffering=0, dir=self._folder)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def append(self, cells: Map) -> None:
        """Adds the map of the next frame, (h, w) float32 of the same shape as the first.

        Raises `SourceError` naming the folder when the disk is full, ValueError for another shape.
        """
        if cells.ndim != 2 or cells.size == 0 or (self._given is not None and cells.shape != self._given):
            raise ValueError(f"a map of shape {cells.shape} among maps of shape {self._given or '(h, w)'}")
        kept = shrink(cells, self._cells)
        self._given, self._kept = cells.shape, (kept.shape[0], kept.shape[1])
        if self._type is np.float16:
            kept = np.clip(kept, -_HIGHEST, _HIGHEST)
        data = memoryview(kept.astype(self._type).tobytes())
        try:
            self._file.seek(self._count * len(data))
            while data:  # a disk that is nearly full takes a part, and refuses the rest
                data = data[self._file.write(data) :]
        except OSError as error:
            raise self._failed(error) from error
        self._count += 1

    def __getitem__(self, position: int) -> Map:
        """The map that was appended at `position`, from 0: (h', w') float32. Raises IndexError where none is."""
        if not 0 <= position < self._count:
            raise IndexError(f"map {position} of {self._count}")
        data = bytearray(np.dtype(self._type).itemsize * self._kept[0] * self._kept[1])
        try:
            self._file.seek(position * len(data))
            self._file.readinto(data)
        except OSError as error:
            raise self._failed(error) from error
        return np.frombuffer(data, self._type).reshape(self._kept).astype(np.float32)

    def _failed(self, error: OSError) -> SourceError:
        why = os.strerror(error.errno) if error.errno else str(error)
        return SourceError(
            f"{self._folder}: no place for the anomaly maps there ({why}); make room, or set TMPDIR to another folder"
        )


def shrink(cells: Map, longest: int) -> NDArray[np.float32]:
    """(h', w') float32, h' and w' at most `longest`: each cell the highest of those of (h, w) that fall in it.

    One factor holds for both sides; a map that is small enough stays as it is. NaN counts only where all is NaN.
    """
    factor = -(-max(cells.shape) // longest)
    shrunk = np.asarray(cells, np.float32)
    for axis in (0, 1):
        kept = -(-cells.shape[axis] // factor)
        # Cells of nearly the same size, rather than whole ones and a rest: the shrunk map covers the same picture.
        starts = np.arange(kept) * cells.shape[axis] // kept
        shrunk = np.fmax.reduceat(shrunk, starts, axis=axis)
    return shrunk
