"""Events on standard output."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import pytest

from live_files import event_at, open_in, until
from sdmae.live.announce import Announcer
from sdmae.live.out import JsonLines
from sdmae.live.store import Notice


def test_a_line_for_each_thing_that_the_disk_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    with open_in(tmp_path) as store:
        announcer = Announcer(store, [JsonLines(stream)])
        number = announcer.start(event_at(1000)).result().id
        announcer.update(number, 1001).result()
        announcer.end(number, 1002, by="lost").result()
        assert announcer.start(event_at(1, "moon")).exception() is not None
        announcer.start(event_at(2000)).result()
        announcer.close(5)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["kind"] for line in lines] == ["start", "update", "end", "start"]
    assert lines[2]["ended_by"] == "lost"
    assert lines[0]["start_time"] == "1970-01-01T00:16:40.000Z"
    assert "the start of an event could not be kept: there is no camera moon" in caplog.text
    # What a crash left open is told of at the next start.
    again = io.StringIO()
    with open_in(tmp_path) as store:
        Announcer(store, [JsonLines(again)]).close(5)
    (line,) = again.getvalue().splitlines()
    assert (json.loads(line)["kind"], json.loads(line)["ended_by"]) == ("end", "crash")


def test_a_reader_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, open_in(tmp_path) as store:
        event = store.start(event_at(1)).result()
        lines = JsonLines(stream, size=10)
        for _ in range(1000):
            lines.tell(Notice("start", event))
        assert lines.dropped > 100

        def drain() -> None:
            with os.fdopen(reading) as rest:
                rest.read()

        drained = threading.Thread(target=drain)
        drained.start()
        lines.close(10)
        stream.close()
        drained.join()


def test_a_reader_that_has_gone_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    with open_in(tmp_path) as store:
        event = store.start(event_at(1)).result()
        lines = JsonLines(stream)
        for _ in range(3):
            lines.tell(Notice("start", event))
        until(lambda: lines.dropped == 3)
        lines.close(5)
    assert caplog.text.count("nobody reads standard output any more") == 1
    with pytest.raises(BrokenPipeError):
        stream.close()
