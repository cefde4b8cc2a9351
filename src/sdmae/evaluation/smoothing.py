"""How offline scores are smoothed on each benchmark: alike for every detector, or their figures do not compare."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sdmae.errors import ConfigError

RULE = (
    "every detector and every baseline is smoothed alike on one benchmark, offline, whatever a detector's own "
    "settings are; those decide the causal protocol only"
)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """The Gaussian over time of the offline protocol, which ends at four standard deviations."""

    sigma: float
    """Standard deviation, in seconds."""
    source: str
    """Where it is from, in words."""
    fixed: bool = True
    """Whether it is the one of the benchmark; False: another one was asked for."""

    @property
    def name(self) -> str:
        """What this protocol is called, so that figures of another are not taken for it."""
        return "fixed for the benchmark" if self.fixed else "other smoothing, asked for"

    def is_of(self, sigma: float) -> bool:
        """Whether scores that were smoothed by `sigma` seconds are on one scale with these."""
        return math.isclose(self.sigma, sigma, rel_tol=1e-9, abs_tol=1e-12)


_TEN = "ours, 10 frames at 10 a second, since none is published"
_RELEASED = "the authors' released code: {} frames at {} a second, its kernel cut off at 1.6 standard deviations"
FIXED = {
    "ped1": Smoothing(1.0, _TEN),
    "ped2": Smoothing(1.0, _TEN),
    "avenue": Smoothing(11 / 25, _RELEASED.format(11, 25)),
    "shanghaitech": Smoothing(
        282 / 24,
        f"{_RELEASED.format(282, 24)}; it also scales each video by its own extremes, which here is "
        "micro_auc_clip_normalised",
    ),
    "ubnormal": Smoothing(1.0, "ours, since none is published"),
    "scene": Smoothing(1.0, "ours, as the scene is"),
}
"""By the benchmark's name."""
_OTHERS = Smoothing(1.0, "ours, as on every benchmark for which none is published")


def smoothing_of(benchmark: str, asked: float | None = None) -> Smoothing:
    """The one of that benchmark, or of `asked` seconds where these are others.

    Raises `ConfigError` for seconds below 0 or that are no number.
    """
    fixed = FIXED.get(benchmark, _OTHERS)
    if asked is None or fixed.is_of(asked):
        return fixed
    if not (math.isfinite(asked) and asked >= 0):
        raise ConfigError(f"an offline smoothing of {asked} s is not possible: give seconds, or 0 for none")
    return Smoothing(asked, f"asked for; fixed for {benchmark} are {fixed.sigma:g} s", fixed=False)
