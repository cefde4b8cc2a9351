"""CUDA graphs: the whole network as one launch, recorded once for each number of frames and of cells."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sdmae.runtime.graph import Graph

MOST = 16
"""Recorded sizes that are kept; each holds buffers for a whole batch."""

Inputs = tuple[Tensor, Tensor, Tensor | None]
Key = tuple[int, int, int | None]


class Recorded:
    """A run of a graph on buffers of its own, to be repeated with what is copied into them."""

    def __init__(self, inputs: Inputs, outputs: Sequence[Tensor], replay: Callable[[], object]) -> None:
        """`replay` computes `outputs` from what is in `inputs`, all in place."""
        self._inputs, self._outputs, self._replay = inputs, outputs, replay

    def __call__(self, inputs: Inputs) -> tuple[Tensor, ...]:
        """What the graph gives for `inputs`, of the recorded sizes; a copy, which the next call leaves alone."""
        for buffer, value in zip(self._inputs, inputs, strict=True):
            if buffer is not None and value is not None:
                buffer.copy_(value)
        self._replay()
        return tuple(output.clone() for output in self._outputs)


Record = Callable[[Graph, Inputs], Recorded]


def record_cuda(graph: Graph, inputs: Inputs) -> Recorded:
    """Runs the graph a few times on a side stream, as CUDA wants it, then records it."""
    buffers: Inputs = (inputs[0].clone(), inputs[1].clone(), None if inputs[2] is None else inputs[2].clone())
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            graph(*buffers)
    torch.cuda.current_stream().wait_stream(side)
    recording = torch.cuda.CUDAGraph()
    # Other threads bring up frames and take down results meanwhile, which must not spoil the recording.
    with torch.cuda.graph(recording, capture_error_mode="thread_local"):
        outputs = graph(*buffers)
    return Recorded(buffers, outputs, recording.replay)


class RecordedGraphs:
    """Repeats recordings. A size is recorded when it comes for the second time: odd last batches are not worth it.

    The least recently used recording goes when there are more than `most`.
    """

    def __init__(self, graph: Graph, record: Record = record_cuda, most: int = MOST) -> None:
        self._graph, self._record, self._most = graph, record, most
        self._recorded: OrderedDict[Key, Recorded] = OrderedDict()
        self._met: set[Key] = set()

    def __call__(self, samples: Tensor, visible: Tensor, cells: Tensor | None) -> tuple[Tensor, ...]:
        """See `Graph`."""
        inputs = (samples, visible, cells)
        key = (samples.shape[0], visible.shape[1], None if cells is None else cells.shape[1])
        if key not in self._recorded:
            if key not in self._met:
                self._met.add(key)
                return self._graph(*inputs)
            self._recorded[key] = self._record(self._graph, inputs)
            if len(self._recorded) > self._most:
                self._recorded.popitem(last=False)
        self._recorded.move_to_end(key)
        return self._recorded[key](inputs)

    def __getstate__(self) -> dict[str, Any]:
        # Recordings are of this process; another one makes its own.
        return {**self.__dict__, "_recorded": OrderedDict(), "_met": set()}
