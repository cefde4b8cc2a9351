"""The same store on a real PostgreSQL server, started here in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from live_files import DETECTOR, event_at
from sdmae.errors import StoreError
from sdmae.live.settings import RetentionSettings
from sdmae.live.store import FrameCounts, Hook, Minute, Store, Wanted, open_store, sweep
from sdmae.live.store.history import SLOTS

pytest.importorskip("psycopg")


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def _owner() -> str | None:
    """PostgreSQL refuses to be run by root."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL is not run by root, and there is no other user")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of an empty database, on a socket that only this machine sees."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    owner = _owner()
    with tempfile.TemporaryDirectory(prefix="sdmae-pg-") as name:
        folder = Path(name)
        if owner:
            shutil.chown(folder, owner)

        def call(*words: str) -> None:
            done = subprocess.run(words, user=owner, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr

        data = str(folder / "data")
        call(str(programs / "initdb"), "-D", data, "-U", "sdmae", "--auth=trust", "--no-sync", "-E", "UTF8")
        options = f"-c listen_addresses='' -k {folder} -c fsync=off"
        control = (str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"))
        call(*control, "-o", options, "start")
        try:
            yield f"postgresql://sdmae:secret-1@/postgres?host={folder}"
        finally:
            call(*control, "-m", "immediate", "stop")


def open_on(server: str, folder: Path) -> Store:
    store = open_store(server, folder / "media", hooks=[Hook("h", ("start", "end"), 2)])
    store.register("yard", "rtsp://a", DETECTOR).result()
    return store


def test_the_same_store_on_another_database(server: str, tmp_path: Path) -> None:
    with open_on(server, tmp_path) as store:
        ids = [store.start(event_at(k)).result().id for k in range(5)]
        assert store.read.event(ids[0]).peak == event_at(0).peak
        for number in ids[:3]:
            assert store.end(number, 10 + number).result().ended_by == "scores"
        with pytest.raises(StoreError, match="there is no camera moon"):
            store.start(event_at(0, "moon")).result()
        store.judge(ids[1], "normal", "ann").result()
        store.keep(ids[2]).result()
        assert [event.id for event in store.read.events(Wanted(open=True))] == ids[:2:-1]
        assert [event.id for event in store.read.events(after=(1.0, ids[1]))] == [ids[0]]
        counts = store.read.counts()["yard"]
        assert (counts.total, counts.open, counts.unseen, counts.normal, counts.real) == (5, 2, 4, 1, 0)
        assert store.read.waiting_posts() == {"h": 2}
        assert [post.kind for post in store.read.posts("h", 5)] == ["end", "end"]
        scores = np.full(SLOTS, 0.5, np.float32)
        for _ in range(2):
            store.add_minute(Minute("yard", 60, DETECTOR, scores, FrameCounts(3, 2, 1, 0))).result()
        (minute,) = store.read.minutes("yard", 0, 100)
        assert np.array_equal(minute.scores, scores)
        assert minute.counts == FrameCounts(6, 4, 2, 0)
        assert store.read.size().database > 0
        with pytest.raises(StoreError, match="another sdmae serve writes to it"):
            open_on(server, tmp_path)
        with (
            pytest.raises(StoreError, match="cannot be written to"),
            store.read._asked() as connection,
        ):
            connection.exec_driver_sql("DELETE FROM events")
    with open_on(server, tmp_path) as store:
        assert [event.id for event in store.recovered] == ids[3:]
        assert {event.ended_by for event in store.recovered} == {"crash"}
        swept = sweep(store, RetentionSettings(1, None, 1), now=1e6)
        assert (swept.events, swept.minutes) == (4, 1)
        assert [event.id for event in store.read.events()] == [ids[2]]


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://sdmae:secret-1@127.0.0.1:1/events", tmp_path / "media")
    assert "…@127.0.0.1:1/events: " in str(caught.value)
    assert "secret-1" not in str(caught.value)
    assert "\n" not in str(caught.value)
