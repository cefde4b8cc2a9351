"""Frame scores in columns of plain numbers: the one place where memory grows with the length of a video."""

from __future__ import annotations

from array import array

import numpy as np

from sdmae.scoring.types import TERMS, FrameScore, Map, VideoScores

_WIDTH = 4 + len(TERMS)


class Columns:
    """Takes scores frame by frame and gives them as arrays: 32 bytes a frame, and 36 more where it has a region."""

    def __init__(self) -> None:
        self._indices, self._times, self._scores, self._raws = array("q"), array("d"), array("d"), array("d")
        self._maps: list[Map] = []
        self._regions = array("f")

    def add(self, frame: FrameScore) -> None:
        """Takes the next frame."""
        self._indices.append(frame.index)
        self._times.append(frame.time)
        self._scores.append(frame.score)
        self._raws.append(frame.raw)
        if frame.map is not None:
            self._maps.append(frame.map)
        if frame.region is not None:
            self._regions.extend((*frame.region.box, *frame.region.parts))

    def scores(self, name: str) -> VideoScores:
        """All of them; with maps and regions where every frame has one."""
        count = len(self._indices)
        explained = count and len(self._regions) == _WIDTH * count
        table = np.array(self._regions, np.float32).reshape(-1, _WIDTH) if explained else None
        return VideoScores(
            name=name,
            frames=np.array(self._indices, np.int64),
            times=np.array(self._times, np.float64),
            scores=np.array(self._scores, np.float64),
            raw=np.array(self._raws, np.float64),
            maps=np.stack(self._maps) if self._maps and len(self._maps) == count else None,
            boxes=None if table is None else table[:, :4],
            parts=None if table is None else table[:, 4:],
        )
