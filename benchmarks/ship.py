"""Ships a detector with the package: rounds it to half precision, calibrates it again, writes file and card.

    python benchmarks/ship.py ped2-small.safetensors --name ped2-small --benchmark ped2 --root UCSDped2 \\
        --results 0=out-0/metrics.json 1=out-1/metrics.json 2=out-2/metrics.json

The results are what `sdmae evaluate` wrote, one for each seed. Without --root it is shipped without alarms, and its
card says so. Only the training split is looked at. Figures of the very file that is shipped can be had by running
`sdmae evaluate --detector NAME` and then this once more, with that result in the place of its seed's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ship_card import DATA, Facts, Result, card, is_measured

import sdmae
from sdmae.data.readers import read_benchmark
from sdmae.data.store import Exclusion
from sdmae.data.training_set import split_held_out
from sdmae.detector import Detector, halved, load
from sdmae.detector.shipped import FOLDER
from sdmae.errors import ConfigError, DetectorError, SdmaeError, SourceError
from sdmae.model import PRESETS
from sdmae.progress import say
from sdmae.recordings.files import write_text
from sdmae.training.calibrate import calibrate_held_out
from sdmae.training.run import open_frames

WHOLE = {"detector", "frames", "abnormal_frames", "videos", "alarms", "baselines", "intervals", "made"}
"""Keys of metrics.json that the card tells of."""
LARGEST = 16_000_000
"""Bytes of a shipped detector's file: more than this nobody wants in a package."""


def main(argv: Sequence[str] | None = None) -> int:
    """Ships one detector. Returns 0, or 2 after one line on what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", type=Path, help="what `sdmae train` wrote")
    parser.add_argument("--name", required=True, help="by which it will be loaded: small letters, digits, -")
    parser.add_argument(
        "--results", nargs="+", required=True, metavar="[SEED=]FILE", help="metrics.json of each seed"
    )
    parser.add_argument("--benchmark", help="what it was trained on; with --root")
    parser.add_argument("--root", type=Path, help="the benchmark's folder, to calibrate on its held-out clips")
    parser.add_argument("--speed", default="", help="a sentence for the card: how fast, on what machine")
    parser.add_argument("--note", action="append", default=[], help="a sentence for the card on training and choice")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: the package's own")
    args = parser.parse_args(argv)
    try:
        ship(args)
    except SdmaeError as error:
        say(f"ship: {error}")
        return 2
    return 0


def ship(args: argparse.Namespace) -> None:
    """All of it. Raises `SdmaeError` before anything is written."""
    check_name(args.name)
    before = load(args.detector, device="cpu", stale=True)
    benchmark = benchmark_of(before, args.detector)
    if (args.benchmark is None) != (args.root is None) or args.benchmark not in (None, benchmark):
        raise ConfigError(f"calibrating takes both --benchmark {benchmark} and --root DIR, of what it was trained on")
    results = sorted((read_result(text, benchmark) for text in args.results), key=lambda one: one.seed)
    for one, other in itertools.pairwise(results):
        if one.seed == other.seed:
            raise ConfigError(f"two results of seed {one.seed}: give one for each")
    detector = halved(before)
    detector.provenance["shipped"] = f"{args.name}, with sdmae {sdmae.__version__}"
    said: list[str] = []
    moved = ""
    if args.root is not None:
        moved = calibrate(before, detector, args.benchmark, args.root, said)
        for line in said:
            say(line)
    alarms = (
        said[-1].removeprefix("no alarms yet: ")
        if said
        else "it was not calibrated after rounding; run sdmae calibrate with normal video"
    )
    facts = Facts(
        args.name, benchmark, detector, size_of(detector), results, moved, alarms, args.speed, tuple(args.note)
    )
    if facts.size > LARGEST:
        raise DetectorError(
            f"{args.detector}: {facts.size:,} bytes in half precision; at most {LARGEST:,} are shipped"
        )
    if not is_measured(facts):
        say("none of the results is of these weights, by their fingerprints: the card says so")
    text = card(facts)
    detector.save(args.folder / f"{args.name}.safetensors")
    write_text(args.folder / f"{args.name}.md", text)
    say(f"{args.folder / args.name}: .safetensors of {facts.size:,} bytes, {detector.fingerprint()}, and its card")


def check_name(name: str) -> None:
    """Raises `ConfigError` for a name that could be taken for something else."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or name in PRESETS:
        raise ConfigError(f"--name {name}: small letters, digits and hyphens, and not a preset's")


