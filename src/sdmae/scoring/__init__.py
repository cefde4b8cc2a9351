"""From what the network says to one score a frame, and from scores to alarms (paper, section 3.4)."""

from sdmae.scoring.calibrated import Calibration, calibrate_both
from sdmae.scoring.calibration import AlarmLevel, NormalClip
from sdmae.scoring.events import Event, EventFormer, Levels, find_events
from sdmae.scoring.smooth import CausalAverage, smooth_causal, smooth_offline
from sdmae.scoring.still import StillReference
from sdmae.scoring.stream import CausalScores, FrameMap, collect, score_frames, score_frames_both
from sdmae.scoring.terms import FrameTerms, Terms, combine
from sdmae.scoring.types import TERMS, FrameScore, Map, Region, Series, VideoScores

__all__ = [
    "TERMS",
    "AlarmLevel",
    "Calibration",
    "CausalAverage",
    "CausalScores",
    "Event",
    "EventFormer",
    "FrameMap",
    "FrameScore",
    "FrameTerms",
    "Levels",
    "Map",
    "NormalClip",
    "Region",
    "Series",
    "StillReference",
    "Terms",
    "VideoScores",
    "calibrate_both",
    "collect",
    "combine",
    "find_events",
    "score_frames",
    "score_frames_both",
    "smooth_causal",
    "smooth_offline",
]
