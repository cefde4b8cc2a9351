"""An exported detector is the detector: the same scores, settings and alarms, from one file."""

from __future__ import annotations

import importlib.util
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sdmae
from sdmae import Detector, load
from sdmae.cli import main
from sdmae.config import to_dict
from sdmae.detector import build_model, read_config
from sdmae.detector.export import Order, export
from sdmae.detector.exported import KINDS
from sdmae.errors import ConfigError, DetectorError
from spoken import Refused, said
from tiny import TINY

PACKAGES = {"onnx": "onnxscript", "openvino": "openvino", "torch": "torch"}


@pytest.fixture(scope="session", params=list(KINDS))
def exported_file(
    request: pytest.FixtureRequest, calibrated_file: Path, video: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The calibrated detector, exported by the command line."""
    kind = request.param
    if importlib.util.find_spec(PACKAGES[kind]) is None:
        pytest.skip(f"{PACKAGES[kind]} is not installed")
    path = tmp_path_factory.mktemp(kind) / f"cam{KINDS[kind]}"
    words = [str(calibrated_file), "--to", kind, "--output", str(path), "--source", str(video)]
    assert main(["export", *words]) == 0
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    return path


def test_it_is_loaded_as_any_detector(exported_file: Path, calibrated: Detector, video: Path) -> None:
    other = sdmae.load(exported_file)
    assert other.network.name == {".onnx": "onnx", ".openvino": "openvino", ".pt2": "folded"}[exported_file.suffix]
    assert other.fingerprint() == calibrated.fingerprint()
    assert other.calibration == calibrated.calibration
    assert other.provenance == calibrated.provenance
    assert to_dict(other.config) == to_dict(calibrated.config) == to_dict(read_config(exported_file))
    ours, theirs = calibrated.score(video).scores, other.score(video).scores
    assert np.abs(ours - theirs).max() < 1e-4
    # To the bit, and in batches of any size.
    assert load(exported_file).score(video).scores.tobytes() == theirs.tobytes()
    assert np.abs(load(exported_file, batch=1).score(video).scores - theirs).max() <= 1e-5


def test_detect_finds_the_same_in_it(
    exported_file: Path, calibrated_file: Path, odd_video: Path, tmp_path: Path
) -> None:
    for name, path in (("ours", calibrated_file), ("theirs", exported_file)):
        assert main(["detect", str(odd_video), "--detector", str(path), "--output", str(tmp_path / name)]) == 0
    ours, theirs = (
        np.loadtxt(tmp_path / name / odd_video.stem / "scores.csv", delimiter=",", skiprows=1, usecols=(0, 1, 2))
        for name in ("ours", "theirs")
    )
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_its_settings_can_be_changed_and_its_weights_taken_back(
    exported_file: Path, calibrated: Detector, video: Path, tmp_path: Path
) -> None:
    def both(detector: Detector) -> Detector:
        return detector.with_settings(replace(detector.config, score=replace(detector.config.score, alpha=0.9)))

    other = load(exported_file)
    ours, theirs = (both(detector).score(video).scores for detector in (calibrated, other))
    np.testing.assert_allclose(theirs, ours, atol=1e-4)
    assert both(other).network is other.network
    other.save(tmp_path / "back.safetensors")
    assert load(tmp_path / "back.safetensors").score(video).scores.tolist() == calibrated.score(video).scores.tolist()
    assert load(exported_file, runtime="eager").network.name == "eager"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_off(exported_file: Path, tmp_path: Path, share: float) -> None:
    data = exported_file.read_bytes()
    path = tmp_path / f"cut{exported_file.suffix}"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DetectorError, match=r"cut\.\w+: not an exported detector, or one that was cut off"):
        load(path)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="no such exported detector; `sdmae export` makes one"):
        load(tmp_path / "no.onnx")


def test_no_pickle_is_read_from_a_file_of_torch(detector: Detector, tmp_path: Path, video: Path) -> None:
    """torch.export's own loader would; here only the detector inside is looked at."""
    path = tmp_path / "cam.pt2"
    export(detector, Order("torch", path), lambda line: None)
    bad = tmp_path / "bad.pt2"
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(bad, "w") as target:
        for name in good.namelist():
            data = good.read(name)
            target.writestr(name, data if "/extra/" in name else b"cos\nsystem\n(S'false'\ntR.")
    assert load(bad).score(video).scores.tolist() == load(path).score(video).scores.tolist()


def test_what_is_exported_says_how_near_it_is(
    detector_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(detector_file), "--to", "torch", "--output", str(tmp_path / "cam.pt2")]
    assert main(words) == 0
    lines = said(capsys.readouterr().err)
    assert [line.split(":")[0] for line in lines[:5]] == [
        "error",
        "discrepancy",
        "anomaly_map",
        "classifier",
        "score",
    ]
    assert all("differs by" in line for line in lines[:5])
    assert "sdmae detect SOURCE --detector" in lines[5]


def test_above_the_bound_nothing_is_written(detector: Detector, tmp_path: Path, detector_file: Path) -> None:
    path = tmp_path / "cam.pt2"
    with pytest.raises(DetectorError, match=r"cam\.pt2: not written: \w+ differs by .*more than --bound 1e-12"):
        export(detector, Order("torch", path, bound=1e-12), lambda line: None)
    words = ["export", str(detector_file), "--to", "torch", "--output", str(path), "--bound", "1e-12"]
    assert main(words) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--to", "tflite", "--output", "cam.tflite"],
            "--to tflite: no such target; there are onnx, openvino, torch",
        ),
        (["--to", "onnx", "--output", "cam.pt2"], "an export to onnx is called *.onnx"),
        (["--to", "onnx", "--output", "cam.onnx", "--bound", "0"], "--bound 0: give a number above 0"),
        (["--to", "onnx", "--output", "cam.onnx", "--source", "no.mp4"], "no.mp4"),
    ],
    ids=["target", "suffix", "bound", "source"],
)
def test_bad_input(words: list[str], said: str, detector_file: Path, refused: Refused) -> None:
    refused(["export", str(detector_file), *words], said)


def test_tokens_in_shuffled_order_cannot_be_exported(tmp_path: Path) -> None:
    config = replace(TINY, model=replace(TINY.model, convolution="shuffled"))
    config = replace(config, input=replace(config.input, height=48, width=64, rate=10.0))
    detector = Detector(build_model(config), config, {}, device="cpu")
    with pytest.raises(ConfigError, match="shuffled"):
        export(detector, Order("torch", tmp_path / "cam.pt2"), lambda line: None)


# --- the way of running, and alarms ---------------------------------------------------------------------------------


def test_float32_shares_its_alarms_and_another_precision_does_not(
    calibrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for runtime in ("auto", "eager", "folded"):
        found = load(calibrated_file, device="cpu", runtime=runtime)
        assert found.calibration is not None
        assert found.network.name == ("folded" if runtime == "auto" else runtime)
    before = found.calibration_fingerprint()
    found.network.precision = "bfloat16"
    assert found.calibration_fingerprint() != before


def test_the_runtimes_score_alike(detector_file: Path, video: Path) -> None:
    eager, folded = (
        load(detector_file, device="cpu", runtime=name).score(video).scores for name in ("eager", "folded")
    )
    assert np.abs(eager - folded).max() < 1e-5


def test_an_unknown_runtime(detector_file: Path, video: Path, refused: Refused, tmp_path: Path) -> None:
    words = ["detect", str(video), "--detector", str(detector_file), "--output", str(tmp_path / "out")]
    refused([*words, "--runtime", "fast"], "no runtime is called 'fast'; there are auto, eager")
