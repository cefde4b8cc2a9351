"""Training frames, decoded and scaled once, in a uint8 memory map.

The cache is keyed by the content of the videos and by how they were scaled, checked before it is used, and safe to
delete at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdmae.errors import ConfigError, SourceError
from sdmae.video import Clip, Frame, Size, read_frames

FORMAT = 2
"""Changes whenever the same video would give other bytes."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A time of a training clip that is not normal and not to be learned."""

    start: float
    """Seconds."""
    end: float
    """Seconds."""
    clip: str | None = None
    """Name of the clip; None: every clip."""

    def holds(self, clip: str, time: float) -> bool:
        """Whether that moment is left out."""
        return self.clip in (None, clip) and self.start <= time <= self.end


def parse_exclusion(text: str, clips: Sequence[str]) -> Exclusion:
    """The exclusion that `[CLIP:]START-END` says, in seconds. Raises `ConfigError` where it says none, or names a
    clip that is not among `clips`."""
    clip, _, span = text.rpartition(":")
    start, dash, end = span.partition("-")
    try:
        seconds = (float(start), float(end))
    except ValueError:
        seconds = (1.0, 0.0)
    if not dash or not 0 <= seconds[0] < seconds[1] < math.inf:
        raise ConfigError(f"--exclude {text}: write [CLIP:]START-END in seconds, such as 12.5-20 or cam1:12.5-20")
    if clip and clip not in clips:
        raise ConfigError(f"--exclude {text}: no clip is called '{clip}'; there are {', '.join(clips)}")
    return Exclusion(*seconds, clip or None)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames that follow one another: a clip, or what an exclusion or a jump in time left of it."""

    clip: str
    """Name of the clip."""
    start: int
    """Row of its first frame in the store."""
    times: NDArray[np.float64]
    """(n,) seconds in the clip."""
    indices: NDArray[np.int64]
    """(n,) index of each frame in the clip."""

    @property
    def stop(self) -> int:
        """One past the row of its last frame."""
        return self.start + len(self.times)

    def part(self, start: int, stop: int) -> Stretch:
        """Frames start to stop of this stretch, counted within it."""
        return Stretch(self.clip, self.start + start, self.times[start:stop], self.indices[start:stop])


@dataclass(frozen=True, slots=True)
class FrameStore:
    """All training frames at the network's size."""

    frames: NDArray[np.uint8]
    """(N, H, W, C), a memory map."""
    stretches: tuple[Stretch, ...]
    """What the rows are, in order."""
    digest: str
    """Of all bytes of `frames`."""

    def read(self, stretch: Stretch) -> Iterator[Frame]:
        """The frames of one stretch, at the network's size."""
        for k, (index, time) in enumerate(zip(stretch.indices.tolist(), stretch.times.tolist(), strict=True)):
            yield Frame(index, time, (np.asarray(self.frames[stretch.start + k]),))


