"""Schedules of the week: what is written, what is open, and what of a clip lies outside."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdmae.data.schedule import DAYS, Schedule, outside, parse_schedule
from sdmae.data.store import Exclusion
from sdmae.errors import ConfigError
from sdmae.video import Clip, find_clips
from video_files import make_frames, make_video

MONDAY = datetime(2026, 11, 23)


def schedule(text: str) -> Schedule:
    found = parse_schedule(text)
    assert found is not None
    return found


def at(day: str, clock: str) -> datetime:
    """That time of that day of a week."""
    hours, minutes = clock.split(":")
    return MONDAY + timedelta(days=DAYS.index(day), hours=int(hours), minutes=int(minutes))


def test_an_empty_text_is_no_schedule() -> None:
    assert parse_schedule("") is None
    assert parse_schedule("  ") is None


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("mon 08:00-18:00", ((480, 1080),)),
        ("Monday 8:00 - 18:00", ((480, 1080),)),
        ("tue 08:00-12:00, tue 12:00-18:00", ((1440 + 480, 1440 + 1080),)),
        ("mon-tue 22:00-06:00", ((1320, 1800), (2760, 3240))),
        ("sun 22:00-06:00", ((0, 360), (6 * 1440 + 1320, 10080))),
        ("fri-mon 00:00-24:00", ((0, 1440), (4 * 1440, 10080))),
        ("tue 00:00-24:00", ((1440, 2880),)),
        ("00:00-24:00", ((0, 10080),)),
        ("wed 18:00-24:00", ((2 * 1440 + 1080, 3 * 1440),)),
        ("mon 10:00-14:00, mon 12:00-16:00, mon 11:00-12:00", ((600, 960),)),
    ],
)
def test_a_schedule_is_stretches_of_the_week(text: str, spans: tuple[tuple[int, int], ...]) -> None:
    assert schedule(text).spans == spans


@pytest.mark.parametrize(
    "text",
    [
        "always",
        "mon",
        "mon 8-18",
        "day 08:00-18:00",
        "mon-day 08:00-18:00",
        "mon 08:60-18:00",
        "mon 08:00-18:77",
        "mon 08:00-25:00",
        "mon 24:00-08:00",
        "mon 08:00-24:01",
        "mon 08:00-08:00",
        "mon 08:00-18:00,",
        "mon 08:00-18:00 tue 08:00-18:00",
    ],
)
def test_what_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="write days and hours as in") as error:
        parse_schedule(text)
    assert "\n" not in str(error.value)


def test_the_part_that_is_wrong_is_the_one_that_is_named() -> None:
    with pytest.raises(ConfigError, match="schedule 'sat 9-5'"):
        parse_schedule("mon-fri 08:00-18:00, sat 9-5")


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (at("mon", "07:59"), False),
        (at("mon", "08:00"), True),
        (at("fri", "17:59"), True),
        (at("fri", "18:00"), False),
        (at("sat", "23:00"), True),
        (at("sun", "05:59"), True),
        (at("sun", "06:00"), False),
        (at("sun", "23:00"), False),
    ],
)
def test_it_opens_and_shuts_on_the_minute(moment: datetime, is_open: bool) -> None:
    assert schedule("mon-fri 08:00-18:00, sat 22:00-06:00").open_at(moment) is is_open


def test_a_night_goes_on_into_the_next_week() -> None:
    night = schedule("sun 22:00-06:00")
    assert night.open_at(at("sun", "23:59"))
    assert night.open_at(at("mon", "05:59"))
    assert not night.open_at(at("mon", "06:00"))
    assert night.closed(at("sun", "21:00"), 12 * 3600) == [(0, 3600), (9 * 3600, 12 * 3600)]


def test_what_is_closed_is_told_in_seconds_of_the_clip() -> None:
    office = schedule("mon-fri 08:00-18:00")
    assert office.closed(at("mon", "07:00"), 7200) == [(0, 3600)]
    assert office.closed(at("mon", "09:00"), 3600) == []
    assert office.closed(at("mon", "17:30"), 3600) == [(1800, 3600)]
    assert office.closed(at("sat", "12:00"), 60) == [(0, 60)]
    assert office.closed(at("mon", "09:00"), 0) == []
    weekend = 62 * 3600
    assert office.closed(at("fri", "17:00"), 100 * 3600)[0] == (3600, 3600 + weekend)
    assert schedule("00:00-24:00").closed(at("wed", "11:11"), 3e6) == []


def test_a_clip_begins_within_a_second_too() -> None:
    start = at("mon", "07:59") + timedelta(seconds=59, microseconds=900_000)
    [(begins, ends)] = schedule("mon 08:00-18:00").closed(start, 60)
    assert begins == 0
    assert ends == pytest.approx(0.1, abs=1e-5)


times = st.integers(0, 1439)
parts = st.tuples(st.none() | st.sampled_from(DAYS), st.none() | st.sampled_from(DAYS), times, st.integers(1, 1440))
weeks = st.lists(parts.filter(lambda part: part[2] != part[3]), min_size=1, max_size=5)
Part = tuple[str | None, str | None, int, int]


def written(week: list[Part]) -> str:
    def clock(minute: int) -> str:
        return f"{minute // 60:02d}:{minute % 60:02d}"

    days = ["" if first is None else first if last is None else f"{first}-{last}" for first, last, _, _ in week]
    hours = [f"{clock(start)}-{clock(stop)}" for _, _, start, stop in week]
    return ", ".join(f"{day} {hour}".strip() for day, hour in zip(days, hours, strict=True))


def meant(week: list[Part], moment: datetime) -> bool:
    """The same by its definition: is it one of the hours that a day brings, that day or the day after?"""
    minute = moment.hour * 60 + moment.minute
    for first, last, start, stop in week:
        days = range(7)
        if first is not None:
            begin = DAYS.index(first)
            end = DAYS.index(last or first)
            days = range(begin, end + 1) if end >= begin else range(begin, end + 8)
        of_day = {day % 7 for day in days}
        today, yesterday = moment.weekday() in of_day, (moment.weekday() - 1) % 7 in of_day
        if start < stop and today and start <= minute < stop:
            return True
        if start > stop and ((today and minute >= start) or (yesterday and minute < stop)):
            return True
    return False


@settings(deadline=None)
@given(weeks, st.integers(0, 10079))
def test_it_is_open_when_it_says_so(week: list[Part], minute: int) -> None:
    moment = MONDAY + timedelta(minutes=minute)
    assert schedule(written(week)).open_at(moment) is meant(week, moment)


@settings(deadline=None, max_examples=30)
@given(weeks, st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(1, 9 * 86400))
def test_what_is_closed_is_what_is_not_open(week: list[Part], start: datetime, seconds: int) -> None:
    found = schedule(written(week))
    closed = found.closed(start, seconds)
    edges = [edge for stretch in closed for edge in stretch]
    assert edges == sorted(edges)
    assert all(0 <= a < b <= seconds for a, b in closed)
    # At every minute of the clock, half way through it.
    first = (30 - start.second - start.microsecond / 1e6) % 60
    position = 0
    for k in range(int((seconds - first) // 60) + 1):
        at_second = first + 60 * k
        while position < len(closed) and closed[position][1] <= at_second:
            position += 1
        shut = position < len(closed) and closed[position][0] <= at_second
        assert shut is not found.open_at(start + timedelta(seconds=at_second))


@pytest.fixture
def morning(tmp_path: Path) -> Clip:
    """Two seconds from one second before eight on a Monday."""
    [clip] = find_clips(str(make_video(tmp_path / "cam_20261123-075959.mp4", 50)))
    return clip


def left_out(exclusions: list[Exclusion], clip: Clip, count: int = 50) -> list[int]:
    return [k for k in range(count) if any(e.holds(clip.name, k / 25) for e in exclusions)]


def test_what_of_a_clip_falls_outside(morning: Clip) -> None:
    office = schedule("mon-fri 08:00-18:00")
    found = outside([morning], office)
    assert [e.clip for e in found] == [morning.name]
    # An exclusion holds its last moment, too.
    assert left_out(found, morning) == list(range(26))
    assert outside([morning], None) == []
    assert outside([morning], schedule("mon 06:00-09:00")) == []


def test_a_start_is_believed_before_the_name(morning: Clip) -> None:
    found = outside([morning], schedule("mon-fri 08:00-18:00"), at("sun", "12:00"))
    assert left_out(found, morning) == list(range(50))


def test_every_clip_has_its_own_time(tmp_path: Path) -> None:
    for name in ("cam_20261123-090000", "cam_20261121-090000"):
        make_frames(tmp_path / name, ["1.png", "2.png"])
    clips = find_clips(str(tmp_path))
    found = outside(clips, schedule("mon-fri 08:00-18:00"))
    assert [e.clip for e in found] == ["cam_20261121-090000"]
    with pytest.raises(ConfigError, match="there are 2; put the time into their names"):
        outside(clips, schedule("mon 08:00-18:00"), MONDAY)


def test_a_clip_that_does_not_say_when_it_was_taken_is_named(tmp_path: Path) -> None:
    [clip] = find_clips(str(make_video(tmp_path / "cam.mp4", 5)))
    with pytest.raises(ConfigError, match=r"cam\.mp4: does not say when it was taken.*--start.*\.mp4"):
        outside([clip], schedule("mon 08:00-18:00"))
    assert outside([clip], None) == []
