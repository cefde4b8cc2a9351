"""When a camera's scores are an alarm: from its settings, its own warm-up, its detector, or as set while running."""

from __future__ import annotations

import json
import logging
import math
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from sdmae.detector import Detector
from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.live.settings import CameraSettings
from sdmae.live.views import From, Thresholds
from sdmae.recordings.files import replacing
from sdmae.scoring import AlarmLevel, FrameScore, Levels
from sdmae.scoring.calibrated import normal_clip, words
from sdmae.scoring.calibration import LONGEST_STEP, calibrate
from sdmae.scoring.columns import Columns

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known from earlier runs."""

    fingerprint: str
    """Of everything that moves alarms: what was learnt under another one is worth nothing."""
    learnt: AlarmLevel | None = None
    """In the camera's warm-up."""
    threshold: float | None = None
    """Set while running."""
    written: float | None = None
    """The threshold of the settings then: whoever changes it there means it."""


def refuse_without_threshold(settings: CameraSettings, *, calibrated: bool) -> None:
    """Raises `DetectorError` where nothing would ever tell what is an alarm; calibrated: for these ignore zones."""
    if not calibrated and settings.threshold is None and not settings.warm_up:
        raise DetectorError(
            f"camera {settings.name}: {settings.detector} was not calibrated for what it is to do here: run sdmae "
            "calibrate with the same zones, or give the camera a threshold, or a warm_up of some minutes"
        )


class CameraLevels:
    """The levels of one camera. Safe to be used by several threads.

    The strongest of these holds: what was set while running, the threshold in the settings, what was learnt in the
    warm-up, the detector's own calibration. What was set and learnt is kept in a file.
    """

    def __init__(self, settings: CameraSettings, detector: Detector, path: Path) -> None:
        """path: of the file. Raises `DetectorError` where nothing would ever tell what is an alarm."""
        self._settings = settings
        self._detector = detector
        self._path = path
        self._lock = threading.Lock()
        calibration = detector.calibration
        self._own = calibration.causal if calibration and not settings.warm_up else None
        refuse_without_threshold(settings, calibrated=self._own is not None)
        self._kept = self._read()
        self._columns = Columns()
        self._watched = 0.0
        self._last: float | None = None
        self._levels = self._found()

    @property
    def levels(self) -> Levels | None:
        """Those that hold now; None while they are being learnt."""
        return self._levels

    @property
    def warm_up(self) -> float | None:
        """Share of the warm-up that is done, 0 to 1; None where there is none, or it has ended."""
        if not self._settings.warm_up or self._kept.learnt:
            return None
        return min(self._watched / (60 * self._settings.warm_up), 1.0)

    @property
    def median(self) -> float:
        """The score of normal video; 0 where that is not known."""
        level = self._level
        return level.median if level else 0.0

    def learn_from(self, score: FrameScore) -> bool:
        """Takes the next score of the warm-up. Whether that was the last: then call `learn`."""
        if self.warm_up is None:
            return False
        with self._lock:
            if self._watched >= 60 * self._settings.warm_up:
                return False  # it is being learnt
            self._columns.add(replace(score, map=None))
            if self._last is not None:
                self._watched += min(max(score.time - self._last, 0.0), LONGEST_STEP)
            self._last = score.time
            return self._watched >= 60 * self._settings.warm_up

    def learn(self) -> None:
        """Ends the warm-up, or begins it anew where nothing can be learnt from it. Takes a moment."""
        with self._lock:
            scores, self._columns = self._columns.scores(self._settings.name), Columns()
        try:
            level = calibrate([normal_clip(scores)], self._detector.config.events)
        except SourceError as error:
            _log.warning("camera %s: the warm-up begins anew: %s", self._settings.name, error)
            with self._lock:
                self._watched, self._last = 0.0, None
            return
        _log.info("camera %s: warmed up, %s", self._settings.name, words(level))
        self._keep(replace(self._kept, learnt=level))

    def set(self, threshold: float | None) -> None:
        """Sets the threshold; None: the usual one again.

        Raises `ConfigError` for what is no number, and `SourceError` where it cannot be kept: it holds all the same.
        """
        if threshold is not None and not math.isfinite(threshold):
            raise ConfigError(f"threshold {threshold} is no number")
        self._keep(replace(self._kept, threshold=threshold, written=self._settings.threshold))

    def at(self, threshold: float) -> Levels:
        """The levels that another threshold would have."""
        level = self._level
        if level is None:
            return Levels(threshold, threshold)
        return Levels.of(threshold, level.median, self._detector.config.events, level.normal_parts)

    def view(self) -> Thresholds:
        """All that is known."""
        levels, level, by = self._levels, self._level, self._by
        usual = self._usual
        rate = (None, None, None) if level is None or levels is None else level.rate_at(levels.opens)
        return Thresholds(
            None if levels is None else levels.opens,
            None if levels is None else levels.closes,
            by,
            usual,
            None if level is None else level.median,
            *rate,
        )

    @property
    def _level(self) -> AlarmLevel | None:
        """What is known of normal video."""
        return self._kept.learnt or self._own

    @property
    def _by(self) -> From | None:
        if self._kept.threshold is not None:
            return "page"
        if self._settings.threshold is not None:
            return "settings"
        if self._kept.learnt is not None:
            return "warm-up"
        return "detector" if self._own else None

    @property
    def _usual(self) -> float | None:
        if self._settings.threshold is not None:
            return self._settings.threshold
        return self._level.threshold if self._level else None

    def _found(self) -> Levels | None:
        threshold = self._kept.threshold if self._kept.threshold is not None else self._usual
        return None if threshold is None else self.at(threshold)

    def _keep(self, kept: _Kept) -> None:
        with self._lock:
            self._kept = kept
            self._levels = self._found()
        learnt = kept.learnt.to_dict() if kept.learnt else None
        facts = {"fingerprint": kept.fingerprint, "threshold": kept.threshold, "written": kept.written}
        with replacing(self._path, "media") as part:
            part.write_text(json.dumps({**facts, "learnt": learnt}) + "\n", encoding="utf-8")

    def _read(self) -> _Kept:
        fingerprint = self._detector.calibration_fingerprint()
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            learnt = AlarmLevel.from_dict(data["learnt"]) if data["learnt"] else None
            kept = _Kept(data["fingerprint"], learnt, data["threshold"], data["written"])
        except FileNotFoundError:
            return _Kept(fingerprint)
        except (OSError, ValueError, KeyError, TypeError):
            _log.warning("camera %s: %s cannot be read: it is begun anew", self._settings.name, self._path)
            return _Kept(fingerprint)
        if kept.fingerprint != fingerprint:
            return _Kept(fingerprint)
        if kept.written != self._settings.threshold:
            kept = replace(kept, threshold=None)
        return kept if self._settings.warm_up else replace(kept, learnt=None)
