"""A benchmark's own frame labels in the form in which `sdmae metrics` takes anybody's."""

from __future__ import annotations

import numpy as np

from sdmae.data.benchmark import Benchmark
from sdmae.evaluation.files.frame_files import Truth


def benchmark_truth(benchmark: Benchmark) -> Truth:
    """The frame labels of the test clips."""
    clips = {test.clip.name: test for test in benchmark.test}
    return Truth(
        benchmark.name,
        {name: f"test clip {name} of {benchmark.name}" for name in clips},
        lambda name: clips[name].labels.astype(np.float64),
    )
