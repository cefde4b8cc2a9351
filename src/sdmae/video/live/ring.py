"""The last seconds of a camera's coded video, from which a clip is cut without encoding anything anew."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sdmae.video.frame import Size
from sdmae.video.live.status import StreamInfo


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One packet."""

    time: float
    """Seconds of the camera at which it is shown."""
    lag: float | None
    """Seconds by which it is decoded earlier; None where nothing says so."""
    key: bool
    """Whether decoding can begin with it."""
    data: bytes
    """H.264 and HEVC with start codes, their parameters at every key picture or in the connection's first."""


@dataclass(slots=True)
class _Group:
    """A key picture and those that need it."""

    stream: StreamInfo
    connection: int
    pictures: list[CodedPicture]
    size: int


class PacketRing:
    """Holds at least `seconds` of the newest pictures, in whole groups, and at most `limit` bytes of them.

    Each connection and each change of codec or size begins another part. Safe to be used by several threads.
    """

    def __init__(self, seconds: float, limit: int) -> None:
        self._seconds = seconds
        self._limit = limit
        self._groups: deque[_Group] = deque()
        self._lock = threading.Lock()
        self._stream: StreamInfo | None = None
        self._connection = 0
        self._bytes = 0
        self._open = False
        self._newest = 0.0

    def begin(self, stream: StreamInfo) -> None:
        """What comes now is of another connection."""
        with self._lock:
            self._stream = stream
            self._connection += 1
            self._open = False

    def add(self, picture: CodedPicture) -> None:
        """The next picture of the connection; those before its first key picture are of no use."""
        with self._lock:
            if self._stream is None or not (picture.key or self._open):
                return
            if picture.key:
                self._groups.append(_Group(self._stream, self._connection, [], 0))
                self._open = True
            group = self._groups[-1]
            group.pictures.append(picture)
            group.size += len(picture.data)
            self._bytes += len(picture.data)
            self._newest = max(self._newest, picture.time)
            self._forget()

    @property
    def bytes(self) -> int:
        """What it takes, in bytes of coded video."""
        return self._bytes

    @property
    def span(self) -> tuple[float, float] | None:
        """Seconds of the camera of the oldest and the newest picture; None while there are none."""
        with self._lock:
            return (self._groups[0].pictures[0].time, self._newest) if self._groups else None

    def cut(self, start: float, end: float) -> tuple[StreamInfo, Sequence[Sequence[CodedPicture]]] | None:
        """The pictures from the last key picture before `start` until `end`, in seconds of the camera.

        One sequence for each connection. Where codec or size changed in between, those that were longest. None where
        there are none.
        """
        with self._lock:
            runs: list[tuple[StreamInfo, int, list[CodedPicture]]] = []
            for k, group in enumerate(self._groups):
                following = self._groups[k + 1] if k + 1 < len(self._groups) else None
                ends = following.pictures[0].time if following else self._newest
                first = group.pictures[0].time
                # A group that ends at a gap ends with its last picture, not with the next connection's first.
                if following and following.connection != group.connection:
                    ends = max(picture.time for picture in group.pictures)
                if first > end or ends < start or (following and ends == start):
                    continue
                # In the order of decoding, what is shown later may come earlier: until the last that is shown.
                shown = [i for i, picture in enumerate(group.pictures) if picture.time <= end]
                pictures = group.pictures[: shown[-1] + 1]
                if runs and runs[-1][1] == group.connection:
                    runs[-1][2].extend(pictures)
                else:
                    runs.append((group.stream, group.connection, list(pictures)))
        if not runs:
            return None
        lengths: dict[tuple[str, Size], float] = {}
        for stream, _, pictures in runs:
            kind = (stream.codec, stream.size)
            lengths[kind] = lengths.get(kind, 0.0) + len(pictures) / stream.rate
        longest = max(lengths, key=lambda kind: lengths[kind])
        chosen = [(s, pictures) for s, _, pictures in runs if (s.codec, s.size) == longest]
        return chosen[0][0], [pictures for _, pictures in chosen]

    def _forget(self) -> None:
        while self._groups:
            following = self._groups[1].pictures[0].time if len(self._groups) > 1 else None
            unneeded = following is not None and following <= self._newest - self._seconds
            if not unneeded and self._bytes <= self._limit:
                return
            self._bytes -= self._groups.popleft().size
        # A single group was more than may be kept: nothing is, until the next key picture.
        self._open = False
