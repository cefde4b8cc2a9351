"""A benchmark's own ground truth in the form in which `sdmae metrics` takes anybody's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark, Mask, TestClip
from sdmae.errors import BenchmarkError
from sdmae.evaluation.frame_files import Truth
from sdmae.metrics import derive_tracks

OWN, DERIVED = "benchmark", "derived"
"""Where the tracks of a benchmark come from: its own, or regions of its masks by the rule of `metrics.derived`."""


def benchmark_truth(benchmark: Benchmark) -> Truth:
    """The frame labels of the test clips."""
    clips = {test.clip.name: test for test in benchmark.test}
    return Truth(
        benchmark.name,
        {name: f"test clip {name} of {benchmark.name}" for name in clips},
        lambda name: clips[name].labels.astype(np.float64),
    )


def benchmark_tracks(benchmark: Benchmark) -> tuple[dict[str, NDArray[np.float64]], str]:
    """The tracks of each test clip by its name, and where they come from: `OWN` or `DERIVED`.

    Rows are (n, 6) track_id, frame, x_min, y_min, x_max, y_max, ends included. The benchmark's own tracks where every
    clip with anything abnormal has them; otherwise all are derived from masks, so that no figure mixes the two.
    Raises `BenchmarkError` where such a clip has neither, and for files that cannot be read.
    """
    abnormal = [test for test in benchmark.test if test.labels.any()]
    if all(test.tracks is not None for test in abnormal):
        return {test.clip.name: _own(test) for test in benchmark.test}, OWN
    bare = [test.clip.name for test in abnormal if test.masks is None]
    if bare:
        raise BenchmarkError(
            f"{benchmark.name}: {bare[0]}{f' and {len(bare) - 1} more clips' if len(bare) > 1 else ''} with neither "
            "tracks nor masks; give track files with --tracks DIR"
        )
    return {test.clip.name: _derived(test) for test in benchmark.test}, DERIVED


def _own(test: TestClip) -> NDArray[np.float64]:
    # Our maxima lie just outside, those of the rows are the last pixels.
    rows = [
        np.column_stack([np.full(len(track.frames), track.id), track.frames, track.boxes - (0, 0, 1, 1)])
        for track in test.tracks or ()
    ]
    return np.concatenate(rows).astype(np.float64) if rows else np.zeros((0, 6))


def _derived(test: TestClip) -> NDArray[np.float64]:
    if test.masks is None:
        return np.zeros((0, 6))

    def masks() -> Iterator[Mask]:
        for index in range(len(test.labels)):
            yield test.read_mask(index)

    try:
        return derive_tracks(masks()).rows.astype(np.float64)
    except ValueError as error:
        raise BenchmarkError(f"{test.clip.name}: {error}; copy its masks anew") from None
