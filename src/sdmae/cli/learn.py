"""`sdmae train` and `sdmae calibrate`: what is learned from normal video."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from jsonargparse import ArgumentParser as Parser

from sdmae.cli.arguments import (
    add_benchmark,
    add_detector,
    add_device,
    add_exclude,
    add_frame_rate,
    add_ignore,
    add_sources,
    add_start,
    clips_of,
    left_out,
    root_of,
    with_ignored,
)
from sdmae.config import Config, GateConfig
from sdmae.errors import ConfigError, SdmaeError
from sdmae.progress import say


def train(args: Namespace, config: Config) -> int:
    """Learns what is normal and writes a detector file."""
    from sdmae.data.readers import read_benchmark
    from sdmae.runtime import pick_device
    from sdmae.training import Job
    from sdmae.training import train as run

    clips = []
    named = bool(args.sources)
    if named == bool(args.benchmark):
        raise ConfigError(
            "name normal video to learn from, or a benchmark with --benchmark and --root: one of the two"
        )
    if (args.root or args.partial) and not args.benchmark:
        flag = "--root is the folder" if args.root else "--partial is for part"
        raise ConfigError(f"{flag} of a benchmark: name that with --benchmark, or leave it out")
    if args.output.suffix != ".safetensors":
        raise ConfigError(f"--output {args.output}: a detector file is called *.safetensors")
    if args.device is not None:
        pick_device(args.device)
    if args.benchmark:
        benchmark = read_benchmark(args.benchmark, root_of(args), partial=args.partial)
        if benchmark.missing:
            say(f"{args.root}: not the whole of {args.benchmark}: {'; '.join(benchmark.missing)} missing")
        clips = list(benchmark.training)
    else:
        clips = clips_of(args.sources, args.frame_rate)
    what = f"{args.benchmark} (training split)" if args.benchmark else " ".join(args.sources)
    config = with_ignored(config, args.ignore, clips)
    job = Job(
        clips,
        args.output,
        exclude=left_out(args, config, clips),
        ubnormal=args.ubnormal,
        resume=args.resume,
        overwrite=args.overwrite,
        device=args.device,
        trained_on=what,
    )
    try:
        run(job, config, say)
    except KeyboardInterrupt:
        say(f"interrupted; what was learned is in {job.folder}: the same command with --resume goes on")
        return 130
    except SdmaeError:
        with contextlib.suppress(OSError):
            job.folder.rmdir()  # only where nothing was learned yet
        raise
    say(f"{args.output}: done. Next: sdmae detect SOURCE --detector {args.output} --output DIR")
    return 0


def train_arguments(parser: Parser) -> None:
    """Of `sdmae train`."""
    add_sources(parser, "normal video of one camera: a file, a glob, a folder of videos or of numbered frames")
    parser.add_argument("--output", type=Path, required=True, help="the detector file to write, *.safetensors")
    add_benchmark(parser, required=False)
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="start anew where a detector or a run exists")
    add_exclude(parser)
    add_ignore(parser)
    add_start(parser)
    parser.add_argument(
        "--ubnormal",
        type=Path,
        metavar="DIR",
        help="a copy of UBnormal: objects of its training split become synthetic anomalies, too, as in the paper",
    )
    add_frame_rate(parser)
    add_device(parser)


def calibrate(args: Namespace, config: Config) -> int:
    """Sets a detector's alarms to so many false ones a day, by normal video it has not learned from."""
    from sdmae.detector import load
    from sdmae.recordings.calibrate import Order
    from sdmae.recordings.calibrate import calibrate as run

    if args.output.suffix != ".safetensors":
        raise ConfigError(f"--output {args.output}: a detector file is called *.safetensors")
    if args.false_alarms_per_day is not None:
        if not 1e-4 <= args.false_alarms_per_day <= 1e6:
            raise ConfigError(
                f"--false-alarms-per-day {args.false_alarms_per_day:g}: give a number from 0.0001 to 1000000"
            )
        events = replace(config.events, false_alarms_per_day=args.false_alarms_per_day)
        config = replace(config, events=events)
    clips = clips_of(args.sources, args.frame_rate)
    before = load(args.detector, device=args.device, stale=True)
    gate, known = config.gate, before.config.gate
    # What was learned of one camera is learned anew; what is said on the command line stays.
    if gate.threshold == known.threshold:
        gate = replace(gate, threshold=None)
    if gate.idle == known.idle:
        gate = replace(gate, idle=None)
    detector = before.with_settings(
        with_ignored(replace(before.config, score=config.score, events=config.events, gate=gate), args.ignore, clips)
    )
    same = config.score == before.config.score and _unlearned(gate) == _unlearned(known)
    order = Order(
        clips,
        args.output,
        exclude=left_out(args, config, clips),
        resume=args.resume,
        overwrite=args.overwrite,
        force=args.force,
        # Zones and the merging of events may differ: the scores are still the same scores.
        reference=before.calibration if same else None,
    )
    try:
        run(detector, order, say)
    except KeyboardInterrupt:
        kept = f"scores of finished videos are in {order.folder}: the same command with --resume goes on"
        say(f"interrupted; {kept if any(order.folder.glob('*.npz')) else 'no video was finished, nothing is kept'}")
        return 130
    except SdmaeError as error:
        with contextlib.suppress(OSError):
            order.folder.rmdir()  # only where nothing was scored yet
        if not any(order.folder.glob("*.npz")):
            raise
        raise type(error)(f"{error}; the scores are kept in {order.folder}, --resume takes them") from None
    say(f"{args.output}: done. Next: sdmae detect SOURCE --detector {args.output} --output DIR")
    return 0


def _unlearned(gate: GateConfig) -> GateConfig:
    return replace(gate, threshold=None, idle=None)


def calibrate_arguments(parser: Parser) -> None:
    """Of `sdmae calibrate`."""
    add_sources(parser, "normal video of the same camera, not learned from: the more, the better", required=True)
    add_detector(parser)
    parser.add_argument("--output", type=Path, required=True, help="the detector file to write, *.safetensors")
    parser.add_argument(
        "--false-alarms-per-day", type=float, help="events a day of normal video; default: the detector's setting"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument(
        "--force", action="store_true", help="take the video for normal even if the detector finds it strange"
    )
    add_exclude(parser)
    add_ignore(parser)
    add_start(parser)
    add_frame_rate(parser)
    add_device(parser)
