"""From the words of a command line to the one verb that is run. No logic of its own."""

from __future__ import annotations

import os
import re
import sys
import warnings
from argparse import ArgumentError
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

from jsonargparse import ArgumentParser as Parser
from jsonargparse import set_parsing_settings

from sdmae.cli import ablate, find, learn, look, measure, serve
from sdmae.cli.arguments import ALARMS, SECTIONS, Verb
from sdmae.config import Config, check
from sdmae.errors import ConfigError, SdmaeError
from sdmae.progress import say

VERBS: dict[str, Verb] = {
    "train": Verb(
        learn.train,
        learn.train_arguments,
        "sdmae train normal/*.mp4 --preset small --output cam.safetensors",
        SECTIONS,
    ),
    "calibrate": Verb(
        learn.calibrate,
        learn.calibrate_arguments,
        "sdmae calibrate more/*.mp4 --detector cam.safetensors --output cam1.safetensors --false-alarms-per-day 1",
        ALARMS,
    ),
    "detect": Verb(
        find.detect,
        find.detect_arguments,
        "sdmae detect street.mp4 --detector cam.safetensors --output out",
        ALARMS,
    ),
    "serve": Verb(serve.serve, serve.serve_arguments, "sdmae serve cameras.yaml"),
    "evaluate": Verb(
        find.evaluate,
        find.evaluate_arguments,
        "sdmae evaluate --detector cam.safetensors --benchmark ped2 --root UCSDped2 --output out",
        ("score",),
    ),
    "metrics frames": Verb(
        measure.frames,
        measure.frames_arguments,
        "sdmae metrics frames --scores scores/ --labels labels/",
    ),
    "metrics regions": Verb(
        measure.regions,
        measure.regions_arguments,
        "sdmae metrics regions --tracks tracks/ --detections detections/ --num-frames 40791",
    ),
    "compare": Verb(measure.compare, measure.compare_arguments, "sdmae compare ours=out1 theirs=out2 --output both"),
    "ablate": Verb(
        ablate.ablate,
        ablate.ablate_arguments,
        "sdmae ablate --benchmark ped2 --root UCSDped2 --output ablation",
        SECTIONS,
        preset="small",
        usage="--benchmark NAME --root DIR --output DIR [options]",
    ),
    "demo": Verb(look.demo, look.demo_arguments, "sdmae demo --output demo"),
    "info": Verb(look.info, look.info_arguments, "sdmae info small --json"),
    "data preview": Verb(
        look.preview, look.preview_arguments, "sdmae data preview normal/ --output sheet.jpg", SECTIONS
    ),
    "data scene": Verb(look.scene, look.scene_arguments, "sdmae data scene --output scene"),
}
GROUPS = {name.split()[0] for name in VERBS if " " in name}
"""First words of verbs of two."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb. Returns 0; 2 for bad input, after one line; 130 after Ctrl-C."""
    words = list(sys.argv[1:] if argv is None else argv)
    asks = ("-h", "--help", "help")
    if not words or words[0] in asks or (words[0] in GROUPS and (len(words) == 1 or words[1] in asks)):
        sys.stdout.write(_overview())
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"sdmae {version('sdmae')}\n")
        return 0
    name = " ".join(words[:2]) if words[0] in GROUPS else words[0]
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
        from sdmae.model.presets import PRESETS, preset

        base = preset(_word_after("--preset", words) or verb.preset)
        parser.usage = f"sdmae {name} {verb.usage}"
        parser.add_argument(
            "--preset", type=str, default=verb.preset, help=f"settings to start from: {', '.join(PRESETS)}"
        )
    elif verb.settings and (path := _word_after("--detector", words)):
        from sdmae.detector import read_config

        base = read_config(path)
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
    width = max(map(len, VERBS)) + 2
    lines += [f"  {name:<{width}}{verb.run.__doc__}" for name, verb in VERBS.items()]
    lines += ["\nThe shortest way in:   sdmae demo", "More on each:          sdmae VERB --help\n"]
    return "\n".join(lines)


def _word_after(flag: str, words: list[str]) -> str | None:
    for k, word in enumerate(words):
        if word == flag and k + 1 < len(words):
            return words[k + 1]
        if word.startswith(f"{flag}="):
            return word.split("=", 1)[1]
    return None
