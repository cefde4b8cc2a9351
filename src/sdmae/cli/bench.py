"""`sdmae bench`: how fast it is here, stage by stage and end to end."""

from __future__ import annotations

import re
import tempfile
from argparse import Namespace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser as Parser

from sdmae.cli.arguments import add_frame_rate, clips_of
from sdmae.config import Config
from sdmae.errors import ConfigError
from sdmae.progress import say
from sdmae.video.frame import Size

if TYPE_CHECKING:
    from sdmae.evaluation.speed import Setting

SUBJECTS, BATCHES, STREAMS = "small,base", "1,8,32", "1,2"
"""Where nobody says anything else: some two minutes on two cores."""
QUICK = {"batches": "2", "streams": "1", "presets": "small", "sizes": "48x64", "repeats": 1, "seconds": 0.01}


def bench(args: Namespace, config: Config) -> int:
    """Measures how fast it is on this machine, every stage alone and all together."""
    from sdmae.evaluation.speed import Order
    from sdmae.evaluation.speed import bench as run

    settings = _settings(args)
    repeats, seconds = _of(args, "repeats", 3), _of(args, "seconds", 0.5)
    with tempfile.TemporaryDirectory() as folder:
        source = args.source or _drawn(Path(folder) / "scene.mp4", 20 if args.quick else 150)
        clips = clips_of([source], args.frame_rate)
        if len(clips) > 1:
            raise ConfigError(f"{args.source}: holds {len(clips)} videos; name one of them")
        try:
            failures = run(Order(clips[0], args.output, settings, repeats, seconds), say)
        except KeyboardInterrupt:
            say(f"interrupted; all that was measured is in {args.output}: the same command goes on")
            return 130
    if failures:
        say(f"not measured: {'; '.join(failures)}: the same command tries them again")
    if len(failures) < len(settings):
        say(f"{args.output / 'bench.md'}: the table, with bench.png and bench.json")
    return 2 if failures else 0


def bench_arguments(parser: Parser) -> None:
    """Of `sdmae bench`."""
    parser.add_argument(
        "source", nargs="?", type=str, metavar="SOURCE", help="one video; default: 150 frames of the procedural scene"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="a folder; what is measured in it is not again"
    )
    parser.add_argument("--presets", type=str, metavar="A,B", help=f"untrained (default: {SUBJECTS})")
    parser.add_argument("--detector", type=str, help="a detector file, or a shipped one, instead of presets")
    parser.add_argument("--sizes", type=str, metavar="HxW,...", help="of the presets' frames; default: their own")
    parser.add_argument("--runtimes", type=str, default="auto", metavar="A,B", help="ways of running the network")
    parser.add_argument("--devices", type=str, metavar="A,B", help="cpu, cuda; default: a GPU if there is one")
    parser.add_argument("--batches", type=str, metavar="N,N", help=f"frames scored at once (default: {BATCHES})")
    parser.add_argument(
        "--streams",
        type=str,
        metavar="N,N",
        help=f"videos at the same time, at the largest batch (default: {STREAMS})",
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="turns of each stage (default: 3)")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each turn (default: 0.5)")
    parser.add_argument("--quick", action="store_true", help="one tiny row, to see that it works")
    add_frame_rate(parser)


def _settings(args: Namespace) -> list[Setting]:
    """The rows that the words ask for."""
    from sdmae.evaluation.speed import Setting
    from sdmae.model.presets import PRESETS
    from sdmae.runtime import pick_device

    if args.detector is not None and (args.presets or args.sizes):
        raise ConfigError("--presets and --sizes are instead of --detector: leave either out")
    subjects = [args.detector] if args.detector is not None else _words(_of(args, "presets", SUBJECTS), "--presets")
    for name in subjects:
        if args.detector is None and name not in PRESETS:
            raise ConfigError(f"no preset '{name}'; there are {', '.join(PRESETS)}")
    sizes = [None] if args.detector is not None else _sizes(_of(args, "sizes", None))
    batches = _numbers(_of(args, "batches", BATCHES), "--batches")
    devices = _words(args.devices, "--devices") if args.devices else [pick_device(None).type]
    found = []
    for subject, size, runtime, device in product(subjects, sizes, _words(args.runtimes, "--runtimes"), devices):
        for streams in _numbers(_of(args, "streams", STREAMS), "--streams"):
            if streams == 1:
                found += [Setting(subject, runtime, device, batch, size) for batch in batches]
            else:
                found += [
                    Setting(subject, runtime, device, max(batches), size, streams, shared) for shared in (True, False)
                ]
    return found


def _of(args: Namespace, name: str, usual: Any) -> Any:
    """What was given, else what --quick asks for, else what is usual."""
    given = getattr(args, name)
    if given is not None:
        return given
    return QUICK.get(name, usual) if args.quick else usual


def _words(text: str, flag: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise ConfigError(f"{flag} is empty; name one, or several with commas between")
    return words


def _numbers(text: str, flag: str) -> list[int]:
    words = _words(text, flag)
    if not all(re.fullmatch(r"[0-9]{1,6}", word) and int(word) for word in words):
        raise ConfigError(f"{flag} {text}: give whole numbers from 1, with commas between")
    return sorted({int(word) for word in words})


def _sizes(text: str | None) -> list[Size | None]:
    if text is None:
        return [None]
    found: list[Size | None] = []
    for word in _words(text, "--sizes"):
        size = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", word)
        if not size:
            raise ConfigError(f"--sizes {word}: give rows x columns, such as 240x360")
        found.append(Size(int(size[1]), int(size[2])))
    return found


def _drawn(path: Path, frames: int) -> str:
    from sdmae.data.scene import SceneSpec, render
    from sdmae.video import VideoWriter

    with VideoWriter(path, SceneSpec().rate) as video:
        for frame in render(SceneSpec(), frames):
            video.write(frame.image)
    return str(path)
