"""Patches of frames in the order in which they lie in memory, cut out line by line.

A line is a patch's run of pixels within one row of its frame: the largest piece that can be moved as a whole.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sdmae.model.tokens import Grid, patch_lines


def cut_patches(samples: Tensor, times: tuple[int, ...], cells: Tensor | None, patch: int, grid: Grid) -> Tensor:
    """Patches (B * K, n*p*p*C) of n of the frames of (B, T, H, W, C), values ordered (frame, row, column, channel).

    `cells` (B, K): which; None: all, in order. What lies in no such cell is never touched.
    """
    b, t, height, _, channels = samples.shape
    values = len(times) * patch * patch * channels
    if cells is None:
        tiles = samples[:, list(times)].reshape(b, len(times), grid[0], patch, grid[1], patch * channels)
        return tiles.permute(0, 2, 4, 1, 3, 5).reshape(b * grid[0] * grid[1], values)
    first = torch.arange(b, device=samples.device)[:, None] * t
    frames = first + torch.tensor(times, device=samples.device)
    lines = patch_lines(frames, cells, patch, grid).reshape(-1)
    return samples.reshape(b * t * height * grid[1], patch * channels).index_select(0, lines).reshape(-1, values)
