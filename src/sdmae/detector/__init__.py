"""A trained detector: one file that scores any video.

detector = load("cam.safetensors")       # or the name of a shipped one
detector.score("street.mp4").scores      # offline
for event in detector.events("street.mp4"):
    print(event.start, event.end, event.box, event.term)
"""

from sdmae.detector.build import build_model
from sdmae.detector.detector import BATCH, Detector, load
from sdmae.detector.file import read_config
from sdmae.detector.half import halved
from sdmae.detector.shipped import shipped_detectors

__all__ = ["BATCH", "Detector", "build_model", "halved", "load", "read_config", "shipped_detectors"]
