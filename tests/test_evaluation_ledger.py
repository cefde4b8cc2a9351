from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from sdmae.evaluation.ledger import append, commit, environment

RUN: dict[str, Any] = {
    "command": "sdmae evaluate --benchmark ped2",
    "benchmark": "ped2",
    "detector": "a1b2",
    "config": {"score": {"alpha": 0.4}},
    "seed": 0,
    "metrics": {"micro_auc": 0.9},
}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=surroundings).stdout.strip()


def test_a_line_holds_the_run_and_where_it_ran(tmp_path: Path) -> None:
    path = tmp_path / "results" / "ledger.jsonl"
    append(path, RUN)
    append(path, {**RUN, "seed": 1, "note": "once\nmore"})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    assert lines[1]["note"] == "once\nmore"
    for line in lines:
        assert list(line)[:3] == ["time", "commit", "dirty"]
        assert line["time"].endswith("+00:00")
        assert {key: line[key] for key in RUN if key != "seed"} == {k: v for k, v in RUN.items() if k != "seed"}
        assert {key: line[key] for key in ("machine", "versions")} == environment()


def test_the_environment_is_known() -> None:
    found = environment()
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["cpu"]
    assert found["machine"]["memory_gib"] > 0
    assert isinstance(found["machine"]["gpus"], list)
    assert set(found["versions"]) == {"python", "sdmae", "torch", "numpy", "av"}


def many_lines(path: Path, writer: int) -> None:
    for i in range(10):
        append(path, {**RUN, "seed": 10 * writer + i, "filling": "x" * 20_000})


def test_writers_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        list(pool.map(many_lines, [path] * 4, range(4)))
    seeds = [json.loads(line)["seed"] for line in path.read_text().splitlines()]
    assert sorted(seeds) == list(range(40))


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"time": "20')
    append(path, RUN)
    cut, whole = path.read_text().splitlines()
    assert cut == '{"time": "20'
    assert json.loads(whole)["benchmark"] == "ped2"


@pytest.mark.parametrize("broken", [{"seed": float("nan")}, {"metrics": {"micro_auc": float("inf")}}])
def test_a_number_that_json_lacks_leaves_nothing_behind(tmp_path: Path, broken: dict[str, Any]) -> None:
    path = tmp_path / "ledger.jsonl"
    with pytest.raises(ValueError, match="JSON"):
        append(path, {**RUN, **broken})
    assert not path.exists()


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs config, seed"):
        append(tmp_path / "ledger.jsonl", {key: RUN[key] for key in RUN if key not in ("config", "seed")})


def test_the_commit_and_whether_the_code_differs_from_it(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    (code / "a.py").write_text("a = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(code) == {"commit": head, "dirty": False}
    (tmp_path / "ledger.jsonl").write_text("{}\n")  # beside the code: no change of it
    assert commit(code) == {"commit": head, "dirty": False}
    (code / "a.py").write_text("a = 2\n")
    assert commit(code) == {"commit": head, "dirty": True}


def test_code_that_git_does_not_track_has_no_commit(tmp_path: Path) -> None:
    installed = tmp_path / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "a.py").write_text("a = 1\n")
    assert commit(installed) == {"commit": None, "dirty": None}
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "somebody's own project")
    assert commit(installed) == {"commit": None, "dirty": None}
