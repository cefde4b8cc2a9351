"""`sdmae demo`, `info` and `data`: to see what there is."""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser as Parser

from sdmae.cli.arguments import add_device, add_frame_rate, add_sources, clips_of
from sdmae.config import Config
from sdmae.errors import ConfigError, SourceError
from sdmae.progress import say


def demo(args: Namespace, config: Config) -> int:
    """Draws a scene, trains on it, finds what is abnormal, and reports with pictures."""
    from sdmae.demo.demo import demo as run

    run(args.output, seed=args.seed, device=args.device, report=say)
    return 0


def demo_arguments(parser: Parser) -> None:
    """Of `sdmae demo`."""
    parser.add_argument("--output", type=Path, default=Path("demo"), help="the folder of the report (default: demo)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws another scene (default: 0)")
    add_device(parser)


def info(args: Namespace, config: Config) -> int:
    """What a detector, a preset or a video is; without a name, which presets and shipped detectors there are."""
    from sdmae.detector.info import describe, in_words, inventory

    facts = inventory() if args.name is None else describe(args.name)
    sys.stdout.write((json.dumps(facts, indent=2) if args.json else in_words(facts)) + "\n")
    return 0


def info_arguments(parser: Parser) -> None:
    """Of `sdmae info`."""
    parser.add_argument(
        "name", nargs="?", type=str, help="a detector file, a video, a preset or a shipped detector; default: a list"
    )
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")


def preview(args: Namespace, config: Config) -> int:
    """A contact sheet of training samples with their synthetic anomalies: look at it before you train."""
    from sdmae.training.preview import preview as run

    if args.count < 1:
        raise ConfigError(f"--count must be at least 1, not {args.count}")
    run(clips_of(args.sources, args.frame_rate), config, args.output, count=args.count, report=say)
    return 0


def preview_arguments(parser: Parser) -> None:
    """Of `sdmae data preview`."""
    add_sources(parser, "normal video to paste synthetic anomalies into", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the picture to write, .png or .jpg")
    parser.add_argument("--count", type=int, default=24, help="samples on the sheet (default: 24)")
    add_frame_rate(parser)


def scene(args: Namespace, config: Config) -> int:
    """Draws the procedural scene: normal training video, test video with anomalies, masks and tracks."""
    from sdmae.data.scene import write_scene
    from sdmae.progress import progress

    with contextlib.ExitStack() as stack:
        bars: list[Any] = []

        def step(done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(progress("drawing", total, "frames")))
            bars[0].update(done - bars[0].n)

        try:
            write_scene(
                args.output,
                seed=args.seed,
                still=args.still,
                test_seconds=60.0 if args.still else 20.0,
                progress=step,
            )
        except OSError as error:
            raise SourceError(
                f"{args.output}: cannot be written ({error.strerror}); choose another --output"
            ) from None
    say(f"{args.output}: done. Next: sdmae train --benchmark scene --root {args.output} --output scene.safetensors")
    return 0


def scene_arguments(parser: Parser) -> None:
    """Of `sdmae data scene`."""
    parser.add_argument("--output", type=Path, required=True, help="the folder of the scene")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws another scene (default: 0)")
    parser.add_argument(
        "--still",
        action="store_true",
        help="test clips of a left bag and of a fallen person, who stay where they are",
    )
