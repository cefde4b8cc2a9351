"""Frames as tokens: patches, which of them are kept, which of those are seen."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Grid = tuple[int, int]
"""Rows and columns of patches in a frame."""


def patchify(images: Tensor, patch: int) -> Tensor:
    """(B, T, H, W, C) of any type to patches (B, h*w, T*C*p*p), values ordered (frame, channel, row, column)."""
    b, t, height, width, c = images.shape
    h, w = height // patch, width // patch
    tiles = images.reshape(b, t, h, patch, w, patch, c).permute(0, 2, 4, 1, 6, 3, 5)
    return tiles.reshape(b, h * w, t * c * patch * patch)


def unpatchify(patches: Tensor, grid: Grid, patch: int) -> Tensor:
    """(B, h*w, p*p) of one channel to pictures (B, H, W)."""
    h, w = grid
    return patches.reshape(-1, h, w, patch, patch).permute(0, 1, 3, 2, 4).reshape(-1, h * patch, w * patch)


def gather_tokens(tokens: Tensor, index: Tensor | None) -> Tensor:
    """(B, L, D) and indices (B, K) to (B, K, D). None keeps all, in order."""
    if index is None:
        return tokens
    return tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))


def scatter_tokens(tokens: Tensor, index: Tensor | None, length: int) -> Tensor:
    """(B, K, D) put at their indices (B, K) into zeros of (B, length, D). None: they are all there, in order."""
    if index is None:
        return tokens
    zeros = tokens.new_zeros(tokens.shape[0], length, tokens.shape[-1])
    return zeros.scatter(1, index[..., None].expand(-1, -1, tokens.shape[-1]), tokens)


def absolute_difference(a: Tensor, b: Tensor) -> Tensor:
    """|a - b| of uint8 tensors without leaving uint8."""
    return torch.maximum(a, b) - torch.minimum(a, b)


def moving_cells(samples: Tensor, patch: int, share: float, ignored: Tensor | None = None) -> Tensor | None:
    """Cells that move most in the triplet: indices (B, K), rising; None where all are kept.

    `samples` (B, 5, H, W, C) uint8 at t-s, t-1, t, t+1, t+s. A cell's motion is the mean of |x[t-s] - x[t]| +
    |x[t+s] - x[t]| over it. K = `share` of the cells, at least 1; ties go to the cell nearer the frame's start, so
    that the choice does not depend on the batch. Cells where `ignored` (h*w,) bool is true are taken last.
    """
    b, _, height, width, c = samples.shape
    grid = (height // patch, width // patch)
    length = grid[0] * grid[1]
    if share >= 1:
        return None
    motion = torch.zeros(b, *grid, device=samples.device)
    for neighbour in (0, 4):
        change = absolute_difference(samples[:, neighbour], samples[:, 2])
        cells = change.reshape(b, grid[0], patch, grid[1], patch * c).sum(dim=(2, 4), dtype=torch.int32)
        motion += cells.float()
    count = max(1, round(length * share))
    if ignored is not None:
        motion = motion.masked_fill(ignored.reshape(grid), -1)
    order = motion.flatten(1).argsort(dim=1, descending=True, stable=True)
    return order[:, :count].sort(dim=1).values


def visible_count(kept: int, masking_ratio: float) -> int:
    """How many of the kept tokens the encoder sees: at least one."""
    return max(1, kept - int(kept * masking_ratio))


def visible_tokens(noise: Tensor, cells: Tensor | None, masking_ratio: float) -> Tensor:
    """Positions (B, V) among the kept tokens that the encoder sees: those of the lowest `noise` (B, h*w).

    `cells` (B, K): the kept ones; None: all.
    """
    ranked = noise if cells is None else noise.gather(1, cells)
    count = visible_count(ranked.shape[1], masking_ratio)
    return ranked.argsort(dim=1, stable=True)[:, :count]


def fixed_noise(grid: Grid, seed: int = 0) -> Tensor:
    """The test-time mask as one random number per cell (h*w,): the cells with the lowest numbers are visible."""
    return torch.rand(grid[0] * grid[1], generator=torch.Generator().manual_seed(seed))


def compact_grid(count: int) -> Grid:
    """The nearly square grid the released code lays shuffled visible tokens out on."""
    rows = max(1, math.isqrt(count))
    return rows, math.ceil(count / rows)


def sine_positions(grid: Grid, width: int, device: torch.device) -> Tensor:
    """Fixed position embedding (h*w, width): sines and cosines of row and column (Vaswani et al., 2017)."""
    quarter = width // 4
    rates = torch.exp(-math.log(10_000.0) * torch.arange(quarter, device=device) / quarter)

    def encode(n: int) -> Tensor:
        angles = torch.arange(n, device=device)[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    rows = encode(grid[0])[:, None].expand(-1, grid[1], -1)
    columns = encode(grid[1])[None].expand(grid[0], -1, -1)
    return torch.cat([rows, columns], dim=-1).reshape(grid[0] * grid[1], 4 * quarter) * 0.5
