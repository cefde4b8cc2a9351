"""What a detector file keeps of its calibration: a threshold for each protocol, and for what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdmae.config import EventConfig
from sdmae.errors import SourceError
from sdmae.scoring.calibration import AlarmLevel, NormalClip, calibrate
from sdmae.scoring.types import VideoScores


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds of one detector, learned from normal video."""

    offline: AlarmLevel
    """For scores that look ahead."""
    causal: AlarmLevel
    """For scores that do not: those of a live stream."""
    fingerprint: str
    """Of everything that moves scores and alarms; see `Detector.calibration_fingerprint`."""
    video: str
    """What it was learned from, in words."""

    def level(self, *, causal: bool) -> AlarmLevel:
        """The one of that protocol."""
        return self.causal if causal else self.offline

    def asked_for(self, budget: float) -> Calibration:
        """The same for another number of false alarms a day."""
        return replace(self, offline=self.offline.asked_for(budget), causal=self.causal.asked_for(budget))

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {
            "offline": self.offline.to_dict(),
            "causal": self.causal.to_dict(),
            "fingerprint": self.fingerprint,
            "video": self.video,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """What `to_dict` wrote. Raises KeyError or TypeError where it is something else."""
        levels = AlarmLevel.from_dict(data["offline"]), AlarmLevel.from_dict(data["causal"])
        return cls(*levels, str(data["fingerprint"]), str(data["video"]))


def calibrate_both(
    scores: Sequence[tuple[VideoScores, VideoScores]], config: EventConfig, fingerprint: str, video: str
) -> Calibration:
    """The calibration of (offline, causal) scores of normal clips. Raises `SourceError` as `calibrate` does."""
    try:
        offline, causal = (calibrate([normal_clip(s) for s in both], config) for both in zip(*scores, strict=True))
    except ValueError:
        if scores:
            raise
        raise SourceError("no normal video is left to calibrate with") from None
    return Calibration(offline, causal, fingerprint, video)


def normal_clip(scores: VideoScores) -> NormalClip:
    """Scores as calibration wants them."""
    return NormalClip(scores.times, scores.scores, scores.parts)


def words(level: AlarmLevel) -> str:
    """What is known of an alarm level, in a line."""
    return (
        f"threshold {level.threshold:.4g}: {_number(level.rate)} false alarms a day expected (90 % interval "
        f"{_number(level.low)} to {_number(level.high)}), from {_length(level.seconds)} of normal video"
    )


def warning(level: AlarmLevel) -> str | None:
    """What is to be said where the normal video was too little for what was asked; None where it was enough."""
    if level.rate < 0.9 * level.asked:
        return (
            f"no threshold gives {_number(level.asked)} alarms a day on this video: {_number(level.rate)} is the most"
        )
    if level.vouched <= 1.05 * level.asked:
        return None
    return (
        f"asked for {_number(level.asked)} false alarms a day, but {_length(level.seconds)} of normal video can "
        f"vouch for no fewer than {_number(level.vouched)}: for less, run sdmae calibrate with more video"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def _length(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
