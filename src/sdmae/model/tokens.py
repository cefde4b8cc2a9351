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


def gather_patches(images: Tensor, patch: int, times: tuple[int, ...], cells: Tensor | None) -> Tensor:
    """The patches (B, K, n*C*p*p) of `patchify(images[:, times])` at the cells (B, K); None: all of them.

    `images` (B, T, H, W, C). What lies in no such cell is never touched.
    """
    if cells is None:
        return patchify(images[:, list(times)], patch)
    b, t, height, width, c = images.shape
    frames = torch.arange(b * t, device=images.device).reshape(b, t)[:, list(times)]
    lines = patch_lines(frames, cells, patch, (height // patch, width // patch))
    found = images.reshape(-1, patch * c).index_select(0, lines.reshape(-1))
    found = found.reshape(*lines.shape, patch, c).permute(0, 1, 2, 5, 3, 4)
    return found.reshape(b, cells.shape[1], len(times) * c * patch * patch)


def scatter_patches(values: Tensor, cells: Tensor | None, grid: Grid, patch: int) -> Tensor:
    """(B, K, p*p) of one channel at their cells (B, K), None: all, in pictures (B, H, W) that are 0 elsewhere."""
    if cells is None:
        return unpatchify(values, grid, patch)
    b = values.shape[0]  # len() of a traced tensor would settle on a number
    lines = patch_lines(torch.arange(b, device=values.device)[:, None], cells, patch, grid)
    pictures = values.new_zeros(b * grid[0] * patch * grid[1], patch)
    pictures = pictures.index_copy(0, lines.reshape(-1), values.reshape(-1, patch))
    return pictures.reshape(b, grid[0] * patch, grid[1] * patch)


def patch_lines(frames: Tensor, cells: Tensor, patch: int, grid: Grid) -> Tensor:
    """Where the patches lie: (B, K, n, p), the numbers of their lines of p pixels among those of all pictures.

    `frames` (B, n): numbers of the pictures.
    """
    top = (frames * (grid[0] * patch))[:, None, :, None] + (cells // grid[1] * patch)[:, :, None, None]
    rows = top + torch.arange(patch, device=cells.device)
    return rows * grid[1] + (cells % grid[1])[:, :, None, None]


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

    `samples` (B, 5, H, W, C) uint8 at t-s, t-1, t, t+1, t+s; their motion is that of `cell_motion`. K = `share` of
    the cells, at least 1. Cells where `ignored` (h*w,) bool is true are taken last.
    """
    if share >= 1:
        return None
    motion = cell_motion(samples, patch)
    if ignored is not None:
        motion = motion.masked_fill(ignored, -1)
    return most_moving(motion, max(1, round(motion.shape[1] * share)))


def cell_motion(samples: Tensor, patch: int) -> Tensor:
    """How much each cell moves in the triplet: |x[t-s] - x[t]| + |x[t+s] - x[t]| summed over it, (B, h*w) int32."""
    before, now, after = samples[:, 0], samples[:, 2], samples[:, 4]
    return cell_change(before, now, patch) + cell_change(after, now, patch)


def cell_change(one: Tensor, other: Tensor, patch: int) -> Tensor:
    """|one - other| of frames (B, H, W, C) uint8 summed over each cell: (B, h*w) int32, exact on every device."""
    b, height, width, c = one.shape
    tiles = absolute_difference(one, other).reshape(b, height // patch, patch, width // patch, patch * c)
    return tiles.sum(dim=(2, 4), dtype=torch.int32).flatten(1)


def most_moving(motion: Tensor, count: int) -> Tensor | None:
    """The `count` cells of the highest motion (B, h*w) int32: (B, count), rising; None where those are all.

    Ties go to the cell nearer the frame's start, so that the choice does not depend on the batch.
    """
    if count >= motion.shape[1]:
        return None
    return motion.argsort(dim=1, descending=True, stable=True)[:, :count].sort(dim=1).values


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
