"""A `Network` made of the folded graph, whoever runs that."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from sdmae.config import ModelConfig
from sdmae.model.tokens import visible_tokens

TERMS = ("error", "discrepancy", "anomaly_map", "classifier")
"""What a graph gives, in this order."""
TOKENS = 2048
"""Kept tokens that a CPU takes at once, about: with more, what one step leaves has left the cache before the next
wants it; with fewer, small networks are all overhead. Measured: benchmarks/LOG.md."""


class Graph(Protocol):
    """From samples to the score's terms, for visible tokens and cells that somebody else has chosen."""

    def __call__(self, samples: Tensor, visible: Tensor, cells: Tensor | None) -> tuple[Tensor, ...]:
        """As `Folded.forward`; any B, V and K, which may change from call to call."""
        ...


class GraphNetwork:
    """Gives a graph few frames at a time, chooses what the encoder sees of them, and names what comes back."""

    def __init__(
        self,
        name: str,
        graph: Graph,
        model: ModelConfig,
        device: torch.device,
        precision: Literal["float32", "bfloat16"] = "float32",
        *,
        told: bool = False,
    ) -> None:
        """`told`: the graph wants its cells told even where all are kept, as exported ones do."""
        self._told = told
        self.name, self.graph, self.device, self.precision = name, graph, device, precision
        self._masking_ratio, self._patch = model.masking_ratio, model.patch

    def __call__(self, samples: Tensor, noise: Tensor, cells: Tensor | None) -> dict[str, Tensor]:
        """See `Network`."""
        visible = visible_tokens(noise.expand(samples.shape[0], -1), cells, self._masking_ratio)
        kept = noise.shape[-1] if cells is None else cells.shape[1]
        if cells is None and self._told:
            cells = torch.arange(kept, device=self.device).expand(samples.shape[0], -1)
        step = samples.shape[0] if self.device.type == "cuda" else max(1, TOKENS // kept)
        parts = []
        for first in range(0, samples.shape[0], step):
            few = slice(first, first + step)
            chosen = None if cells is None else cells[few].contiguous()
            parts.append(self.graph(samples[few], visible[few].contiguous(), chosen))
        columns = zip(*parts, strict=True)
        return {
            name: (torch.cat(values) if len(values) > 1 else values[0]).float()
            for name, values in zip(TERMS, columns, strict=True)
        }
