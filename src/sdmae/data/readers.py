"""One name for each benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sdmae.data.benchmark import Benchmark
from sdmae.data.ped2 import read_ped2
from sdmae.data.scene.folder import read_scene
from sdmae.errors import BenchmarkError

READERS: dict[str, Callable[[Path], Benchmark]] = {"ped2": read_ped2, "scene": read_scene}


def read_benchmark(name: str, root: Path) -> Benchmark:
    """The benchmark `name` (ped2, scene) in the folder `root`.

    Raises `BenchmarkError` when the name is unknown, or the folder differs from the official layout.
    """
    if name not in READERS:
        raise BenchmarkError(f"unknown benchmark {name!r}; known ones: {', '.join(sorted(READERS))}")
    return READERS[name](root)
