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

    def __call__(self, root: Path, *, partial: bool = False) -> Benchmark:
        """The benchmark in `root`; raises `BenchmarkError` where it is not whole, unless `partial`."""
        ...


def _read_scene(root: Path, *, partial: bool = False) -> Benchmark:
    # The program wrote that folder in one stroke: whatever lacks is damage, and can be written anew.
    return read_scene(root)


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
    if name not in READERS:
        raise BenchmarkError(f"unknown benchmark {name!r}; known ones: {', '.join(sorted(READERS))}")
    return READERS[name](root, partial=partial)
