"""One video after the other, or several at a time in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from sdmae.detector import Detector
from sdmae.errors import DetectorError, SdmaeError
from sdmae.recordings.results import discard
from sdmae.recordings.watch import Order, Summary, score_clip
from sdmae.video import Clip

_detector: Detector | None = None
"""A worker process's own; it is sent there once, not with every video."""


def each(
    detector: Detector,
    clips: Sequence[Clip],
    order: Order,
    stack: ExitStack,
    step: Callable[[int], object],
) -> Iterator[Summary]:
    """What came of each clip, in the clips' order for one job, as they are finished for several.

    step: called with the frames done since; not where several are under way. stack: its closing ends the processes,
    and after an exception takes away what they left half-written.
    """
    if order.jobs <= 1 or len(clips) <= 1:
        for clip in clips:
            yield _caught(detector, clip, order, step)
        return
    jobs = min(order.jobs, len(clips))
    pool = ProcessPoolExecutor(
        jobs,
        # A forked child would inherit torch's threads half alive.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(detector, max(1, torch.get_num_threads() // jobs)),
    )
    others = multiprocessing.active_children()
    futures = [pool.submit(_work, clip, order) for clip in clips]
    workers = [child for child in multiprocessing.active_children() if child not in others]
    stack.push(partial(_end, pool, workers, [order.output / clip.name for clip in clips]))
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise DetectorError(
            "a worker process died, perhaps for want of memory; use fewer --jobs, and --resume for the rest"
        ) from None


def _end(
    pool: ProcessPoolExecutor,
    workers: Sequence[BaseProcess],
    folders: Sequence[Path],
    kind: type | None,
    *rest: object,
) -> None:
    if kind is not None:
        # Whoever presses Ctrl-C is not to wait for videos that are hours from their end.
        for worker in workers:
            worker.terminate()
    pool.shutdown(wait=True, cancel_futures=True)
    if kind is not None:
        for worker in workers:
            worker.join()
        for folder in folders:
            discard(folder)


def _begin(detector: Detector, threads: int) -> None:
    global _detector
    # Ctrl-C is the parent's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    _detector = detector


def _work(clip: Clip, order: Order) -> Summary:
    if _detector is None:
        raise RuntimeError("a worker without a detector")
    return _caught(_detector, clip, order, lambda count: None)


def _caught(detector: Detector, clip: Clip, order: Order, step: Callable[[int], object]) -> Summary:
    try:
        return score_clip(detector, clip, order, step)
    except SdmaeError as error:
        discard(order.output / clip.name)
        return Summary(name=clip.name, error=error)
    except BaseException:
        discard(order.output / clip.name)
        raise
