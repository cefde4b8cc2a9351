"""The anomaly maps of many clips, kept on disk between the pass that makes them and those that measure them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sdmae.recordings.heat_file import HeatFile
from sdmae.scoring import Map

LONGEST = 160
"""Cells on the longer side of a map that is kept. A region of a single cell is then 1/160 of the picture wide, far
below what a map that was filtered over several cells can tell apart."""


@dataclass(slots=True)
class _Clip:
    """Where the maps of one clip lie."""

    file: HeatFile | None = None
    start: int = 0
    count: int = 0


class MapStore:
    """Maps go in clip by clip and come out by clip and position; memory does not grow with them.

        with MapStore() as maps:
            maps.begin()
            maps.append(cells)
            maps[0, 0]  # clip 0, its first map: (h', w') float32

    A map is shrunk to at most 160 cells on its longer side, each the highest value of what falls in it, and is else
    kept to the bit. The maps of one clip have one shape. The files are gone when the context is left.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: dict[tuple[int, ...], HeatFile] = {}
        self._clips: list[_Clip] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return len(self._clips)

    def begin(self) -> None:
        """The maps that follow are those of the next clip."""
        self._clips.append(_Clip())

    def append(self, cells: Map) -> None:
        """Adds the next map (h, w) of the clip that was begun last. Raises `SourceError` where the disk is full."""
        clip = self._clips[-1]
        if clip.file is None:
            # One file for each shape: clips of one camera share it, and few are ever open.
            if cells.shape not in self._files:
                self._files[cells.shape] = self._stack.enter_context(HeatFile(cells=LONGEST, exact=True))
            clip.file = self._files[cells.shape]
            clip.start = len(clip.file)
        clip.file.append(cells)
        clip.count += 1

    def count(self, clip: int) -> int:
        """How many maps a clip has."""
        return self._clips[clip].count

    def __getitem__(self, place: tuple[int, int]) -> NDArray[np.float32]:
        """(h', w'): the map of a clip at a position, both from 0. Raises IndexError where none is."""
        clip, position = self._clips[place[0]], place[1]
        if clip.file is None or not 0 <= position < clip.count:
            raise IndexError(f"map {position} of {clip.count}")
        return clip.file[clip.start + position]

    def maps(self, clip: int) -> Iterator[NDArray[np.float32]]:
        """The maps of a clip, one at a time."""
        return (self[clip, position] for position in range(self.count(clip)))
