"""What is measured: a preset with untrained weights, or a detector, in one way of running it.

What the weights are makes no difference to speed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from sdmae.config import Config
from sdmae.detector import Detector, build_model, load
from sdmae.errors import ConfigError
from sdmae.model.presets import PRESETS, fit
from sdmae.runtime import RUNTIMES
from sdmae.video import Clip, Size, probe

SEED = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the measurements."""

    subject: str
    """A preset, a detector file, or the name of a shipped detector."""
    runtime: str
    device: str
    """As torch names it."""
    batch: int
    """Frames scored at once."""
    size: Size | None = None
    """Of the network's frame; None: the detector's own, or what the preset makes of the source."""
    streams: int = 1
    """Videos scored at the same time."""
    shared: bool = True
    """One detector for all streams, or one for each."""

    @property
    def key(self) -> str:
        """By which the row is known."""
        size = f" {self.size.height}x{self.size.width}" if self.size else ""
        one = (
            "" if self.streams == 1 else f", {self.streams} streams, {'one detector' if self.shared else 'one each'}"
        )
        return f"{self.subject}{size}, {self.runtime} on {self.device}, batch {self.batch}{one}"


def check_setting(setting: Setting) -> None:
    """Raises `ConfigError` for what can be seen to be wrong without opening anything."""
    if setting.runtime not in RUNTIMES:
        raise ConfigError(f"no runtime '{setting.runtime}'; there are {', '.join(RUNTIMES)}")
    if setting.batch < 1 or setting.streams < 1:
        raise ConfigError(f"a batch of {setting.batch} and {setting.streams} streams: give 1 or more of both")
    if setting.size and setting.subject not in PRESETS:
        raise ConfigError(f"{setting.subject}: a detector has its own input size; --sizes are of presets")


def open_subject(setting: Setting, clip: Clip) -> Detector:
    """The detector to be measured on that clip."""
    if setting.subject not in PRESETS:
        return load(setting.subject, device=setting.device, batch=setting.batch, stale=True, runtime=setting.runtime)
    return untrained(settled(setting.subject, clip, setting.size), setting.device, setting.batch, setting.runtime)


def settled(name: str, clip: Clip, size: Size | None = None) -> Config:
    """The preset of that name for a clip, or for frames of another size."""
    config, info = PRESETS[name], probe(clip)
    if size:
        config = replace(config, input=replace(config.input, height=size.height, width=size.width))
    return fit(config, *info.size, info.rate)


def untrained(config: Config, device: str, batch: int, runtime: str = "auto") -> Detector:
    """A detector with seeded random weights. Raises `ConfigError` for a runtime that there is not."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = build_model(config)
    return Detector(model, config, {}, device=device, batch=batch, runtime=runtime)
