"""A detector rounded to half precision, for half of the room on the disk; it still computes in single precision."""

from __future__ import annotations

import torch

from sdmae.detector.build import build_model
from sdmae.detector.detector import Detector
from sdmae.errors import DetectorError


def halved(detector: Detector) -> Detector:
    """The same detector with its parameters rounded to float16, on the same device, and without its alarms.

    It is another detector, with a fingerprint of its own, whose scores differ a little: calibrate it after this, not
    before. Buffers, such as the statistics of BatchNorm, are few and stay as they are. Not bfloat16: parameters need
    its range nowhere, and on UCSD Ped2's training clips it moved scores six to fourteen times as far. Raises
    `DetectorError` for a parameter beyond the range of float16.
    """
    state = detector.model.state_dict()
    for name, parameter in detector.model.named_parameters(remove_duplicate=False):
        state[name] = parameter.detach().to(torch.float16).float()
        if not torch.isfinite(state[name]).all():
            raise DetectorError(f"{name} has values beyond the range of float16: keep this detector as it is")
    model = build_model(detector.config)
    model.load_state_dict(state)
    provenance = {
        "rounded_from": detector.fingerprint(),
        **detector.provenance,
        "precision": "parameters rounded to float16, computed with in float32",
    }
    return Detector(model, detector.config, provenance, device=detector.device, batch=detector.batch)
