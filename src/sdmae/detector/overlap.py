"""Decoding, the network and whatever is done with its results, all at the same time.

One thread decodes, scales and uploads; with a GPU a second one runs the network, and the caller's takes the results.
On a CPU the network runs in the caller's thread: it takes all cores anyway, and a thread of its own, with a pool of
workers of its own beside the first one's, made it slower by a third and more. Each thread is at most a batch or two
ahead of the next, so that memory does not grow; order and numbers are those of one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdmae.data.neighbours import Samples, Spacing, stream_samples
from sdmae.data.prefetch import prefetched
from sdmae.runtime import Results, Runtime, Uploaded, Uploader
from sdmae.video import Frame

Standing = Callable[[Samples], NDArray[np.float32] | None]
"""What stands still in the frames of a video, batch by batch: (B, h, w); None where nobody asks for it."""
Said = tuple[Samples, dict[str, NDArray[np.float32]], NDArray[np.float32] | None]
"""Samples, what a `Runtime` says of them, and what stands still there."""
Whole = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
"""Which frames, by their times in seconds, a gate lets pass as they are."""
Unscored = Callable[[int], object]
"""Is told of frames that have not got all their neighbours, and are left out: how many, each time."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch on its way to the network."""

    samples: Samples
    uploaded: Uploaded
    standing: NDArray[np.float32] | None


def batch_terms(
    frames: Iterable[Frame],
    spacing: Spacing,
    batch: int,
    runtime: Runtime,
    upload: Uploader,
    *,
    overlap: bool = True,
    whole: Whole | None = None,
    standing: Standing | None = None,
    only: Container[int] | None = None,
    unscored: Unscored | None = None,
) -> Iterator[Said]:
    """Batches of at most `batch` frames with the terms of their score; of the indices `only`, where they are given.

    What goes wrong in either thread is raised here, after what came before it. When the iterator is closed, or ends
    in whatever way, both threads have ended. `overlap`: False for one thing after the other in the caller's thread.
    """

    def started(ready: Iterable[_Prepared]) -> Iterator[tuple[_Prepared, Results]]:
        for one in ready:
            passing = whole(one.samples.times) if whole else None
            yield one, runtime.start(one.uploaded, one.samples.neighbours, one.samples.order, passing)

    def done(running: Iterable[tuple[_Prepared, Results]]) -> Iterator[Said]:
        for one, results in running:
            yield one.samples, results.arrays(), one.standing

    prepared = _prepared(frames, spacing, batch, upload, standing, only, unscored)
    if not overlap:
        yield from done(started(prepared))
        return
    # Left in the reverse order: the thread that takes from the other one has ended when that is stopped.
    with closing(prefetched(prepared)) as ahead:  # type: ignore[type-var]
        if not upload.on_gpu:
            yield from done(started(ahead))
            return
        with closing(prefetched(started(ahead), depth=1)) as running:  # type: ignore[type-var]
            yield from done(running)


def _prepared(
    frames: Iterable[Frame],
    spacing: Spacing,
    batch: int,
    upload: Uploader,
    standing: Standing | None,
    only: Container[int] | None,
    unscored: Unscored | None,
) -> Iterator[_Prepared]:
    for samples in stream_samples(frames, spacing, batch, unscored=unscored):
        # Both go by all frames of the video, whichever are wanted.
        stands = standing(samples) if standing else None
        uploaded = upload(samples.frames, samples.repeated)
        if only is not None:
            rows = np.array([int(index) in only for index in samples.indices])
            samples = samples.chosen(rows)
            stands = stands[rows] if stands is not None else None
            if not len(samples.indices):
                continue
        yield _Prepared(samples, uploaded, stands)
