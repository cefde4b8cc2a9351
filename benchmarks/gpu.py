"""Every figure that wants a GPU, in under ten minutes: one command, JSON files in a folder.

    python benchmarks/gpu.py --output gpu-results
    python benchmarks/gpu.py --device cpu --quick --output /tmp/tried        # the same at a tiny size, to try it

The yardstick against our network, in float32 and eager, and in whatever faster runtimes there are; gating; end to end
against this machine's own decoder; `sdmae bench` over the runtimes; the training loader beside the step. Each part is
a process of its own and has a time limit; one that fails is told and does not stop the others. What is done in the
folder is not done again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sdmae.data.scene import SceneSpec, render
from sdmae.runtime import RUNTIMES
from sdmae.video import VideoWriter

HERE = Path(__file__).parent
DATA = Path(os.environ.get("SDMAE_DATA", HERE.parent / "../shared/data"))
ON_GPU = ("eager", "folded", "compile", "cudagraph")
"""Ways of running the network that are worth a look on a GPU, as far as there are such."""
LIMIT = 560.0
"""Seconds, all together."""
LONGEST = 150.0
"""Seconds of one part."""


@dataclass(frozen=True)
class Part:
    """One measurement."""

    name: str
    """Of its JSON file, or of its folder where the command makes one."""
    words: list[str]
    """After the interpreter's."""


def main() -> int:
    """Runs what is not done, and says what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the folder")
    parser.add_argument("--device", default="cuda", help="cuda (default) or cpu")
    parser.add_argument("--quick", action="store_true", help="everything at a tiny size")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    scene = args.output / "scene.mp4"
    if not scene.exists():
        draw(scene, *((24, 96, 160) if args.quick else (300, 720, 1280)))
    started, failed = time.monotonic(), []
    todo = [part for part in parts(args.output, scene, args.device, quick=args.quick) if not done(args.output, part)]
    for number, part in enumerate(todo):
        left = LIMIT - (time.monotonic() - started)
        print(f"{number + 1} of {len(todo)}: {part.name} (at most {min(left, LONGEST):.0f} s)", flush=True)
        try:
            subprocess.run([sys.executable, *part.words], check=True, timeout=max(min(left, LONGEST), 1.0))
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            failed.append(part.name)
            print(f"{part.name}: {error}", flush=True)
    print(f"{args.output}: done" + (f", but for {', '.join(failed)}: the same command tries again" if failed else ""))
    return 1 if failed else 0


def parts(output: Path, scene: Path, device: str, *, quick: bool) -> list[Part]:
    """What is measured, the most important first."""
    avenue, ped2 = DATA / "avenue_sample/testing_videos", DATA / "ucsd_ped2/UCSDped2"
    runtimes = [name for name in RUNTIMES if name in ON_GPU and (name != "cudagraph" or device == "cuda")]
    real = avenue.is_dir() and not quick
    film, normal = (str(avenue), str(avenue.with_name("training_videos"))) if real else (str(scene), str(scene))
    preset = "small" if quick else "paper-avenue"
    short = ["--frames", "8", "--repeats", "1", "--batches", "2"] if quick else []

    def script(name: str, file: str, *words: str) -> Part:
        where = str(output / f"{name}.json")
        return Part(name, [str(HERE / file), *words, "--device", device, "--output", where])

    film_of = ["--source", film, "--normal", normal]
    found = [
        script(f"network-{name}", "network.py", "--preset", preset, "--runtime", name, *film_of, *short)
        for name in runtimes
    ]
    tests = [str(ped2 / "Test")] if ped2.is_dir() and not quick else [str(scene)]
    few = ["--repeats", "1", "--loops", "0", "--batch", "4"] if quick else ["--batch", "64"]
    found += [
        script(f"pipeline-small-{name}", "pipeline.py", *tests, "--detector", "small", "--runtime", name, *few)
        for name in runtimes
    ]
    if not quick:
        large = ["--batch", "64", "--runtime", runtimes[-1]]
        found.append(script("pipeline-paper-avenue", "pipeline.py", str(scene), "--detector", "paper-avenue", *large))
    if ped2.is_dir() and not quick:
        words = [str(ped2 / "Train"), "--frame-rate", "10", "--preset", "paper-ped2", "--seconds", "8"]
        found.append(script("loader", "loader.py", *words))
    rows = (
        ["--quick"] if quick else ["--presets", "paper-avenue,small", "--batches", "1,16,64,256", "--streams", "1,4"]
    )
    bench = ["-m", "sdmae", "bench", str(scene), "--output", str(output / "bench"), "--devices", device]
    found.append(Part("bench", [*bench, "--runtimes", ",".join(runtimes), *rows]))
    return found


def done(output: Path, part: Part) -> bool:
    """A folder's command knows itself what it has done."""
    return (output / f"{part.name}.json").exists()


def draw(path: Path, frames: int, height: int, width: int) -> None:
    """That many frames of the procedural scene, H.264."""
    with VideoWriter(path, 25) as video:
        for frame in render(SceneSpec(height=height, width=width), frames):
            video.write(frame.image)


if __name__ == "__main__":
    sys.exit(main())
