"""The convolutional transformer block of CvT (Wu et al., ICCV 2021) on a sparse set of tokens.

Queries, keys and values each come from a depth-wise 3x3 convolution over the token grid. Tokens that are absent
(masked, or not kept) leave zeros in the grid, as in SparK (Tian et al., ICLR 2023); everything else, the batch
statistics too, sees the tokens that are there and nothing more.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdmae.model.tokens import Grid, gather_tokens, scatter_tokens


class SparseDepthwise(nn.Module):
    """Depth-wise 3x3 convolution and BatchNorm that give one token's query, key and value inputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 3 * width, 3, padding=1, groups=width, bias=False)
        self.norm = nn.BatchNorm1d(3 * width)

    def forward(self, tokens: Tensor, cells: Tensor | None, grid: Grid) -> tuple[Tensor, ...]:
        """(B, K, D) at cells (B, K) of the grid, None: all of them in order; to the three (B, K, D)."""
        b, k, d = tokens.shape
        # In training the convolution over the whole grid is taken: it keeps less for the backward pass.
        mixed = (
            self._dense(tokens, cells, grid) if cells is None or self.training else self._sparse(tokens, cells, grid)
        )
        mixed = self.norm(mixed).reshape(b, k, d, 3)
        query, key, value = mixed.unbind(-1)
        return query, key, value

    def _dense(self, tokens: Tensor, cells: Tensor | None, grid: Grid) -> Tensor:
        """(B K, 3 D): over every cell of the grid, whether or not a token is there."""
        b, k, d = tokens.shape
        dense = scatter_tokens(tokens, cells, grid[0] * grid[1])
        dense = dense.reshape(b, *grid, d).permute(0, 3, 1, 2)  # channels-last memory: no copy
        dense = self.conv(dense).permute(0, 2, 3, 1).reshape(b, grid[0] * grid[1], 3 * d)
        return gather_tokens(dense, cells).reshape(b * k, 3 * d)

    def _sparse(self, tokens: Tensor, cells: Tensor, grid: Grid) -> Tensor:
        """(B K, 3 D), the same: one neighbour of all tokens after another, so that it costs what tokens there are."""
        b, k, d = tokens.shape
        table = torch.cat([tokens, tokens.new_zeros(b, 1, d)], dim=1).reshape(b * (k + 1), d)
        weight = self.conv.weight.reshape(d, 3, 9).permute(2, 1, 0).to(tokens.dtype).contiguous()
        total = tokens.new_zeros(b * k, 3, d)
        for rows, taps in zip(_neighbours(cells, grid).unbind(-1), weight, strict=True):
            total = total.addcmul_(table.index_select(0, rows.reshape(-1))[:, None], taps)
        return total.transpose(1, 2).reshape(b * k, 3 * d)


def _neighbours(cells: Tensor, grid: Grid) -> Tensor:
    """For tokens at cells (B, K): (B, K, 9), the rows of a table (B (K + 1), D) that hold their 3x3 neighbours.

    The last row of each sample stands for cells without a token, and for those beyond the edge.
    """
    b, k = cells.shape
    wide = grid[1] + 2  # the grid with a rim of one cell
    places = (cells // grid[1] + 1) * wide + cells % grid[1] + 1
    slots = torch.full((b, (grid[0] + 2) * wide), k, dtype=cells.dtype, device=cells.device)
    slots = slots.scatter(1, places, torch.arange(k, device=cells.device).expand(b, k))
    steps = torch.arange(3, device=cells.device) - 1
    around = places[..., None] + (steps[:, None] * wide + steps).reshape(-1)
    found = slots.gather(1, around.reshape(b, 9 * k)).reshape(b, k, 9)
    return found + (torch.arange(b, device=cells.device) * (k + 1))[:, None, None]


class Block(nn.Module):
    """Pre-norm attention and MLP. The first token is [CLS]; it bypasses the convolutions."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float,
        dropout: float,
        *,
        convolution: bool,
        attention_scale: Literal["head", "width"],
    ) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads if attention_scale == "head" else width) ** -0.5
        self.norm1 = nn.LayerNorm(width)
        self.depthwise = SparseDepthwise(width) if convolution else None
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        hidden = int(width * mlp_ratio)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width), nn.Dropout(dropout)
        )

    def forward(self, tokens: Tensor, cells: Tensor | None, grid: Grid) -> Tensor:
        """(B, 1 + K, D), [CLS] first, to the same. `cells` (B, K): where the tokens lie in the grid; None: all."""
        b, length, d = tokens.shape
        normed = self.norm1(tokens)
        if self.depthwise is None:
            sources: tuple[Tensor, ...] = (normed, normed, normed)
        else:
            cls = normed[:, :1]
            mixed = self.depthwise(normed[:, 1:], cells, grid)
            sources = tuple(torch.cat([cls, m], dim=1) for m in mixed)
        q, k, v = (
            linear(source).reshape(b, length, self.heads, d // self.heads).transpose(1, 2)
            for linear, source in zip((self.query, self.key, self.value), sources, strict=True)
        )
        attended = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        tokens = tokens + self.project(attended.transpose(1, 2).reshape(b, length, d))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out
