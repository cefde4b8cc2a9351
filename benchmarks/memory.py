"""Peak memory of `sdmae detect` on a short and on a long video: it must not grow with the length.

    python benchmarks/memory.py --output benchmarks/results/memory.json

Footage is the procedural scene; the long video repeats its packets. The detector is a tiny one, trained here in
seconds: memory that grows with the length would do so under any network, and this one is done with a long video soon.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import torch

import sdmae
from sdmae.config import AnomalyConfig, Config, InputConfig, ModelConfig, ScoreConfig, TrainConfig
from sdmae.data.scene import SceneSpec, render
from sdmae.evaluation.ledger import commit, environment
from sdmae.training import Job, train
from sdmae.video import VideoWriter, find_clips

TINY = Config(
    preset="memory benchmark",
    input=InputConfig(tokens=54, grey=True),
    model=ModelConfig(patch=8, encoder_width=16, decoder_width=16, depth=1, heads=2, map_loss="bce", position="sine"),
    anomalies=AnomalyConfig(objects=16, families=("shapes",), held_out=("thin",)),
    train=TrainConfig(teacher_epochs=1, student_epochs=1, batch_size=50, validation_samples=50),
    score=ScoreConfig(resolution="token", filter_frames=5, filter_cells=3),
)
# The kernel's own record of the most memory the process ever held; read by the process itself, so nothing is missed.
# What getrusage says of a child would include its parent's memory at the fork.
CHILD = """
import sys
from pathlib import Path
from sdmae.cli import main
code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(Path("/proc/self/status").read_text())
sys.exit(code)
"""


def main() -> None:
    """Makes the videos, measures, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs=2, default=(1000, 50000), help="lengths (default: 1000 50000)")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Networks this small only lose by sharing their work, and threads of the library would add their own memory.
        os.environ |= {"SDMAE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
        torch.set_num_threads(1)
        short, long = (folder / f"{count}.mp4" for count in args.frames)
        draw(short, args.frames[0])
        repeat(short, long, args.frames[1])
        train(Job(find_clips(str(short)), folder / "tiny.safetensors", device="cpu"), TINY)
        rows = [measure(video, folder) for video in (short, long)]
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": TINY.train.seed,
        "video": "procedural scene, 240x360, H.264; the long one repeats the short one's packets",
        "detect": rows,
        "ratio": round(rows[1]["peak_mib"] / rows[0]["peak_mib"], 4),
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def draw(path: Path, frames: int) -> None:
    """That many frames of the scene."""
    spec = SceneSpec()
    with VideoWriter(path, spec.rate) as video:
        for frame in render(spec, frames):
            video.write(frame.image)


def repeat(source: Path, target: Path, frames: int) -> None:
    """The source's packets over and over, with rising time stamps, until there are `frames` of them."""
    with av.open(target, "w") as output, av.open(source) as first:
        stream = output.add_stream_from_template(first.streams.video[0])
        written, offset = 0, Fraction(0)
        while written < frames:
            with av.open(source) as container:
                track = container.streams.video[0]
                base, count = track.time_base, 0
                assert base is not None
                assert track.average_rate is not None
                for packet in container.demux(track):
                    if packet.pts is None or packet.dts is None or written == frames:
                        continue
                    packet.pts += round(offset / base)
                    packet.dts += round(offset / base)
                    packet.stream = stream
                    output.mux(packet)
                    written, count = written + 1, count + 1
                offset += Fraction(count) / track.average_rate


def measure(video: Path, folder: Path) -> dict[str, Any]:
    """Peak resident memory and duration of `sdmae detect` on the video, in a process of its own."""
    status, output = folder / "status", folder / f"scores of {video.stem}"
    words = ["detect", str(video), "--detector", str(folder / "tiny.safetensors"), "--output", str(output)]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", CHILD, str(status), *words, "--device", "cpu"], check=True)
    seconds = time.perf_counter() - start
    (peak,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    scored = len((output / video.stem / "scores.csv").read_text().splitlines()) - 1
    return {"frames": scored, "peak_mib": round(int(peak) / 1024, 1), "seconds": round(seconds, 1)}


if __name__ == "__main__":
    main()