def benchmark_of(detector: Detector, path: Path) -> str:
    """What it was trained on. Raises `DetectorError` where that is nothing to be shipped."""
    about = detector.provenance
    name = str(about.get("trained_on", "")).removesuffix(" (training split)")
    if name not in DATA:
        raise DetectorError(
            f"{path}: trained on {name or 'nobody knows what'}; shipped are those of {', '.join(DATA)}"
        )
    if not {"marks", "excluded"} <= about.keys():
        raise DetectorError(f"{path}: by an earlier sdmae, which noted less of its training; train it again")
    if not about.get("finished"):
        raise DetectorError(f"{path}: its training was not finished; go on with sdmae train --resume")
    return name


def read_result(text: str, benchmark: str) -> Result:
    """[SEED=]FILE. Raises `ConfigError` for what is no whole result of that benchmark, or of an unknown seed."""
    named = re.fullmatch(r"(\d+)=(.+)", text)
    path = Path(named[2] if named else text)
    try:
        metrics: dict[str, Any] = json.loads(path.read_text())
        name, missing, seed = metrics["benchmark"], metrics["missing"], metrics.get("seed")
        fixed, seen = metrics["protocol"].get("fixed"), metrics.get("seen_in_training")
        whole = fixed is None or metrics.keys() >= WHOLE
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{path}: not the metrics.json that sdmae evaluate writes") from None
    if not whole:
        raise ConfigError(f"{path}: lacks {', '.join(sorted(WHOLE - metrics.keys()))}; run sdmae evaluate again")
    if name != benchmark or missing:
        raise ConfigError(
            f"{path}: of {name}{', which was not whole' if missing else ''}; figures of {benchmark} wanted"
        )
    if fixed is None:
        raise ConfigError(f"{path}: by an earlier sdmae, whose protocol was not named; run sdmae evaluate again")
    if not fixed:
        raise ConfigError(f"{path}: under another smoothing than the benchmark's; evaluate without --score.sigma")
    if seen:
        raise ConfigError(f"{path}: the detector was trained on {', '.join(seen)} of its test clips")
    if named and seed not in (None, int(named[1])):
        raise ConfigError(f"{path}: is of seed {seed}, not {named[1]}")
    if not named and seed is None:
        raise ConfigError(f"{path}: says no seed; write SEED={path}")
    return Result(int(named[1]) if named else int(seed or 0), metrics)


def calibrate(before: Detector, detector: Detector, benchmark: str, root: Path, said: list[str]) -> str:
    """Sets the rounded detector's alarms as training does; returns how far rounding has moved scores, for the card.

    Raises `SourceError` where the folder is not what the detector was trained on.
    """
    clips = read_benchmark(benchmark, root).training
    about, config = detector.provenance, detector.config
    if [clip.mark for clip in clips] != about["marks"]:
        raise SourceError(f"{root}: not the clips, by name and size, that this detector was trained on")
    exclude = [Exclusion(start, end, clip) for clip, start, end in about["excluded"]]
    store = open_frames(clips, config, exclude, say)
    calibrate_held_out(detector, store, clips, said.append)
    held = split_held_out(store.stretches, config.train.held_out)[1][0].clip
    clip = next(clip for clip in clips if clip.name == held)
    one, other = before.score(clip).scores, detector.score(clip).scores
    worst = float(np.abs(one - other).max())
    return (
        f" Rounding moved no score of {held} (held out of training) by more than {worst:.1e}; its scores are "
        f"{one.min():.3f} to {one.max():.3f}."
    )


def size_of(detector: Detector) -> int:
    """Bytes of its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detector.safetensors"
        detector.save(path)
        return path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
