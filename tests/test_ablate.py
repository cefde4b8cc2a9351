"""The ablation as a whole, on a tiny scene: trained, judged, interrupted, gone on with, written down."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from sdmae import load
from sdmae.cli import main
from sdmae.data.benchmark import Benchmark
from sdmae.data.scene import write_scene
from sdmae.data.scene.folder import read_scene
from sdmae.errors import ConfigError, DetectorError
from sdmae.evaluation.ablation import Order, ablate
from sdmae.training import phases
from spoken import Refused
from tiny import SETTINGS, TINY


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world") / "scene"
    write_scene(
        root, training_clips=1, training_seconds=8, test_clips=2, test_seconds=20, height=72, width=104, rate=4
    )
    return root


@pytest.fixture
def benchmark(scene: Path) -> Benchmark:
    return read_scene(scene)


@pytest.fixture(scope="module")
def done(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished ablation: two networks and a row of the score, two seeds."""
    output = tmp_path_factory.mktemp("done") / "ablation"
    patch = pytest.MonkeyPatch()
    patch.setenv("SDMAE_CACHE", str(output.parent / "cache"))
    order = Order(
        read_scene(scene), output, TINY, rows=("no-motion-weights", "error-only"), seeds=2, test=True, device="cpu"
    )
    assert ablate(order, lambda line: None) == {}
    patch.undo()
    return output


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def states(output: Path) -> dict[str, tuple[int, bytes]]:
    """When each row's files were written, and what is in them."""
    files = [*output.rglob("row.json"), *output.rglob("test.json"), *output.rglob("*.safetensors")]
    return {str(path.relative_to(output)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_every_row_and_seed_has_its_folder_and_its_line(done: Path) -> None:
    for name in ("full", "no-motion-weights", "error-only"):
        for seed in (0, 1):
            kept = read(done / name / f"seed-{seed}" / "row.json")
            assert (kept["row"], kept["seed"]) == (name, seed)
            assert (done / name / f"seed-{seed}" / "test.json").exists()
    found = read(done / "ablation.json")
    assert [row["name"] for row in found["rows"]] == ["full", "no-motion-weights", "error-only"]
    assert found["plan"]["epochs"] == {"full": [1, 1], "no-motion-weights": [1, 1]}
    assert found["made"]["command"].startswith("sdmae")
    for row in found["rows"]:
        assert row["seeds"] == [0, 1]
        assert row["auc"]["value"] == pytest.approx(sum(row["auc_by_seed"]) / 2)
        assert row["auc"]["low"] <= row["auc"]["value"] <= row["auc"]["high"]
        assert (row["less_full"] is None) == (row["name"] == "full")
        assert set(row["families"]) >= {"shapes", "thin", "out_of_scale"}
        assert set(row["test"]) == {"micro_auc", "macro_auc"}
    full, other, _ = found["rows"]
    assert other["less_full"]["value"] == pytest.approx(other["auc"]["value"] - full["auc"]["value"])
    table = (done / "ablation.md").read_text()
    for name in ("full", "no-motion-weights", "error-only"):
        assert table.count(f"| `{name}` |") == 2
    picture = cv2.imread(str(done / "ablation.png"))
    assert picture is not None
    assert picture.shape[1] == 1350


def test_all_rows_have_one_judge(done: Path) -> None:
    kept = [read(path) for path in done.rglob("row.json")]
    assert len(kept) == 6
    assert {one["judge"] for one in kept} == {read(done / "ablation.json")["plan"]["judge"]}
    assert len({tuple((name, len(values)) for name, values in one["scores"].items()) for one in kept}) == 1


def test_a_rows_change_reaches_the_network(done: Path) -> None:
    full, changed = (load(done / name / "seed-0/detector.safetensors") for name in ("full", "no-motion-weights"))
    assert changed.config == replace(full.config, model=replace(full.config.model, weighting="uniform"))
    first, second = full.model.state_dict(), changed.model.state_dict()
    assert not torch.equal(first["head.weight"], second["head.weight"])
    assert full.calibration is None
    assert not list(done.rglob("review.jpg"))  # neither is of any use here
    other = load(done / "full/seed-1/detector.safetensors")
    assert other.config.train.seed == 1
    assert not torch.equal(first["embed.weight"], other.model.state_dict()["embed.weight"])


def test_a_row_of_the_score_takes_the_network_of_full(done: Path) -> None:
    assert not (done / "error-only" / "seed-0" / "detector.safetensors").exists()
    full, alone = (read(done / name / "seed-0" / "row.json") for name in ("full", "error-only"))
    assert (alone["config"]["score"]["alpha"], alone["config"]["score"]["beta"]) == (1.0, 0.0)
    assert alone["scores"] != full["scores"]
    detector = load(done / "full/seed-0/detector.safetensors")
    score = replace(TINY.score, alpha=1.0, beta=0.0, gamma=0.0, delta=0.0)
    assert alone["detector"] == detector.with_settings(replace(detector.config, score=score)).fingerprint()


def test_what_is_done_is_not_done_again(done: Path, benchmark: Benchmark, tmp_path: Path) -> None:
    output = shutil.copytree(done, tmp_path / "again")
    before = states(output)
    said: list[str] = []
    rows = ("no-motion-weights", "error-only", "map-only")
    assert ablate(Order(benchmark, output, TINY, rows=rows, seeds=1, device="cpu"), said.append) == {}
    assert [line.partition(",")[0] for line in said if " of " in line] == ["4 of 4: map-only"]
    after = states(output)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"map-only/seed-0/row.json"}
    assert "map-only" in (output / "ablation.md").read_text()


def test_a_killed_row_goes_on_from_its_checkpoint(
    done: Path, benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(benchmark, tmp_path / "out", TINY, rows=("full",), device="cpu")
    place = order.output / "full" / "seed-0"

    def killed(run: phases.Run, phase: int) -> None:
        if phase == phases.STUDENT:
            raise KeyboardInterrupt
        phases.run_phase(run, phase)

    monkeypatch.setattr("sdmae.training.run.run_phase", killed)
    with pytest.raises(KeyboardInterrupt):
        ablate(order, lambda line: None)
    assert (place / "detector.training" / "checkpoint.pt").exists()
    assert not (place / "row.json").exists()
    trained: list[int] = []

    def counted(run: phases.Run, phase: int) -> None:
        trained.append(phase)
        phases.run_phase(run, phase)

    monkeypatch.setattr("sdmae.training.run.run_phase", counted)
    assert ablate(order, lambda line: None) == {}
    assert trained == [phases.STUDENT]
    kept, straight = read(place / "row.json"), read(done / "full" / "seed-0" / "row.json")
    assert (kept["resumed"], straight["resumed"]) == (True, False)
    assert kept["detector"] == straight["detector"]
    assert kept["scores"] == straight["scores"]
    assert not (place / "detector.training" / "checkpoint.pt").exists()


def test_a_row_that_fails_does_not_stop_the_others(benchmark: Benchmark, tmp_path: Path) -> None:
    order = Order(benchmark, tmp_path / "out", TINY, rows=("no-motion-weights", "error-only"), device="cpu")
    broken = order.output / "no-motion-weights" / "seed-0" / "detector.training" / "checkpoint.pt"
    assert ablate(replace(order, rows=("full",)), lambda line: None) == {}
    broken.parent.mkdir(parents=True)
    broken.write_text("no checkpoint")
    failures = ablate(order, lambda line: None)
    assert set(failures) == {"no-motion-weights, seed 0"}
    assert f"delete {broken.parent.parent}" in failures["no-motion-weights, seed 0"]
    assert (order.output / "error-only" / "seed-0" / "row.json").exists()


def test_every_look_at_a_real_test_split_is_noted_and_none_at_a_scene(
    benchmark: Benchmark, done: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    order = Order(
        replace(benchmark, name="real"), tmp_path / "out", TINY, rows=("error-only",), ledger=ledger, device="cpu"
    )
    ablate(order, lambda line: None)
    assert not ledger.exists()
    ablate(replace(order, test=True), lambda line: None)
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(line["ablation"], line["benchmark"]) for line in lines] == [("full", "real"), ("error-only", "real")]
    measured = read(order.output / "full" / "seed-0" / "test.json")
    assert lines[0]["metrics"]["micro_auc"] == measured["micro_auc"]
    assert not list(done.rglob("*.jsonl"))


def test_minutes_choose_the_epochs_once(benchmark: Benchmark, tmp_path: Path) -> None:
    config = replace(TINY, train=replace(TINY.train, teacher_epochs=500, student_epochs=50))
    order = Order(benchmark, tmp_path / "out", config, rows=("error-only",), minutes=0.02, device="cpu")
    ablate(order, lambda line: None)
    teacher, student = read(order.output / "ablation.json")["plan"]["epochs"]["full"]
    assert 1 <= student <= teacher < 500
    said: list[str] = []
    ablate(replace(order, rows=("map-only",)), said.append)
    assert not [line for line in said if line.startswith("timing")]
    assert read(order.output / "ablation.json")["plan"]["epochs"]["full"] == [teacher, student]
    assert load(order.output / "full/seed-0/detector.safetensors").config.train.teacher_epochs == teacher


def test_other_settings_or_video_in_the_same_folder_are_refused(
    done: Path, benchmark: Benchmark, tmp_path: Path
) -> None:
    before = states(done)
    order = Order(benchmark, done, TINY, device="cpu")
    masked = replace(TINY, model=replace(TINY.model, masking_ratio=0.3))
    for other, said in (
        (replace(order, config=masked), r"other settings \(model.masking_ratio\); give the same ones to go on, or"),
        (replace(order, minutes=5.0), r"\(minutes none there, 5.0 here\)"),
        (replace(order, benchmark=replace(benchmark, name="real")), r"\(benchmark scene there, real here\)"),
    ):
        with pytest.raises(ConfigError, match=said):
            ablate(other, lambda line: None)
    write_scene(
        tmp_path / "scene", seed=1, training_clips=1, training_seconds=8, test_clips=2, test_seconds=20,
        height=72, width=104, rate=4,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="holds an ablation on other video"):
        ablate(replace(order, benchmark=read_scene(tmp_path / "scene")), lambda line: None)
    assert states(done) == before


def test_a_row_judged_by_others_is_named(done: Path, benchmark: Benchmark, tmp_path: Path) -> None:
    order = Order(benchmark, tmp_path / "out", TINY, rows=("full",), device="cpu")
    ablate(order, lambda line: None)
    path = order.output / "full" / "seed-0" / "row.json"
    path.write_text(json.dumps({**read(path), "judge": "another"}))
    with pytest.raises(DetectorError, match=r"row\.json: was judged by other samples; delete it"):
        ablate(order, lambda line: None)


# --- the command line ----------------------------------------------------------------------------------------------


def words(scene: Path, output: Path, tmp_path: Path) -> list[str]:
    settings = tmp_path / "tiny.yaml"
    settings.write_text(SETTINGS)
    return [
        "ablate", "--benchmark", "scene", "--root", str(scene), "--output", str(output), "--config", str(settings),
        "--device", "cpu", "--rows", "no-student,error-only", "--teacher-epochs", "1", "--student-epochs", "1",
    ]  # fmt: skip


def test_the_verb_makes_a_table(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = words(scene, tmp_path / "out", tmp_path)
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "1 of 3: full, seed 0" in said
    assert "the table, with ablation.png and ablation.json" in said
    found = read(tmp_path / "out" / "ablation.json")
    assert [row["name"] for row in found["rows"]] == ["full", "no-student", "error-only"]
    assert found["plan"]["config"]["preset"] == "small"
    assert main(command) == 0
    assert " of 3: " not in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(run: phases.Run, phase: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sdmae.training.run.run_phase", interrupted)
    assert main(words(scene, tmp_path / "out", tmp_path)) == 130
    assert f"is in {tmp_path / 'out'}: the same command goes on" in capsys.readouterr().err


def test_the_list_of_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", "--list", "--preset", "paper-avenue"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["full", "nothing"]
    assert any(line.startswith("position-none") and "left out" in line for line in lines)


def test_bad_input_is_refused_in_one_line(scene: Path, tmp_path: Path, refused: Refused) -> None:
    command = words(scene, tmp_path / "out", tmp_path)
    refused(["ablate"], "--benchmark NAME --root DIR", "--list")
    refused([*command, "--rows", "no-teacher"], "no row is called 'no-teacher'")
    refused([*command, "--minutes", "3"], "--minutes chooses the epochs")
    refused([*command[:-4], "--minutes", "0"], "--minutes 0: give more than 0")
    refused([*command, "--seeds", "0"], "--seeds 0: give 1 or more")
    refused([*command, "--teacher-epochs", "0"], "train.teacher_epochs is 0")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    foreign = words(scene, tmp_path / "mine", tmp_path)
    refused(foreign, str(tmp_path / "mine"), "holds no ablation, but something else; choose another --output")
