"""What retention deletes, and what never."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from live_files import DETECTOR, event_at, open_in
from sdmae.live.settings import RetentionSettings
from sdmae.live.store import FrameCounts, Minute, Store, sweep
from sdmae.live.store.history import SLOTS
from sdmae.live.store.retention import DAY, STEP

NOW = 100 * DAY
NOTHING = RetentionSettings(None, None, None)


def add(store: Store, day: float, *, over: bool = True, keep: bool = False, size: int = 0) -> int:
    """An event that ended on that day, with a clip."""
    number = store.start(event_at(day * DAY - 1)).result().id
    if over:
        store.end(number, day * DAY).result()
    if keep:
        store.keep(number).result()
    if size:
        path = store.media / "yard" / f"{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
        store.attach(number, clip=f"yard/{number}.mp4").result()
    return number


def left(store: Store) -> list[int]:
    return sorted(event.id for event in store.read.events(limit=10000))


def add_minutes(store: Store, days: range) -> None:
    scores = np.random.default_rng(0).random(SLOTS).astype(np.float32)
    for day in days:
        store.add_minute(Minute("yard", round(day * DAY), DETECTOR, scores, FrameCounts())).result()


def test_what_is_too_old_goes_with_its_files(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        old, kept, going_on, young = (
            add(store, 60, size=10),
            add(store, 60, keep=True, size=10),
            add(store, 60, over=False, size=10),
            add(store, 95, size=10),
        )
        add_minutes(store, range(60, 100))
        swept = sweep(store, RetentionSettings(30, None, 10), NOW)
        assert left(store) == [kept, going_on, young]
        assert (swept.events, swept.files, swept.minutes, swept.over) == (1, 1, 30, 0)
        assert not (store.media / "yard" / f"{old}.mp4").exists()
        assert len(list(store.media.rglob("*.mp4"))) == 3
        assert len(store.read.minutes("yard", 0, NOW)) == 10
        assert sweep(store, RetentionSettings(30, None, 10), NOW).events == 0
        assert store.read.damage() == []


def test_what_there_is_no_room_for_goes_oldest_first_and_no_more_than_that(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        ids = [add(store, day, size=100_000, keep=day == 50) for day in range(50, 60)]
        limit = store.read.size().database + 650_000
        swept = sweep(store, RetentionSettings(None, limit, None), NOW)
        assert left(store) == [ids[0], *ids[5:]]
        assert (swept.events, swept.files, swept.over) == (4, 4, 0)
        assert store.read.size().total <= limit


def test_open_and_kept_events_stay_even_where_there_is_no_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_in(tmp_path) as store:
        ids = [add(store, 50, keep=True, size=1000), add(store, 51, over=False, size=1000), add(store, 52, size=1000)]
        swept = sweep(store, RetentionSettings(None, 1000, None), NOW)
        assert left(store) == ids[:2]
        assert swept.over > 0
        assert "more than retention.size" in caplog.text


def test_history_and_events_go_by_one_clock(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        ids = [add(store, day, size=50_000) for day in range(80, 90)]
        add_minutes(store, range(10, 100))
        limit = store.read.size().total - 100_000
        sweep(store, RetentionSettings(None, limit, None), NOW)
        assert left(store)[-1] == ids[-1]
        assert len(left(store)) >= 7
        oldest = min(event.end for event in store.read.events())
        assert min(minute.start for minute in store.read.minutes("yard", 0, NOW)) >= oldest - 2 * DAY
        assert store.read.size().total <= limit


def test_it_goes_in_small_steps_and_can_be_stopped(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        for future in [store.start(event_at(k)) for k in range(3 * STEP)]:
            store.end(future.result().id, 2000)
        steps = iter([False, True])
        assert sweep(store, RetentionSettings(1, None, None), NOW, pause=lambda: next(steps, True)).events == STEP
        assert len(left(store)) == 2 * STEP
    before = (tmp_path / "events.db").stat().st_size
    with open_in(tmp_path) as store:
        assert sweep(store, RetentionSettings(1, None, None), NOW).events == 2 * STEP
    assert (tmp_path / "events.db").stat().st_size < before


def test_files_that_a_crash_left_go_and_those_of_others_stay(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        number = add(store, 99, size=10)
        outside = tmp_path / "outside.mp4"
        for path in (store.media / "a.mp4", store.media / "b.jpg", store.media / "notes.txt", outside):
            path.write_bytes(b"x")
            os.utime(path, (NOW - 2 * DAY,) * 2)
        os.utime(store.media / "yard" / f"{number}.mp4", (NOW - 2 * DAY,) * 2)
        (store.media / "new.mp4").write_bytes(b"x")
        os.utime(store.media / "new.mp4", (NOW - 60,) * 2)
        (store.media / "link.mp4").symlink_to(outside)
        assert sweep(store, NOTHING, NOW).files == 2
        there = sorted(path.name for path in store.media.rglob("*.*"))
        assert there == sorted([f"{number}.mp4", "link.mp4", "new.mp4", "notes.txt"])
        store.attach(number, clip="../outside.mp4").result()
        assert sweep(store, RetentionSettings(0.1, None, None), NOW).events == 1
        assert outside.exists()
