"""The network against the yardstick, and gated on real video: one JSON object.

    python benchmarks/network.py --preset paper-avenue --device cpu --json

Every side gets the same frames, uint8 on the device, with the same neighbours, and gives the same maps on the device:
triplets, scaling, tokens, network and maps are in the time of every side, decoding, upload and smoothing in that of
none. (Gradients are computed where they are wanted: by the gate; the score itself needs none, on either side.) The
yardstick (`baseline.py`) is in float32 and eager; ours runs as `--runtime` says. Each side has its own best batch,
found first; then all take turns, the yardstick beginning, and each figure is the median over the turns. A turn is the
whole video, so that gating is measured on its quiet moments as well as on its busy ones.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from about import about, quietly, tell
from baseline import make_baseline
from torch import Tensor

from sdmae.config import Config
from sdmae.data.neighbours import Samples, Spacing, stream_samples
from sdmae.detector import Detector
from sdmae.evaluation.speed.subject import RUNTIMES, SEED, settled, untrained
from sdmae.evaluation.speed.timing import in_turn
from sdmae.model.presets import PRESETS
from sdmae.runtime import Network, PyTorchRuntime
from sdmae.video import Clip, Size, find_clips, probe, read_frames

DATA = Path(os.environ.get("SDMAE_DATA", Path(__file__).parent.parent / "../shared/data"))
VIDEO = DATA / "avenue_sample/testing_videos"
GATED_SHARE = 0.25
"""Share of the tokens that are kept where no gate chooses their number: the seam until there is one."""

Side = Callable[[Tensor, Samples], dict[str, Tensor]]


class Counted:
    """A network, and how many tokens it was given."""

    def __init__(self, network: Network, tokens: int) -> None:
        """`tokens`: of a whole frame."""
        self._network, self._whole = network, tokens
        self.tokens = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, samples: Tensor, noise: Tensor, cells: Tensor | None) -> dict[str, Tensor]:
        """See `Network`."""
        self.tokens += len(samples) * (self._whole if cells is None else cells.shape[1])
        return self._network(samples, noise, cells)


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="paper-avenue", choices=tuple(PRESETS))
    parser.add_argument(
        "--source", type=str, default=str(VIDEO), help="one video (default: Avenue's sample test video)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--runtime", default=RUNTIMES[0], choices=RUNTIMES, help="how ours is run")
    parser.add_argument(
        "--batches", type=int, nargs="+", help="to choose from (default: 1 4 8 16; 16 to 256 on a GPU)"
    )
    parser.add_argument("--frames", type=int, help="only the first ones")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default: 5)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: torch's own)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    quietly(args.threads)
    (clip,) = find_clips(args.source)
    device = torch.device(args.device)
    batches = args.batches or ([1, 4, 8, 16] if device.type == "cpu" else [16, 32, 64, 128, 256])
    made = about(args.device, SEED)
    found = measure(args.preset, clip, device, args.runtime, batches, args.frames, args.repeats)
    tell({**found, **made}, args.output, args.json)


def measure(
    preset: str,
    clip: Clip,
    device: torch.device,
    runtime: str,
    batches: Sequence[int],
    frames: int | None,
    repeats: int,
) -> dict[str, Any]:
    """The figures, without what is said of the machine."""
    config = settled(preset, clip)
    assert config.input.height is not None
    assert config.input.width is not None
    ours = untrained(config, str(device), 1, runtime)
    still, counted = gated(config, device, runtime)
    channels, patch = config.input.channels, config.model.patch
    yardstick = make_baseline(config.input.height, config.input.width, patch, channels, SEED).to(device)

    def plain(pictures: Tensor, samples: Samples) -> dict[str, Tensor]:
        return yardstick.maps(pictures, torch.from_numpy(samples.neighbours).to(device))

    def of(detector: PyTorchRuntime) -> Side:
        return lambda pictures, samples: detector.terms(pictures, samples.neighbours, samples.order)

    sides: dict[str, Side] = {"baseline": plain, "ours": of(ours.runtime), "gated": of(still)}
    cut = {batch: held(clip, config, batch, frames, device) for batch in batches}
    best = {name: best_batch(side, cut, device) for name, side in sides.items()}
    passes = {name: whole(side, cut[best[name]]) for name, side in sides.items()}
    # A turn is one pass; the best batches were found on warm sides, and one more pass warms the whole.
    rates = in_turn(passes, repeats=repeats, seconds=0.0, device=device)
    counted.tokens = 0
    count = passes["gated"]()
    looks = 2 if config.score.masks == "complementary" else 1
    all_tokens = count * (config.input.height // patch) * (config.input.width // patch)
    return {
        "preset": preset,
        "fps": round(rates["ours"].fps, 3),
        "baseline_fps": round(rates["baseline"].fps, 3),
        "ratio": round(rates["ours"].fps / rates["baseline"].fps, 4),
        "fps_gated": round(rates["gated"].fps, 3),
        "ratio_gated": round(rates["gated"].fps / rates["baseline"].fps, 4),
        "token_share": round(counted.tokens / looks / all_tokens, 4),
        "gate": gate_in_words(config),
        "runtime": ours.runtime.network.name,
        "batch": best["ours"],
        "baseline_batch": best["baseline"],
        "batch_gated": best["gated"],
        "input_size": [config.input.height, config.input.width],
        "frames": count,
        "source": clip.mark.rpartition(" ")[0],
        "repeats": repeats,
        "spread": {
            name: {"fps_low": round(rate.low, 3), "fps_high": round(rate.high, 3)} for name, rate in rates.items()
        },
        "included": "uint8 frames on the device to maps on the device: triplets, scaling, tokens, network, maps",
    }


def gated(config: Config, device: torch.device, runtime: str) -> tuple[PyTorchRuntime, Counted]:
    """Our network with as few tokens as move, and what counts them."""
    share = min(config.model.token_share, GATED_SHARE)
    detector: Detector = untrained(
        replace(config, model=replace(config.model, token_share=share)), str(device), 1, runtime
    )
    counted = Counted(detector.runtime.network, detector.model.grid[0] * detector.model.grid[1])
    return PyTorchRuntime(detector.model, config.score, device, network=cast(Network, counted)), counted


def gate_in_words(config: Config) -> str:
    """What chose the tokens."""
    return f"a fixed share of {min(config.model.token_share, GATED_SHARE):g}: those that move most"


def held(
    clip: Clip, config: Config, batch: int, frames: int | None, device: torch.device
) -> list[tuple[Tensor, Samples]]:
    """The video in batches, on the device."""
    info = probe(clip)
    assert config.input.height is not None
    assert config.input.width is not None
    size = Size(config.input.height, config.input.width)
    read = read_frames(clip, (size,), grey=config.input.grey, rate=config.input.rate)
    some = (frame for frame, _ in zip(read, range(frames if frames is not None else 1 << 62), strict=False))
    found = stream_samples(some, Spacing.of(config.input, info.rate), batch)
    return [(torch.from_numpy(samples.frames).to(device), samples) for samples in found]


def best_batch(side: Side, cut: dict[int, list[tuple[Tensor, Samples]]], device: torch.device) -> int:
    """The batch at which a side is fastest on the video's first batches; one that does not fit is left out."""
    if len(cut) == 1:
        return next(iter(cut))
    rates: dict[int, float] = {}
    for batch, pieces in cut.items():
        first = whole(side, [piece for piece in pieces if len(piece[1].indices) == len(pieces[0][1].indices)][:2])
        try:
            rates[batch] = in_turn({"": first}, repeats=3, seconds=0.0, device=device)[""].fps
        except torch.OutOfMemoryError:
            continue
    return max(rates, key=lambda batch: rates[batch])


def whole(side: Side, pieces: list[tuple[Tensor, Samples]]) -> Callable[[], int]:
    """One pass over the video."""

    def work() -> int:
        for pictures, samples in pieces:
            side(pictures, samples)
        return int(np.sum([len(samples.indices) for _, samples in pieces]))

    return work


if __name__ == "__main__":
    main()
