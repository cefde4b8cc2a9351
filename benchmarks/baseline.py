"""The yardstick: the published network laid out as the authors lay it out, written here in the plainest way.

    python benchmarks/baseline.py --check

All tokens are embedded by one convolution; half of them, in random order, are encoded by CvT blocks whose queries,
keys and values each come from a depth-wise 3x3 convolution and BatchNorm of their own, over the shuffled tokens;
attention is written out; teacher and student predict every token. float32, eval mode. It shares no code with the
package, is never tuned, and is there to be measured against (Ristea et al., CVPR 2024; for the block Wu et al., ICCV
2021).
"""

from __future__ import annotations

import argparse
import math

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

PUBLISHED_PARAMETERS, PUBLISHED_GFLOP = 3.04, 5.34
"""Millions, and 10^9 operations a frame (2 for each multiply-add), of the released code at 320x640, patch 16."""


class ConvolutionalAttention(nn.Module):
    """Attention of CvT: three depth-wise convolutions, three linear maps, softmax. [CLS] skips the convolutions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = width**-0.5
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False), nn.BatchNorm2d(width))
            for _ in range(3)
        )
        self.linears = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(3))
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """(B, 1 + rows * columns, D) to the same."""
        b, length, d = tokens.shape
        picture = tokens[:, 1:].transpose(1, 2).reshape(b, d, rows, columns)
        sources = []
        for convolution, linear in zip(self.convolutions, self.linears, strict=True):
            mixed = convolution(picture).flatten(2).transpose(1, 2)
            mixed = linear(torch.cat([tokens[:, :1], mixed], dim=1))
            sources.append(mixed.reshape(b, length, self.heads, d // self.heads).transpose(1, 2))
        query, key, value = sources
        weights = (query @ key.transpose(2, 3) * self.scale).softmax(dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(b, length, d)
        out: Tensor = self.project(mixed)
        return out


class Block(nn.Module):
    """Pre-norm attention, pre-norm MLP; [CLS] passes the MLP by."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = ConvolutionalAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * width, width), nn.Dropout(0.1)
        )

    def forward(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """(B, 1 + rows * columns, D) to the same."""
        tokens = tokens + self.attention(self.norm1(tokens), rows, columns)
        rest = tokens[:, 1:] + self.mlp(self.norm2(tokens[:, 1:]))
        return torch.cat([tokens[:, :1], rest], dim=1)


class Baseline(nn.Module):
    """The network of the paper's section 3, as released: no position embedding, no [CLS] head."""

    def __init__(
        self, rows: int, columns: int, patch: int, channels: int = 3, depth: int = 3, heads: int = 4
    ) -> None:
        super().__init__()
        self.rows, self.columns, self.patch, self.channels = rows, columns, patch, channels
        width, narrow, values = 256, 128, patch * patch * (channels + 1)
        self.embed = nn.Conv2d(3 * channels, width, patch, stride=patch)
        self.embed_norm = nn.LayerNorm(width)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.encoder_norm = nn.LayerNorm(width)
        self.narrow = nn.Linear(width, narrow)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, narrow))
        self.teacher = nn.ModuleList(Block(narrow, heads) for _ in range(depth))
        self.teacher_norm, self.teacher_head = nn.LayerNorm(narrow), nn.Linear(narrow, values)
        self.student = Block(narrow, heads)
        self.student_norm, self.student_head = nn.LayerNorm(narrow), nn.Linear(narrow, values)

    def forward(self, triplets: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher's and student's predictions (B, h*w, p*p*(C + 1)) of triplets (B, 3 * C, H, W) in [-1, 1]."""
        b, length = len(triplets), self.rows * self.columns
        tokens = self.embed_norm(self.embed(triplets).flatten(2).transpose(1, 2))
        kept = length // 2
        shuffle = torch.rand(b, length, device=tokens.device).argsort(dim=1)
        restore = shuffle.argsort(dim=1)
        tokens = tokens.gather(1, shuffle[:, :kept, None].expand(-1, -1, tokens.shape[2]))
        tokens = torch.cat([self.cls.expand(b, -1, -1), tokens], dim=1)
        side = next(n for n in range(math.isqrt(kept), 0, -1) if kept % n == 0)
        for block in self.encoder:
            tokens = block(tokens, side, kept // side)
        tokens = self.narrow(self.encoder_norm(tokens))
        filled = torch.cat([tokens[:, 1:], self.mask_token.expand(b, length - kept, -1)], dim=1)
        filled = filled.gather(1, restore[..., None].expand(-1, -1, filled.shape[2]))
        tokens = torch.cat([tokens[:, :1], filled], dim=1)
        tokens = self.teacher[0](tokens, self.rows, self.columns)
        student = self.student(tokens, self.rows, self.columns)
        for block in self.teacher[1:]:
            tokens = block(tokens, self.rows, self.columns)
        teacher: Tensor = self.teacher_head(self.teacher_norm(tokens[:, 1:]))
        return teacher, self.student_head(self.student_norm(student[:, 1:]))

    @torch.no_grad()
    def maps(self, frames: Tensor, neighbours: Tensor) -> dict[str, Tensor]:
        """From frames (N, H, W, C) uint8 and rows (B, 5) of them at t-s, t-1, t, t+1, t+s to maps (B, H, W) float32.

        `error` and `discrepancy`, squared and averaged over C + 1 channels, and `anomaly_map`. Everything a frame
        costs is in here: the triplet, its scaling, the tokens, the network, the maps.
        """
        b, c, p = len(neighbours), self.channels, self.patch
        triplets = frames[neighbours[:, [0, 2, 4]]].permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        height, width = triplets.shape[-2:]
        x = torch.cat([triplets[:, 1], torch.zeros(b, 1, height, width, device=frames.device)], dim=1)

        def picture(tokens: Tensor) -> Tensor:
            tiles = tokens.reshape(b, self.rows, self.columns, p, p, c + 1).permute(0, 5, 1, 3, 2, 4)
            return tiles.reshape(b, c + 1, height, width)

        teacher, student = (picture(tokens) for tokens in self(triplets.flatten(1, 2)))
        return {
            "error": (x - teacher).square().mean(1),
            "discrepancy": (teacher - student).square().mean(1),
            "anomaly_map": teacher[:, c].clamp(0, 1),
        }


def make_baseline(height: int, width: int, patch: int, channels: int = 3, seed: int = 0) -> Baseline:
    """In eval mode, with seeded random weights: speed does not depend on them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Baseline(height // patch, width // patch, patch, channels).eval()


def millions(network: nn.Module) -> float:
    """Parameters, in millions."""
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


def gflop(network: Baseline) -> float:
    """10^9 operations a frame, 2 for each multiply-add of convolutions and matrix products."""
    size = (network.rows * network.patch, network.columns * network.patch)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3 * network.channels, *size))
    return float(counter.get_total_flops()) / 1e9


def check() -> str:
    """One line that says it is the published network. Raises RuntimeError where it is not."""
    network = make_baseline(320, 640, 16)
    found = (round(millions(network), 2), round(gflop(network), 2))
    if found != (PUBLISHED_PARAMETERS, PUBLISHED_GFLOP):
        raise RuntimeError(f"not the published layout: {found[0]} M parameters, {found[1]} GFLOP a frame")
    return f"{found[0]} M parameters, {found[1]} GFLOP a frame at 320x640, patch 16: as published"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="count its parameters and operations")
    parser.parse_args()
    print(check())
