"""`sdmae detect` and `sdmae evaluate`: what a detector finds, and how well."""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser as Parser

from sdmae.cli.arguments import (
    add_benchmark,
    add_detector,
    add_device,
    add_frame_rate,
    add_ignore,
    add_sources,
    add_start,
    clips_of,
    ignoring,
    root_of,
    with_ignored,
)
from sdmae.config import Config
from sdmae.errors import ConfigError, DetectorError
from sdmae.progress import say

if TYPE_CHECKING:
    from sdmae.detector import Detector


def detect(args: Namespace, config: Config) -> int:
    """Scores video files: a table and a plot for each, alarms with pictures, the annotated video; or a camera."""
    from sdmae.data.schedule import parse_schedule
    from sdmae.detector import load
    from sdmae.recordings.detect import detect as run
    from sdmae.recordings.detect import interrupted
    from sdmae.recordings.tables import check_format
    from sdmae.recordings.watch import Order
    from sdmae.video.clock import parse_moment
    from sdmae.video.live import is_live

    if any(map(is_live, args.sources)):
        return _detect_live(args, config)
    if args.output is None:
        raise ConfigError("--output is missing: a folder; each video gets one of its own in it")
    check_format(args.format)
    if args.jobs < 1:
        raise ConfigError(f"--jobs must be at least 1, not {args.jobs}")
    if args.threshold is not None and not math.isfinite(args.threshold):
        raise ConfigError(f"--threshold {args.threshold}: give a number, such as those in scores.csv")
    clips = clips_of(args.sources, args.frame_rate)
    start = parse_moment(args.start) if args.start is not None else None
    parse_schedule(config.events.schedule)
    if start is not None and len(clips) > 1:
        raise ConfigError(f"--start is the time of one clip, but there are {len(clips)}; put it into their names")
    before = load(args.detector, device=args.device)
    detector = _as_asked(
        args, before, with_ignored(_settings(before, config), args.ignore, clips), causal=args.causal
    )
    order = Order(
        args.output,
        causal=args.causal,
        resume=args.resume,
        overlay=args.overlay,
        table=args.format,
        threshold=args.threshold,
        start=start,
        jobs=args.jobs,
    )
    try:
        failed = run(detector, clips, order, say)
    except KeyboardInterrupt:
        say(interrupted(clips, order))
        return 130
    return 2 if failed else 0


def _detect_live(args: Namespace, config: Config) -> int:
    """One camera, its alarms on standard output until Ctrl-C."""
    from sdmae.data.schedule import parse_schedule
    from sdmae.detector import load
    from sdmae.detector.live import open_camera
    from sdmae.recordings.camera import CameraWatch
    from sdmae.recordings.watch import levels_of
    from sdmae.video.live import Status, parse_address

    name = parse_address(args.sources[0]).shown
    if len(args.sources) > 1:
        raise ConfigError(f"{name}: a live source is watched alone; give one source")
    for flag, given in (
        ("--output", args.output is not None),
        ("--overlay", args.overlay),
        ("--resume", args.resume),
        ("--start", args.start is not None),
        ("--jobs", args.jobs != 1),
        ("--format", args.format != "csv"),
    ):
        if given:
            raise ConfigError(f"{name}: alarms of a live source are JSON lines on standard output; leave out {flag}")
    parse_schedule(config.events.schedule)
    before = load(args.detector, device=args.device)
    watches: list[CameraWatch] = []

    def tell(status: Status) -> None:
        for watch in watches:
            watch.on_status(status, say)

    with open_camera(before, args.sources[0], on_status=tell) as camera:
        info = camera.wait_for_stream()
        detector = _as_asked(args, before, ignoring(_settings(before, config), args.ignore, info.size), causal=True)
        levels = levels_of(detector, args.threshold, causal=True)
        if levels is None:
            raise DetectorError(f"{args.detector}: was never calibrated; run sdmae calibrate, or give a --threshold")
        watch = CameraWatch(detector, levels, _line)
        watches.append(watch)
        say(f"{camera.name}: {info.size.width}x{info.size.height}, {info.rate:.3g} frames a second; Ctrl-C ends it")
        try:
            watch.run(camera, info)
        except KeyboardInterrupt:
            pass
        finally:
            dropped = camera.counts.dropped
            say(f"{watch.scored} frames scored, {watch.unscored} without neighbours, {dropped} dropped")
    return 0


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _settings(detector: Detector, asked: Config) -> Config:
    """The detector's own, with those that can be changed after training as they are asked for."""
    return replace(detector.config, score=asked.score, events=asked.events)


