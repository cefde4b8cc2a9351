"""Parameters rounded to half precision: half of the file, nearly the same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sdmae import Detector, load
from sdmae.detector import halved
from sdmae.errors import DetectorError

MOST = 5e-4
"""Rounding may move no score of the tiny detector by more; they lie around 0.55."""


def test_rounding_moves_scores_a_little(calibrated: Detector, video: Path) -> None:
    half = halved(calibrated)
    assert half.calibration is None
    assert half.fingerprint() != calibrated.fingerprint() == half.provenance["rounded_from"]
    for one, other in zip(calibrated.score_both(video), half.score_both(video), strict=True):
        assert 0 < np.abs(one.scores - other.scores).max() <= MOST < np.ptp(one.scores)
    again = halved(half)
    assert again.fingerprint() == half.fingerprint()
    assert again.provenance == half.provenance


def test_a_rounded_detector_survives_its_file(calibrated: Detector, video: Path, tmp_path: Path) -> None:
    half = halved(calibrated)
    half.save(tmp_path / "half.safetensors")
    calibrated.save(tmp_path / "whole.safetensors")
    stored = load_file(tmp_path / "half.safetensors")
    assert {stored[name].dtype for name, _ in half.model.named_parameters()} == {torch.float16}
    copy = load(tmp_path / "half.safetensors", device="cpu")
    assert {tensor.dtype for tensor in copy.model.parameters()} == {torch.float32}
    assert copy.fingerprint() == half.fingerprint()
    assert copy.calibration_fingerprint() == half.calibration_fingerprint()
    assert copy.score(video).scores.tobytes() == half.score(video).scores.tobytes()
    # What was never rounded loses nothing.
    assert load(tmp_path / "whole.safetensors", device="cpu").fingerprint() == calibrated.fingerprint()


def test_what_half_precision_cannot_hold_is_refused(detector: Detector) -> None:
    with torch.no_grad():
        detector.model.head.bias[0] = 1e5
    with pytest.raises(DetectorError, match=r"head\.bias has values beyond the range of float16"):
        halved(detector)
