"""Where the scene's random numbers come from: a generator for each purpose, never a shared state."""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, purpose: str, *steps: int) -> np.random.Generator:
    """The generator of (seed, purpose, steps); the same ones give the same numbers whatever was drawn before."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *steps])
