"""The count of frames, and what Prometheus, the health checks and the log make of what goes on."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sdmae.errors import ConfigError
from sdmae.live.accounts import Accounts
from sdmae.live.health import healthz, readyz
from sdmae.live.logs import start_logging, stop_logging
from sdmae.live.metrics import Metrics
from sdmae.live.needs import LIVE, require
from sdmae.live.settings import Secret
from sdmae.live.store import FrameCounts, Reader


def test_every_frame_has_one_fate() -> None:
    accounts = Accounts(["yard", "door"])
    accounts.receive("yard", 10)
    accounts.settle("yard", scored=4, unscored=1, shed=3)
    assert accounts.of("yard") == FrameCounts(10, 4, 1, 3)
    assert accounts.of("yard").waiting == 2
    with pytest.raises(ValueError, match="camera yard: 2 frames wait, not 3"):
        accounts.settle("yard", scored=3)
    with pytest.raises(ValueError, match="never taken back"):
        accounts.settle("yard", scored=3, shed=-1)
    with pytest.raises(ValueError, match="cannot be received"):
        accounts.receive("yard", -1)
    assert accounts.give_up("yard") == 2
    assert accounts.all() == {"yard": FrameCounts(10, 4, 3, 3), "door": FrameCounts()}


def test_the_count_is_exact_under_many_threads() -> None:
    accounts = Accounts(["yard"])
    wrong: list[FrameCounts] = []
    done = threading.Event()

    def work(settle: Callable[[], None]) -> None:
        for _ in range(2000):
            accounts.receive("yard", 3)
            settle()

    def look() -> None:
        while not done.is_set():
            counts = accounts.of("yard")
            if (
                counts.waiting < 0
                or counts.received != counts.scored + counts.unscored + counts.shed + counts.waiting
            ):
                wrong.append(counts)

    settles = [
        lambda: accounts.settle("yard", scored=3),
        lambda: accounts.settle("yard", scored=1, shed=2),
        lambda: accounts.settle("yard", unscored=1, shed=1, scored=1),
    ]
    watcher = threading.Thread(target=look)
    workers = [threading.Thread(target=work, args=(settle,)) for settle in settles]
    for thread in (watcher, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    done.set()
    watcher.join()
    assert wrong == []
    assert accounts.of("yard") == FrameCounts(18000, 10000, 2000, 6000)


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    text, kind = metrics.render()
    assert kind.startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            label = next((v for k, v in sample.labels.items() if k != "le"), "") + sample.labels.get("le", "")
            found[(sample.name, label)] = sample.value
    return found


def test_metrics_are_the_accounts() -> None:
    accounts = Accounts(["yard", "door"])
    metrics = Metrics(accounts, queues=lambda: {"store": 7}, spool=lambda: {"hook": 3}, dropped=lambda: {"mqtt": 2})
    accounts.receive("yard", 10)
    accounts.settle("yard", scored=4, unscored=1, shed=3)
    metrics.frame("yard", 1234.5)
    metrics.score("yard", 0.25, 0.03)
    metrics.reconnect("yard")
    metrics.event("yard")
    found = samples(metrics)
    expected = {
        ("sdmae_frames_received_total", "yard"): 10,
        ("sdmae_frames_scored_total", "yard"): 4,
        ("sdmae_frames_unscored_total", "yard"): 1,
        ("sdmae_frames_shed_total", "yard"): 3,
        ("sdmae_frames_waiting", "yard"): 2,
        ("sdmae_frames_received_total", "door"): 0,
        ("sdmae_reconnects_total", "yard"): 1,
        ("sdmae_reconnects_total", "door"): 0,
        ("sdmae_events_total", "yard"): 1,
        ("sdmae_score", "yard"): 0.25,
        ("sdmae_last_frame_time_seconds", "yard"): 1234.5,
        ("sdmae_latency_seconds_bucket", "yard0.025"): 0,
        ("sdmae_latency_seconds_bucket", "yard0.05"): 1,
        ("sdmae_queue_length", "store"): 7,
        ("sdmae_spool_posts", "hook"): 3,
        ("sdmae_messages_dropped_total", "mqtt"): 2,
    }
    assert {key: found.get(key) for key in expected} == expected
    # A store that cannot be read hides nothing else.
    broken = Reader("sqlite:////nowhere/events.db")
    without = samples(Metrics(accounts, queues=dict, spool=broken.waiting_posts, dropped=dict))
    assert without[("sdmae_frames_scored_total", "yard")] == 4
    assert ("sdmae_spool_posts", "hook") not in without
    # A second program in the same process has its own.
    assert samples(Metrics(accounts, queues=dict, spool=dict, dropped=dict))[("sdmae_events_total", "yard")] == 0


def test_health_is_about_threads_and_readiness_about_cameras_and_store() -> None:
    assert healthz({"writer": 100.0, "yard": 95.0}, 110.0).ok
    late = healthz({"writer": 100.0, "yard": 70.0}, 110.0)
    assert (late.ok, late.reasons) == (False, ("yard: no sign of life for 40 s",))
    assert readyz({"yard": "watching", "door": "off"}, None).reasons == ()
    one = readyz({"yard": "watching", "door": "lost"}, None)
    assert (one.ok, one.reasons) == (True, ("camera door: lost",))
    assert not readyz({"yard": "degraded", "door": "off"}, None).ok
    full = readyz({"yard": "watching"}, "events.db: the disk is full")
    assert (full.ok, full.reasons) == (False, ("events.db: the disk is full",))


def test_logs_are_lines_of_json_without_secrets() -> None:
    secret = Secret.address("rtsp://admin:p@ss/w:rd@10.0.0.5/s")
    stream = io.StringIO()
    handler = start_logging([*secret.pieces(), "token-123"], stream=stream)
    try:
        log = logging.getLogger("sdmae.live.test")
        log.info("opening %s", secret.reveal())
        log.warning("bad %s", "http://bob:other@host/x", extra={"camera": "yard", "seen": ["token-123", 3]})
        try:
            raise OSError(f"cannot open {secret.reveal()} p@ss/w:rd")
        except OSError:
            log.exception("lost\nnext line")
        log.info("%d frames", 3)
    finally:
        stop_logging(handler)
    logging.getLogger("sdmae.live.test").info("not any more")
    text = stream.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 4
    for hidden in ("p@ss", "w:rd", "token-123", "other"):
        assert hidden not in text
    assert lines[0]["message"] == "opening …"
    assert lines[1]["message"] == "bad http://…@host/x"
    assert (lines[1]["camera"], lines[1]["seen"], lines[1]["level"]) == ("yard", ["…", 3], "warning")
    assert "OSError: cannot open … …" in lines[2]["exception"]
    assert lines[2]["message"] == "lost\nnext line"
    assert lines[3]["time"].endswith("Z")


def test_what_is_missing_is_told_in_one_line() -> None:
    require(*LIVE)
    with pytest.raises(ConfigError, match=r"needs no_such_module, not installed here: pip install 'sdmae\[live\]'"):
        require("json", "no_such_module")
