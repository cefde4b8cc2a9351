"""What the still map alone finds in the procedural scene: bags left behind, people who fell and stay lying.

    python benchmarks/still.py --output benchmarks/results/still.json

A clip is rendered, coded as H.264 and decoded as any video is, scaled to the network frame and shown to
`StillReference`. An object counts as found at the first frame, `--fast` seconds or later after it came, at which the
map in its box is above a bar: the highest value that the normal clips reached, their 99.9 % quantile, and one half.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import sdmae
from sdmae.data.scene import STILL_KINDS, SceneSpec, Staged, render
from sdmae.data.scene.render import Place, make_place
from sdmae.evaluation.ledger import commit, environment
from sdmae.scoring.still import StillReference
from sdmae.video import Clip, Size, VideoWriter, read_frames

NORMAL, STILL = 7000, 8000
"""First clip numbers of the normal clips, and of those with an object."""


@dataclass
class Run:
    """What the map did in one clip."""

    peaks: NDArray[np.float32]
    """(N,) highest value of each frame."""
    inside: NDArray[np.float32]
    """(N,) highest value in the object's box, also while somebody hides it; 0 before the object is there."""
    begin: int
    """First frame with the object; N without one."""
    milliseconds: float
    """A frame's mean cost."""
    kind: str = "normal"


def main() -> None:
    """Renders, looks, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normal", type=int, default=6, help="normal clips (default: 6)")
    parser.add_argument("--normal-seconds", type=float, default=120.0, help="length of each (default: 120)")
    parser.add_argument("--still", type=int, default=6, help="clips of each kind of object (default: 6)")
    parser.add_argument("--still-seconds", type=float, default=60.0, help="length of each (default: 60)")
    parser.add_argument("--size", type=int, nargs=2, default=(160, 240), help="network frame (default: 160 240)")
    parser.add_argument("--patch", type=int, default=8, help="pixels of a cell's side (default: 8)")
    parser.add_argument("--fast", type=float, default=5.0, help="seconds that something must stand (default: 5)")
    parser.add_argument("--colour", action="store_true", help="three channels instead of one")
    parser.add_argument("--shake", type=float, default=0.0, help="deviation of a trembling camera, in pixels")
    parser.add_argument("--gain", type=float, default=0.0, help="share by which an exposure rises and falls, too")
    parser.add_argument("--noise", type=float, default=0.0, help="deviation of added noise, in grey levels")
    parser.add_argument("--seed", type=int, default=0, help="of the place (default: 0)")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    place = make_place(SceneSpec(args.seed))
    normal = [run(args, place, NORMAL + n, args.normal_seconds, ()) for n in range(args.normal)]
    objects = [
        run(args, place, STILL + 100 * k + n, args.still_seconds, (Staged(kind, 0.4 * args.still_seconds),))
        for k, kind in enumerate(STILL_KINDS)
        for n in range(args.still)
    ]
    together = np.concatenate([one.peaks for one in normal])
    bars = {"highest": float(together.max()), "q999": float(np.quantile(together, 0.999)), "half": 0.5}
    rate = SceneSpec().rate
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": args.seed,
        "video": f"procedural scene, 240x360 at {rate} frames/s, H.264, scaled to {args.size[0]}x{args.size[1]}",
        "milliseconds_a_frame": round(float(np.mean([one.milliseconds for one in normal])), 3),
        "normal": {
            "highest": round(bars["highest"], 4),
            "q999": round(bars["q999"], 4),
            "highest_of_each_clip": [round(float(one.peaks.max()), 4) for one in normal],
            "frames_above_0": round(float((together > 0).mean()), 5),
        },
        **{
            kind: summary([one for one in objects if one.kind == kind], bars, args.fast, rate) for kind in STILL_KINDS
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def run(args: argparse.Namespace, place: Place, number: int, seconds: float, staged: tuple[Staged, ...]) -> Run:
    """The still map over one clip."""
    spec = SceneSpec(args.seed, number, staged=staged)
    (height, width), patch = args.size, args.patch
    boxes: list[NDArray[np.float64] | None] = []
    last = None
    reference = StillReference((height // patch, width // patch), fast=args.fast)
    peaks, inside, passed = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "clip.mp4"
        with VideoWriter(video, spec.rate) as writer:
            for frame in render(spec, round(seconds * spec.rate), place):
                writer.write(worse(frame.image, len(boxes), args, spec))
                last = next((np.array(one.box) for one in frame.objects if one.abnormal), last)
                boxes.append(last)
        scale = np.array([width / spec.width, height / spec.height] * 2) / patch
        for (image, moment), box in zip(pictures(video, args), boxes, strict=True):
            start = time.perf_counter()
            cells = reference.push(image, moment)
            passed += time.perf_counter() - start
            peaks.append(cells.max())
            inside.append(0.0 if box is None else within(cells, box * scale))
    return Run(
        np.array(peaks, np.float32),
        np.array(inside, np.float32),
        sum(box is None for box in boxes),
        1e3 * passed / len(boxes),
        staged[0].kind if staged else "normal",
    )


def worse(image: NDArray[np.uint8], index: int, args: argparse.Namespace, spec: SceneSpec) -> NDArray[np.uint8]:
    """The frame from a worse camera: trembling, regulating its exposure over half a minute, noisy."""
    if not (args.shake or args.gain or args.noise):
        return image
    rng = np.random.default_rng([args.seed, spec.clip, index])
    x, y = rng.normal(0, args.shake, 2)
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    moved = cv2.warpAffine(image, shift, (spec.width, spec.height), borderMode=cv2.BORDER_REFLECT)
    gain = 1 + args.gain * np.sin(2 * np.pi * index / spec.rate / 30)
    seen = gain * moved + (rng.normal(0, args.noise, image.shape) if args.noise else 0)
    return np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)


def pictures(video: Path, args: argparse.Namespace) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Network frames and their times in seconds."""
    for frame in read_frames(Clip("clip", video), (Size(*args.size),), grey=not args.colour):
        yield frame.image, frame.time


def within(cells: NDArray[np.float32], box: NDArray[np.float64]) -> float:
    """Highest value of the cells that the box, x_min, y_min, x_max, y_max in cells, touches."""
    low, high = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    return float(cells[low[1] : high[1], low[0] : high[0]].max())


def summary(runs: list[Run], bars: dict[str, float], fast: float, rate: float) -> dict[str, Any]:
    """Share found over each bar, seconds from the object's first frame to that, and how steadily it stays above."""
    found: dict[str, Any] = {"objects": len(runs)}
    for name, bar in bars.items():
        delays, kept = [], []
        for one in runs:
            above = one.inside[one.begin :] > bar
            # Before it has stood for the fast time nothing in its box can be it.
            above[: math.ceil(fast * rate)] = False
            if above.any():
                first = int(np.flatnonzero(above)[0])
                delays.append(first / rate)
                kept.append(float(above[first:].mean()))
        found[f"above_{name}"] = {
            "found": len(delays),
            "delay_seconds": [round(delay, 2) for delay in sorted(delays)],
            "frames_above_from_then_on": [round(share, 4) for share in sorted(kept)],
        }
    late = [one.inside[one.begin + round(2 * fast * rate) :] for one in runs]
    found["lowest_in_box_after_twice_fast"] = round(float(min(values.min() for values in late)), 4)
    found["highest_before_object"] = round(float(max(one.peaks[: one.begin].max() for one in runs)), 4)
    return found


if __name__ == "__main__":
    main()
