"""From what the network says to one score a frame: combine, filter, pool, smooth (paper, section 3.4)."""

from sdmae.scoring.smooth import CausalAverage, smooth_causal, smooth_offline
from sdmae.scoring.stream import FrameMap, collect, score_frames, score_frames_both
from sdmae.scoring.terms import Terms, combine
from sdmae.scoring.types import FrameScore, Map, Series, VideoScores

__all__ = [
    "CausalAverage",
    "FrameMap",
    "FrameScore",
    "Map",
    "Series",
    "Terms",
    "VideoScores",
    "collect",
    "combine",
    "score_frames",
    "score_frames_both",
    "smooth_causal",
    "smooth_offline",
]
