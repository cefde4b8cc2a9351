"""What several verbs share: arguments, and from their words to clips, zones and hours."""

from __future__ import annotations

import contextlib
import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser as Parser

from sdmae.config import Config
from sdmae.errors import ConfigError, SourceError
from sdmae.video.frame import Clip, Size

if TYPE_CHECKING:
    from sdmae.data.store import Exclusion

SECTIONS = ("input", "model", "anomalies", "train", "score", "events")
"""All settings."""
ALARMS = ("score", "events")
"""Those that can be changed on a trained detector."""


@dataclass(frozen=True)
class Verb:
    """A verb: what it runs, which arguments it takes, and what --help teaches."""

    run: Callable[[Namespace, Config], int]
    arguments: Callable[[Parser], None]
    example: str
    settings: tuple[str, ...] = ()
    """Sections of the settings it takes, by --config and by one flag each: all go with a --preset, fewer with the
    --detector whose own settings they override."""
    preset: str = "base"
    """Where the settings start from unless --preset says otherwise."""
    usage: str = "SOURCE ... --output FILE [options]"
    """What follows the verb's name, for verbs that take all settings: else there is no end to it."""


def add_sources(parser: Parser, text: str, *, required: bool = False) -> None:
    """SOURCE ..."""
    parser.add_argument("sources", nargs="+" if required else "*", type=str, metavar="SOURCE", help=text)


def add_frame_rate(parser: Parser) -> None:
    """--frame-rate"""
    parser.add_argument(
        "--frame-rate", type=float, default=25.0, help="frames a second of folders of frames (default: 25)"
    )


def add_device(parser: Parser) -> None:
    """--device"""
    parser.add_argument("--device", type=str, help="cpu or cuda; default: a GPU if there is one")


def add_detector(parser: Parser) -> None:
    """--detector"""
    parser.add_argument(
        "--detector",
        type=Path,
        required=True,
        help="a detector file that `sdmae train` wrote, or the name of one that is shipped (see sdmae info)",
    )


def add_benchmark(parser: Parser, *, required: bool) -> None:
    """--benchmark, --root and --partial"""
    from sdmae.data.readers import READERS

    parser.add_argument(
        "--benchmark", type=str, required=required, help=f"one of {', '.join(sorted(READERS))}, by its own split"
    )
    parser.add_argument("--root", type=Path, required=required, help="the benchmark's folder, as it was downloaded")
    parser.add_argument(
        "--partial", action="store_true", help="use what is there of a benchmark that is not whole, and say so"
    )


def add_ignore(parser: Parser) -> None:
    """--ignore"""
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="'X,Y X,Y X,Y ...'",
        help="a polygon, in pixels of the video, in which nothing counts; may be repeated; instead of the detector's",
    )


def add_exclude(parser: Parser) -> None:
    """--exclude"""
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="[CLIP:]START-END",
        help="leave out these seconds of the clip (or of every clip), since they are not normal; may be repeated",
    )


def add_start(parser: Parser) -> None:
    """--start"""
    parser.add_argument(
        "--start",
        type=str,
        metavar="TIME",
        help="local time of the video's first frame, 2026-11-23T08:00, for events.schedule; default: from the file's "
        "name (cam_20261123-080000.mp4) or its creation time",
    )


def root_of(args: Namespace) -> Path:
    """The benchmark's folder. Raises `ConfigError` without one."""
    if args.root is None:
        raise ConfigError("--benchmark needs its folder: --root DIR")
    return Path(args.root)


def clips_of(sources: Sequence[str], rate: float) -> list[Clip]:
    """The clips of all sources, each once, with names that are unique over all of them."""
    from sdmae.video import find_clips, unique_names

    if not 0 < rate < math.inf:
        raise ConfigError(f"--frame-rate must be above 0, not {rate:g}")
    clips = {clip.path.resolve(): clip for source in sources for clip in find_clips(source, rate=rate)}
    return unique_names(list(clips.values()))


def left_out(args: Namespace, config: Config, clips: Sequence[Clip]) -> list[Exclusion]:
    """What of the clips is not to count: --exclude, and what falls outside the schedule."""
    from sdmae.data.schedule import outside, parse_schedule
    from sdmae.data.store import parse_exclusion
    from sdmae.video.clock import parse_moment

    named = [parse_exclusion(text, [clip.name for clip in clips]) for text in args.exclude]
    start = parse_moment(args.start) if args.start is not None else None
    return [*named, *outside(clips, parse_schedule(config.events.schedule), start)]


def with_ignored(config: Config, zones: Sequence[str], clips: Sequence[Clip]) -> Config:
    """The settings with the ignore zones of the command line, if there are any, in place of their own."""
    from sdmae.video import probe

    if not zones:
        return config
    sizes: dict[Size, Path] = {}
    for clip in clips:
        with contextlib.suppress(SourceError):  # told when it is to be decoded
            sizes.setdefault(probe(clip).size, clip.path)
    if len(sizes) != 1:
        named = ", ".join(f"{path} {size.width}x{size.height}" for size, path in list(sizes.items())[:2])
        raise ConfigError(
            f"--ignore is in pixels of the video, but sizes differ ({named}); take them one size at a time"
            if sizes
            else f"{clips[0].path}: cannot be read, so that --ignore has no picture to lie in"
        )
    return ignoring(config, zones, next(iter(sizes)))


def ignoring(config: Config, zones: Sequence[str], size: Size) -> Config:
    """The settings with these zones, in pixels of a picture of that size, if there are any, in place of their own."""
    from sdmae.data.zones import parse_zone

    if not zones:
        return config
    polygons = tuple(parse_zone(zone, size) for zone in zones)
    return replace(config, input=replace(config.input, ignore=polygons))
