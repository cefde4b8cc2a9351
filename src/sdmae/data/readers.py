"""One name for each benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sdmae.data.avenue import read_avenue
from sdmae.data.benchmark import Benchmark
from sdmae.data.ped1 import read_ped1
from sdmae.data.ped2 import read_ped2
from sdmae.data.scene.folder import read_scene
from sdmae.data.shanghaitech import read_shanghaitech
from sdmae.data.ubnormal import read_ubnormal
from sdmae.errors import BenchmarkError


class Reader(Protocol):
    """Reads a benchmark's folder."""

    def __call__(self, root: Path, *, partial: bool = False, video: bool = True) -> Benchmark:
        """The benchmark in `root`; raises `BenchmarkError` where it is not whole, unless `partial`.

        video: False for the ground truth of the test clips alone, see `read_annotations`.
        """
        ...


def _read_scene(root: Path, *, partial: bool = False, video: bool = True) -> Benchmark:
    # The program wrote that folder in one stroke: whatever lacks is damage, and can be written anew.
    return read_scene(root, video=video)


READERS: dict[str, Reader] = {
    "ped1": read_ped1,
    "ped2": read_ped2,
    "avenue": read_avenue,
    "shanghaitech": read_shanghaitech,
    "ubnormal": read_ubnormal,
    "scene": _read_scene,
}


def read_benchmark(name: str, root: Path, *, partial: bool = False) -> Benchmark:
    """The benchmark `name` (ped1, ped2, avenue, shanghaitech, ubnormal, scene) in the folder `root`.

    partial: use what is there of a folder that is not whole; `Benchmark.missing` says what is not. A folder without
    any training or any test clip is refused even then.

    Raises `BenchmarkError` when the name is unknown, or the folder differs from the official layout.
    """
    return _reader(name)(root, partial=partial)


def read_annotations(name: str, root: Path, *, partial: bool = False) -> Benchmark:
    """The ground truth of the test clips of the benchmark `name`, of which no video has to be there.

    Labels, masks and tracks are those of `read_benchmark`; `training` is empty, and the files that the clips name may
    not exist. Videos that are there are not held against the annotations, except of UBnormal, whose videos say how
    many frames they have; without them its pictures do.

    partial: use the annotations that are there; `Benchmark.missing` says which are not.

    Raises `BenchmarkError` as `read_benchmark`, of the annotations alone.
    """
    return _reader(name)(root, partial=partial, video=False)


def _reader(name: str) -> Reader:
    if name not in READERS:
        raise BenchmarkError(f"unknown benchmark {name!r}; known ones: {', '.join(sorted(READERS))}")
    return READERS[name]
