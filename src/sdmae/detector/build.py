"""From a configuration to a network, and to the shape of what it says."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sdmae.config import Config
from sdmae.data.zones import ignored_cells
from sdmae.errors import ConfigError
from sdmae.model import SDMAE


def build_model(config: Config) -> SDMAE:
    """An untrained network for a configuration whose input size is settled."""
    if config.input.height is None or config.input.width is None:
        raise ConfigError("the input size is open: fit the configuration to a video first")
    patch = config.model.patch
    grid = (config.input.height // patch, config.input.width // patch)
    ignored = ignored_patches(config)
    return SDMAE(
        config.model,
        config.input.channels,
        grid,
        None if ignored is None else torch.from_numpy(ignored.reshape(-1)),
    )


def ignored_patches(config: Config) -> NDArray[np.bool_] | None:
    """(rows, columns) bool: patches that lie in an ignore zone; None where there is none, or the size is open.

    Raises `ConfigError` where nothing is left to watch.
    """
    if not config.input.ignore or config.input.height is None or config.input.width is None:
        return None
    patch = config.model.patch
    cells = ignored_cells(config.input.ignore, (config.input.height // patch, config.input.width // patch))
    if cells.all():
        raise ConfigError("the ignore zones cover the whole picture: nothing is left to watch; make them smaller")
    for polygon in config.input.ignore:
        if not ignored_cells((polygon,), cells.shape).any():
            raise ConfigError(
                f"the ignore zone {list(polygon)} (shares of the picture) holds the middle of no patch of "
                f"{patch}x{patch} network pixels: make it larger"
            )
    return cells


def map_shape(config: Config) -> tuple[int, int]:
    """Rows and columns of the score's maps."""
    cell = config.model.patch if config.score.resolution == "token" else 1
    return (config.input.height or 0) // cell, (config.input.width or 0) // cell


def ignored_map(config: Config) -> NDArray[np.bool_] | None:
    """(h, w) bool: cells of the score's maps that lie in an ignore zone; None as above."""
    cells = ignored_patches(config)
    if cells is None:
        return None
    side = 1 if config.score.resolution == "token" else config.model.patch
    return cells.repeat(side, axis=0).repeat(side, axis=1)
