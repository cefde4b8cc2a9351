"""The detectors of all cameras: each network once, however many cameras and files share it."""

from __future__ import annotations

from collections.abc import Iterable

from sdmae.detector import Detector, load
from sdmae.errors import DetectorError
from sdmae.live.settings import CameraSettings


def load_detectors(cameras: Iterable[CameraSettings], device: str | None) -> dict[str, Detector]:
    """By the camera's name. Files whose network is the same, calibrated each for its camera, share its weights.

    Raises `DetectorError` naming the camera and its file where one cannot be used, `ConfigError` for the device.
    """
    files: dict[str, Detector] = {}
    networks: dict[str, Detector] = {}
    found: dict[str, Detector] = {}
    for camera in cameras:
        if camera.detector not in files:
            try:
                loaded = load(camera.detector, device=device)
            except DetectorError as error:
                raise DetectorError(f"camera {camera.name}: {error}") from None
            first = networks.setdefault(loaded.network_fingerprint(), loaded)
            if first is not loaded:
                calibration = loaded.calibration
                loaded = first.with_settings(loaded.config)
                loaded.calibration = calibration
            files[camera.detector] = loaded
        found[camera.name] = files[camera.detector]
    return found
