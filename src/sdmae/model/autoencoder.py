"""The self-distilled masked auto-encoder (paper, section 3).

A triplet of frames is cut into patches; those that move most are kept (all, unless `token_share` says less); a
random part of the kept ones is encoded; a teacher decoder predicts frame and anomaly map for every kept token; a
student, branching off after the teacher's first block, learns to predict what the teacher predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sdmae.config import ModelConfig
from sdmae.errors import ConfigError
from sdmae.model.block import Block
from sdmae.model.tokens import (
    Grid,
    compact_grid,
    gather_patches,
    moving_cells,
    scatter_tokens,
    sine_positions,
    visible_count,
)


@dataclass(frozen=True, slots=True)
class Output:
    """What the network says of a batch. K: kept tokens a frame, p: patch, C: channels of a frame."""

    cells: Tensor | None
    """(B, K) cells of the kept tokens, rising; None: all cells of the grid."""
    grid: Grid
    """Rows and columns of the token grid."""
    teacher: Tensor
    """(B, K, (C + 1) p p): the frame in [-1, 1], then the anomaly map (a logit, but where its loss is mse)."""
    student: Tensor | None
    """As the teacher's; None where it was not asked for."""
    classifier: Tensor
    """(B,) logits: does the frame hold an anomaly?"""
    ignored: Tensor | None = None
    """(h*w,) bool: cells in which errors do not count; None where there are none."""