def cache_folder() -> Path:
    """Where decoded frames are kept: `SDMAE_CACHE`, else `sdmae` in the user's cache folder."""
    named = os.environ.get("SDMAE_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "sdmae"


def open_store(
    clips: Sequence[Clip],
    size: Size,
    *,
    grey: bool,
    rate: float,
    jump: Callable[[Clip], float],
    exclude: Sequence[Exclusion] = (),
    report: Callable[[str], None] | None = None,
    step: Callable[[int], object] = lambda count: None,
) -> FrameStore:
    """The frames of the clips, at most `rate` a second, from the cache or decoded now.

    `jump` says which distance between two frames, in seconds, ends a stretch; `step` is called with the number of
    frames decoded since. Raises `SourceError` where a clip cannot be read or the cache cannot be written.
    """
    settings = [FORMAT, *size, grey, rate, [[e.start, e.end, e.clip] for e in exclude], [jump(c) for c in clips]]
    key = hashlib.blake2b(json.dumps(settings).encode(), digest_size=16)
    for clip in clips:
        key.update(clip.name.encode())
        key.update(repr(clip.rate).encode())
        for path in clip.frames or (clip.path,):
            key.update(_digest(path))
    folder = cache_folder() / key.hexdigest()
    store = _load(folder)
    if store is None:
        _decode(folder, clips, size, grey, rate, jump, exclude, report, step)
        store = _load(folder)
        if store is None:
            raise SourceError(f"{folder}: the frames just written do not read back; is the disk full or failing?")
    return store


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None


def _load(folder: Path) -> FrameStore | None:
    """The store in that folder; None where it is missing or not as it was written."""
    try:
        index = json.loads((folder / "index.json").read_text())
        data = folder / "frames.u8"
        if _digest(data).hex() != index["digest"]:
            return None
        # Copy-on-write, since torch refuses read-only memory; nothing ever writes to it.
        frames = np.memmap(data, np.uint8, mode="c", shape=tuple(index["shape"]))
        stretches = tuple(
            Stretch(s["clip"], s["start"], np.array(s["times"], np.float64), np.array(s["indices"], np.int64))
            for s in index["stretches"]
        )
    except (OSError, ValueError, KeyError, TypeError, SourceError):
        return None
    return FrameStore(frames, stretches, index["digest"])


def _decode(
    folder: Path,
    clips: Sequence[Clip],
    size: Size,
    grey: bool,
    rate: float,
    jump: Callable[[Clip], float],
    exclude: Sequence[Exclusion],
    report: Callable[[str], None] | None,
    step: Callable[[int], object],
) -> None:
    part = folder / f"frames.u8.{os.getpid()}.part"
    digest = hashlib.blake2b(digest_size=16)
    stretches: list[Stretch] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            for clip in clips:
                rows: list[Frame] = []
                start = stretches[-1].stop if stretches else 0
                for frame in read_frames(clip, (size,), grey=grey, rate=rate, report=report):
                    step(1)
                    if any(e.holds(clip.name, frame.time) for e in exclude):
                        continue
                    data = frame.image.tobytes()
                    file.write(data)
                    digest.update(data)
                    rows.append(Frame(frame.index, frame.time, ()))
                stretches += _cut(clip.name, rows, start, jump(clip), exclude)
        total = stretches[-1].stop if stretches else 0
        if not total:
            raise SourceError("no training frames are left: the exclusions cover everything")
        part.replace(folder / "frames.u8")
        index = {
            "digest": digest.hexdigest(),
            "shape": [total, *size, 1 if grey else 3],
            "stretches": [
                {"clip": s.clip, "start": s.start, "times": s.times.tolist(), "indices": s.indices.tolist()}
                for s in stretches
            ],
        }
        part.write_text(json.dumps(index))
        part.replace(folder / "index.json")
    except OSError as error:
        raise SourceError(
            f"{folder}: cannot keep the decoded frames ({error.strerror}); point SDMAE_CACHE at a folder with room"
        ) from None
    finally:
        # The folder goes too, unless something whole is in it.
        with contextlib.suppress(OSError):
            part.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()


def _cut(clip: str, rows: Sequence[Frame], start: int, jump: float, exclude: Sequence[Exclusion]) -> list[Stretch]:
    """Stretches of consecutive frames: a new one begins behind an exclusion, or where time jumps."""
    times = np.array([r.time for r in rows])
    indices = np.array([r.index for r in rows], np.int64)
    # Before which row each of them was; one may be shorter than the time between two frames.
    gone = np.searchsorted(times, np.array([e.start for e in exclude if e.clip in (None, clip)]))
    broken = np.isin(np.arange(1, len(rows)), gone)
    breaks = np.flatnonzero(broken | (np.diff(times) > jump)) + 1
    whole = Stretch(clip, start, times, indices)
    edges = [0, *breaks.tolist(), len(rows)]
    return [whole.part(a, b) for a, b in itertools.pairwise(edges) if b > a]
