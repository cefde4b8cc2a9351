"""Self-distilled masked auto-encoders: learn what is normal from a camera's ordinary video, find what is not.

>>> import sdmae
>>> detector = sdmae.load("cam.safetensors")  # doctest: +SKIP
>>> detector.score("street.mp4").scores  # doctest: +SKIP
"""

from sdmae.detector import Detector, load
from sdmae.errors import SdmaeError
from sdmae.scoring import FrameScore, VideoScores

__all__ = ["Detector", "FrameScore", "SdmaeError", "VideoScores", "load"]

__version__ = "0.1.0"
