"""A block of the network as it is fastest to run: BatchNorm in the convolutions, constants where they cost nothing.

Folding changes no result beyond rounding. In eval mode BatchNorm is a factor and a shift of each channel, which the
convolution before it takes over. A key's bias adds the same to all logits of a query, which softmax takes out again:
it is left out. The weights of attention add up to 1, so that a value's bias is the same as one behind the sum.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdmae.model.block import Block, SparseDepthwise
from sdmae.model.tokens import Grid


class Places(NamedTuple):
    """Where the tokens of a batch lie, for the convolutions."""

    grid: Grid
    """Rows and columns of the grid of one frame."""
    rows: Tensor | None
    """(B * K,) int64: rows of the tokens in (B * h*w, D), the grids of all frames one after another. None: all."""
    around: Tensor | None
    """From `neighbours`, where tokens are so few that only they are to be convolved."""


def neighbours(cells: Tensor, grid: Grid) -> Tensor:
    """The 3x3 neighbours of tokens at cells (B, K): (9, B * K), rows of the tokens (B * K, D) and one row of zeros.

    The last row, B * K, stands for cells without a token and for those beyond the edge.
    """
    b, k = cells.shape
    wide = grid[1] + 2  # the grid with a rim of one cell
    first = torch.arange(b, device=cells.device)[:, None]
    places = (cells // grid[1] + 1) * wide + cells % grid[1] + 1 + first * ((grid[0] + 2) * wide)
    slots = torch.full((b * (grid[0] + 2) * wide,), b * k, dtype=cells.dtype, device=cells.device)
    slots = slots.index_copy(0, places.reshape(-1), torch.arange(b * k, device=cells.device))
    steps = torch.arange(3, device=cells.device) - 1
    return slots[(steps[:, None] * wide + steps).reshape(9, 1) + places.reshape(-1)]


class FoldedDepthwise(nn.Module):
    """The depth-wise 3x3 convolutions of query, key and value, with their BatchNorm."""

    def __init__(self, depthwise: SparseDepthwise) -> None:
        super().__init__()
        norm = depthwise.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weights = depthwise.conv.weight * factor[:, None, None, None]
        shifts = norm.bias - norm.running_mean * factor
        # One convolution of as many channels as it is given for each of the three: of those with a multiple, as the
        # paper's, the CPU's library knows only a slow way, and the three would have to be picked apart afterwards.
        self.register_buffer("taps", weights.detach().reshape(-1, 3, 9).permute(2, 1, 0).contiguous())
        self.register_buffer("shifts", shifts.detach().reshape(-1, 3).t().contiguous())
        for k, name in enumerate(("query", "key", "value")):
            self.register_buffer(f"{name}_weight", weights[k::3].detach().clone())
            self.register_buffer(f"{name}_shift", shifts[k::3].detach().clone())

    taps: Tensor
    """(9, 3, D): weights of each neighbour for query, key and value."""
    shifts: Tensor
    """(3, D)"""

    def forward(self, normed: Tensor, places: Places) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 1 + K, D), [CLS] first, which bypasses the convolutions; to the inputs of query, key and value."""
        return self._dense(normed, places) if places.around is None else self._sparse(normed, places.around)

    def _sparse(self, normed: Tensor, around: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        b, length, d = normed.shape
        tokens = normed[:, 1:].reshape(b * (length - 1), d)
        table = torch.cat([tokens, tokens.new_zeros(1, d)])
        total = self.shifts.expand(b * (length - 1), 3, d)
        for rows, taps in zip(around, self.taps, strict=True):
            total = torch.addcmul(total, table.index_select(0, rows)[:, None], taps)
        query, key, value = (
            torch.cat([normed[:, :1], total[:, k].reshape(b, length - 1, d)], dim=1) for k in range(3)
        )
        return query, key, value

    def _dense(self, normed: Tensor, places: Places) -> tuple[Tensor, Tensor, Tensor]:
        b, length, d = normed.shape
        h, w = places.grid
        cls, tokens = normed[:, :1], normed[:, 1:]
        if places.rows is not None:
            dense = tokens.new_zeros(b * h * w, d)
            tokens = dense.index_copy(0, places.rows, tokens.reshape(b * (length - 1), d))
        picture = tokens.reshape(b, h, w, d).permute(0, 3, 1, 2)  # channels-last memory: no copy

        def mixed(name: str) -> Tensor:
            weight, shift = getattr(self, f"{name}_weight"), getattr(self, f"{name}_shift")
            found = F.conv2d(picture, weight, shift, padding=1, groups=d).permute(0, 2, 3, 1)
            if places.rows is None:
                found = found.reshape(b, h * w, d)
            else:
                found = found.reshape(b * h * w, d).index_select(0, places.rows).reshape(b, length - 1, d)
            return torch.cat([cls, found], dim=1)

        return mixed("query"), mixed("key"), mixed("value")


class FoldedBlock(nn.Module):
    """`Block` in eval mode, to the same result."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.heads, self.scale = block.heads, block.scale
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.depthwise = None if block.depthwise is None else FoldedDepthwise(block.depthwise)
        self.register_buffer("query_bias", block.query.bias.detach().clone())
        weights = [linear.weight.detach() for linear in (block.query, block.key, block.value)]
        self.register_buffer("joined", torch.cat(weights))
        project = block.project
        self.register_buffer("project_weight", project.weight.detach().clone())
        self.register_buffer("project_bias", (project.bias + project.weight @ block.value.bias).detach())
        self.widen, self.narrow = block.mlp[0], block.mlp[3]

    query_bias: Tensor
    joined: Tensor
    project_weight: Tensor
    project_bias: Tensor

    def forward(self, tokens: Tensor, places: Places) -> Tensor:
        """(B, 1 + K, D), [CLS] first, to the same."""
        b, length, d = tokens.shape
        normed = self.norm1(tokens)
        if self.depthwise is None:
            bias = F.pad(self.query_bias, (0, 2 * d))
            query, key, value = F.linear(normed, self.joined, bias).chunk(3, dim=-1)
        else:
            sources = self.depthwise(normed, places)
            weights = self.joined.chunk(3)
            query = F.linear(sources[0], weights[0], self.query_bias)
            key, value = F.linear(sources[1], weights[1]), F.linear(sources[2], weights[2])

        def by_head(values: Tensor) -> Tensor:
            return values.reshape(b, length, self.heads, d // self.heads).transpose(1, 2)

        attended = F.scaled_dot_product_attention(by_head(query), by_head(key), by_head(value), scale=self.scale)
        attended = attended.transpose(1, 2).reshape(b, length, d)
        tokens = tokens + F.linear(attended, self.project_weight, self.project_bias)
        hidden = F.gelu(self.widen(self.norm2(tokens)))
        out: Tensor = tokens + self.narrow(hidden)
        return out