def _as_asked(args: Namespace, before: Detector, config: Config, *, causal: bool) -> Detector:
    """The detector under other settings; says what its calibration knows.

    Raises `DetectorError` where the calibration does not hold under them, and no --threshold is given.
    """
    from sdmae.scoring.calibrated import warning, words

    detector = before.with_settings(config)
    if before.calibration and not detector.calibration and args.threshold is None:
        raise DetectorError(
            f"{args.detector}: was calibrated with other {_differing(before.config, detector.config)}, so that its "
            f"threshold does not hold; run sdmae calibrate NORMAL_VIDEO --detector {args.detector} --output "
            "NEW.safetensors with the same settings, or give a --threshold"
        )
    if detector.calibration and detector.calibration != before.calibration:
        level = detector.calibration.level(causal=causal)
        say(words(level))
        if doubt := warning(level):
            say(doubt)
    return detector


def _differing(before: Config, now: Config) -> str:
    """The settings that move alarms and are not what they were."""
    names = ["ignore zones"] if before.input.ignore != now.input.ignore else []
    for section in ("score", "events"):
        one, other = getattr(before, section), getattr(now, section)
        moved = [f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)]
        names += [f"{section}.{name}" for name in moved if name not in ("false_alarms_per_day", "schedule")]
    return ", ".join(names)


def detect_arguments(parser: Parser) -> None:
    """Of `sdmae detect`."""
    add_sources(
        parser,
        "video to score: a file, a glob, a folder of videos or of numbered frames; or one live source: rtsp://, "
        "rtsps://, http(s):// of MJPEG or MPEG-TS, webcam:N, realtime:FILE, loop:FILE",
        required=True,
    )
    add_detector(parser)
    parser.add_argument(
        "--output", type=Path, help="a folder; each video gets one of its own in it; a live source takes none"
    )
    parser.add_argument(
        "--causal", action="store_true", help="the scores a live stream would get: no look into the future"
    )
    parser.add_argument("--overlay", action="store_true", help="write the annotated video, too: heat, boxes, score")
    parser.add_argument(
        "--format", type=str, default="csv", help="of the scores: csv, json or parquet (default: csv)"
    )
    parser.add_argument(
        "--threshold", type=float, help="alarms open above this score, instead of the calibrated threshold"
    )
    parser.add_argument("--resume", action="store_true", help="skip the videos that are already done")
    parser.add_argument("--jobs", type=int, default=1, help="videos scored at the same time (default: 1)")
    add_ignore(parser)
    add_start(parser)
    add_frame_rate(parser)
    add_device(parser)


def evaluate(args: Namespace, config: Config) -> int:
    """Measures a detector on the test split of a benchmark."""
    from sdmae.data.readers import read_benchmark
    from sdmae.detector import load
    from sdmae.evaluation.protocol import evaluate as run

    detector = load(args.detector, device=args.device, stale=True)
    own = detector.config.score.sigma
    # Smoothing is a matter of the benchmark, not of the detector; another one is another protocol.
    asked = config.score.sigma if config.score.sigma != own else None
    detector = detector.with_settings(replace(detector.config, score=replace(config.score, sigma=own)))
    benchmark = read_benchmark(args.benchmark, root_of(args), partial=args.partial)
    try:
        metrics = run(detector, benchmark, args.output, ledger=args.ledger, report=say, sigma=asked)
    except KeyboardInterrupt:  # what became of the run was said
        return 130
    sys.stdout.write(json.dumps({k: v for k, v in metrics.items() if isinstance(v, float)}, indent=2) + "\n")
    return 0


def evaluate_arguments(parser: Parser) -> None:
    """Of `sdmae evaluate`."""
    add_detector(parser)
    add_benchmark(parser, required=True)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="a folder for report.html, metrics.json, table.md, scores; those of an earlier run there are replaced",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        help="where the run on a real test set is noted; default: benchmarks/results/test-ledger.jsonl where there "
        "is such a folder, else test-ledger.jsonl in the output folder",
    )
    add_device(parser)
