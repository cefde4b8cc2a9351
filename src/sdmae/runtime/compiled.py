"""The folded graph compiled by `torch.compile`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sdmae.errors import ConfigError
from sdmae.runtime.folded import Folded

COMPILERS = ("g++", "clang++", "c++")


class CompiledGraph:
    """Compiles at its first call, which takes minutes; other B and K mostly need no new compilation.

    Raises `ConfigError` where there is no C++ compiler, which torch.compile needs at run time.
    """

    def __init__(self, folded: Folded) -> None:
        if shutil.which(os.environ.get("CXX", "")) is None and not any(map(shutil.which, COMPILERS)):
            raise ConfigError(
                "the runtime compile needs a C++ compiler, and there is none here: install g++, or use folded"
            )
        self._folded = folded
        self._compiled: Callable[..., tuple[Tensor, ...]] | None = None

    def __call__(self, samples: Tensor, visible: Tensor, cells: Tensor | None) -> tuple[Tensor, ...]:
        """See `Graph`."""
        if self._compiled is None:
            # Sizes as unknowns from the start: a network per size would be compiled for every B and K.
            self._compiled = torch.compile(self._folded, dynamic=True)
        return self._compiled(samples, visible, cells)

    def __getstate__(self) -> dict[str, Any]:
        return {"_folded": self._folded, "_compiled": None}  # another process compiles its own
