"""The network as it is fastest to run, to the same result: what a `Network` runs, and what is exported.

Rows of tensors stand for tokens wherever they can, so that tokens are picked and put back as whole rows.
"""

from __future__ import annotations

import copy
from typing import Literal, cast

import torch
from torch import Tensor, nn

from sdmae.model import SDMAE
from sdmae.model.block import Block
from sdmae.model.tokens import compact_grid, sine_positions
from sdmae.runtime.folded_block import FoldedBlock, Places, neighbours
from sdmae.runtime.folded_maps import FoldedMaps
from sdmae.runtime.patches import cut_patches

SPARSE = 4
"""Where there are this many times as many cells as tokens, convolutions take one neighbour of all tokens after the
other, which costs what tokens there are. Measured: benchmarks/LOG.md."""


class Folded(nn.Module):
    """`SDMAE.predict` with its student, and `score_maps` of that, in eval mode. Shares what it can with the model.

    For frames of the network's own size only.
    """

    encoder_position: Tensor | None
    decoder_position: Tensor | None
    embed_weight: Tensor
    embed_bias: Tensor

    def __init__(self, model: SDMAE, resolution: Literal["pixel", "token"]) -> None:
        super().__init__()
        self.config, self.channels, self.grid = model.config, model.channels, model.grid
        patch = self.config.patch
        # Patches are cut out in the order in which frames lie in memory, in whole rows of pixels; and what scales
        # grey levels to [-1, 1] is left to the weights.
        weight = model.embed.weight.detach().reshape(-1, 3, self.channels, patch, patch).permute(0, 1, 3, 4, 2)
        self.register_buffer("embed_weight", (weight / 127.5).reshape(len(weight), -1).contiguous())
        self.register_buffer("embed_bias", (model.embed.bias - model.embed.weight.sum(1)).detach())
        for part, width in (("encoder", self.config.encoder_width), ("decoder", self.config.decoder_width)):
            table = None
            if self.config.position == "sine":
                table = sine_positions(self.grid, width, model.embed.weight.device)
            elif self.config.position == "learned":
                table = getattr(model, f"{part}_position").detach()
            self.register_buffer(f"{part}_position", table)
        self.embed_norm, self.encoder_norm, self.decoder_norm = (
            model.embed_norm,
            model.encoder_norm,
            model.decoder_norm,
        )
        self.cls, self.mask_token = model.cls, model.mask_token
        self.classifier, self.decoder_embed = model.classifier, model.decoder_embed
        self.encoder = nn.ModuleList(FoldedBlock(cast(Block, block)) for block in model.encoder)
        self.decoder = nn.ModuleList(FoldedBlock(cast(Block, block)) for block in model.decoder)
        self.student = FoldedBlock(cast(Block, model.student["block"]))
        self.student_norm = model.student["norm"]
        self.maps = FoldedMaps(model, resolution)
        self.dtype = torch.float32
        self.dense = False
        """Convolve the whole grid, however few tokens there are: for exports, whose graph knows no such choice."""

    def in_bfloat16(self) -> Folded:
        """The same with its blocks, which are nearly all of the work, in bfloat16.

        What goes in and what comes out stays in float32: grey levels, positions, heads and the score's squares.
        """
        self.encoder = copy.deepcopy(self.encoder).bfloat16()
        self.decoder = copy.deepcopy(self.decoder).bfloat16()
        self.student = copy.deepcopy(self.student).bfloat16()
        self.dtype = torch.bfloat16
        return self

    def forward(self, samples: Tensor, visible: Tensor, cells: Tensor | None) -> tuple[Tensor, ...]:
        """`error`, `discrepancy`, `anomaly_map` (B, h, w) and `classifier` (B,).

        `samples` (B, 5, H, W, C) uint8; `cells` (B, K) int64, rising, of the kept tokens, None: all; `visible` (B, V)
        int64: which of the kept tokens the encoder sees.
        """
        b = samples.shape[0]
        length = self.grid[0] * self.grid[1]
        kept = length if cells is None else cells.shape[1]
        first = torch.arange(b, device=samples.device)[:, None]
        rows = None if cells is None else (cells + first * length).reshape(-1)
        # Of a frame's visible tokens: their rows among all kept tokens, their cells, and these as rows.
        among = (visible + first * kept).reshape(-1)
        seen = visible if cells is None else cells.gather(1, visible)
        seen_rows = (seen + first * length).reshape(-1)

        tokens = self._embed(samples, seen)
        if self.config.convolution == "shuffled":
            places = _compact(b, visible.shape[1], samples.device)
        else:
            places = self._places(seen_rows, seen)
        for block in self.encoder:
            tokens = block(tokens, places)
        encoded = self.encoder_norm(tokens.to(self.cls.dtype))
        classifier = self.classifier(encoded[:, 0]).squeeze(-1)

        tokens = self._fill(self.decoder_embed(encoded), among, seen, cells)
        places = self._places(rows, cells)
        branch = tokens = self.decoder[0](tokens, places)
        for block in self.decoder[1:]:
            tokens = block(tokens, places)
        teacher = self.decoder_norm(tokens[:, 1:].to(self.cls.dtype)).reshape(b * kept, -1)
        student = self.student(branch, places)[:, 1:].to(self.cls.dtype)
        student = self.student_norm(student).reshape(b * kept, -1)
        target = cut_patches(samples, (2,), cells, self.config.patch, self.grid)
        return *self.maps(teacher, student, target, rows, cells, b), classifier.sigmoid()

    def _places(self, rows: Tensor | None, cells: Tensor | None) -> Places:
        """Of those cells (B, K), None: all."""
        few = cells is not None and not self.dense and cells.shape[1] * SPARSE <= self.grid[0] * self.grid[1]
        return Places(self.grid, rows, neighbours(cells, self.grid) if few and cells is not None else None)

    def _embed(self, samples: Tensor, seen: Tensor) -> Tensor:
        """The visible tokens, (B, 1 + V, D), [CLS] first."""
        b, count = seen.shape
        values = cut_patches(samples, (0, 2, 4), seen, self.config.patch, self.grid)
        values = values.reshape(b, count, -1).to(self.embed_weight.dtype)
        tokens = self.embed_norm(nn.functional.linear(values, self.embed_weight, self.embed_bias))
        if self.encoder_position is not None:
            tokens = tokens + self.encoder_position[seen]
        return torch.cat([self.cls.expand(b, -1, -1), tokens], dim=1).to(self.dtype)

    def _fill(self, encoded: Tensor, among: Tensor, seen: Tensor, cells: Tensor | None) -> Tensor:
        """Encoded tokens at their places among the kept ones, mask tokens elsewhere: (B, 1 + K, D)."""
        b, _, d = encoded.shape
        tokens = encoded[:, 1:]
        length = self.grid[0] * self.grid[1]
        if self.decoder_position is None:
            filled = self.mask_token.expand(b, length if cells is None else cells.shape[1], d)
        else:
            table = self.decoder_position
            tokens = tokens + table[seen]
            filled = self.mask_token + (table.expand(b, -1, -1) if cells is None else table[cells])
        whole = filled.reshape(-1, d).index_copy(0, among, tokens.reshape(-1, d))
        return torch.cat([encoded[:, :1], whole.reshape(b, -1, d)], dim=1).to(self.dtype)


def _compact(b: int, count: int, device: torch.device) -> Places:
    """The released code's layout of visible tokens: one after another in a nearly square grid."""
    h, w = compact_grid(count)
    first = torch.arange(b, device=device)[:, None] * (h * w)
    return Places((h, w), (torch.arange(count, device=device) + first).reshape(-1), None)
