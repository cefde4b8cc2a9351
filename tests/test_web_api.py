"""The API over a real store: cameras, events, marks, thresholds, files, what is told as it happens."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from live_files import event_at
from replay import WEEK, Footage, Replay, replayed, settings_for
from sdmae.live.store import NewEvent
from sdmae.scoring import TERMS
from sdmae.web import create_app
from sdmae.web.feed import Feed

LIVE = "ws://127.0.0.1/api/live"


@pytest.fixture
def replay(footage: Footage, tmp_path: Path) -> Iterator[Replay]:
    with replayed(tmp_path, footage) as running:
        yield running


@pytest.fixture
def page(replay: Replay) -> TestClient:
    return TestClient(create_app(replay, replay.store, settings_for(replay)), base_url="http://127.0.0.1")


def put_events(replay: Replay, count: int) -> list[int]:
    """Events a second apart, by turns of the two cameras."""
    futures = [replay.store.start(event_at(1000.0 + k, "yard" if k % 2 else "door")) for k in range(count)]
    return [future.result().id for future in futures]


# --- cameras -------------------------------------------------------------------------------------------------------


def test_cameras_say_how_they_are(page: TestClient, replay: Replay) -> None:
    replay.alarm("yard")
    replay.change("door", state="lost", why="connection refused")
    yard, door = page.get("/api/cameras").json()
    assert (yard["name"], yard["state"], yard["source"]) == ("yard", "watching", "rtsp://…@10.0.0.5/yard")
    counts = yard["counts"]
    assert counts["received"] == sum(counts[fate] for fate in ("scored", "unscored", "shed", "waiting")) == 1000
    assert yard["events"] == {"total": 1, "open": 0, "unseen": 1, "normal": 0, "real": 0}
    assert (door["state"], door["why"], door["score"], door["events"]["total"]) == (
        "lost",
        "connection refused",
        None,
        0,
    )


def test_scores_and_pictures(page: TestClient, replay: Replay) -> None:
    strip = page.get("/api/cameras/yard/strip", params={"seconds": 30}).json()
    assert len(strip["times"]) == len(strip["scores"]) == 151
    assert strip["threshold"] == replay.threshold
    # Five times a second, so half a minute has the whole clip in it, its highest score and its usual ones.
    assert max(strip["scores"]) == pytest.approx(replay.cameras_of["yard"].peak.score)
    plain, hot = (page.get("/api/cameras/yard/picture", params={"heat": heat}) for heat in (False, True))
    assert plain.headers["content-type"] == hot.headers["content-type"] == "image/jpeg"
    assert plain.content.startswith(b"\xff\xd8\xff")
    assert plain.headers["cache-control"] == "no-store"
    replay.change("yard", state="starting")
    none = page.get("/api/cameras/yard/picture")
    assert (none.status_code, none.content) == (204, b"")


def test_what_is_not_there_is_said_in_one_line(page: TestClient) -> None:
    for path in ("/strip", "/picture", "/threshold", "/history?since=0&until=1", "/would-be?threshold=1"):
        answer = page.get(f"/api/cameras/moon{path}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "there is no camera moon"}), path
    for path in ("", "/clip", "/thumbnail"):
        assert page.get(f"/api/events/7{path}").json() == {"detail": "there is no event 7"}
    assert page.put("/api/events/7/mark", json={"mark": "seen"}).status_code == 404
    assert page.put("/api/events/7/keep", json={"keep": True}).status_code == 404
    for number in ("0", "-1", str(2**63), "x", "1.5"):
        assert page.get(f"/api/events/{number}").status_code == 422, number
    for threshold in ("nan", "inf", "x"):
        assert page.get("/api/cameras/yard/would-be", params={"threshold": threshold}).status_code == 422, threshold
    bodies: list[object] = [{"threshold": "x"}, {"threshold": 1e99}, {}, []]
    for body in bodies:
        assert page.put("/api/cameras/yard/threshold", json=body).status_code == 422, body


def test_another_threshold_tells_what_it_would_have_given(page: TestClient, replay: Replay) -> None:
    replay.remember("yard", every=6 * 3600)
    now = time.time()
    told = page.get("/api/cameras/yard/would-be", params={"threshold": replay.threshold}).json()
    truth = replay.would_be("yard", replay.threshold, now - WEEK, now)
    assert told["alarms"] == truth.count == 28  # one in each of the clips that were played, four a day
    assert (told["least"], told["most"]) == (truth.least, truth.most)
    assert told["hours"] == pytest.approx(28 * 20 / 3600, rel=0.1)
    assert len(told["by_day"]) == 8  # a week ends on the day of the week it began on
    assert sum(day["alarms"] for day in told["by_day"]) == 28
    assert told["by_day"][-1]["day"] == time.strftime("%Y-%m-%d", time.localtime(now))
    assert len(told["spans"]) == 28
    higher = page.get("/api/cameras/yard/would-be", params={"threshold": 99}).json()
    assert (higher["alarms"], higher["spans"]) == (0, [])
    assert page.get("/api/cameras/door/would-be", params={"threshold": 0.1}).json()["hours"] == 0
    history = page.get("/api/cameras/yard/history", params={"since": now - WEEK, "until": now, "points": 300}).json()
    seen = [score for score in history["scores"] if score is not None]
    assert len(history["scores"]) == 300
    assert 20 <= len(seen) <= 60
    assert max(seen) == pytest.approx(replay.cameras_of["yard"].peak.score, rel=1e-5)
    turned = page.get("/api/cameras/yard/history", params={"since": 9, "until": 1, "points": 2}).json()
    assert turned["scores"] == [None, None]


def test_a_threshold_is_set_and_taken_back(page: TestClient, replay: Replay) -> None:
    before = page.get("/api/cameras/yard/threshold").json()
    assert (before["opens"], before["set_by"]) == (replay.threshold, "settings")
    after = page.put("/api/cameras/yard/threshold", json={"threshold": 9.5}).json()
    assert (after["opens"], after["set_by"], after["usual"]) == (9.5, "page", replay.threshold)
    assert after["a_day"] <= before["a_day"]
    assert page.get("/api/cameras").json()[0]["threshold"] == 9.5
    assert page.put("/api/cameras/yard/threshold", json={"threshold": None}).json() == before


# --- events --------------------------------------------------------------------------------------------------------


def test_events_come_page_by_page_and_as_asked_for(page: TestClient, replay: Replay) -> None:
    ids = put_events(replay, 25)
    found: list[int] = []
    after = None
    while True:
        answer = page.get("/api/events", params={"limit": 10, **({"after": after} if after else {})}).json()
        found += [event["id"] for event in answer["events"]]
        after = answer["next"]
        if after is None:
            break
    assert found == ids[::-1]
    replay.store.end(ids[0], 1001).result()
    page.put(f"/api/events/{ids[1]}/mark", json={"mark": "real"})
    page.put(f"/api/events/{ids[2]}/mark", json={"mark": "normal"})
    page.put(f"/api/events/{ids[3]}/mark", json={"mark": "seen"})
    asked = {
        "camera=yard": 12,
        "state=open": 24,
        "state=new": 22,
        "state=seen": 3,
        "state=real": 1,
        "state=normal": 1,
        "since=1020": 6,
        "until=1003": 3,
        "camera=moon": 0,
        "camera=yard&state=real": 1,
    }
    counts = {query: len(page.get(f"/api/events?{query}").json()["events"]) for query in asked}
    assert counts == asked
    for wrong in ("limit=0", "limit=501", "after=x", "after=1_2_3", "after=1e999_1 or 1", "state=odd", "since=nan"):
        assert page.get(f"/api/events?{wrong}").status_code == 422, wrong


def test_marks_can_be_taken_back(page: TestClient, replay: Replay) -> None:
    number = replay.alarm("yard").id

    def mark(what: str, by: str = "") -> tuple[str | None, str | None, bool]:
        answer = page.put(f"/api/events/{number}/mark", json={"mark": what, "by": by})
        assert answer.status_code == 200
        event = answer.json()
        assert page.get(f"/api/events/{number}").json() == event
        return event["verdict"], event["acknowledged_by"], event["acknowledged_at"] is not None

    assert mark("seen") == (None, "page", True)
    assert mark("normal", " ann ") == ("normal", "ann", True)
    assert mark("real", "bob") == ("real", "bob", True)
    assert mark("seen", "bob") == (None, "bob", True)
    assert mark("new") == (None, None, False)
    for body in ({"mark": "odd"}, {"mark": "seen", "by": "x" * 200}, {}):
        assert page.put(f"/api/events/{number}/mark", json=body).status_code == 422
    kept = page.put(f"/api/events/{number}/keep", json={"keep": True}).json()
    assert kept["keep"] is True
    assert page.put(f"/api/events/{number}/keep", json={"keep": False}).json()["keep"] is False


def test_export_holds_all_that_is_asked_for(
    page: TestClient, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdmae.web.export.PAGE", 7)
    ids = put_events(replay, 25)
    page.put(f"/api/events/{ids[4]}/mark", json={"mark": "real", "by": "=cmd|'/c calc'!A0"})
    answer = page.get("/api/export/events.json")
    assert answer.headers["content-disposition"] == 'attachment; filename="events.json"'
    events = json.loads(answer.text)
    assert [event["id"] for event in events] == ids[::-1]
    assert events[0] == page.get(f"/api/events/{ids[-1]}").json()
    table = page.get("/api/export/events.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [int(row["id"]) for row in rows] == ids[::-1]
    row = rows[-5]
    assert (row["camera"], row["x_min"], row["part_error"], row["verdict"]) == ("door", "10.0", "0.5", "real")
    assert row["acknowledged_by"] == "'=cmd|'/c calc'!A0"
    assert {f"part_{term}" for term in TERMS} <= set(row)
    assert len(json.loads(page.get("/api/export/events.json?camera=yard").text)) == 12
    assert json.loads(page.get("/api/export/events.json?camera=moon").text) == []
    assert page.get("/api/export/events.csv?camera=moon").text == f"{table.text.splitlines()[0]}\r\n"


# --- files ---------------------------------------------------------------------------------------------------------


def test_a_clip_is_sent_whole_and_in_parts(page: TestClient, replay: Replay) -> None:
    event = replay.alarm("yard")
    assert event.clip is not None
    assert event.thumbnail is not None
    whole = (replay.store.media / event.clip).read_bytes()
    path = f"/api/events/{event.id}/clip"
    answer = page.get(path)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "video/mp4", whole)
    assert answer.headers["accept-ranges"] == "bytes"
    head = page.head(path)
    assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", len(whole))
    for asked, part in {"0-99": whole[:100], "100-": whole[100:], "-50": whole[-50:]}.items():
        ranged = page.get(path, headers={"Range": f"bytes={asked}"})
        assert (ranged.status_code, ranged.content) == (206, part), asked
    assert ranged.headers["content-range"] == f"bytes {len(whole) - 50}-{len(whole) - 1}/{len(whole)}"
    beyond = page.get(path, headers={"Range": f"bytes={len(whole)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
    thumbnail = page.get(f"/api/events/{event.id}/thumbnail")
    assert thumbnail.content == (replay.store.media / event.thumbnail).read_bytes()
    assert thumbnail.headers["content-type"] == "image/jpeg"


def test_no_file_but_those_of_events_is_ever_sent(page: TestClient, replay: Replay, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_text("secret")
    (replay.store.media / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (replay.store.media / "cameras.yaml").write_text("secret")
    (replay.store.media / "folder.mp4").mkdir()
    number = put_events(replay, 1)[0]
    for name in (
        "../secret.mp4",
        str(tmp_path / "secret.mp4"),
        "link.mp4",
        "cameras.yaml",
        "folder.mp4",
        "gone.mp4",
        "x/../../secret.mp4",
    ):
        replay.store.attach(number, clip=name, thumbnail=name).result()
        for what in ("clip", "thumbnail"):
            answer = page.get(f"/api/events/{number}/{what}")
            assert (answer.status_code, answer.json()["detail"]) == (404, f"event {number} has no {what}"), name
    for path in (
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/../login.html",
        "/static/",
    ):
        answer = page.get(path)
        assert answer.status_code == 404, path
        assert "secret" not in answer.text


# --- what is told as it happens -------------------------------------------------------------------------------------


def test_the_websocket_tells_all_that_happens(page: TestClient, replay: Replay) -> None:
    with page.websocket_connect(LIVE) as socket:
        socket.send_bytes(b"what is said to it is not listened to")
        first = socket.receive_json()
        assert first["kind"] == "cameras"
        assert [camera["name"] for camera in first["cameras"]] == ["yard", "door"]
        assert first["now"] == pytest.approx(time.time(), abs=5)

        def next_of(*kinds: str) -> dict[str, object]:
            while True:
                message: dict[str, object] = socket.receive_json()
                if message["kind"] in kinds:
                    return message

        replay.play()
        scores = [next_of("score"), next_of("score")]
        assert {score["camera"] for score in scores} == {"yard", "door"}
        number = replay.alarm("yard").id
        for kind in ("start", "end"):
            told = next_of(kind)["event"]
            assert isinstance(told, dict)
            assert told["id"] == number
        replay.change("door", state="lost")
        changed = next_of("camera")["camera"]
        assert isinstance(changed, dict)
        assert (changed["name"], changed["state"]) == ("door", "lost")
        page.put(f"/api/events/{number}/mark", json={"mark": "normal"})
        marked = next_of("mark")["event"]
        assert isinstance(marked, dict)
        assert marked["verdict"] == "normal"
        assert next_of("cameras")["kind"] == "cameras"  # it beats by itself


def test_whoever_cannot_keep_up_is_let_go(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdmae.web.feed.WAITING", 5)

    async def listen() -> list[object]:
        feed = Feed(replay)
        with feed.listen() as slow, feed.listen() as quick:
            heard: list[object] = []
            for _ in range(4):
                replay.play()  # of two cameras
                heard += [await quick.next(), await quick.next()]
            heard.append(await slow.next())
        feed.close()
        return heard

    heard = asyncio.run(listen())
    assert len(heard) == 9
    assert None not in heard[:8]
    assert heard[8] is None


def test_who_is_gone_is_not_told_any_more(replay: Replay) -> None:
    app = create_app(replay, replay.store, settings_for(replay))
    with TestClient(app, base_url="http://127.0.0.1") as page:
        with page.websocket_connect(LIVE) as socket:
            socket.receive_json()
            assert len(app.state.parts.feed._listeners) == 1
        page.get("/healthz")
        assert not app.state.parts.feed._listeners
        assert len(replay.listeners) == 1
    assert not replay.listeners
    replay.play()


# --- for whoever watches the program --------------------------------------------------------------------------------


def test_health_and_metrics(page: TestClient, replay: Replay) -> None:
    assert page.get("/healthz").json() == {"ok": True, "reasons": []}
    assert (page.get("/readyz").status_code, page.get("/readyz").json()["ok"]) == (200, True)
    replay.beats["scoring"] = time.monotonic() - 100
    sick = page.get("/healthz")
    assert sick.status_code == 503
    assert sick.json()["reasons"][0].startswith("scoring: no sign of life for 100 s")
    for name in ("yard", "door"):
        replay.change(name, state="lost")
    assert page.get("/readyz").status_code == 503
    assert page.get("/readyz").json()["reasons"] == ["camera door: lost", "camera yard: lost"]
    metrics = page.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=")
    assert 'sdmae_frames_received_total{camera="yard"} 1000.0' in metrics.text


def test_a_store_that_cannot_be_read_is_said_in_one_line(page: TestClient, replay: Replay, tmp_path: Path) -> None:
    for name in ("events.db", "events.db-wal", "events.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    replay.store.read.close()
    for path in ("/api/events", "/api/events/1", "/api/cameras", "/api/export/events.csv", "/api/export/events.json"):
        answer = page.get(path)
        assert answer.status_code == 503, path
        assert "there is no such store" in answer.json()["detail"]


def test_a_name_that_is_markup_stays_text(page: TestClient, replay: Replay) -> None:
    """The settings allow no such name, but a store may be older than the settings."""
    name = "<img src=x onerror=alert(1)>"
    replay.store.register(name, "webcam:0", "d").result()
    event = event_at(5000.0)
    number = replay.store.start(NewEvent(name, 5000.0, 0.5, "d", event.peak)).result().id
    for path in (f"/api/events/{number}", "/api/events", "/api/export/events.csv", "/api/cameras/<img src=x>/strip"):
        answer = page.get(path)
        assert "html" not in answer.headers["content-type"], path
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert page.get(f"/api/events/{number}").json()["camera"] == name
