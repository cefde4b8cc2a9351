"""The pictures of `detect`: every frame at its own time, heat and box where they belong and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdmae.errors import SourceError
from sdmae.recordings.annotate import Marks, event_rows, write_overlay, write_thumbnails
from sdmae.recordings.heat_file import HeatFile
from sdmae.recordings.page import layout
from sdmae.scoring.events import Event, Levels
from sdmae.video import Clip, Frame, Image, Size, VideoWriter, read_frames, write_picture
from sdmae.video.draw import AMBER
from video_files import make_frames, make_video

SIZE = Size(144, 256)
FRAMES = 40
HOT = (slice(54, 72), slice(96, 128))
"""Rows and columns of the picture under the hot cell, row 3 and column 3 of 8."""
BOX = (0.3125, 0.25, 0.625, 0.625)
EVENT = Event(0.8, 1.2, 5.0, 1.0, 25, BOX, "anomaly_map", {"error": 0.25, "anomaly_map": 4.75})


def view(size: Size) -> Image:
    """A quiet bluish picture, unlike all that is drawn on it."""
    rows, columns = np.mgrid[: size.height, : size.width]
    return np.stack([20 + rows * 0.3, 40 + columns * 0.2, 110 + rows * 0.2], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A video of the program's own writer, 25 frames a second; nothing moves across the hot cells."""
    path = tmp_path_factory.mktemp("source") / "cam.mp4"
    with VideoWriter(path, 25) as video:
        for _ in range(FRAMES):
            video.write(view(SIZE))
    return Clip("cam", path)


@pytest.fixture
def heat() -> Iterator[HeatFile]:
    """Maps that are hot from 0.6 s to 1.4 s: for longer than the event lasts."""
    with HeatFile() as heat:
        for time in np.arange(0, FRAMES, 2) / 25:
            cells = np.ones((8, 8), np.float32)
            if 0.6 <= time <= 1.4:
                cells[3, 3] = 5
            heat.append(cells)
        yield heat


def marks_of(heat: HeatFile | None, rate: float = 25.0) -> Marks:
    """Every second frame scored, a box in each, one event; normal is 1, the threshold 3."""
    frames = np.arange(0, FRAMES, 2)
    times = frames / rate
    scores = np.where((times >= 0.8) & (times <= 1.2), 4.0, 1.0)
    boxes = np.tile(np.array(BOX, np.float32), (len(frames), 1))
    return Marks(frames, times, scores, boxes, heat, [EVENT], Levels(3.0, 2.0), 1.0)


def frames_of(clip: Clip) -> list[Frame]:
    return list(read_frames(clip))


def overlaid(path: Path, clip: Clip, marks: Marks) -> list[Frame]:
    write_overlay(path, clip, marks, rate=25)
    return frames_of(Clip("overlay", path))


def has(image: Image, colour: tuple[int, int, int], near: int = 60) -> np.ndarray:
    return np.asarray((np.abs(image.astype(int) - colour) <= near).all(axis=-1))


def warm(image: Image) -> np.ndarray:
    """Where the picture is not bluish any more. The format halves colours: thin amber lines are not quite amber."""
    return np.asarray(image[..., 0].astype(int) - image[..., 2] > 30)


def red(image: Image) -> np.ndarray:
    """Where the threshold is: red, and neither amber nor the faint red of an event."""
    r, g, b = np.moveaxis(image.astype(int), -1, 0)
    return np.asarray((r - g > 50) & (abs(g - b) < 40))


