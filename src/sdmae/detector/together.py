"""Frames of several cameras through one network, in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdmae.data.neighbours import Samples
from sdmae.detector.detector import Detector
from sdmae.detector.maps import MapStream
from sdmae.scoring import FrameMap


@dataclass(frozen=True, slots=True)
class Part:
    """What one camera has in a batch."""

    detector: Detector
    """Its own: with its ignore zones, and how its maps become scores."""
    stream: MapStream
    """Its own."""
    samples: Samples
    """Some of its frames, in their order, none left out before."""


def maps_together(parts: Sequence[Part]) -> list[list[FrameMap]]:
    """The unfiltered maps of each part, from one pass through the network of the first.

    All detectors must agree in `Detector.network_fingerprint`. Maps are those that each part gives alone, but for
    rounding, which depends on the size of the batch.
    """
    runtime = parts[0].detector.runtime
    prepared = [
        part.detector.runtime.prepare(part.samples.frames, part.samples.neighbours, part.samples.order)
        for part in parts
    ]
    said = runtime.run(prepared)
    edges = np.cumsum([len(part.samples.indices) for part in parts])[:-1]
    split = {name: np.split(values, edges) for name, values in said.items()}
    found = []
    for k, part in enumerate(parts):
        # Copies: what is kept of one camera's frames must not keep the whole batch, nor be written to by another.
        own = {name: pieces[k].copy() for name, pieces in split.items()}
        found.append(list(part.stream.maps(part.samples, own, part.stream.standing(part.samples))))
    return found
