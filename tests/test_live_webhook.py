"""Webhooks, to a real server on this machine that answers as it is told."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from live_files import event_at, open_in, until
from sdmae.live.announce import Announcer
from sdmae.live.out import Webhook, hooks_of
from sdmae.live.out.webhook import Pace, signature
from sdmae.live.settings import Secret, WebhookSettings
from sdmae.live.store import Store

FAST = Pace(first=0.02, most=0.1, idle=0.05)


class Listener:
    """A server that keeps what it is sent, and answers what `answer` says."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[int], tuple[int, dict[str, str]]] = lambda count: (200, {})
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.title(): value for name, value in self.headers.items()}
                listener.got.append((self.path, headers, body))
                status, headers = listener.answer(len(listener.got))
                if status:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def told(self) -> list[tuple[str, int]]:
        """Kinds and numbers of the events, as they came."""
        return [(json.loads(body)["kind"], json.loads(body)["id"]) for _, _, body in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.close()


def settings_for(listener: Listener) -> WebhookSettings:
    url = f"http://ann:pass-1%40@127.0.0.1:{listener.port}/hook?key=key-1"
    return WebhookSettings(Secret.address(url), "ops", Secret("signing-key"), timeout=2.0)


def opened(folder: Path, settings: WebhookSettings) -> tuple[Store, Webhook, Announcer]:
    store = open_in(folder, hooks=hooks_of([settings]))
    hook = Webhook(settings, store, pace=FAST)
    return store, hook, Announcer(store, [hook])


def test_what_is_posted_can_be_checked(tmp_path: Path, listener: Listener) -> None:
    store, hook, announcer = opened(tmp_path, settings_for(listener))
    with store:
        event = announcer.start(event_at(1000)).result()
        announcer.update(event.id, 1002).result()
        announcer.end(event.id, 1003).result()
        until(lambda: not store.read.waiting_posts())
        hook.close(5)
    assert listener.told() == [("start", event.id), ("end", event.id)]
    path, headers, body = listener.got[0]
    assert path == "/hook?key=key-1"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"ann:pass-1@").decode()
    assert headers["X-Sdmae-Event"] == "start"
    assert headers["X-Sdmae-Signature"] == signature("signing-key", headers["X-Sdmae-Time"], body)
    assert headers["X-Sdmae-Signature"] != signature("another", headers["X-Sdmae-Time"], body)
    told = json.loads(body)
    assert (told["camera"], told["start"], told["box"]) == ("yard", 1000, [10, 20, 30.5, 40])


