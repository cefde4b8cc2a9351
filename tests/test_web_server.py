"""The server: on real sockets, and gone within seconds when it is told to end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from replay import Footage, Replay, replayed, settings_for
from sdmae.errors import ConfigError
from sdmae.web import PageServer, create_app


@pytest.fixture
def replay(footage: Footage, tmp_path: Path) -> Iterator[Replay]:
    with replayed(tmp_path, footage) as running:
        yield running


def test_it_answers_and_ends_though_browsers_listen(replay: Replay) -> None:
    settings = settings_for(replay)
    server = PageServer(settings)
    server.start(create_app(replay, replay.store, settings))
    with urlopen(f"{server.address}/api/cameras", timeout=30) as answer:
        assert [camera["name"] for camera in json.load(answer)] == ["yard", "door"]
        assert "server" not in {name.lower() for name in answer.headers}
    with connect(f"{server.address.replace('http', 'ws')}/api/live", open_timeout=30) as listening:
        assert json.loads(listening.recv(30))["kind"] == "cameras"
        begun = time.monotonic()
        assert server.close()
        assert time.monotonic() - begun < 5
        with suppress(ConnectionClosed):
            list(listening)
        assert listening.close_code == 1012
    assert not server.alive
    assert not [thread for thread in threading.enumerate() if thread.name == "page"]
    assert not replay.listeners


def test_a_port_that_is_taken_is_told_in_one_line(replay: Replay) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"listen: {listen} cannot be used .Address already in use"):
            PageServer(settings_for(replay, listen))
    with pytest.raises(ConfigError, match="cannot be used"):
        PageServer(settings_for(replay, "no-such-host.invalid:8765", "t" * 20))


def test_a_token_opens_a_real_server(replay: Replay) -> None:
    token = "a-token-of-the-tests-0123456789"
    settings = settings_for(replay, "127.0.0.1:0", token)
    with PageServer(settings) as server:
        server.start(create_app(replay, replay.store, settings))
        bearer = {"Authorization": f"Bearer {token}"}
        with urlopen(Request(f"{server.address}/metrics", headers=bearer), timeout=30) as answer:
            assert b"sdmae_frames_received_total" in answer.read()
        live = f"{server.address.replace('http', 'ws')}/api/live"
        with connect(live, additional_headers=bearer, open_timeout=30) as listening:
            assert json.loads(listening.recv(30))["kind"] == "cameras"
        with pytest.raises(Exception, match="HTTP 403"), connect(live, open_timeout=30):
            pass
