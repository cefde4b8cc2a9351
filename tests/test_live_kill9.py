"""Kill -9 while events are written; benchmarks/kill9.py does it a hundred times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from live_files import open_in

HERE = Path(__file__).parent
KILLS = 5
SCRIPT = """
import json, os, random, signal, sys
from pathlib import Path
from live_files import event_at, open_in

folder, chance, said = Path(sys.argv[1]), random.Random(0), []
for _ in range(int(sys.argv[2])):
    ear, mouth = os.pipe()
    child = os.fork()
    if not child:
        store = open_in(folder)
        while True:
            futures = [store.start(event_at(k)) for k in range(chance.randrange(1, 20))]
            for future in futures:
                os.write(mouth, b"%d " % future.result().id)
    os.close(mouth)
    heard = b""
    wanted = chance.randrange(50, 500)
    while len(heard) < wanted:
        heard += os.read(ear, 64)
    os.kill(child, signal.SIGKILL)
    while rest := os.read(ear, 4096):
        heard += rest
    os.close(ear)
    os.waitpid(child, 0)
    said += [int(word) for word in heard[: heard.rindex(b" ")].split()]
print(json.dumps(said))
"""


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(KILLS)],
        env={**os.environ, "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    with open_in(tmp_path) as store:
        kept = {event.id for event in store.read.events(limit=100000)}
        assert len(said) == len(set(said)) > 10 * KILLS
        assert set(said) <= kept
        assert store.read.damage() == []


@pytest.mark.slow
def test_the_benchmark_finds_nothing_lost(tmp_path: Path) -> None:
    output = tmp_path / "kill9.json"
    words = [sys.executable, str(HERE.parent / "benchmarks" / "kill9.py"), "--kills", "2", "--output", str(output)]
    subprocess.run(words, check=True, capture_output=True)
    found = json.loads(output.read_text())
    assert found["events_acknowledged"] > 0
    assert (found["lost"], found["changed"], found["posts_lost"], found["damage"]) == (0, 0, 0, 0)
