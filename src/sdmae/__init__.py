"""Self-distilled masked auto-encoders: learn what is normal from a camera's ordinary video, find what is not.

>>> import sdmae
>>> detector = sdmae.load("cam.safetensors")  # doctest: +SKIP
>>> detector.score("street.mp4").scores  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdmae.detector import Detector, load
    from sdmae.errors import SdmaeError
    from sdmae.scoring import FrameScore, VideoScores

__all__ = ["Detector", "FrameScore", "SdmaeError", "VideoScores", "load"]

__version__ = "0.1.0"

_ROOMS = {
    "Detector": "sdmae.detector",
    "load": "sdmae.detector",
    "SdmaeError": "sdmae.errors",
    "FrameScore": "sdmae.scoring",
    "VideoScores": "sdmae.scoring",
}


def __getattr__(name: str) -> Any:
    # Looked up when it is asked for: what measures files of scores needs no network, and need not wait for one.
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
