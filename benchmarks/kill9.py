"""Kill -9 while events are written: none that was acknowledged is lost, and the database is whole.

    python benchmarks/kill9.py --output benchmarks/results/kill9.json

A process writes events from several threads as fast as it can and says of each, on a pipe, that it was acknowledged.
It is killed at a random moment, a hundred times on the same store, SQLite or, with --store, a PostgreSQL database.
After each kill the store is opened anew: every event acknowledged so far, in any round, must be there as it was
written, those left open must be closed, the post of every event must wait, and integrity_check must find nothing.

A killed process loses what it held in memory, not what it gave to the operating system: this says nothing of a power
cut, against which synchronous=FULL waits for the disk at each commit.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

import sdmae
from sdmae.evaluation.ledger import commit, environment
from sdmae.live.store import Hook, NewEvent, Peak, Reader, Store, StoredEvent, open_store

THREADS = 4
HOOK = Hook("bench", ("start", "end"), 10**9)


def main() -> None:
    """Writes and kills, checks, writes the figures; or is the process that is killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--store", help="URL of an empty PostgreSQL database; default: SQLite in a folder of its own")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        write(open_at(args.store, args.write))
        return
    with tempfile.TemporaryDirectory() as name:
        found = rounds(args.store or f"sqlite:///{name}/events.db", Path(name), args.kills, args.seed)
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": args.seed,
        **found,
    }
    report["versions"] |= {"sqlalchemy": version("sqlalchemy")}
    line = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(line)
    if args.output:
        args.output.write_text(line)
    sys.exit(1 if found["lost"] or found["changed"] or found["damage"] or found["posts_lost"] else 0)


def open_at(url: str, folder: Path) -> Store:
    """The store, with its camera."""
    store = open_store(url, folder / "media", hooks=[HOOK])
    store.register("yard", "bench", "fingerprint").result()
    return store


def write(store: Store) -> None:
    """Writes until it is killed. A line on standard output is what was acknowledged: what, and the event."""
    lock = threading.Lock()

    def say(what: str, event: StoredEvent) -> None:
        with lock:
            sys.stdout.write(json.dumps([what, as_dict(event)]) + "\n")
            sys.stdout.flush()

    def work(number: int) -> None:
        chance = random.Random(f"{number} {time.time_ns()}")
        while True:
            start = time.time()
            peak = Peak(start + 1, chance.random(), (1.0, 2.0, chance.random(), 4.0), "error", {"error": 0.5})
            event = store.start(NewEvent("yard", start, 0.5, "fingerprint", peak)).result()
            say("start", event)
            if chance.random() < 0.7:
                say("end", store.end(event.id, start + chance.random() * 60).result())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rounds(url: str, folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kills that often; what was acknowledged, and what became of it."""
    chance = random.Random(seed)
    said: dict[int, dict[str, Any]] = {}
    posts: set[tuple[int, str]] = set()
    lost, changed, posts_lost, damage, left_open, moments = 0, 0, 0, 0, 0, []
    for _ in range(kills):
        moment = chance.uniform(0.0, 1.0)
        moments.append(moment)
        for what, event in killed_after(moment, url, folder):
            said[event["id"]] = event
            posts.add((event["id"], what))
        with open_at(url, folder) as store:
            left_open += len(store.recovered)
            damage += len(store.read.damage())
            kept = {event.id: as_dict(event) for event in everything(store.read)}
            waiting = {(post.event_id, post.kind) for post in store.read.posts(HOOK.name, 10**9)}
            open_now = sum(event["ended_by"] is None for event in kept.values())
            assert open_now == 0, "an event was left open"
        lost += len(said.keys() - kept.keys())
        posts_lost += len(posts - waiting)
        changed += sum(not same(event, kept[number]) for number, event in said.items() if number in kept)
    return {
        "database": versions_of(url),
        "kills": kills,
        "seconds_from_first_acknowledgement_to_kill": [round(min(moments), 3), round(max(moments), 3)],
        "threads": THREADS,
        "acknowledged": len(posts),
        "events_acknowledged": len(said),
        "events_in_the_store": len(kept),
        "closed_after_a_crash": left_open,
        "lost": lost,
        "changed": changed,
        "posts_lost": posts_lost,
        "damage": damage,
    }


def killed_after(seconds: float, url: str, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a writer says until it is killed, so many seconds after its first word. A line cut off was not said."""
    words = [sys.executable, __file__, "--write", str(folder), "--store", url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        threading.Timer(seconds, process.send_signal, (signal.SIGKILL,)).start()
        for line in (first, *process.stdout):
            if line.endswith("\n"):
                what, event = json.loads(line)
                yield what, event
    assert process.returncode == -signal.SIGKILL, f"the writer ended by itself: {process.returncode}"


def everything(reader: Reader) -> Iterator[StoredEvent]:
    """All events, page by page."""
    page = reader.events(limit=1000)
    while page:
        yield from page
        page = reader.events(limit=1000, after=(page[-1].start, page[-1].id))


def as_dict(event: StoredEvent) -> dict[str, Any]:
    """The event as it is after a way through JSON."""
    fields: dict[str, Any] = json.loads(json.dumps(asdict(event)))
    return fields


def same(said: dict[str, Any], kept: dict[str, Any]) -> bool:
    """Whether an event is as it was acknowledged. One said to be open may have been ended, or closed since."""
    if said["ended_by"] is None:
        return {**kept, "end": said["end"], "ended_by": None} == said
    return kept == said


def versions_of(url: str) -> str:
    """Which database it is."""
    if url.startswith("sqlite"):
        import sqlite3

        return f"SQLite {sqlite3.sqlite_version}, WAL, synchronous=FULL"
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        return "PostgreSQL " + str(connection.execute(text("SHOW server_version")).scalar_one())


if __name__ == "__main__":
    main()
