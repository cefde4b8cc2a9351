"""`sdmae serve`: cameras in, events out, until it is told to end."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from jsonargparse import ArgumentParser as Parser

from sdmae.config import Config
from sdmae.live.needs import LIVE, require


def serve(args: Namespace, config: Config) -> int:
    """Watches many cameras: alarms into a store, to MQTT, webhooks and standard output, with clips and pictures."""
    require(*LIVE)
    from sdmae.live.serve import serve as run
    from sdmae.live.settings import read_settings

    return run(read_settings(args.settings))


def serve_arguments(parser: Parser) -> None:
    """Of `sdmae serve`."""
    parser.add_argument("settings", type=Path, metavar="SETTINGS", help="a YAML file of cameras: docs/serve.md")
