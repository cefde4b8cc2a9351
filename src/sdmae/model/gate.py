"""Motion gating: only what moves is computed. This project's own; not in the paper.

The loss weighs a token's error by its motion (paper, equation 2), so what stands still counts for nothing, and need
not be encoded or decoded. Of a frame those cells are kept that move, what lies round about them, and some still ones
for context; their number is rounded up to one of a few sizes and filled with what moves next, so that frames of one
size run together without padding, and what is said of a frame depends on that frame alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sdmae.config import GateConfig, ModelConfig
from sdmae.model.tokens import Grid, cell_motion, most_moving

SMALLEST = 1 / 32
"""The smallest size, as a share of the largest."""
_NEAR = 1 << 30
"""More than any motion in grey levels over a cell: 2 * 255 * 256 * 256 * 3 at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Frames of a batch that are run together."""

    rows: Tensor
    """(b,) int64: which of the batch's frames, rising."""
    cells: Tensor | None
    """(b, K) int64, rising: the cells that are kept of each; None: all."""


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """Which cells of which frames are computed."""

    grid: Grid
    limit: int
    """A cell moves when its motion, in grey levels summed over its values, is above this."""
    margin: int
    halo: int
    """A cell of the margin is kept when its motion is above this; -1: always."""
    context: int
    """Still cells, at least, in a frame in which something moves."""
    sizes: tuple[int, ...]
    """Numbers of cells that a frame may have, rising."""
    ignored: Tensor | None = None
    """(h*w,) bool: cells of ignore zones, in which nothing moves and which are kept last."""

    @classmethod
    def of(
        cls, gate: GateConfig, model: ModelConfig, channels: int, grid: Grid, ignored: Tensor | None = None
    ) -> Gate | None:
        """The gate of these settings; None where they do not gate."""
        if not gate.gates or gate.threshold is None:
            return None
        sizes = token_sizes(grid[0] * grid[1], model.token_share, gate.step)
        values = model.patch * model.patch * channels
        context = math.ceil(gate.context * sizes[-1])
        limit, halo = (math.floor(share * gate.threshold * values) for share in (1.0, gate.halo))
        return cls(grid, limit, gate.margin, halo if gate.halo else -1, context, sizes, ignored)

    def moving(self, motion: Tensor) -> Tensor:
        """(B, h*w) bool: cells that move, by their motion (B, h*w) int32 in summed grey levels."""
        moving = motion > self.limit
        return moving if self.ignored is None else moving & ~self.ignored

    def near(self, motion: Tensor, moving: Tensor) -> Tensor:
        """(B, h*w) bool: the same with the margin round about them."""
        if not self.margin:
            return moving
        marked = moving.to(torch.float32).reshape(-1, 1, *self.grid)
        near = F.max_pool2d(marked, 2 * self.margin + 1, stride=1, padding=self.margin).flatten(1) > 0
        near &= motion > self.halo
        return near if self.ignored is None else near & ~self.ignored

    def groups(self, motion: Tensor, whole: Tensor) -> list[Group]:
        """The frames that are to be run, by size. A frame in which nothing moves is in none, unless it is whole.

        `motion` (B, h*w) int32 as in `cell_motion`; `whole` (B,) bool: frames that get the largest size, whatever
        moves. At the largest size nothing is saved, so its cells are those that are kept without a gate: most moving.
        """
        moving = self.moving(motion)
        near = self.near(motion, moving)
        wanted = torch.where(moving.any(1), near.sum(1) + self.context, 0)
        wanted = torch.where(whole, self.sizes[-1], wanted)
        bounds = torch.tensor(self.sizes, device=motion.device)
        chosen = torch.searchsorted(bounds, wanted).clamp(max=len(self.sizes) - 1)
        chosen = torch.where(wanted > 0, chosen, -1)
        near &= (chosen < len(self.sizes) - 1)[:, None]
        order = motion if self.ignored is None else motion.masked_fill(self.ignored, -1)
        order = order + near * _NEAR
        found = []
        numbers = chosen.cpu()  # the one moment at which a GPU is waited for
        for number in sorted(set(numbers.tolist()) - {-1}):
            rows = torch.nonzero(numbers == number).flatten().to(motion.device)
            found.append(Group(rows, most_moving(order[rows], self.sizes[number])))
        return found


def parted(gate: Gate | None, samples: Tensor, patch: int, whole: Tensor | None = None) -> list[Group]:
    """All frames of a batch of samples (B, 5, H, W, C), by size; those in which nothing moves are whole.

    `whole` (B,) bool: others that are. Without a gate they are one group, whose cells are left to the network.
    """
    if gate is None:
        return [Group(torch.arange(len(samples), device=samples.device), None)]
    motion = cell_motion(samples, patch)
    still = ~gate.moving(motion).any(1)
    return gate.groups(motion, still if whole is None else still | whole)


def token_sizes(length: int, share: float, step: float) -> tuple[int, ...]:
    """Numbers of cells that frames of `length` cells may have, rising: `share` of them, less by powers of `step`."""
    most = max(1, round(length * share))
    count = math.floor(math.log(1 / SMALLEST) / math.log(step) + 1e-9)
    return tuple(sorted({max(1, math.ceil(most / step**k - 1e-9)) for k in range(count + 1)}))
