"""Between this computer's memory and the device's: each frame goes up once, and nobody waits for a copy in vain.

On the CPU nothing is copied at all. On a GPU, frames go up from pinned memory on a stream of their own, while the
network is at the frames before them; results come down on the network's stream, in its order, so that whatever it
keeps its results in may be used again for the next batch, and are waited for only when they are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Frames on the device, or on their way there."""

    host: NDArray[np.uint8]
    """The same frames in this computer's memory."""
    frames: Tensor
    """(N, H, W, C) uint8."""
    arrival: torch.cuda.Event | None
    """When they are there; None: now."""

    def arrived(self) -> Tensor:
        """The frames, for work on the current stream of their device."""
        if self.arrival is not None:
            stream = torch.cuda.current_stream(self.frames.device)
            stream.wait_event(self.arrival)
            self.frames.record_stream(stream)  # or their memory could be given away under that work
        return self.frames


class Uploader:
    """Takes the frames of one video to the device, batch by batch, in their order."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._last: Tensor | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether there is anywhere to go."""
        return self._stream is not None

    def __call__(self, frames: NDArray[np.uint8], repeated: int) -> Uploaded:
        """`frames` (N, H, W, C), of which the first `repeated` were the last ones of the batch before."""
        if self._stream is None:
            return Uploaded(frames, torch.from_numpy(frames).to(self._device), None)
        with torch.cuda.stream(self._stream):
            whole = torch.from_numpy(frames[repeated:]).pin_memory().to(self._device, non_blocking=True)
            if repeated and self._last is not None:
                whole = torch.cat([self._last[-repeated:], whole])
            self._last = whole
            arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrival.record(self._stream)
        return Uploaded(frames, whole, arrival)


class Results:
    """Terms of the score that are on their way down from the device."""

    def __init__(self, terms: dict[str, Tensor]) -> None:
        """`terms`: handed over on the stream that computes them; on the CPU nobody may write into them any more."""
        self._ready: torch.cuda.Event | None = None
        self._terms = terms
        on_gpu = [term for term in terms.values() if term.is_cuda]
        if on_gpu:
            self._terms = {}
            for name, term in terms.items():
                self._terms[name] = torch.empty(term.shape, dtype=term.dtype, pin_memory=True)
                self._terms[name].copy_(term, non_blocking=True)
            self._ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._ready.record(torch.cuda.current_stream(on_gpu[0].device))

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The terms, as soon as they are here."""
        if self._ready is not None:
            self._ready.synchronize()
        return {name: term.cpu().numpy() for name, term in self._terms.items()}
