"""What teacher and student are trained on (paper, equations 1 to 5): errors weighted by motion, or uniformly."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sdmae.config import ModelConfig
from sdmae.model.autoencoder import Output
from sdmae.model.tokens import absolute_difference, gather_tokens, patchify

LOGITS = ("bce", "focal")
"""Losses of the anomaly map whose predictions are logits."""
FOCUS = 2.0
"""The focal loss's exponent (Lin et al., ICCV 2017: gamma)."""
EPSILON = 1e-3
"""Grey levels added to every token's motion: a frame where nothing moves gets uniform weights."""


def motion_weights(samples: Tensor, masks: Tensor, patch: int) -> Tensor:
    """Weight of each cell's error: (B, h*w), each row adds up to 1.

    m_i is the largest motion gradient |x[t-1] - x[t+1]| inside patch i, averaged over channels; the anomaly map,
    scaled by max(128, the frame's largest gradient), is added to the gradient first. `samples` (B, 5, H, W, C) uint8,
    `masks` (B, H, W) uint8, 1 where a synthetic anomaly is.
    """
    gradient = absolute_difference(samples[:, 1], samples[:, 3])
    peak = gradient.flatten(1).amax(1).clamp(min=128).float()
    pixels, channels = patch * patch, samples.shape[-1]
    tiles = patchify(gradient[:, None], patch).reshape(len(samples), -1, channels, pixels)
    # The map is 0 or 1 and its scale at least any gradient: the maximum of the sum is found from two maxima.
    marked = patchify(masks[:, None, ..., None], patch)
    inside = torch.where(marked[:, :, None] > 0, tiles, torch.zeros_like(tiles)).amax(-1).float()
    outside = tiles.amax(-1).float()
    any_marked = (marked.amax(-1) > 0)[..., None]
    motion = torch.where(any_marked, inside + peak[:, None, None], outside).mean(-1) + EPSILON
    return motion / motion.sum(1, keepdim=True)


def split(prediction: Tensor, config: ModelConfig) -> tuple[Tensor, Tensor]:
    """Frame (B, K, C p p) in [-1, 1] and anomaly map (B, K, p p) of a prediction; logits become probabilities.

    A map that is not learned (`map_weight` 0) is all normal, not what untrained weights make of it.
    """
    pixels = config.patch * config.patch
    frame, anomaly_map = prediction[..., :-pixels], prediction[..., -pixels:]
    if not config.map_weight:
        return frame, torch.zeros_like(anomaly_map)
    return frame, anomaly_map.sigmoid() if config.map_loss in LOGITS else anomaly_map


def teacher_loss(
    output: Output, clean: Tensor, samples: Tensor, masks: Tensor, labels: Tensor, config: ModelConfig
) -> dict[str, Tensor]:
    """Phase 1: `loss` and its parts `frame`, `map` and `classifier`, each a mean over the batch.

    `clean` (B, H, W, C) uint8 is x[t] before anything was pasted, `samples` (B, 5, H, W, C) what the network saw,
    `masks` (B, H, W) uint8 the true anomaly map, `labels` (B,) bool.
    """
    weights = _weights(output, samples, masks, config)
    target = gather_tokens(patchify(clean[:, None], config.patch), output.cells).float() / 127.5 - 1
    target_map = gather_tokens(patchify(masks[:, None, ..., None], config.patch), output.cells).float()
    pixels = config.patch * config.patch
    teacher = output.teacher.float()
    frame = ((teacher[..., :-pixels] - target) ** 2).mean(-1)
    if config.map_loss in LOGITS:
        map_error = F.binary_cross_entropy_with_logits(teacher[..., -pixels:], target_map, reduction="none")
        if config.map_loss == "focal":
            # exp(-cross entropy) is the probability of what is true: what is sure already weighs less.
            map_error = map_error * (1 - torch.exp(-map_error)) ** FOCUS
        parts = {"frame": frame, "map": config.map_weight * map_error.mean(-1)}
    else:
        map_error = ((teacher[..., -pixels:] - target_map) ** 2).mean(-1)
        channels = target.shape[-1] // pixels
        parts = {
            "frame": frame * channels / (channels + 1),
            "map": config.map_weight * map_error / (channels + 1),
        }
    losses = {name: (weights * part).sum(1).mean() for name, part in parts.items()}
    cross_entropy = F.binary_cross_entropy_with_logits(output.classifier.float(), labels.float())
    losses["classifier"] = config.classifier_weight * cross_entropy
    return {"loss": torch.stack(list(losses.values())).sum(), **losses}


def student_loss(output: Output, samples: Tensor, masks: Tensor, config: ModelConfig) -> dict[str, Tensor]:
    """Phase 2: `loss`, the weighted squared distance of the student's frame and map from the teacher's."""
    if output.student is None:
        raise ValueError("the network was not asked for the student's prediction")
    weights = _weights(output, samples, masks, config)
    teacher = torch.cat(split(output.teacher.detach().float(), config), dim=-1)
    student = torch.cat(split(output.student.float(), config), dim=-1)
    return {"loss": (weights * ((teacher - student) ** 2).mean(-1)).sum(1).mean()}


def _weights(output: Output, samples: Tensor, masks: Tensor, config: ModelConfig) -> Tensor:
    if config.weighting == "motion":
        weights = motion_weights(samples, masks, config.patch)
    else:
        cells = output.grid[0] * output.grid[1]
        weights = torch.full((len(samples), cells), 1 / cells, device=samples.device)
    if output.ignored is not None:
        weights = weights.masked_fill(output.ignored, 0)
    if output.cells is not None:
        weights = weights.gather(1, output.cells)
    elif output.ignored is None:
        return weights
    return weights / weights.sum(1, keepdim=True).clamp(min=1e-12)
