"""What an idle scene costs beside a busy one, end to end, under motion gating.

    python benchmarks/idle.py --output benchmarks/results/idle.json

Both are the procedural scene as H.264, with sensor noise and drifting light; in the idle one nobody passes. The gate
is learned from a third clip, of normal video. Costs are processor seconds of `Detector.score`, decoding included, on
one thread; the runs take turns, so that what else the machine does touches all of them, and ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

import sdmae
from sdmae import Detector
from sdmae.config import Config, GateConfig
from sdmae.data.neighbours import Spacing, stream_samples
from sdmae.data.scene import SceneSpec, render
from sdmae.data.scene.render import make_place
from sdmae.detector import build_model
from sdmae.detector.detector import full_passes
from sdmae.detector.gating import learned
from sdmae.evaluation.ledger import commit, environment
from sdmae.model.gate import Gate
from sdmae.model.presets import fit, preset
from sdmae.runtime.motion import motion_of
from sdmae.video import Clip, Frame, VideoWriter, find_clips, probe, read_frames

NORMAL, BUSY, IDLE = 9000, 9001, 9002
"""Clip numbers."""


def main() -> None:
    """Renders, learns the gate, takes times, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0, help="length of each clip (default: 40)")
    parser.add_argument("--size", type=int, nargs=2, default=(240, 360), help="of the video (default: 240 360)")
    parser.add_argument("--preset", default="small", help="the network, untrained: its cost is the same")
    parser.add_argument("--gate", default="{}", help='settings of the gate other than the usual, as {"margin": 0}')
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the place (default: 0)")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        clips = {kind: film(Path(name), args, kind) for kind in (NORMAL, BUSY, IDLE)}
        rate = probe(clips[BUSY]).rate
        config = fit(preset(args.preset), *probe(clips[BUSY]).size, rate)
        gate = GateConfig(**{"active": True, **json.loads(args.gate)})
        torch.manual_seed(args.seed)
        plain = Detector(build_model(config), config, {}, device="cpu")
        normal = [(frames(plain, clips[NORMAL]), rate)]
        gate = learned(replace(config, gate=gate), plain.model, normal)
        gated = plain.with_settings(replace(config, gate=gate))
        kinds: dict[str, Callable[[], object]] = {
            "decoding_busy": lambda: [None for _ in frames(plain, clips[BUSY])],
            "decoding_idle": lambda: [None for _ in frames(plain, clips[IDLE])],
            "gated_busy": lambda: gated.score(clips[BUSY]),
            "gated_idle": lambda: gated.score(clips[IDLE]),
            "plain_busy": lambda: plain.score(clips[BUSY]),
            "plain_idle": lambda: plain.score(clips[IDLE]),
        }
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(args.rounds):
            for kind, work in kinds.items():
                before = time.process_time()
                work()
                took[kind].append(time.process_time() - before)
        shares = {kind: tokens(gated, clips[clip]) for kind, clip in (("busy", BUSY), ("idle", IDLE))}
    cost = {kind: statistics.median(seconds) for kind, seconds in took.items()}
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": args.seed,
        "video": f"procedural scene, {args.size[0]}x{args.size[1]} at {rate:g} frames/s, H.264, {args.seconds:g} s",
        "preset": args.preset,
        "network_input": [config.input.height, config.input.width],
        "gate": {k: v for k, v in vars(gate).items() if k != "train"},
        "idle_over_busy": round(cost["gated_idle"] / cost["gated_busy"], 4),
        "idle_over_busy_without_gate": round(cost["plain_idle"] / cost["plain_busy"], 4),
        "idle_over_plain_busy": round(cost["gated_idle"] / cost["plain_busy"], 4),
        "busy_gated_over_plain": round(cost["gated_busy"] / cost["plain_busy"], 4),
        "decoding_over_gated_idle": round(cost["decoding_idle"] / cost["gated_idle"], 4),
        "decoding_over_gated_busy": round(cost["decoding_busy"] / cost["gated_busy"], 4),
        **shares,
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def film(folder: Path, args: argparse.Namespace, number: int) -> Clip:
    """A clip of the scene."""
    spec = SceneSpec(args.seed, number, args.size[0], args.size[1], people=number != IDLE)
    with VideoWriter(folder / f"{number}.mp4", spec.rate) as video:
        for frame in render(spec, round(args.seconds * spec.rate), make_place(spec)):
            video.write(frame.image)
    return find_clips(str(folder / f"{number}.mp4"))[0]


def frames(detector: Detector, clip: Clip) -> list[Frame]:
    """The clip's frames as the network sees them."""
    return list(read_frames(clip, (detector.size,), grey=detector.config.input.grey, rate=detector.rate))


def tokens(detector: Detector, clip: Clip) -> dict[str, Any]:
    """What the gate lets through: tokens as a share of those of a frame, and of those without a gate; frames run."""
    config: Config = detector.config
    rate, model = probe(clip).rate, detector.model
    gate = Gate.of(config.gate, config.model, model.channels, model.grid)
    assert gate is not None
    kept = run = count = 0
    for samples in stream_samples(frames(detector, clip), Spacing.of(config.input, rate), detector.batch):
        uploaded = torch.from_numpy(samples.frames)
        motion = motion_of(samples.frames, uploaded, samples.neighbours, config.model.patch)
        for group in gate.groups(motion, torch.from_numpy(full_passes(samples.times, config, rate))):
            kept += len(group.rows) * (motion.shape[1] if group.cells is None else group.cells.shape[1])
            run += len(group.rows)
        count += len(motion)
    return {
        "token_share": round(kept / count / (model.grid[0] * model.grid[1]), 4),
        "of_tokens_without_gate": round(kept / count / gate.sizes[-1], 4),
        "frames_run": round(run / count, 4),
    }


if __name__ == "__main__":
    main()
