"""Where random numbers come from: the seed, what they are for, and the step. Nothing to save, nothing to restore."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """One stream of random numbers each."""

    WEIGHTS = 0
    ORDER = 1
    SAMPLES = 2
    OBJECTS = 3
    VALIDATION = 4
    JUDGE = 5


def seed_of(seed: int, purpose: Purpose, *where: int) -> int:
    """A seed that differs for every combination of its arguments: 0 <= result < 2^63."""
    state = np.random.SeedSequence([seed, int(purpose), *where]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def generator(seed: int, purpose: Purpose, *where: int) -> torch.Generator:
    """A CPU generator with that seed."""
    return torch.Generator().manual_seed(seed_of(seed, purpose, *where))
