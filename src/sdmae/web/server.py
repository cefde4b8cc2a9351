"""Serves an application on one address, in a thread of its own, until it is told to end."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from sdmae.errors import ConfigError
from sdmae.live.service import LiveService
from sdmae.live.settings import LiveSettings
from sdmae.web.app import create_app

GRACE = 1
"""Seconds that answers have to get through once the end has come: the whole program has five."""

_log = logging.getLogger(__name__)


class PageServer:
    """Listens from its making on, so that a port which is taken is told before any camera is opened.

    with PageServer(settings) as page:
        serve(settings, page=page.show)
    """

    def __init__(self, settings: LiveSettings) -> None:
        """Raises `ConfigError` where the address cannot be listened on."""
        self._listening = _listen(settings)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """What to open in a browser on this machine."""
        host, port = self._listening.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @contextmanager
    def show(self, service: LiveService) -> Iterator[PageServer]:
        """Serves the page of a running service for as long as this is open."""
        self.start(create_app(service, service.store, service.settings))
        _log.info("the page is at %s", self.address)
        try:
            yield self
        finally:
            if not self.close():
                _log.warning("the page has not ended in time")

    def start(self, app: FastAPI) -> None:
        """Begins to answer; gives at once."""
        config = uvicorn.Config(
            app,
            # Addresses may hold a token, and so would the log.
            access_log=False,
            log_config=None,
            log_level="warning",
            limit_concurrency=500,
            server_header=False,
            # Nobody in front is believed: what a request says of itself decides nothing here.
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
            ws_max_size=64 * 1024,
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        # In a thread it leaves the signals alone: they are whoever's who has started it.
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],), name="page", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it answers, or is about to."""
        return self._thread is not None and self._thread.is_alive()

    def close(self, patience: float = 2.0) -> bool:
        """Ends it within that many seconds. Whether it has ended."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(patience)
        self._listening.close()
        return not self.alive

    def __enter__(self) -> PageServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _listen(settings: LiveSettings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"listen: {settings.listen} cannot be used ({error.strerror}); end what uses it, or write another"
        ) from None
    return listening
