"""Events to an address: from the outbox in the store, in order, until each one has got through."""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, make_headers

from sdmae.errors import StoreError
from sdmae.live.health import CameraState
from sdmae.live.settings.fields import WebhookSettings
from sdmae.live.store import Hook, Notice, Post, Store

AGAIN = (408, 429)
"""Answers below 500 after which a post is tried again."""
DAY = 86400.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited, in seconds."""

    first: float = 1.0
    """Before a post is tried again for the first time; each time after that twice as long."""
    most: float = 300.0
    """At most, also where the address asks for more."""
    idle: float = 5.0
    """Between two looks into an outbox that was empty: new posts wake it before."""


def hooks_of(settings: Iterable[WebhookSettings]) -> list[Hook]:
    """What the store is to put into its outbox."""
    return [Hook(one.name, one.when, one.spool) for one in settings]


class Webhook:
    """Posts what waits for one address, in a thread of its own; slow or dead, it holds nobody else up."""

    def __init__(self, settings: WebhookSettings, store: Store, *, pace: Pace | None = None) -> None:
        self._settings = settings
        self._store = store
        self._pace = pace or Pace()
        self._dropped = 0
        self._stop = threading.Event()
        self._wake = threading.Event()
        # Only spreads out attempts; the one place where chance is wanted to differ from run to run.
        self._chance = random.Random()
        parts = urlsplit(settings.url.reveal())
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        self._headers = make_headers(
            user_agent="sdmae", basic_auth=f"{unquote(user)}:{unquote(password)}" if user else None
        )
        self._url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        self._pool = urllib3.PoolManager(retries=False, timeout=Timeout(settings.timeout, settings.timeout))
        self._thread = threading.Thread(target=self._run, name=f"webhook {settings.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """In metrics."""
        return f"webhook {self._settings.name}"

    @property
    def dropped(self) -> int:
        """Posts that the address refused, or that never got through."""
        return self._dropped

    def tell(self, notice: Notice) -> None:
        """The store has put it into the outbox already."""
        self._wake.set()

    def camera(self, name: str, state: CameraState) -> None:
        """Is no event."""

    def close(self, patience: float) -> None:
        """What has not got through waits on the disk for the next start."""
        self._stop.set()
        self._wake.set()
        self._thread.join(patience)
        self._pool.clear()

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            self._wake.clear()
            try:
                posts = self._store.read.posts(self._settings.name)
                if not posts:
                    self._wake.wait(self._pace.idle)
                    continue
                wait = self._deliver(posts[0], attempt)
                if wait is None:
                    attempt = 0
                    self._store.post_done(posts[0].id).result()
                else:
                    attempt += 1
                    self._stop.wait(wait)
            except StoreError as error:
                if not self._stop.is_set():
                    _log.warning("%s: %s", self.name, error)
                self._stop.wait(self._pace.idle)

    def _deliver(self, post: Post, attempt: int) -> float | None:
        """Sends it; None where it is done with, or seconds to wait before it is sent again."""
        if time.time() - post.added > self._settings.give_up * DAY:
            self._drop(post, f"it did not get through in {self._settings.give_up:g} days")
            return None
        try:
            status, asked = self._send(post)
        except (HTTPError, OSError, ValueError) as error:
            # Its text repeats the whole address, in which there may be a key.
            return self._later(post, attempt, type(error).__name__, None)
        if 200 <= status < 300:
            return None
        if status >= 500 or status in AGAIN:
            return self._later(post, attempt, f"answer {status}", asked)
        self._drop(post, f"answer {status}")
        return None

    def _send(self, post: Post) -> tuple[int, str | None]:
        body, now = post.body.encode(), str(int(time.time()))
        headers = {
            **self._headers,
            "Content-Type": "application/json",
            "X-Sdmae-Event": post.kind,
            "X-Sdmae-Delivery": str(post.id),
            "X-Sdmae-Time": now,
        }
        if self._settings.secret is not None:
            headers["X-Sdmae-Signature"] = signature(self._settings.secret.reveal(), now, body)
        # What comes after the headers of the answer is not read, however long it may be.
        response = self._pool.request(
            "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
        )
        response.close()
        return response.status, response.headers.get("Retry-After")

    def _later(self, post: Post, attempt: int, why: str, asked: str | None) -> float:
        pace = self._pace
        wait = min(pace.first * 2.0 ** min(attempt, 30), pace.most) * self._chance.uniform(0.5, 1.0)
        if asked is not None and asked.isascii() and asked.isdigit():
            wait = max(wait, min(float(asked), pace.most))
        level = logging.WARNING if attempt == 0 else logging.DEBUG
        _log.log(level, "%s: post %d (%s): %s; it is tried again", self.name, post.id, post.kind, why)
        return wait

    def _drop(self, post: Post, why: str) -> None:
        self._dropped += 1
        _log.error("%s: post %d (%s of event %d) is dropped: %s", self.name, post.id, post.kind, post.event_id, why)


def signature(secret: str, time: str, body: bytes) -> str:
    """What `X-Sdmae-Signature` holds: sha256= and the HMAC of the time, a dot and the body, in hexadecimal."""
    return "sha256=" + hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
