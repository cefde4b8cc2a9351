"""The page of `sdmae serve` and its API: who may see it, what it shows, and how it is served."""

from sdmae.web.app import create_app
from sdmae.web.server import PageServer
from sdmae.web.service import Service

__all__ = ["PageServer", "Service", "create_app"]
