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
from dataclasses import asdict, replace
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
from sdmae.detector.gating import full_passes, learned
from sdmae.evaluation.speed.subject import SEED, settled, untrained
from sdmae.evaluation.speed.timing import in_turn
from sdmae.model.presets import PRESETS
from sdmae.runtime import RUNTIMES, Network, Uploaded, Uploader
from sdmae.video import Clip, Size, find_clips, probe, read_frames

DATA = Path(os.environ.get("SDMAE_DATA", Path(__file__).parent.parent / "../shared/data"))
VIDEO = DATA / "avenue_sample/testing_videos"
NORMAL = DATA / "avenue_sample/training_videos"
GATES: dict[str, dict[str, Any]] = {
    "gated": {},
    "gated, half a margin": {"halo": 0.5},
    "gated, no margin": {"margin": 0},
    "gated, no margin, between full passes": {"margin": 0, "full_seconds": 0.0},
}
"""Settings of the gate by the name of the side; the first one's are the default ones."""

Side = Callable[[Uploaded, Samples], dict[str, Tensor]]


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
    parser.add_argument("--normal", default=str(NORMAL), help="normal video of that camera, for the gate's threshold")
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
    found = measure(
        args.preset, clip, find_clips(args.normal), device, args.runtime, batches, args.frames, args.repeats
    )
    tell({**found, **made}, args.output, args.json)


def measure(
    preset: str,
    clip: Clip,
    normal: Sequence[Clip],
    device: torch.device,
    runtime: str,
    batches: Sequence[int],
    frames: int | None,
    repeats: int,
) -> dict[str, Any]:
    """The figures, without what is said of the machine."""
    config = settled(preset, clip)
    ours = untrained(config, str(device), 1, runtime)
    channels, patch, size = config.input.channels, config.model.patch, size_of(config)
    yardstick = make_baseline(*size, patch, channels, SEED).to(device)

    def plain(pictures: Uploaded, samples: Samples) -> dict[str, Tensor]:
        return yardstick.maps(pictures.arrived(), torch.from_numpy(samples.neighbours).to(device))

    def of(detector: Detector) -> Side:
        def run(pictures: Uploaded, samples: Samples) -> dict[str, Tensor]:
            full, runtime = full_passes(samples.times, detector.config, probe(clip).rate), detector.runtime
            return runtime.run([runtime.prepare(pictures, samples.neighbours, samples.order, full)])

        return run

    gated = {}
    for name, settings in GATES.items():
        asked = replace(config, gate=replace(config.gate, active=True, **settings))
        gated[name] = with_gate(asked, normal, device, runtime)
    sides = {"baseline": plain, "ours": of(ours), **{name: of(detector) for name, (detector, _) in gated.items()}}
    cut = {batch: held(clip, config, batch, frames, device) for batch in batches}
    best = {name: best_batch(side, cut, device) for name, side in sides.items()}
    passes = {name: whole(side, cut[best[name]]) for name, side in sides.items()}
    # A turn is one pass; the best batches were found on warm sides, and one more pass warms the whole.
    rates = in_turn(passes, repeats=repeats, seconds=0.0, device=device)
    count = passes["ours"]()
    looks = 2 if config.score.masks == "complementary" else 1
    all_tokens = count * looks * (size.height // patch) * (size.width // patch)

    def rows(name: str) -> dict[str, Any]:
        detector, counted = gated[name]
        counted.tokens = 0
        passes[name]()
        return {
            "fps": round(rates[name].fps, 3),
            "ratio": round(rates[name].fps / rates["baseline"].fps, 4),
            "token_share": round(counted.tokens / all_tokens, 4),
            "batch": best[name],
            "gate": asdict(detector.config.gate),
        }

    gates = {name: rows(name) for name in gated}
    return {
        "preset": preset,
        "fps": round(rates["ours"].fps, 3),
        "baseline_fps": round(rates["baseline"].fps, 3),
        "ratio": round(rates["ours"].fps / rates["baseline"].fps, 4),
        "ratio_gated": gates["gated"]["ratio"],
        "token_share": gates["gated"]["token_share"],
        "gates": gates,
        "runtime": ours.runtime.network.name,
        "batch": best["ours"],
        "baseline_batch": best["baseline"],
        "input_size": list(size),
        "frames": count,
        "source": clip.mark.rpartition(" ")[0],
        "repeats": repeats,
        "spread": {
            name: {"fps_low": round(rate.low, 3), "fps_high": round(rate.high, 3)} for name, rate in rates.items()
        },
        "included": "uint8 frames on the device to maps on the device: triplets, scaling, tokens, network, maps",
    }


def with_gate(config: Config, normal: Sequence[Clip], device: torch.device, runtime: str) -> tuple[Detector, Counted]:
    """Our network behind a gate whose threshold the normal video set, and what counts its tokens."""
    videos = [(read_frames(clip, (size_of(config),), grey=config.input.grey), probe(clip).rate) for clip in normal]
    detector = untrained(replace(config, gate=learned(config, None, videos)), str(device), 1, runtime)
    counted = Counted(detector.network, detector.model.grid[0] * detector.model.grid[1])
    detector.runtime.network = cast(Network, counted)
    return detector, counted


def size_of(config: Config) -> Size:
    """Of a settled configuration's frames."""
    assert config.input.height is not None
    assert config.input.width is not None
    return Size(config.input.height, config.input.width)


def held(
    clip: Clip, config: Config, batch: int, frames: int | None, device: torch.device
) -> list[tuple[Uploaded, Samples]]:
    """The video in batches, on the device."""
    info = probe(clip)
    size = size_of(config)
    read = read_frames(clip, (size,), grey=config.input.grey, rate=config.input.rate)
    some = (frame for frame, _ in zip(read, range(frames if frames is not None else 1 << 62), strict=False))
    found = stream_samples(some, Spacing.of(config.input, info.rate), batch)
    return [(Uploader(device)(samples.frames, 0), samples) for samples in found]


def best_batch(side: Side, cut: dict[int, list[tuple[Uploaded, Samples]]], device: torch.device) -> int:
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


def whole(side: Side, pieces: list[tuple[Uploaded, Samples]]) -> Callable[[], int]:
    """One pass over the video."""

    def work() -> int:
        for pictures, samples in pieces:
            side(pictures, samples)
        return int(np.sum([len(samples.indices) for _, samples in pieces]))

    return work


if __name__ == "__main__":
    main()
