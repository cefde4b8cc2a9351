"""The parts together as `sdmae serve` has them: from the settings file to the store, the outlets and the metrics."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

from live_files import DETECTOR, event_at, until
from sdmae.live.accounts import Accounts
from sdmae.live.announce import Announcer, Outlet
from sdmae.live.metrics import Metrics
from sdmae.live.out import JsonLines, Webhook, hooks_of
from sdmae.live.settings import read_settings
from sdmae.live.store import MinuteMaker, open_store, sweep

TEXT = """
store: sqlite:///data/events.db
webhooks: [{url: "http://127.0.0.1:1/", name: nobody, timeout: 0.2}]
retention: {days: 1, size: 1 GB}
cameras:
  - {name: yard, source: "rtsp://ann:pass-1@10.0.0.5/s", detector: ped2-small}
"""


def test_an_event_from_the_pipeline_to_everybody(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(TEXT)
    settings = read_settings(path)
    (camera,) = settings.cameras
    accounts, stream = Accounts([camera.name]), io.StringIO()
    with open_store(settings.store.reveal(), settings.media, hooks=hooks_of(settings.webhooks)) as store:
        store.register(camera.name, str(camera.source), DETECTOR).result()
        outlets: list[Outlet] = [JsonLines(stream), *(Webhook(one, store) for one in settings.webhooks)]
        announcer = Announcer(store, outlets)
        metrics = Metrics(
            accounts,
            queues=lambda: {"store": store.waiting},
            spool=store.read.waiting_posts,
            dropped=announcer.dropped,
        )
        minutes, now = MinuteMaker(camera.name, DETECTOR), time.time()
        for k in range(100):
            accounts.receive(camera.name)
            accounts.settle(camera.name, scored=1)
            if minute := minutes.push(now + k, 0.1, accounts.of(camera.name)):
                store.add_minute(minute)
        started = announcer.start(event_at(now)).result()
        ended = announcer.end(started.id, now + 2).result()
        metrics.event(camera.name)
        until(lambda: stream.getvalue().count("\n") == 2)
        text = metrics.render()[0].decode()
        assert 'sdmae_spool_posts{hook="nobody"} 2.0' in text
        assert 'sdmae_frames_scored_total{camera="yard"} 100.0' in text
        assert 'sdmae_messages_dropped_total{outlet="stdout"} 0.0' in text
        assert len(store.read.minutes(camera.name, now - 100, now + 200)) >= 1
        assert sweep(store, settings.retention, now).events == 0
        assert sweep(store, settings.retention, now + 2 * 86400).events == 1
        announcer.close(3)
    assert ended.ended_by == "scores"
    assert [json.loads(line)["kind"] for line in stream.getvalue().splitlines()] == ["start", "end"]
    stored = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())
    assert b"pass-1" not in stored
    assert "rtsp://…@10.0.0.5/s".encode() in stored