def test_it_is_tried_again_in_order_until_it_gets_through(
    tmp_path: Path, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [(500, {}), (408, {}), (429, {"Retry-After": "0"}), (0, {}), (503, {"Retry-After": "soon"})]
    listener.answer = lambda count: answers[count - 1] if count <= len(answers) else (204, {})
    store, hook, announcer = opened(tmp_path, settings_for(listener))
    with store:
        ids = [announcer.start(event_at(k)).result().id for k in range(4)]
        until(lambda: not store.read.waiting_posts())
        hook.close(5)
        assert hook.dropped == 0
    assert listener.told() == [("start", ids[0])] * 5 + [("start", number) for number in ids]
    deliveries = [headers["X-Sdmae-Delivery"] for _, headers, _ in listener.got]
    assert len(set(deliveries[:6])) == 1
    assert len(set(deliveries)) == 4
    assert "answer 500; it is tried again" in caplog.text
    for hidden in ("pass-1", "key-1", "signing-key"):
        assert hidden not in caplog.text


def test_what_is_refused_is_dropped_with_a_line(
    tmp_path: Path, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = Listener()
    answers = [(404, {}), (302, {"Location": f"http://127.0.0.1:{elsewhere.port}/"})]
    listener.answer = lambda count: answers[count - 1] if count <= len(answers) else (200, {})
    store, hook, announcer = opened(tmp_path, settings_for(listener))
    with store:
        ids = [announcer.start(event_at(k)).result().id for k in range(3)]
        until(lambda: not store.read.waiting_posts())
        hook.close(5)
        assert hook.dropped == 2
    elsewhere.close()
    assert elsewhere.got == []
    assert listener.told() == [("start", number) for number in ids]
    assert f"(start of event {ids[0]}) is dropped: answer 404" in caplog.text
    assert f"(start of event {ids[1]}) is dropped: answer 302" in caplog.text


def test_a_spool_that_is_full_drops_the_oldest_and_counts(tmp_path: Path, listener: Listener) -> None:
    listener.answer = lambda count: (500, {})
    settings = replace(settings_for(listener), spool=3)
    store, hook, announcer = opened(tmp_path, settings)
    with store:
        ids = [announcer.start(event_at(k)).result().id for k in range(10)]
        assert [post.event_id for post in store.read.posts("ops", 10)] == ids[-3:]
        assert announcer.dropped() == {"webhook ops": 0, "spool": 7}
        listener.answer = lambda count: (200, {})
        until(lambda: not store.read.waiting_posts())
        hook.close(5)
    # The one that was in hand when it went may have got through, too.
    assert [number for _, number in listener.told()][-3:] == ids[-3:]


def test_a_post_that_never_gets_through_is_given_up(
    tmp_path: Path, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    listener.answer = lambda count: (500, {})
    store, hook, announcer = opened(tmp_path, replace(settings_for(listener), give_up=1e-6))
    with store:
        announcer.start(event_at(1)).result()
        until(lambda: not store.read.waiting_posts())
        hook.close(5)
        assert hook.dropped == 1
    assert "did not get through in 1e-06 days" in caplog.text


def test_an_address_that_is_silent_or_not_there_is_tried_again(
    tmp_path: Path, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()

    def silent(count: int) -> tuple[int, dict[str, str]]:
        if count == 1:
            go_on.wait(10)
        return 200, {}

    listener.answer = silent
    store, hook, announcer = opened(tmp_path, replace(settings_for(listener), timeout=0.2))
    with store:
        number = announcer.start(event_at(1)).result().id
        until(lambda: not store.read.waiting_posts())
        hook.close(5)
    go_on.set()
    assert listener.told() == [("start", number)] * 2
    assert "ReadTimeoutError" in caplog.text
    assert "key-1" not in caplog.text


def test_posts_survive_kill_9(tmp_path: Path, listener: Listener) -> None:
    script = (
        "import os, sys; from pathlib import Path; from live_files import *; from sdmae.live.store import Hook;"
        "s = open_in(Path(sys.argv[1]), hooks=[Hook('ops', ('start', 'end'), 100)]);"
        "[s.start(event_at(k)).result() for k in range(3)]; os.kill(os.getpid(), 9)"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"},
        check=False,
    )
    assert done.returncode == -9
    store, hook, _ = opened(tmp_path, settings_for(listener))
    with store:
        until(lambda: not store.read.waiting_posts())
        hook.close(5)
    ended = [json.loads(body)["ended_by"] for _, _, body in listener.got]
    assert listener.told() == [("start", 1), ("start", 2), ("start", 3), ("end", 1), ("end", 2), ("end", 3)]
    assert ended == [None] * 3 + ["crash"] * 3


def test_a_dead_address_holds_nobody_up(tmp_path: Path, listener: Listener) -> None:
    dead = replace(settings_for(listener), url=Secret.address("http://127.0.0.1:1/"), name="dead")
    alive = settings_for(listener)
    store = open_in(tmp_path, hooks=hooks_of([dead, alive]))
    hooks = [Webhook(one, store, pace=FAST) for one in (dead, alive)]
    announcer = Announcer(store, hooks)
    with store:
        for k in range(20):
            announcer.start(event_at(k)).result()
        until(lambda: store.read.waiting_posts() == {"dead": 20})
        announcer.close(5)
    assert len(listener.got) == 20
