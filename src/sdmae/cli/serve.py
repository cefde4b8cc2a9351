"""`sdmae serve`: cameras in, events out, until it is told to end."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from jsonargparse import ArgumentParser as Parser

from sdmae.config import Config
from sdmae.live.needs import LIVE, require


def serve(args: Namespace, config: Config) -> int:
    """Watches many cameras: alarms into a store, on a page, to MQTT, webhooks and standard output, with clips."""
    require(*LIVE)
    from sdmae.live.serve import serve as run
    from sdmae.live.settings import read_settings
    from sdmae.web import PageServer

    settings = read_settings(args.settings)
    with PageServer(settings) as page:
        return run(settings, page=page.show)


def serve_arguments(parser: Parser) -> None:
    """Of `sdmae serve`."""
    parser.add_argument("settings", type=Path, metavar="SETTINGS", help="a YAML file of cameras: docs/serve.md")
