"""`sdmae metrics` and `sdmae compare`: how good are anybody's scores, and whose are better."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser as Parser

from sdmae.cli.arguments import add_benchmark, root_of
from sdmae.config import Config
from sdmae.errors import ConfigError
from sdmae.progress import say

if TYPE_CHECKING:
    from sdmae.data.benchmark import Benchmark
    from sdmae.evaluation.comparison.methods import Contest


def frames(args: Namespace, config: Config) -> int:
    """Micro and macro AUC, average precision and equal error rate of anybody's frame scores, as JSON."""
    from sdmae.evaluation.files.metric_files import frames_report

    _print(frames_report(args.scores, _truth(args, "labels")), args.output)
    return 0


def frames_arguments(parser: Parser) -> None:
    """Of `sdmae metrics frames`."""
    parser.add_argument(
        "--scores",
        type=Path,
        required=True,
        metavar="DIR",
        help="a .csv, .txt or .npy for each video with one score a frame, or what `sdmae detect` or `evaluate` wrote",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="DIR",
        help="one for each video with a label a frame, 0 normal and 1 abnormal, matched by name",
    )
    add_benchmark(parser, required=False)
    _add_output(parser)


def regions(args: Namespace, config: Config) -> int:
    """RBDC and TBDC of anybody's detections, as JSON."""
    from sdmae.evaluation.files.metric_files import regions_report

    truth = _truth(args, "tracks")
    if isinstance(truth, Path) and args.num_frames is None:
        raise ConfigError("--tracks needs --num-frames N too, the frames of all videos together")
    _print(regions_report(truth, args.detections, args.num_frames), args.output)
    return 0


def regions_arguments(parser: Parser) -> None:
    """Of `sdmae metrics regions`."""
    parser.add_argument(
        "--tracks",
        type=Path,
        metavar="DIR",
        help="a .csv or .txt for each video with rows track_id,frame,x_min,y_min,x_max,y_max",
    )
    parser.add_argument(
        "--detections",
        type=Path,
        required=True,
        metavar="DIR",
        help="one for each video with rows frame,x_min,y_min,x_max,y_max,score, matched by name",
    )
    parser.add_argument(
        "--num-frames", type=int, metavar="N", help="frames of all videos together; a benchmark knows its own"
    )
    add_benchmark(parser, required=False)
    _add_output(parser)


def compare(args: Namespace, config: Config) -> int:
    """Several detectors or methods on one benchmark side by side, with an interval on every difference."""
    from sdmae.evaluation.comparison.compare import compare as run
    from sdmae.evaluation.comparison.compare_words import as_text, machines
    from sdmae.evaluation.comparison.methods import read_contest

    given = args.labels is not None or args.benchmark is not None or args.root is not None
    contest = read_contest(args.methods, _truth(args, "labels") if given else None)
    if args.plot is not None:
        _check_plot(args.plot, contest)
    comparison = run(contest)
    sys.stdout.write(as_text(comparison))
    if args.output is not None:
        from sdmae.evaluation.comparison.compare_page import write_comparison

        write_comparison(args.output, comparison)
        say(f"{args.output / 'compare.html'}: written, with compare.md and compare.json")
    if args.plot is not None and contest.benchmark is not None:
        from sdmae.evaluation.comparison.compare_page import points
        from sdmae.evaluation.comparison.speed_accuracy import speed_accuracy_plot

        speed_accuracy_plot(args.plot, contest.benchmark, points(comparison), machines(comparison))
        say(f"{args.plot}: written")
    return 0


def compare_arguments(parser: Parser) -> None:
    """Of `sdmae compare`."""
    parser.add_argument(
        "methods",
        nargs="+",
        type=str,
        metavar="[NAME=]DIR",
        help="what `sdmae evaluate` wrote, or a folder of scores as `sdmae metrics frames` takes; two or more",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="DIR",
        help="a file for each video with a label a frame; default: the labels that evaluate left beside its scores",
    )
    add_benchmark(parser, required=False)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="a folder for compare.html, compare.md and compare.json"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="accuracy against speed beside what has been published on ped2, avenue or shanghaitech",
    )


def _check_plot(path: Path, contest: Contest) -> None:
    """Refuses before the work what could not be drawn after it."""
    from sdmae.evaluation.comparison.speed_accuracy import published

    if path.suffix.lower() != ".png":
        raise ConfigError(f"--plot {path}: the picture is called *.png")
    if contest.benchmark is None:
        raise ConfigError("--plot: nothing says which benchmark this is; give --benchmark NAME --root DIR")
    published(contest.benchmark)
    if contest.apart:
        raise ConfigError(
            f"--plot: {contest.apart}, which compares with nothing published; leave --plot out, or evaluate on the "
            "whole benchmark under its own protocol"
        )


def _truth(args: Namespace, folder: str) -> Path | Benchmark:
    """The folder that --`folder` names, or the benchmark. Raises `ConfigError` for neither and for both."""
    given: Path | None = getattr(args, folder)
    if (given is None) == (args.benchmark is None):
        raise ConfigError(f"give either --{folder} DIR or --benchmark NAME --root DIR")
    if given is not None:
        if args.root is not None:
            raise ConfigError(f"--root is of a benchmark; leave it out beside --{folder}, or give --benchmark NAME")
        return given
    return _benchmark(args)


def _benchmark(args: Namespace) -> Benchmark:
    from sdmae.data.readers import read_annotations
    from sdmae.evaluation.files.frame_files import PARTIAL

    benchmark = read_annotations(args.benchmark, root_of(args), partial=args.partial)
    if benchmark.missing:
        say(f"{args.benchmark}: {'; '.join(benchmark.missing)} missing; {PARTIAL}")
    return benchmark


def _add_output(parser: Parser) -> None:
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the JSON goes; default: standard output")


def _print(report: dict[str, Any], output: Path | None) -> None:
    from sdmae.recordings.files import write_text

    text = json.dumps(report, indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)
        say(f"{output}: written")
