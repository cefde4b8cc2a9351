"""The store: one writer, any number of readers, nothing acknowledged lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import inspect, text

from live_files import DETECTOR, event_at, open_in, url_of
from sdmae.errors import StoreError
from sdmae.live.store import Peak, Reader, Wanted, open_store
from sdmae.live.store.engine import open_engine
from sdmae.live.store.migrate import migrate
from sdmae.live.store.schema import metadata


def test_an_event_from_start_to_verdict(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        started = store.start(event_at(1000)).result()
        assert (started.camera, started.start, started.end, started.ended_by) == ("yard", 1000, 1001, None)
        assert started.peak == event_at(1000).peak
        assert store.update(started.id, 1004.5).result().peak == started.peak
        higher = Peak(1005, 0.9, None, "still", {"still": 0.9})
        ended = store.end(started.id, 1006, higher).result()
        assert (ended.end, ended.ended_by, ended.peak, ended.open) == (1006, "scores", higher, False)
        (store.media / "a.mp4").write_bytes(b"x" * 1000)
        assert store.attach(started.id, clip="a.mp4", thumbnail="gone.jpg").result().clip == "a.mp4"
        assert store.read.size().media == 1000
        seen = store.acknowledge(started.id, "ann").result()
        assert seen.acknowledged_by == "ann"
        judged = store.judge(started.id, "normal", "bob").result()
        assert (judged.verdict, judged.acknowledged_by) == ("normal", "bob")
        assert store.judge(started.id, None, "bob").result().verdict is None
        assert store.keep(started.id).result().keep is True
        assert store.read.event(started.id) == store.keep(started.id).result()


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        with pytest.raises(StoreError, match="there is no camera moon in the store"):
            store.start(event_at(0, "moon")).result()
        with pytest.raises(StoreError, match="there is no event 17"):
            store.acknowledge(17, "ann").result()
        with pytest.raises(StoreError, match="there is no event 17"):
            store.read.event(17)
        number = store.start(event_at(0)).result().id
        store.end(number, 2).result()
        with pytest.raises(StoreError, match=f"event {number} is over"):
            store.update(number, 3).result()
    with pytest.raises(StoreError, match="the store is closed"):
        store.start(event_at(0))


def test_numbers_of_any_kind_are_kept_and_nan_is_refused(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        one: Any = np.float32
        peak = Peak(one(1.5), one(0.25), (one(0), one(1), one(2), one(3)), "error", {"error": one(0.5)})
        kept = store.start(replace(event_at(1), peak=peak)).result().peak
        assert kept == Peak(1.5, 0.25, (0.0, 1.0, 2.0, 3.0), "error", {"error": 0.5})
        with pytest.raises(StoreError, match="an event with nan in it cannot be kept"):
            store.start(replace(event_at(1), peak=replace(peak, score=float("nan")))).result()


def test_a_job_that_fails_takes_nothing_of_the_others_with_it(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        futures = [store.start(event_at(k, "yard" if k % 3 else "moon")) for k in range(30)]
        wait(futures)
        assert [future.exception() is None for future in futures] == [k % 3 > 0 for k in range(30)]
        assert len(store.read.events()) == 20


def test_events_are_found_page_by_page(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        store.register("door", "webcam:0", DETECTOR).result()
        ids = [store.start(event_at(k // 2, "yard" if k % 2 else "door")).result().id for k in range(10)]
        for number in ids[:6]:
            store.end(number, 3).result()
        store.judge(ids[0], "real", "ann").result()
        store.judge(ids[1], "normal", "ann").result()
        page = store.read.events(limit=4)
        assert [event.id for event in page] == ids[:5:-1]
        rest = store.read.events(after=(page[-1].start, page[-1].id))
        assert [event.id for event in rest] == ids[5::-1]
        found = {
            "yard": Wanted(camera="yard"),
            "open": Wanted(open=True),
            "over": Wanted(open=False, camera="door"),
            "unseen": Wanted(acknowledged=False),
            "real": Wanted(verdict="real"),
            "late": Wanted(since=3.5),
            "early": Wanted(until=1),
        }
        counts = {name: len(store.read.events(wanted)) for name, wanted in found.items()}
        assert counts == {"yard": 5, "open": 4, "over": 3, "unseen": 8, "real": 1, "late": 4, "early": 2}
        yard = store.read.counts()["yard"]
        assert (yard.total, yard.open, yard.unseen, yard.normal, yard.real) == (5, 2, 4, 1, 0)
        assert [camera.name for camera in store.read.cameras()] == ["door", "yard"]


def test_events_that_a_crash_left_open_are_closed_at_the_last_moment_known(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from live_files import *; s = open_in(Path(sys.argv[1]));"
        "n = s.start(event_at(1000)).result().id; s.update(n, 1003.25).result();"
        "m = s.start(event_at(1)).result().id; s.end(m, 2).result(); os.kill(os.getpid(), 9)"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"},
        check=False,
    )
    assert done.returncode == -9
    with open_in(tmp_path) as store:
        (left,) = store.recovered
        assert (left.start, left.end, left.ended_by) == (1000, 1003.25, "crash")
        assert store.read.events(Wanted(open=True)) == []
        assert store.read.damage() == []
    with open_in(tmp_path) as store:
        assert store.recovered == ()


def test_two_readers_are_not_hindered_by_the_writer(tmp_path: Path) -> None:
    done = threading.Event()
    seen: list[list[int]] = [[], []]

    def look(counts: list[int], reader: Reader) -> None:
        while not done.is_set() or not counts:
            counts.append(len(reader.events(limit=1000)))

    with open_in(tmp_path) as store:
        readers = [Reader(store.url), Reader(store.url)]
        threads = [threading.Thread(target=look, args=pair) for pair in zip(seen, readers, strict=True)]
        for thread in threads:
            thread.start()
        wait([store.start(event_at(k)) for k in range(200)])
        # In the middle of a transaction of the writer's, too.
        inside, go_on = threading.Event(), threading.Event()

        def hold(connection: object) -> bool:
            inside.set()
            return go_on.wait(5)

        held = store.write(hold)
        assert inside.wait(5)
        assert len(readers[0].events(limit=1000)) == 200
        go_on.set()
        held.result()
        done.set()
        for thread in threads:
            thread.join()
        for counts in seen:
            assert counts == sorted(counts)
        for reader in readers:
            with pytest.raises(StoreError, match="cannot be written to"), reader._asked() as connection:
                connection.execute(text("DELETE FROM events"))
            reader.close()
        assert len(store.read.events(limit=1000)) == 200


def test_only_one_process_writes(tmp_path: Path) -> None:
    with open_in(tmp_path), pytest.raises(StoreError, match="another sdmae serve writes to it"):
        open_in(tmp_path)
    open_in(tmp_path).close()


def test_sqlite_is_as_safe_as_it_can_be(tmp_path: Path) -> None:
    with open_in(tmp_path) as store:
        found = store.write(
            lambda connection: [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
            ]
        ).result()
        assert found == ["wal", 2]
        assert (tmp_path / "events.db").stat().st_mode & 0o077 == 0


def test_an_earlier_version_is_brought_to_this_one(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path), writes=True)
    with engine.begin() as connection:
        migrate(connection, "events.db", to="0001")
        assert set(inspect(connection).get_table_names()) == {"alembic_version", "cameras", "events"}
        connection.execute(text("INSERT INTO cameras VALUES (1, 'yard', 'rtsp://a', 'f', 1.0)"))
        connection.execute(
            text(
                'INSERT INTO events (camera_id, start, "end", ended_by, peak_time, peak_score, threshold, parts,'
                " detector) VALUES (1, 10, 12, 'scores', 11, 0.9, 0.5, '{}', 'f')"
            )
        )
    engine.dispose()
    with open_store(url_of(tmp_path), tmp_path / "media") as store:
        (event,) = store.read.events()
        assert (event.camera, event.start, event.end, event.keep) == ("yard", 10, 12, False)
        assert store.start(event_at(20)).result().id == event.id + 1
    with open_store(url_of(tmp_path), tmp_path / "media") as store:
        assert len(store.read.events()) == 2


def test_migrations_lead_to_the_tables_as_they_are(tmp_path: Path) -> None:
    with open_in(tmp_path):
        pass
    engine = open_engine(url_of(tmp_path), writes=False)
    found = inspect(engine)
    for table in metadata.sorted_tables:
        there = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert there == {column.name: bool(column.nullable) for column in table.columns}
        indices = {index["name"] for index in found.get_indexes(table.name)}
        assert {index.name for index in table.indexes} <= indices
    engine.dispose()


def test_a_newer_store_and_a_foreign_database_are_refused(tmp_path: Path) -> None:
    open_in(tmp_path).close()
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="was written by a newer sdmae"):
        open_in(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / "events.db") as connection:
        connection.execute("CREATE TABLE photos (id)")
    connection.close()
    with pytest.raises(StoreError, match="is a database of something else"):
        open_in(other)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "events.db").write_bytes(b"no database at all, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="is no database, or a broken one"):
        open_in(broken)


def test_an_upgrade_that_is_cut_off_has_not_happened(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path), writes=True)

    def cut_off() -> None:
        with engine.begin() as connection:
            migrate(connection, "events.db")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    open_in(tmp_path).close()
