"""A full disk, a locked database, a folder that cannot be written: one clear line, and on it goes afterwards."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from live_files import event_at, open_in, until, url_of
from sdmae.errors import StoreError
from sdmae.live.store import Reader, StoredEvent, open_store

HERE = Path(__file__).parent


def run(script: str, folder: Path) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            f"import sys; from pathlib import Path\nF = Path(sys.argv[1])\n{script}",
            str(folder),
        ],
        env={
            **os.environ,
            "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    with open_in(tmp_path, patience=20) as store:
        with sqlite3.connect(tmp_path / "events.db", check_same_thread=False) as other:
            other.execute("BEGIN IMMEDIATE")
            future = store.start(event_at(1))
            assert not future.done()
            threading.Timer(0.3, other.rollback).start()
            assert future.result(30).id == 1
        other.close()
        assert store.trouble is None


def test_one_that_stays_locked_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdmae.live.store.engine.PATIENCE", 0.1)
    with open_in(tmp_path, patience=0.3) as store:
        other = sqlite3.connect(tmp_path / "events.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"events.db: is locked by another program; close that") as caught:
            store.start(event_at(1)).result(30)
        assert "\n" not in str(caught.value)
        assert store.trouble == str(caught.value)
        other.close()
        assert store.start(event_at(2)).result(30).id == 1
        assert store.trouble is None


FULL = """
import resource
from live_files import *
s = open_in(F, patience=PATIENCE)
room = (F / "events.db-wal").stat().st_size + 20000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
acked, lines = [], set()
for k in range(200):
    try:
        acked.append(s.start(event_at(k)).result().id)
    except StoreError as error:
        lines.add(str(error))
        break
"""


def test_a_full_disk_is_told_in_one_line_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    # A limit on the size of files fails a write as a full disk does.
    script = (
        "from sdmae.errors import StoreError\n"
        + FULL.replace("PATIENCE", "0.2")
        + "print(len(acked), s.trouble); s.close()"
    )
    count, _, line = run(script, tmp_path).partition(" ")
    assert 0 < int(count) < 200
    assert "\n" not in line
    assert "events.db: " in line
    with open_in(tmp_path) as store:
        assert len(store.read.events(limit=1000)) == int(count)
        assert store.read.damage() == []


def test_once_there_is_room_again_what_waited_is_written(tmp_path: Path) -> None:
    script = (
        "from sdmae.errors import StoreError\nimport threading, time\n"
        + FULL.replace("PATIENCE", "30").replace(
            "acked, lines",
            "enough = (resource.RLIM_INFINITY,) * 2\n"
            "threading.Timer(1.5, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, enough)).start()\nacked, lines",
        )
        + "print(len(acked), len(lines), s.trouble); s.close()"
    )
    assert run(script, tmp_path) == "200 0 None"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process of another user, whom a folder refuses")
def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        script = (
            "import os, tempfile\nfrom sdmae.errors import StoreError\nfrom live_files import *\n"
            "with tempfile.TemporaryDirectory() as name: open_in(Path(name)).close()\n"
            "os.setegid(65534); os.seteuid(65534)\n"
            "try: open_in(F)\nexcept StoreError as error: print(error)"
        )
        line = run(script, folder)
        assert line.startswith(str(folder))
        assert "cannot be written to" in line
        assert "\n" not in line
        assert list(folder.iterdir()) == []
        open_in(folder).close()
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777 if path.is_dir() else 0o444)
        line = run(script, folder)
        assert "cannot be written to" in line
        assert "\n" not in line


def test_a_file_in_the_way_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        open_store(f"sqlite:///{tmp_path}/file/events.db", tmp_path / "media")
    with pytest.raises(StoreError, match="file: cannot be written to"):
        open_store(url_of(tmp_path), tmp_path / "file")
    (tmp_path / "events.db").unlink(missing_ok=True)
    with pytest.raises(StoreError, match="there is no such store; sdmae serve makes it"):
        Reader(url_of(tmp_path)).events()


def test_a_queue_that_is_full_refuses_and_closing_ends(tmp_path: Path) -> None:
    store = open_store(url_of(tmp_path), tmp_path / "media", queue=1, patience=30)
    go_on = threading.Event()
    held = store.write(lambda c: go_on.wait(10))
    while store.waiting:
        time.sleep(0.001)
    waiting = store.write(lambda c: 7)
    with pytest.raises(StoreError, match="the store cannot keep up"):
        store._writer.submit(lambda c: None, wait=0.05)
    go_on.set()
    assert held.result()
    assert waiting.result() == 7
    assert store.close()
    assert store.close()


def test_whoever_comes_while_it_closes_is_answered(tmp_path: Path) -> None:
    open_in(tmp_path).close()  # for its camera
    store = open_store(url_of(tmp_path), tmp_path / "media", queue=50)
    written: list[Future[StoredEvent]] = []
    refused: list[str] = []

    def work() -> None:
        while not refused:
            try:
                written.append(store.start(event_at(1)))
            except StoreError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(written) > 50)
    assert store.close(60)
    for thread in threads:
        thread.join()
    assert set(refused) == {"the store is closed"}
    errors = [future.exception(10) for future in written]
    with open_in(tmp_path) as store:
        assert len(store.read.events(limit=100000)) == errors.count(None)


def test_what_waits_is_written_before_it_closes(tmp_path: Path) -> None:
    store = open_in(tmp_path)
    futures = [store.start(event_at(k)) for k in range(500)]
    assert store.close()
    assert all(future.done() for future in futures)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    with open_in(tmp_path) as store:
        assert len(store.recovered) == 500
