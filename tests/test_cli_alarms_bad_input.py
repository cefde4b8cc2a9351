"""Bad input to what alarms need: zones, hours, budgets, formats. One line each, exit code 2, nothing left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdmae.cli import main
from spoken import Refused, said
from tiny import SETTINGS
from video_files import make_video

ZONES = [
    ("0,0 300,0 300,50", ("--ignore '0,0 300,0 300,50'", "300,0 lies outside the picture of 100x72 pixels")),
    ("0,0 -3,0 5,50", ("-3,0 lies outside the picture of 100x72",)),
    ("0,0 50,50", ("--ignore '0,0 50,50'", "x,y x,y x,y, three or more")),
    ("0,0 50,50 60", ("x,y x,y x,y, three or more",)),
    ("0,0 50,50 90,90,10", ("three or more",)),
    ("0,0 20,20 40,40", ("lie on one line", "needs an area")),
    ("10,10 10,10 10,10", ("needs an area",)),
    ("left,top right,top right,bottom", ("corners of a polygon in pixels",)),
    ("0,0 nan,0 50,50", ("corners of a polygon in pixels",)),
    ("", ("--ignore ''", "corners of a polygon")),
    ("0,0 100,0 100,72 0,72", ("ignore zones cover the whole picture", "nothing is left to watch")),
]


@pytest.fixture
def commands(tmp_path: Path, video: Path, detector_file: Path) -> dict[str, list[str]]:
    """Each verb that watches for alarms, with all that it needs."""
    (tmp_path / "tiny.yaml").write_text(SETTINGS)
    detector = ["--detector", str(detector_file)]
    output = ["--output", str(tmp_path / "new.safetensors")]
    return {
        "train": ["train", str(video), "--config", str(tmp_path / "tiny.yaml"), "--device", "cpu", *output],
        "calibrate": ["calibrate", str(video), *detector, *output],
        "detect": ["detect", str(video), *detector, "--output", str(tmp_path / "out")],
    }


@pytest.mark.parametrize("verb", ["train", "calibrate", "detect"])
@pytest.mark.parametrize(("zone", "words"), ZONES)
def test_a_bad_zone_is_refused(
    verb: str, zone: str, words: tuple[str, ...], commands: dict[str, list[str]], refused: Refused
) -> None:
    refused([*commands[verb], f"--ignore={zone}"], *words)


def test_of_many_zones_the_bad_one_is_named(commands: dict[str, list[str]], refused: Refused) -> None:
    line = refused([*commands["detect"], "--ignore", "0,0 9,0 9,9", "--ignore", "1,1 2,2"], "--ignore '1,1 2,2'")
    assert "9,9" not in line


def test_a_bad_zone_in_a_settings_file_is_refused(
    tmp_path: Path, commands: dict[str, list[str]], refused: Refused
) -> None:
    for polygon in ("[[0, 0, 50, 50, 0, 50]]", "[[0, 0, 0.5, 0.5]]", "[[0, 0, 0.5, 0.5, 1]]"):
        refused([*commands["train"], f"--input.ignore={polygon}"], "input.ignore", "is no polygon", "from 0 to 1")


@pytest.mark.parametrize("verb", ["train", "calibrate", "detect"])
@pytest.mark.parametrize(
    "schedule", ["whenever", "mon", "08:00", "mon 25:00-26:00", "moon 08:00-09:00", "08:00-08:00", "08:70-09:00", ","]
)
def test_a_schedule_that_is_none_is_refused(
    verb: str, schedule: str, commands: dict[str, list[str]], refused: Refused
) -> None:
    start = ["--start", "2026-11-23T08:00"]
    refused([*commands[verb], "--events.schedule", schedule, *start], "schedule", "'mon-fri 08:00-18:00, sat 10:00")


@pytest.mark.parametrize("verb", ["train", "calibrate", "detect"])
def test_a_schedule_needs_to_know_when_the_video_was_taken(
    verb: str, commands: dict[str, list[str]], refused: Refused
) -> None:
    line = refused([*commands[verb], "--events.schedule", "08:00-18:00"], "cam.mp4", "when it was taken", "--start")
    assert "cam_20261123-080000.mp4" in line


@pytest.mark.parametrize("verb", ["train", "calibrate", "detect"])
@pytest.mark.parametrize("moment", ["yesterday", "8:00", "2026-13-40", ""])
def test_a_start_that_is_no_time_is_refused(
    verb: str, moment: str, commands: dict[str, list[str]], refused: Refused
) -> None:
    refused([*commands[verb], f"--start={moment}"], f"--start {moment}", "2026-11-23T08:00:00")


@pytest.mark.parametrize("verb", ["train", "calibrate", "detect"])
def test_one_start_does_not_serve_several_clips(
    verb: str, tmp_path: Path, commands: dict[str, list[str]], refused: Refused
) -> None:
    second = make_video(tmp_path / "second.mp4", 10)
    words = [commands[verb][0], str(second), *commands[verb][1:]]
    refused([*words, "--start", "2026-11-23T08:00"], "--start is the time of one clip", "there are 2", "names")


@pytest.mark.parametrize("verb", ["train", "calibrate"])
def test_a_schedule_in_which_the_video_never_falls_leaves_nothing(
    verb: str, commands: dict[str, list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = [*commands[verb], "--events.schedule", "mon 08:00-09:00", "--start", "2026-11-24T08:00"]
    assert main(words) == 2
    (line,) = said(capsys.readouterr().err)
    assert "cover everything" in line
    assert not (tmp_path / "new.safetensors").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format", "nonsense"], ("--format nonsense", "csv, json, parquet")),
        (["--jobs", "0"], ("--jobs must be at least 1, not 0",)),
        (["--jobs", "-3"], ("--jobs must be at least 1, not -3",)),
        (["--jobs", "many"], ("jobs", "a whole number", "many")),
        (["--threshold", "high"], ("threshold", "a number", "high")),
        (["--threshold", "nan"], ("threshold", "a number", "nan")),
        (["--threshold", ".nan"], ("--threshold nan", "give a number")),
        (["--threshold=-.inf"], ("--threshold -inf", "give a number")),
        (["--frame-rate", ".nan"], ("--frame-rate must be above 0",)),
        (["--events.merge", "-1"], ("events.merge is -1", "between 0 and 3600")),
        (["--events.hysteresis", "2"], ("events.hysteresis is 2", "between 0 and 1")),
        (["--train.seed", "3"], ("--train.seed", "see sdmae detect --help")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_detect_refuses_what_makes_no_sense(
    flags: list[str], words: tuple[str, ...], commands: dict[str, list[str]], refused: Refused
) -> None:
    refused([*commands["detect"], *flags], *words)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--false-alarms-per-day", "0"], ("--false-alarms-per-day 0", "from 0.0001")),
        (["--false-alarms-per-day", "-1"], ("--false-alarms-per-day -1", "give a number")),
        (["--false-alarms-per-day", ".nan"], ("--false-alarms-per-day nan", "give a number")),
        (["--false-alarms-per-day", "1e9"], ("--false-alarms-per-day 1e+09", "to 1000000")),
        (["--false-alarms-per-day", "few"], ("false", "a number", "few")),
        (["--events.false_alarms_per_day", "0"], ("events.false_alarms_per_day is 0", "between 0.0001")),
        (["--exclude", "9-3"], ("--exclude 9-3", "START-END")),
        (["--exclude", "dog:1-2"], ("no clip is called 'dog'", "cam")),
        (["--output", "new.pt"], ("--output new.pt", "*.safetensors")),
        (["--output", "new"], ("--output new", "*.safetensors")),
        (["--detector", "nowhere.safetensors"], ("nowhere.safetensors", "`sdmae train` makes one")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_calibrate_refuses_what_makes_no_sense(
    flags: list[str], words: tuple[str, ...], commands: dict[str, list[str]], refused: Refused
) -> None:
    refused([*commands["calibrate"], *flags], *words)


def test_calibrate_refuses_unknown_files(tmp_path: Path, commands: dict[str, list[str]], refused: Refused) -> None:
    words = commands["calibrate"]
    (tmp_path / "text.mp4").write_text("this is not a video\n" * 50)
    (tmp_path / "empty").mkdir()
    for source, remedy in (("nowhere.mp4", "check the path"), ("empty", "no video"), ("text.mp4", "copy it anew")):
        refused([words[0], str(tmp_path / source), *words[2:]], source, remedy)


def test_calibrate_refuses_a_file_that_is_there(
    tmp_path: Path, commands: dict[str, list[str]], refused: Refused
) -> None:
    (tmp_path / "new.safetensors").write_bytes(b"mine")
    refused(commands["calibrate"], "new.safetensors: exists", "--overwrite")
    assert (tmp_path / "new.safetensors").read_bytes() == b"mine"


def test_calibrate_says_how_much_video_it_needs(
    tmp_path: Path, commands: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(commands["calibrate"]) == 2
    (line,) = said(capsys.readouterr().err)
    assert "only 2 s of normal video were scored" in line
    assert "20 s at the very least" in line
    # More video and --resume do not begin anew.
    assert line.endswith(f"the scores are kept in {tmp_path / 'new.calibration'}, --resume takes them")
    assert sorted(path.name for path in tmp_path.glob("new*")) == ["new.calibration"]


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_an_unknown_benchmark_is_told_the_known_ones(
    verb: str, tmp_path: Path, detector_file: Path, refused: Refused
) -> None:
    rest = ["--output", str(tmp_path / "new.safetensors")]
    if verb == "evaluate":
        rest = ["--detector", str(detector_file), "--output", str(tmp_path / "out")]
    refused([verb, "--benchmark", "kinetics", "--root", str(tmp_path), *rest], "'kinetics'", "avenue, ped1, ped2")
