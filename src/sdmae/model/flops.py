"""How much arithmetic one frame costs."""

from __future__ import annotations

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sdmae.model.autoencoder import SDMAE
from sdmae.model.tokens import fixed_noise


def gflop_per_frame(model: SDMAE) -> float:
    """10^9 operations to score one frame with teacher and student, 2 for each multiply-add.

    Counted on one run with the explicit attention, since the fused kernels are opaque to the counter.
    """
    patch = model.config.patch
    height, width = model.grid[0] * patch, model.grid[1] * patch
    samples = torch.zeros(1, 5, height, width, model.channels, dtype=torch.uint8)
    was_training = model.training
    model.eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(samples, fixed_noise(model.grid), student=True)
    model.train(was_training)
    return float(counter.get_total_flops()) / 1e9
