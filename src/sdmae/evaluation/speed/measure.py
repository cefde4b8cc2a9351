"""One row: a setting measured on a clip, as JSON holds it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sdmae.detector import Detector, build_model
from sdmae.evaluation.ledger import ran_on
from sdmae.evaluation.speed import stages
from sdmae.evaluation.speed.subject import Setting, open_subject
from sdmae.evaluation.speed.timing import Rate, Work, forget_peaks, in_turn, peak_memory
from sdmae.model import gflop_per_frame
from sdmae.video import Clip

COMPARABLE = "frames on the device to maps on the device: comparable to the paper's 1,655 (RTX 3090), nothing else is"


def measure(
    setting: Setting, clip: Clip, ceiling: Mapping[str, float], repeats: int, seconds: float
) -> dict[str, Any]:
    """The stages apart and together; of several streams only together.

    ceiling: what the device can do (`ceilings`); repeats, seconds: as in `in_turn`. Raises `SdmaeError` for what
    cannot be opened or measured.
    """
    detector = open_subject(setting, clip)
    device = detector.runtime.device
    forget_peaks(device)
    waits: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        if setting.streams > 1:
            works = _streams(setting, clip, detector)
        else:
            works = _stages(clip, detector, Path(folder), waits)
        rates = in_turn(works, repeats=repeats, seconds=seconds, device=device)
    gflop = gflop_per_frame(build_model(detector.config))
    return {
        "key": setting.key,
        "subject": setting.subject,
        "runtime": detector.runtime.network.name,
        **ran_on(str(device)),
        "batch": setting.batch,
        "streams": setting.streams,
        "detectors": 1 if setting.shared else setting.streams,
        "input_size": list(detector.size),
        "channels": detector.config.input.channels,
        "tokens": math.prod(detector.model.grid),
        "gflop_per_frame": round(gflop, 4),
        "stages": {name: rate.as_json() for name, rate in rates.items()},
        "network_is": COMPARABLE,
        "frame_to_map_ms": _percentiles(waits),
        "peak_mib": peak_memory(device),
        "share_of_ceiling": _shares(rates, detector, gflop, ceiling),
    }


def _stages(clip: Clip, detector: Detector, folder: Path, waits: list[float]) -> dict[str, Work]:
    batches = stages.held_batches(clip, detector)
    works = {
        "decode": stages.decoding(clip),
        "decode_resize": stages.decoding_and_resizing(clip, detector),
        "resize": stages.resizing(clip, detector.size, grey=detector.config.input.grey),
        "network": stages.network_alone(batches, detector),
        "score": stages.scoring(batches, detector),
        "write": stages.writing(detector.score(clip), folder),
        "together": stages.together(clip, detector, waits),
    }
    if detector.runtime.device.type != "cpu":  # there nothing moves
        works["upload"] = stages.uploading(batches, detector)
    return works


def _streams(setting: Setting, clip: Clip, detector: Detector) -> dict[str, Work]:
    others = [detector if setting.shared else open_subject(setting, clip) for _ in range(setting.streams - 1)]
    return {"decode": stages.decoding(clip), "together": stages.many_together(clip, [detector, *others])}


def _percentiles(seconds: list[float]) -> dict[str, float] | None:
    """Milliseconds, as fast as the file decodes; None where they were not taken."""
    if not seconds:
        return None
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99))
    return {"p50": round(1e3 * float(p50), 2), "p95": round(1e3 * float(p95), 2), "p99": round(1e3 * float(p99), 2)}


def _shares(
    rates: Mapping[str, Rate], detector: Detector, gflop: float, ceiling: Mapping[str, float]
) -> dict[str, float]:
    """The network's operations of a matrix product's, an upload's bytes of a copy's, all of decoding alone."""
    shares = {"together_of_decode": rates["together"].fps / rates["decode"].fps}
    if "decode_resize" in rates:
        shares["together_of_decode_resize"] = rates["together"].fps / rates["decode_resize"].fps
    if "network" in rates:
        shares["network_of_matmul"] = rates["network"].fps * gflop / ceiling["matmul_gflops"]
    if "upload" in rates and "upload_gbs" in ceiling:
        bytes_of_frame = math.prod(detector.size) * detector.config.input.channels
        shares["upload_of_copy"] = rates["upload"].fps * bytes_of_frame / 1e9 / ceiling["upload_gbs"]
    return {name: round(value, 4) for name, value in shares.items()}
