"""A video's folder of results: whole ones are known by their files, and nothing that is not ours is ever touched."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sdmae import Detector
from sdmae.errors import DetectorError, SourceError
from sdmae.recordings.detect import detect
from sdmae.recordings.results import begin, discard, finish, kept
from sdmae.recordings.watch import Order
from sdmae.video import find_clips, unique_names
from video_files import make_frames, make_video

THRESHOLD = 0.58
FRAMES = ["event_001.jpg", "event_002.jpg", "scores.png", "overlay.mp4.part.png"]
"""Frames that are called as results are."""


def run(detector: Detector, order: Order, *sources: Path) -> list[str]:
    said: list[str] = []
    clips = unique_names([clip for source in sources for clip in find_clips(str(source))])
    detect(detector, clips, order, said.append)
    return said


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- sources -------------------------------------------------------------------------------------------------------


def where_they_lie(root: Path) -> tuple[Path, Path]:
    return make_frames(root / "cams" / "front", FRAMES), root / "cams"


def within_them(root: Path) -> tuple[Path, Path]:
    folder = make_frames(root / "front", FRAMES)
    return folder, folder


def around_them(root: Path) -> tuple[Path, Path]:
    make_frames(root / "cams" / "front" / "front", FRAMES)
    return root / "cams" / "front", root / "cams"


def by_a_link(root: Path) -> tuple[Path, Path]:
    (root / "other").symlink_to(make_frames(root / "cams" / "front", FRAMES).parent)
    return root / "cams" / "front", root / "other"


def of_links(root: Path) -> tuple[Path, Path]:
    real = make_frames(root / "cams" / "front", FRAMES)
    (root / "links" / "front").mkdir(parents=True)
    for name in FRAMES:
        (root / "links" / "front" / name).symlink_to(real / name)
    return root / "links" / "front", root / "cams"


def beside_a_video(root: Path) -> tuple[Path, Path]:
    (root / "front").mkdir()
    return make_video(root / "front" / "front.mp4", 6), root


@pytest.mark.parametrize("place", [where_they_lie, within_them, around_them, by_a_link, of_links, beside_a_video])
@pytest.mark.parametrize("resume", [False, True])
def test_nothing_is_written_where_the_video_lies(
    place: Callable[[Path], tuple[Path, Path]], resume: bool, detector: Detector, tmp_path: Path
) -> None:
    source, output = place(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(SourceError, match=r"front: is where the video itself lies; choose another --output$"):
        run(detector, Order(output, threshold=THRESHOLD, resume=resume), source)
    assert contents(tmp_path) == before


def test_results_beside_a_video_are_not_among_its_files(detector: Detector, tmp_path: Path) -> None:
    run(detector, Order(tmp_path), make_video(tmp_path / "front.mp4", 6))
    assert (tmp_path / "front" / "scores.csv").exists()


# --- what is not ours ----------------------------------------------------------------------------------------------


def test_a_users_own_files_stay_whatever_they_are_called(detector: Detector, odd_video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "odd"
    folder.mkdir(parents=True)
    own = ["event_007.jpg", "scores.xlsx", "scores.json", "holiday.part", "overlay.mp4.part", "notes.txt"]
    for name in own:
        (folder / name).write_text(name)
    order = Order(tmp_path / "out", threshold=THRESHOLD)
    run(detector, order, odd_video)
    (folder / "event_008.jpg").write_text("event_008.jpg")
    run(detector, replace(order, threshold=0.9), odd_video)  # without an event: the first run's picture goes
    found = contents(folder)
    assert found.keys() == {*own, "event_008.jpg", "done.json", "events.json", "scores.csv", "scores.png"}
    assert all(found[name] == name.encode() for name in (*own, "event_008.jpg"))


def test_what_could_not_be_finished_goes_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "cam"
    folder.mkdir(parents=True)
    (folder / "event_001.jpg").write_text("mine")
    begin(folder)
    written = ["event_002.jpg", "events.json", "scores.csv.123.part", "overlay.mp4.part"]
    for name in written:
        (folder / name).write_text("half")
    (folder / "event_2.jpg").write_text("mine, too")
    discard(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["event_001.jpg", "event_2.jpg"]


def test_a_folder_without_a_mark_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "cam"
    folder.mkdir(parents=True)
    (folder / "event_001.jpg").write_text("mine")
    discard(folder)
    assert [path.name for path in folder.iterdir()] == ["event_001.jpg"]


def test_what_a_killed_run_left_goes_before_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "cam"
    begin(folder)
    (folder / "event_001.jpg").write_text("half")
    begin(folder)
    assert [path.name for path in folder.iterdir()] == ["begun.json"]
    discard(folder)
    assert not (tmp_path / "out").exists()


def test_a_mark_names_no_file_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "cam"
    folder.mkdir(parents=True)
    (tmp_path / "out" / "events.json").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (folder / "done.json").write_text(json.dumps({"of": {}, "files": ["../events.json", "notes.txt"]}))
    begin(folder)
    assert (tmp_path / "out" / "events.json").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["begun.json", "notes.txt"]


# --- whole results -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["events.json", "scores.csv", "scores.png", "event_001.jpg", "overlay.mp4"])
@pytest.mark.parametrize("how", ["lost", "empty"])
def test_a_result_of_which_a_file_is_missing_is_not_done(name: str, how: str, tmp_path: Path) -> None:
    (clip,) = find_clips(str(make_video(tmp_path / "cam.mp4", 2)))
    folder = tmp_path / "out" / "cam"
    files = ["scores.png", "scores.csv", "events.json", "event_001.jpg", "overlay.mp4"]
    begin(folder)
    for one in files:
        (folder / one).write_text("whole")
    finish(folder, clip, files, {"detector": "a"}, {"frames": 2})
    assert kept(folder, {"detector": "a"}) == {"frames": 2}
    assert kept(folder, {"detector": "b"}) is None
    if how == "lost":
        (folder / name).unlink()
    else:
        (folder / name).write_text("")
    assert kept(folder, {"detector": "a"}) is None


def test_done_names_what_was_written(detector: Detector, odd_video: Path, tmp_path: Path) -> None:
    order = Order(tmp_path / "out", threshold=THRESHOLD, overlay=True, table="json", resume=True)
    run(detector, order, odd_video)
    folder = tmp_path / "out" / "odd"
    done = json.loads((folder / "done.json").read_text())
    assert {*done["files"], "done.json"} == {path.name for path in folder.iterdir()}
    for name in done["files"]:
        (folder / name).unlink()
        assert "(done before)" not in run(detector, order, odd_video)[0]
        assert (folder / name).stat().st_size > 0
    assert "(done before)" in run(detector, order, odd_video)[0]


# --- two videos of one name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resume", [False, True])
def test_the_results_of_another_video_of_that_name_stay(resume: bool, detector: Detector, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = make_video(tmp_path / "a" / "cam.mp4", 6)
    other = Path(shutil.copy2(first, tmp_path / "b" / "cam.mp4"))  # of the same size and time, too
    order = Order(tmp_path / "out", resume=resume)
    run(detector, order, first)
    before = contents(tmp_path / "out")
    with pytest.raises(DetectorError, match=r"b/cam\.mp4: .*out/cam holds the results of .*a/cam\.mp4; choose"):
        run(detector, order, other)
    assert contents(tmp_path / "out") == before
    make_video(tmp_path / "b" / "new.mp4", 6)
    said = run(detector, order, tmp_path / "b")
    assert "holds the results of" in said[0]
    assert said[-1].startswith("1 of 2 videos could not be scored")
    assert (tmp_path / "out" / "new" / "scores.csv").exists()
    assert {name: data for name, data in contents(tmp_path / "out").items() if not name.startswith("new")} == before


def test_another_way_to_the_same_video_is_the_same(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_video(tmp_path / "cam.mp4", 6)
    run(detector, Order(tmp_path / "out"), video)
    monkeypatch.chdir(tmp_path)
    assert "(done before)" in run(detector, Order(tmp_path / "out", resume=True), Path("cam.mp4"))[0]


# --- the anomaly maps ----------------------------------------------------------------------------------------------


def test_maps_are_kept_only_where_something_is_drawn(
    detector: Detector, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    run(detector, Order(tmp_path / "out"), video)
    for order in (Order(tmp_path / "out", overlay=True), Order(tmp_path / "out", threshold=THRESHOLD)):
        with pytest.raises(SourceError, match="no place for the anomaly maps"):
            run(detector, order, video)