def read(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    return image[..., ::-1].astype(np.uint8)


def difference(first: Image, second: Image, area: tuple[slice, slice]) -> float:
    return float(np.abs(first[area].astype(int) - second[area]).mean())


def test_every_frame_at_its_own_time_and_size(clip: Clip, heat: HeatFile, tmp_path: Path) -> None:
    steps: list[None] = []
    write_overlay(tmp_path / "a.mp4", clip, marks_of(heat), rate=25, progress=lambda: steps.append(None))
    source, drawn = frames_of(clip), frames_of(Clip("a", tmp_path / "a.mp4"))
    assert len(drawn) == len(source) == len(steps) == FRAMES
    assert np.allclose([f.time for f in drawn], [f.time for f in source], atol=1e-4)
    page = layout(SIZE)
    rows = SIZE.height + page.bar + page.strip
    assert drawn[0].image.shape == (rows + rows % 2, SIZE.width, 3)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


def test_heat_is_where_the_map_is_hot(clip: Clip, heat: HeatFile, tmp_path: Path) -> None:
    source, drawn = frames_of(clip), overlaid(tmp_path / "a.mp4", clip, replace(marks_of(heat), events=[]))
    far = slice(100, 144), slice(0, 256)
    for k in (20, 25, 33):
        assert difference(drawn[k].image, source[k].image, HOT) > 15
        assert difference(drawn[k].image, source[k].image, far) < 4
    for k in (0, 10, 39):
        assert difference(drawn[k].image, source[k].image, HOT) < 4


def test_the_box_is_there_while_the_event_lasts(clip: Clip, tmp_path: Path) -> None:
    drawn = overlaid(tmp_path / "a.mp4", clip, marks_of(None))
    edge = slice(45, 85), slice(78, 83)  # the left side of the box
    lit = [bool(warm(frame.image[edge]).any()) for frame in drawn]
    assert [k for k, there in enumerate(lit) if there] == list(range(20, 31))
    word = [has(frame.image[SIZE.height : SIZE.height + layout(SIZE).bar], AMBER, 40).mean() for frame in drawn]
    assert min(word[20:31]) > 0.05
    assert max(word[:20] + word[31:]) < 0.01


def test_a_region_that_is_nowhere_has_no_box(clip: Clip, tmp_path: Path) -> None:
    marks = marks_of(None)
    marks.boxes[:] = np.nan
    drawn = overlaid(tmp_path / "a.mp4", clip, marks)
    assert not warm(drawn[25].image[: SIZE.height]).any()


def test_the_strip_shows_the_curve_threshold_event_and_cursor(clip: Clip, tmp_path: Path) -> None:
    page = layout(SIZE)
    last = overlaid(tmp_path / "a.mp4", clip, marks_of(None))[-1].image[SIZE.height + page.bar :]
    curve = has(last[: page.strip], AMBER, 50)
    start, end = (int(time / 1.52 * SIZE.width) for time in (0.8, 1.2))
    assert curve[: page.strip // 3, start:end].any()
    assert not curve[: page.strip // 2, : start - 12].any()
    reddish = last[2, :, 0].astype(int) - last[2, :, 2]
    assert reddish[start + 4 : end - 12].min() > reddish[: start - 8].max() + 15
    assert red(last[: page.strip // 2]).any()
    plain = replace(marks_of(None), levels=None, events=[])
    bare = overlaid(tmp_path / "b.mp4", clip, plain)[-1].image[SIZE.height + page.bar :]
    assert not red(bare[: page.strip]).any()


def test_a_variable_frame_rate_stays_what_it_was(tmp_path: Path) -> None:
    stamps = [0, 40, 80, 200, 210, 400, 1000, 1033, 2500, 2510, 2600, 2640]
    path = make_video(tmp_path / "vfr.mp4", len(stamps), size=SIZE, stamps=stamps)
    clip = Clip("vfr", path)
    times = np.array(stamps[:9:2]) / 1000  # and nothing was scored after 2.5 s
    none = np.full((len(times), 4), np.nan, np.float32)
    marks = Marks(np.arange(0, 9, 2), times, np.arange(5.0), none, None, [], None, 0.0)
    drawn = overlaid(tmp_path / "a.mp4", clip, marks)
    assert np.allclose([f.time for f in drawn], np.array(stamps) / 1000, atol=1e-3)


def test_heat_of_a_frame_far_away_is_not_shown(clip: Clip, tmp_path: Path) -> None:
    with HeatFile() as heat:
        heat.append(np.full((8, 8), 5, np.float32))
        box = np.array([BOX], np.float32)
        marks = Marks(np.array([0]), np.zeros(1), np.ones(1), box, heat, [], Levels(3.0, 2.0), 1.0)
        source, drawn = frames_of(clip), overlaid(tmp_path / "a.mp4", clip, marks)
    assert difference(drawn[5].image, source[5].image, HOT) > 15
    assert difference(drawn[30].image, source[30].image, HOT) < 4


@pytest.mark.parametrize("size", [Size(16, 24), Size(33, 47), Size(90, 30)])
def test_small_and_odd_pictures(size: Size, tmp_path: Path) -> None:
    clip = Clip("a name that is far too long for it", make_video(tmp_path / "v.mkv", 3, size=size, codec="ffv1"))
    with HeatFile() as heat:
        for _ in range(2):
            heat.append(np.full((3, 5), 9, np.float32))
        boxes = np.array([[0, 0, 1, 1], [0.5, 0.5, 1.2, 1.2]], np.float32)
        marks = Marks(np.array([0, 2]), np.array([0, 0.08]), np.ones(2), boxes, heat, [EVENT], None, 1.0)
        assert len(overlaid(tmp_path / "a.mp4", clip, marks)) == 3


def test_nothing_scored_at_all(clip: Clip, tmp_path: Path) -> None:
    empty = np.zeros(0)
    marks = Marks(np.zeros(0, np.int64), empty, empty, np.zeros((0, 4), np.float32), None, [], None, 0.0)
    assert len(overlaid(tmp_path / "a.mp4", clip, marks)) == FRAMES


def test_a_film_that_cannot_be_drawn_leaves_nothing(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="missing"):
        write_overlay(tmp_path / "missing" / "a.mp4", clip, marks_of(None), rate=25)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_overlay(tmp_path / "a.mp4", clip, marks_of(None), rate=25, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_marks_that_do_not_belong_together(heat: HeatFile) -> None:
    marks = marks_of(heat)
    with pytest.raises(ValueError, match="20 frames"):
        replace(marks, scores=marks.scores[:-1])
    with pytest.raises(ValueError, match="19 frames"):
        replace(marks, frames=marks.frames[1:], times=marks.times[1:], scores=marks.scores[1:], boxes=marks.boxes[1:])


def test_one_picture_an_event(clip: Clip, heat: HeatFile, tmp_path: Path) -> None:
    marks = replace(marks_of(heat), events=[EVENT, replace(EVENT, frame=3, box=None), EVENT])
    names = write_thumbnails(tmp_path / "new", clip, marks)
    assert names == ["event_001.jpg", "event_002.jpg", "event_003.jpg"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    source = frames_of(clip)
    first, second, third = (read(tmp_path / "new" / name) for name in names)
    assert first.shape == (144, 256, 3)
    assert difference(first, source[25].image, HOT) > 15
    assert warm(first[45:85, 78:83]).any()
    assert difference(second, source[3].image, (slice(None), slice(None))) < 4
    assert (first == third).all()
    assert write_thumbnails(tmp_path / "none", clip, replace(marks, events=[])) == []


def test_thumbnails_of_large_pictures_are_shrunk(tmp_path: Path) -> None:
    paths = tuple(tmp_path / f"{k:03}.png" for k in range(5))
    for path in paths:
        write_picture(path, view(Size(450, 800)))
    clip = Clip("f", tmp_path, paths, 25.0)
    none = np.full((5, 4), np.nan, np.float32)
    marks = Marks(np.arange(5), np.arange(5) / 25, np.ones(5), none, None, [replace(EVENT, frame=2)], None, 1.0)
    write_thumbnails(tmp_path, clip, marks)
    image = read(tmp_path / "event_001.jpg")
    assert image.shape == (360, 640, 3)
    assert warm(image[100:220, 197:204]).any()
    assert not warm(image[100:220, 206:300]).any()


def test_a_clip_that_became_shorter_is_said(clip: Clip, tmp_path: Path) -> None:
    marks = replace(marks_of(None), events=[replace(EVENT, frame=400)])
    with pytest.raises(SourceError, match=r"cam\.mp4: ends before frame 400"):
        write_thumbnails(tmp_path, clip, marks)


@pytest.mark.parametrize("folder", [False, True])
def test_frames_that_are_not_wanted_are_not_given(folder: bool, tmp_path: Path) -> None:
    if folder:
        paths = tuple(sorted(make_frames(tmp_path / "f", [f"{k:03}.png" for k in range(9)]).iterdir()))
        clip = Clip("f", tmp_path / "f", paths, 25.0)
    else:
        clip = Clip("v", make_video(tmp_path / "v.mp4", 9, rate=Fraction(25)))
    every = frames_of(clip)
    some = list(read_frames(clip, only={2, 7, 99}))
    assert [frame.index for frame in some] == [2, 7]
    for frame in some:
        assert frame.time == every[frame.index].time
        assert (frame.image == every[frame.index].image).all()


def test_rows_are_pixels_and_plain_json() -> None:
    odd = replace(
        EVENT,
        start=1.23456,
        peak=float("inf"),
        box=(-0.1, 0.4999, 0.1501, 1.3),
        term=None,
        parts={"error": float("nan"), "still": 1 / 3},
    )
    corner = replace(EVENT, box=(1.0, 1.0, 1.0, 1.0))
    lost = replace(EVENT, box=(float("nan"),) * 4)
    rows = event_rows([EVENT, odd, replace(EVENT, box=None), corner, lost], SIZE, ["a", "b", "c", "d", "e"])
    assert rows[0] == {
        "id": 1,
        "start": 0.8,
        "end": 1.2,
        "peak": 5.0,
        "time": 1.0,
        "frame": 25,
        "box": [80, 36, 160, 90],
        "term": "anomaly_map",
        "parts": {"error": 0.25, "anomaly_map": 4.75},
        "thumbnail": "a",
    }
    assert (rows[1]["start"], rows[1]["peak"], rows[1]["box"]) == (1.235, None, [0, 71, 39, 144])
    assert rows[1]["parts"] == {"error": None, "still": 0.333333}
    assert (rows[2]["box"], rows[3]["box"], rows[4]["box"]) == (None, [255, 143, 256, 144], None)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert event_rows([EVENT], SIZE, [])[0]["thumbnail"] is None
    with pytest.raises(ValueError, match="thumbnails"):
        event_rows([EVENT], SIZE, ["a", "b"])
