"""The command line."""

from sdmae.cli.main import VERBS, main

__all__ = ["VERBS", "main"]
