"""`sdmae export`: a detector for other programs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from jsonargparse import ArgumentParser as Parser

from sdmae.cli.arguments import add_frame_rate, clips_of
from sdmae.config import Config
from sdmae.errors import ConfigError
from sdmae.progress import say


def export(args: Namespace, config: Config) -> int:
    """Writes a detector as ONNX, OpenVINO or torch.export, once it has been found to give the same scores."""
    from sdmae.detector import load
    from sdmae.detector.export import Order
    from sdmae.detector.export import export as run

    clip = None
    if args.source is not None:
        clips = clips_of([args.source], args.frame_rate)
        if len(clips) > 1:
            raise ConfigError(f"--source {args.source}: holds {len(clips)} videos; name one")
        clip = clips[0]
    order = Order(args.to, args.output, clip, args.bound)
    run(load(args.detector, device="cpu", runtime="eager"), order, say)
    say(f"{args.output}: done. Next: sdmae detect SOURCE --detector {args.output} --output DIR")
    return 0


def export_arguments(parser: Parser) -> None:
    """Of `sdmae export`."""
    from sdmae.detector.export import BOUND
    from sdmae.detector.exported import KINDS

    parser.add_argument(
        "detector", type=Path, help="a detector file that `sdmae train` wrote, or the name of one that is shipped"
    )
    parser.add_argument("--to", type=str, required=True, help=f"one of {', '.join(KINDS)}")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help=f"the file to write: {', '.join(f'*{suffix} for {kind}' for kind, suffix in KINDS.items())}",
    )
    parser.add_argument(
        "--source", type=str, help="video on whose first frames the two are compared; default: frames that are drawn"
    )
    parser.add_argument(
        "--bound",
        type=float,
        default=BOUND,
        help=f"largest difference of a term or a score from the detector's that is let through (default: {BOUND:g})",
    )
    add_frame_rate(parser)
