"""The command line: one typed function per verb, handed to the argument library. No logic of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import warnings
from argparse import ArgumentError
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser as Parser
from jsonargparse import Namespace, set_parsing_settings

from sdmae.config import Config, check
from sdmae.errors import ConfigError, SdmaeError, SourceError
from sdmae.model.presets import PRESETS, preset
from sdmae.progress import say

SECTIONS = ("input", "model", "anomalies", "train", "score")


# --- train ---------------------------------------------------------------------------------------------------------


def train(args: Namespace, config: Config) -> int:
    """Learns what is normal and writes a detector file."""
    from sdmae.data.readers import read_benchmark
    from sdmae.data.store import parse_exclusion
    from sdmae.runtime import pick_device
    from sdmae.training import Job
    from sdmae.training import train as run

    clips = []
    named = bool(args.sources)
    if named == bool(args.benchmark):
        raise ConfigError(
            "name normal video to learn from, or a benchmark with --benchmark and --root: one of the two"
        )
    if args.root and not args.benchmark:
        raise ConfigError("--root is the folder of a benchmark: name that with --benchmark, or leave --root out")
    if args.output.suffix != ".safetensors":
        raise ConfigError(f"--output {args.output}: a detector file is called *.safetensors")
    if args.device is not None:
        pick_device(args.device)
    if args.benchmark:
        clips = list(read_benchmark(args.benchmark, _root(args)).training)
    else:
        clips = _clips(args.sources, args.frame_rate)
    what = f"{args.benchmark} (training split)" if args.benchmark else " ".join(args.sources)
    job = Job(
        clips,
        args.output,
        exclude=[parse_exclusion(text, [clip.name for clip in clips]) for text in args.exclude],
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


def _train_arguments(parser: Parser) -> None:
    _sources(parser, "normal video of one camera: a file, a glob, a folder of videos or of numbered frames")
    parser.add_argument("--output", type=Path, required=True, help="the detector file to write, *.safetensors")
    parser.add_argument(
        "--benchmark", type=str, help="train on the training split of a benchmark instead: ped2, scene"
    )
    parser.add_argument("--root", type=Path, help="the benchmark's folder")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="start anew where a detector or a run exists")
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="[CLIP:]START-END",
        help="leave out these seconds of the clip (or of every clip), since they are not normal; may be repeated",
    )
    _frame_rate(parser)
    _device(parser)


# --- detect --------------------------------------------------------------------------------------------------------


def detect(args: Namespace, config: Config) -> int:
    """Scores video files: a table and a plot for each."""
    from sdmae.detector import load
    from sdmae.evaluation.detect import detect as run

    detector = load(args.detector, device=args.device).with_score(config.score)
    clips = _clips(args.sources, args.frame_rate)
    try:
        failed = run(detector, clips, args.output, causal=args.causal, resume=args.resume, report=say)
    except KeyboardInterrupt:
        say(f"interrupted; finished videos are in {args.output}: the same command with --resume does the rest")
        return 130
    return 2 if failed else 0


def _detect_arguments(parser: Parser) -> None:
    _sources(parser, "video to score: a file, a glob, a folder of videos or of numbered frames", required=True)
    parser.add_argument("--detector", type=Path, required=True, help="a detector file that `sdmae train` wrote")
    parser.add_argument("--output", type=Path, required=True, help="a folder; each video gets one of its own in it")
    parser.add_argument(
        "--causal", action="store_true", help="the scores a live stream would get: no look into the future"
    )
    parser.add_argument("--resume", action="store_true", help="skip the videos that are already done")
    _frame_rate(parser)
    _device(parser)


# --- evaluate ------------------------------------------------------------------------------------------------------


def evaluate(args: Namespace, config: Config) -> int:
    """Measures a detector on the test split of a benchmark."""
    from sdmae.data.readers import read_benchmark
    from sdmae.detector import load
    from sdmae.evaluation.protocol import evaluate as run

    detector = load(args.detector, device=args.device).with_score(config.score)
    benchmark = read_benchmark(args.benchmark, _root(args))
    try:
        metrics = run(detector, benchmark, args.output, ledger=args.ledger, report=say)
    except KeyboardInterrupt:
        say("interrupted; nothing is kept of an unfinished evaluation: the same command begins it again")
        return 130
    sys.stdout.write(json.dumps({k: v for k, v in metrics.items() if isinstance(v, float)}, indent=2) + "\n")
    return 0


def _evaluate_arguments(parser: Parser) -> None:
    parser.add_argument("--detector", type=Path, required=True, help="a detector file that `sdmae train` wrote")
    parser.add_argument("--benchmark", type=str, required=True, help="ped2 or scene")
    parser.add_argument("--root", type=Path, required=True, help="the benchmark's folder, as it was downloaded")
    parser.add_argument("--output", type=Path, required=True, help="a folder for metrics.json, scores and plots")
    parser.add_argument(
        "--ledger",
        type=Path,
        help="where the run on a real test set is noted; default: benchmarks/results/test-ledger.jsonl where there "
        "is such a folder, else test-ledger.jsonl in the output folder",
    )
    _device(parser)


# --- demo ----------------------------------------------------------------------------------------------------------


def demo(args: Namespace, config: Config) -> int:
    """Draws a scene, trains on it, finds what is abnormal, and reports with pictures."""
    from sdmae.evaluation.demo import demo as run

    run(args.output, seed=args.seed, device=args.device, report=say)
    return 0


def _demo_arguments(parser: Parser) -> None:
    parser.add_argument("--output", type=Path, default=Path("demo"), help="the folder of the report (default: demo)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws another scene (default: 0)")
    _device(parser)


# --- info ----------------------------------------------------------------------------------------------------------


def info(args: Namespace, config: Config) -> int:
    """What a detector file, a preset or a video is."""
    from sdmae.evaluation.info import describe, in_words

    facts = describe(args.name)
    sys.stdout.write((json.dumps(facts, indent=2) if args.json else in_words(facts)) + "\n")
    return 0


def _info_arguments(parser: Parser) -> None:
    parser.add_argument("name", type=str, help=f"a detector file, a video, or a preset: {', '.join(PRESETS)}")
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")


# --- data ----------------------------------------------------------------------------------------------------------


def preview(args: Namespace, config: Config) -> int:
    """A contact sheet of training samples with their synthetic anomalies: look at it before you train."""
    from sdmae.training.preview import preview as run

    if args.count < 1:
        raise ConfigError(f"--count must be at least 1, not {args.count}")
    run(_clips(args.sources, args.frame_rate), config, args.output, count=args.count, report=say)
    return 0


def _preview_arguments(parser: Parser) -> None:
    _sources(parser, "normal video to paste synthetic anomalies into", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the picture to write, .png or .jpg")
    parser.add_argument("--count", type=int, default=24, help="samples on the sheet (default: 24)")
    _frame_rate(parser)


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
            write_scene(args.output, seed=args.seed, progress=step)
        except OSError as error:
            raise SourceError(
                f"{args.output}: cannot be written ({error.strerror}); choose another --output"
            ) from None
    say(f"{args.output}: done. Next: sdmae train --benchmark scene --root {args.output} --output scene.safetensors")
    return 0


def _scene_arguments(parser: Parser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="the folder of the scene")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws another scene (default: 0)")


# --- what the verbs share ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verb:
    """A verb: what it runs, which arguments it takes, and what --help teaches."""

    run: Callable[[Namespace, Config], int]
    arguments: Callable[[Parser], None]
    example: str
    settings: tuple[str, ...] = ()
    """Sections of the settings it takes, by --config and by one flag each: all go with a --preset, fewer with the
    --detector whose own settings they override."""


VERBS: dict[str, Verb] = {
    "train": Verb(
        train, _train_arguments, "sdmae train normal/*.mp4 --preset small --output cam.safetensors", SECTIONS
    ),
    "detect": Verb(
        detect, _detect_arguments, "sdmae detect street.mp4 --detector cam.safetensors --output out", ("score",)
    ),
    "evaluate": Verb(
        evaluate,
        _evaluate_arguments,
        "sdmae evaluate --detector cam.safetensors --benchmark ped2 --root UCSDped2 --output out",
        ("score",),
    ),
    "demo": Verb(demo, _demo_arguments, "sdmae demo --output demo"),
    "info": Verb(info, _info_arguments, "sdmae info small --json"),
    "data preview": Verb(preview, _preview_arguments, "sdmae data preview normal/ --output sheet.jpg", SECTIONS),
    "data scene": Verb(scene, _scene_arguments, "sdmae data scene --output scene"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb. Returns 0; 2 for bad input, after one line; 130 after Ctrl-C."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help") or words in (["data"], ["data", "-h"], ["data", "--help"]):
        sys.stdout.write(_overview())
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"sdmae {version('sdmae')}\n")
        return 0
    name = " ".join(words[:2]) if words[0] == "data" else words[0]
    try:
        if name not in VERBS:
            raise ConfigError(f"no verb '{name}'; there are {', '.join(VERBS)}")
        return _run(VERBS[name], name, words[len(name.split()) :])
    except SdmaeError as error:
        say(f"sdmae {name}: {' '.join(str(error).split())}")
        return 2
    except ArgumentError as error:
        say(f"sdmae {name}: {_in_words(str(error), _word_after('--config', words))}; see sdmae {name} --help")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; nothing more can be told, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(verb: Verb, name: str, words: list[str]) -> int:
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = Parser(
        prog=f"sdmae {name}",
        usage=f"sdmae {name} [options]" if name in ("demo",) else None,
        description=f"{verb.run.__doc__} Example: {verb.example}",
        exit_on_error=False,
    )
    verb.arguments(parser)
    base = Config()
    if verb.settings == SECTIONS:
        base = preset(_word_after("--preset", words) or "base")
        parser.usage = f"{' '.join(verb.example.split()[: 1 + len(name.split())])} SOURCE ... --output FILE [options]"
        parser.add_argument(
            "--preset", type=str, default="base", help=f"settings to start from: {', '.join(PRESETS)}"
        )
    elif verb.settings and (path := _word_after("--detector", words)):
        from sdmae.detector import load

        base = load(path, device="cpu").config
    if verb.settings:
        parser.add_argument("--config", action="config", help="YAML file of the settings below, to override")
    for section in verb.settings:
        value = getattr(base, section)
        parser.add_argument(f"--{section}", type=type(value), default=value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the argument library's advice to its own users
        args = parser.parse_args(words)
        if verb.settings:
            settings = parser.instantiate(args)
            base = replace(base, **{section: settings[section] for section in verb.settings})
    check(base)
    return verb.run(args, base)


def _in_words(text: str, config: str | None) -> str:
    """What the argument library says, without Python's names for things; of a YAML file, with its name."""
    text = " ".join(text.split())
    if config and re.match(r"Problems parsing config|Unexpected config|Group|Option", text):
        return f"{config}: {text}"
    types = {"int": "a whole number", "float": "a number", "bool": "true or false", "tuple": "a list"}
    text = re.sub(r'^Parser key "([^"]+)": ', r"\1: ", text)
    text = re.sub(r"a <class '(\w+)'>", lambda found: types.get(found[1], found[1]), text)
    text = re.sub(r"a typing\.Literal\[(.*?)\]", r"one of \1", text)
    return re.sub(
        r"Does not validate .*Expected (.*) - Expected NoneType.*value: (.*)", r"Expected \1. Got value: \2", text
    )


