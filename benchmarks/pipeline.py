"""End to end, from an H.264 file to scores, against decoding and resizing the same file alone: one JSON object.

    python benchmarks/pipeline.py ped2.mp4 --detector ped2-small --json

`fps` is what `Detector.score` makes of the file: decoding, resizing, network, filter, smoothing, where it came from.
`decode_fps` is the same file decoded and resized to the network's frames by the same code, `share` the one over the
other. Both take turns in one process. `peak_rss_mb` is the peak of a process that scores the file and nothing else,
and `memory_ratio` that of the file `--loops` times over to it: to be 1, since memory must not grow with a video's
length. SOURCE may also be a folder of frames, or a folder of such: they are put into one H.264 file first, at
`--frame-rate`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from about import about, quietly, tell
from memory import repeat

from sdmae.detector import Detector
from sdmae.evaluation.speed import stages
from sdmae.evaluation.speed.subject import SEED, Setting, open_subject
from sdmae.evaluation.speed.timing import in_turn
from sdmae.runtime import RUNTIMES
from sdmae.video import Clip, VideoWriter, find_clips, probe, read_frames

# The kernel's own record of the most memory the process ever held; see memory.py.
CHILD = """
import sys
from pathlib import Path
import torch
from sdmae.evaluation.speed.subject import Setting, open_subject
from sdmae.video import find_clips
path, subject, runtime, device, batch, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
(clip,) = find_clips(path)
frames = len(open_subject(Setting(subject, runtime, device, int(batch)), clip).score(clip).scores)
(peak,) = [l.split()[1] for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM")]
print(frames, int(peak) / 1024)
"""


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="an H.264 file, or folders of frames")
    parser.add_argument(
        "--detector", required=True, help="a detector file, a shipped detector or a preset (untrained)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--runtime", default=RUNTIMES[0], choices=RUNTIMES)
    parser.add_argument("--batch", type=int, default=32, help="frames scored at once (default: 32)")
    parser.add_argument("--frame-rate", type=float, default=10.0, help="of folders of frames (default: 10, as Ped2)")
    parser.add_argument("--frames", type=int, help="only the first ones")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default: 5)")
    parser.add_argument(
        "--loops", type=int, default=4, help="of the longer file for memory; 0: not measured (default: 4)"
    )
    parser.add_argument("--threads", type=int, help="of the CPU (default: torch's own)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    quietly(args.threads)
    made = about(args.device, SEED)
    setting = Setting(args.detector, args.runtime, args.device, args.batch)
    with tempfile.TemporaryDirectory() as name:
        clip = as_video(args.source, Path(name), args.frame_rate, args.frames)
        found = measure(open_subject(setting, clip), clip, args.repeats)
        memory = peaks(setting, clip, Path(name), args.loops)
    tell({"detector": args.detector, **found, **memory, **made}, args.output, args.json)


def as_video(source: str, folder: Path, rate: float, frames: int | None) -> Clip:
    """The source as one H.264 file; itself, where it is one already and all of it is wanted."""
    clips = find_clips(source, rate=rate)
    if len(clips) == 1 and not clips[0].frames and frames is None:
        return clips[0]
    path, count = folder / f"{Path(source).name}.mp4", 0
    with VideoWriter(path, rate if clips[0].frames else probe(clips[0]).rate) as video:
        for frame in (frame for clip in clips for frame in read_frames(clip)):
            video.write(frame.image)
            count += 1
            if count == frames:
                break
    return find_clips(str(path))[0]


def measure(detector: Detector, clip: Clip, repeats: int) -> dict[str, Any]:
    """Frames a second of the source, end to end and of decoding alone."""
    waits: list[float] = []
    works = {"decode": stages.decoding_and_resizing(clip, detector), "all": stages.together(clip, detector, waits)}
    rates = in_turn(works, repeats=repeats, seconds=0.0, device=detector.runtime.device)
    info = probe(clip)
    return {
        "fps": round(rates["all"].fps, 2),
        "decode_fps": round(rates["decode"].fps, 2),
        "share": round(rates["all"].fps / rates["decode"].fps, 4),
        "spread": {name: {"fps_low": round(r.low, 2), "fps_high": round(r.high, 2)} for name, r in rates.items()},
        "runtime": detector.runtime.network.name,
        "batch": detector.batch,
        "frames": rates["all"].frames // repeats,
        "video": {"codec": info.codec, "size": list(info.size), "rate": info.rate},
        "input_size": list(detector.size),
        "repeats": repeats,
    }


def peaks(setting: Setting, clip: Clip, folder: Path, loops: int) -> dict[str, Any]:
    """Peak resident memory of a process that scores the file, and of one that scores it so many times over."""
    found: dict[str, Any] = {"peak_rss_mb": round(peak(setting, clip.path)[1], 1)}
    if loops > 0:
        longer = folder / "longer.mp4"
        frames = sum(1 for _ in read_frames(clip, ()))
        repeat(clip.path, longer, loops * frames)
        scored, most = peak(setting, longer)
        found |= {"peak_rss_mb_looped": round(most, 1), "frames_looped": scored}
        found["memory_ratio"] = round(found["peak_rss_mb_looped"] / found["peak_rss_mb"], 4)
    return found


def peak(setting: Setting, path: Path) -> tuple[int, float]:
    """Frames scored and MiB of a process of its own."""
    words = [str(path), setting.subject, setting.runtime, setting.device, str(setting.batch)]
    command = [sys.executable, "-c", CHILD, *words, str(torch.get_num_threads())]
    frames, most = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(frames), float(most)


if __name__ == "__main__":
    main()
