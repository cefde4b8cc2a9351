"""Named instances of `Config`."""

from __future__ import annotations

import math
from dataclasses import replace

from sdmae.config import AnomalyConfig, Config, InputConfig, ModelConfig, ScoreConfig, TrainConfig
from sdmae.errors import ConfigError


def _paper(name: str, height: int, width: int, patch: int, rate: float, sigma: float) -> Config:
    """The published configuration (paper, section 4; what it leaves open from the released code)."""
    return Config(
        preset=name,
        input=InputConfig(height=height, width=width, rate=rate),
        model=ModelConfig(patch=patch),
        score=ScoreConfig(sigma=sigma),
    )


PRESETS: dict[str, Config] = {
    "paper-avenue": _paper("paper-avenue", 320, 640, 16, 25.0, 11 / 25),
    "paper-shanghaitech": _paper("paper-shanghaitech", 160, 320, 8, 24.0, 282 / 24),
    "paper-ubnormal": _paper("paper-ubnormal", 160, 320, 8, 30.0, 1.0),
    "paper-ped2": _paper("paper-ped2", 80, 160, 4, 10.0, 1.0),
    "base": Config(
        preset="base",
        input=InputConfig(tokens=800),
        model=ModelConfig(patch=16, position="sine", map_loss="bce", map_weight=0.5, classifier_weight=0.1),
        anomalies=AnomalyConfig(probability=0.5),
        train=TrainConfig(
            teacher_epochs=40,
            student_epochs=10,
            batch_size=64,
            learning_rate=5e-4,
            schedule="cosine",
            warmup_steps=200,
            clip_norm=1.0,
        ),
        score=ScoreConfig(delta=1.0, masks="alternating"),
    ),
    "small": Config(
        preset="small",
        input=InputConfig(tokens=1350, grey=True),
        model=ModelConfig(
            patch=8,
            encoder_width=192,
            decoder_width=96,
            dropout=0.0,
            token_share=0.2,
            convolution="none",
            position="sine",
            map_loss="bce",
            map_weight=0.5,
            classifier_weight=0.1,
        ),
        anomalies=AnomalyConfig(probability=0.5),
        train=TrainConfig(
            teacher_epochs=40,
            student_epochs=4,
            batch_size=16,
            learning_rate=7e-4,
            schedule="cosine",
            warmup_steps=200,
            clip_norm=1.0,
        ),
        score=ScoreConfig(delta=1.0, resolution="token", filter_frames=5, filter_cells=3, masks="alternating"),
    ),
}
"""`paper-*` as published, one a benchmark; `base` for any camera; `small` for a CPU."""


FASTEST = 30.0
"""Frames a second that are looked at, at most, where the preset leaves it to the source."""


def fit(config: Config, height: int, width: int, rate: float) -> Config:
    """`config` with everything settled that a source of that size (pixels) and rate (frames a second) decides.

    Where the preset leaves the network's frame open, it gets the source's aspect ratio, at most `input.tokens`
    patches, and is never larger than the source. Raises `ConfigError` where the frame is no multiple of the patch, or
    the source smaller than one.
    """
    patch = config.model.patch
    if height < patch or width < patch:
        raise ConfigError(
            f"the video is {width}x{height}, smaller than one patch of {patch}x{patch} pixels; use a larger one, "
            "or a smaller model.patch"
        )
    if config.input.height is None or config.input.width is None:
        rows, columns = _grid(height // patch, width // patch, width / height, config.input.tokens)
        size = (rows * patch, columns * patch)
    else:
        size = (config.input.height, config.input.width)
    for name, value in zip(("height", "width"), size, strict=True):
        if value % patch or value < patch:
            raise ConfigError(f"input.{name} {value} is no multiple of the patch, {patch}")
    # An even share: of 50 frames a second every other one, or time would jerk.
    rate = config.input.rate or rate / max(1, math.ceil(rate / FASTEST - 0.02))
    return replace(config, input=replace(config.input, height=size[0], width=size[1], rate=rate))


def _grid(most_rows: int, most_columns: int, aspect: float, tokens: int) -> tuple[int, int]:
    """The most patches within the limits at nearly that aspect ratio (width / height)."""

    grids = [(rows, max(1, min(most_columns, round(rows * aspect)))) for rows in range(1, most_rows + 1)]
    fitting = [grid for grid in grids if grid[0] * grid[1] <= tokens]
    return max(fitting, default=(1, 1), key=lambda grid: grid[0] * grid[1])


def preset(name: str) -> Config:
    """The preset of that name. Raises `ConfigError` listing the known ones."""
    if name not in PRESETS:
        raise ConfigError(f"no preset is called '{name}'; there are {', '.join(PRESETS)}")
    return replace(PRESETS[name])
