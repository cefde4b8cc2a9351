"""The terms of the score as maps (paper, equation 6)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from sdmae.config import ModelConfig
from sdmae.model.autoencoder import Output
from sdmae.model.losses import split
from sdmae.model.tokens import gather_patches, scatter_patches, scatter_tokens


def score_maps(
    output: Output, samples: Tensor, config: ModelConfig, resolution: Literal["pixel", "token"]
) -> dict[str, Tensor]:
    """`error`, `discrepancy`, `anomaly_map` (B, h, w) float32 >= 0, and `classifier` (B,) in [0, 1].

    x is the frame with an all-normal map as another channel, x^ and x~ what teacher and student predict of both:
    error = (x - x^)^2 and discrepancy = (x^ - x~)^2, averaged over the channels. One value a pixel, or one a token
    (the mean over its patch). Tokens that were not kept have the value 0 in every map;
    without a student's prediction the discrepancy is 0.
    """
    patch = config.patch
    pixels = patch * patch
    target = gather_patches(samples, patch, (2,), output.cells).float() / 127.5 - 1
    teacher_frame, teacher_map = split(output.teacher.float(), config)
    student = output.teacher if output.student is None else output.student
    student_frame, student_map = split(student.float(), config)
    channels = target.shape[-1] // pixels

    def average(frame: Tensor, anomaly_map: Tensor) -> Tensor:
        """Squares (B, K, C p p) and (B, K, p p) to their mean over channels (B, K, p p)."""
        summed: Tensor = frame.square().reshape(*frame.shape[:2], channels, pixels).sum(2) + anomaly_map.square()
        return summed / (channels + 1)

    terms = {
        "error": average(target - teacher_frame, teacher_map),
        "discrepancy": average(teacher_frame - student_frame, teacher_map - student_map),
        "anomaly_map": teacher_map.clamp(0, 1),
    }
    length = output.grid[0] * output.grid[1]
    maps: dict[str, Tensor] = {}
    for name, values in terms.items():
        if resolution == "token":
            maps[name] = scatter_tokens(values.mean(-1, keepdim=True), output.cells, length).reshape(-1, *output.grid)
        else:
            maps[name] = scatter_patches(values, output.cells, output.grid, patch)
    return {**maps, "classifier": torch.sigmoid(output.classifier.float())}