def _overview() -> str:
    lines = ["sdmae learns what is normal from ordinary video of a camera, and finds what is not.\n"]
    lines += [f"  {name:<14}{verb.run.__doc__}" for name, verb in VERBS.items()]
    lines += ["\nThe shortest way in:   sdmae demo", "More on each:          sdmae VERB --help\n"]
    return "\n".join(lines)


def _word_after(flag: str, words: list[str]) -> str | None:
    for k, word in enumerate(words):
        if word == flag and k + 1 < len(words):
            return words[k + 1]
        if word.startswith(f"{flag}="):
            return word.split("=", 1)[1]
    return None


def _sources(parser: Parser, text: str, *, required: bool = False) -> None:
    parser.add_argument("sources", nargs="+" if required else "*", type=str, metavar="SOURCE", help=text)


def _frame_rate(parser: Parser) -> None:
    parser.add_argument(
        "--frame-rate", type=float, default=25.0, help="frames a second of folders of frames (default: 25)"
    )


def _device(parser: Parser) -> None:
    parser.add_argument("--device", type=str, help="cpu or cuda; default: a GPU if there is one")


def _root(args: Namespace) -> Path:
    if args.root is None:
        raise ConfigError("--benchmark needs its folder: --root DIR")
    return Path(args.root)


def _clips(sources: Sequence[str], rate: float) -> list[Any]:
    """The clips of all sources, with names that are unique over all of them."""
    from sdmae.video import find_clips, unique_names

    if rate <= 0:
        raise ConfigError(f"--frame-rate must be above 0, not {rate:g}")
    return unique_names([clip for source in sources for clip in find_clips(source, rate=rate)])