class SDMAE(nn.Module):
    """Teacher, student and classifier. Raises `ConfigError` where the settings do not fit one another."""

    ignored: Tensor | None

    def __init__(self, model: ModelConfig, channels: int, grid: Grid, ignored: Tensor | None = None) -> None:
        """`ignored` (h*w,) bool: cells of ignore zones, which are looked at last and whose errors do not count."""
        super().__init__()
        for width in (model.encoder_width, model.decoder_width):
            if width % model.heads or width % 4:
                raise ConfigError(f"model: a width of {width} is no multiple of 4 and of {model.heads} heads")
        self.config = model
        self.channels = channels
        self.grid = grid
        pixels = model.patch * model.patch
        self.register_buffer("ignored", ignored, persistent=False)

        def block(width: int, *, convolution: bool = True) -> Block:
            return Block(
                width,
                model.heads,
                model.mlp_ratio,
                model.dropout,
                convolution=convolution and model.convolution != "none",
                attention_scale=model.attention_scale,
            )

        self.embed = nn.Linear(3 * channels * pixels, model.encoder_width)
        self.embed_norm = nn.LayerNorm(model.encoder_width)
        self.cls = nn.Parameter(torch.zeros(1, 1, model.encoder_width))
        self.encoder = nn.ModuleList(block(model.encoder_width) for _ in range(model.depth))
        self.encoder_norm = nn.LayerNorm(model.encoder_width)
        self.classifier = nn.Linear(model.encoder_width, 1)

        self.decoder_embed = nn.Linear(model.encoder_width, model.decoder_width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, model.decoder_width))
        self.decoder = nn.ModuleList(block(model.decoder_width) for _ in range(model.depth))
        self.decoder_norm = nn.LayerNorm(model.decoder_width)
        self.head = nn.Linear(model.decoder_width, pixels * (channels + 1))

        self.student = nn.ModuleDict(
            {
                "block": block(model.decoder_width),
                "norm": nn.LayerNorm(model.decoder_width),
                "head": nn.Linear(model.decoder_width, pixels * (channels + 1)),
            }
        )
        if model.position == "learned":
            self.encoder_position = nn.Parameter(torch.zeros(grid[0] * grid[1], model.encoder_width))
            self.decoder_position = nn.Parameter(torch.zeros(grid[0] * grid[1], model.decoder_width))
        self.apply(_initialise)
        for token in (self.cls, self.mask_token):
            nn.init.normal_(token, std=0.02)

    def forward(self, samples: Tensor, noise: Tensor, *, student: bool, cells: Tensor | None = None) -> Output:
        """Predict frame and anomaly map of x[t] for the tokens that move most, or for `cells` (B, K), rising.

        `samples` (B, 5, H, W, C) uint8 at t-s, t-1, t, t+1, t+s; H and W multiples of the patch. `noise` (B, h*w), or
        (h*w,) for one mask for all: of a frame's kept cells, those with the lowest numbers are visible.
        """
        if cells is None:
            cells = moving_cells(samples, self.config.patch, self.config.token_share, self.ignored)
        return self.predict(samples, noise, cells, student=student)

    def predict(self, samples: Tensor, noise: Tensor, cells: Tensor | None, *, student: bool) -> Output:
        """The same for these cells (B, K), rising, whichever they are; None: for all of them."""
        patch = self.config.patch
        grid = (samples.shape[2] // patch, samples.shape[3] // patch)
        visible = self._visible(noise.expand(len(samples), -1), cells)

        encoded = self._encode(samples, cells, visible, grid)
        classifier = self.classifier(encoded[:, 0]).squeeze(-1)

        tokens = self._fill(self.decoder_embed(encoded), cells, visible, grid)
        tokens = self.decoder[0](tokens, cells, grid)
        branch = tokens
        for block in self.decoder[1:]:
            tokens = block(tokens, cells, grid)
        teacher = self.head(self.decoder_norm(tokens[:, 1:]))
        predicted = self._student(branch, cells, grid) if student else None
        return Output(cells, grid, teacher, predicted, classifier, self.ignored)

    def teacher_state(self) -> dict[str, Tensor]:
        """Everything phase 2 must leave alone: all parameters and buffers but the student's."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("student.")}

    def _visible(self, noise: Tensor, cells: Tensor | None) -> Tensor:
        """Positions (B, V) among the kept tokens that the encoder sees, in the noise's order."""
        ranked = noise if cells is None else noise.gather(1, cells)
        count = visible_count(ranked.shape[1], self.config.masking_ratio)
        return ranked.argsort(dim=1, stable=True)[:, :count]

    def _encode(self, samples: Tensor, cells: Tensor | None, visible: Tensor, grid: Grid) -> Tensor:
        """Embed and encode the visible tokens: (B, 1 + V, D), [CLS] first."""
        seen = visible if cells is None else cells.gather(1, visible)
        patches = gather_patches(samples, self.config.patch, (0, 2, 4), seen)
        tokens = self.embed_norm(self.embed(patches.to(self.embed.weight.dtype) / 127.5 - 1))
        tokens = self._add_position(tokens, "encoder", seen, grid)
        tokens = torch.cat([self.cls.expand(len(tokens), -1, -1), tokens], dim=1)
        if self.config.convolution == "shuffled":
            layout = compact_grid(visible.shape[1])
            places = torch.arange(visible.shape[1], device=visible.device).expand_as(visible)
        else:
            layout, places = grid, seen
        for block in self.encoder:
            tokens = block(tokens, places, layout)
        encoded: Tensor = self.encoder_norm(tokens)
        return encoded

    def _fill(self, encoded: Tensor, cells: Tensor | None, visible: Tensor, grid: Grid) -> Tensor:
        """Encoded tokens at their places among the kept ones, mask tokens elsewhere: (B, 1 + K, D)."""
        kept = grid[0] * grid[1] if cells is None else cells.shape[1]
        seen = torch.zeros(len(visible), kept, 1, device=visible.device, dtype=encoded.dtype)
        seen = seen.scatter(1, visible[..., None], 1.0)
        tokens = scatter_tokens(encoded[:, 1:], visible, kept) + self.mask_token * (1 - seen)
        return torch.cat([encoded[:, :1], self._add_position(tokens, "decoder", cells, grid)], dim=1)

    def _add_position(self, tokens: Tensor, part: str, cells: Tensor | None, grid: Grid) -> Tensor:
        if self.config.position == "none":
            return tokens
        if self.config.position == "sine":
            table = sine_positions(grid, tokens.shape[-1], tokens.device)
        elif grid != self.grid:
            raise ConfigError(f"a learned position embedding of {self.grid} patches cannot serve {grid}: use sine")
        else:
            table = getattr(self, f"{part}_position")
        return tokens + (table if cells is None else table[cells]).to(tokens.dtype)

    def _student(self, branch: Tensor, cells: Tensor | None, grid: Grid) -> Tensor:
        tokens = self.student["block"](branch, cells, grid)
        predicted: Tensor = self.student["head"](self.student["norm"](tokens[:, 1:]))
        return predicted


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
