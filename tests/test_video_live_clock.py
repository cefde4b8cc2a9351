"""A camera's time: stamps wrap, jump, slip and fail; seconds rise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdmae.video.live.clock import LiveClock

WRAP = 2**33 / 90_000


def times(stamps: list[float | None], arrivals: list[float] | None = None) -> list[tuple[float, int]]:
    """(time, part) of frames of 10 a second."""
    clock = LiveClock(10.0)
    arrivals = arrivals or [100 + k / 10 for k in range(len(stamps))]
    found = []
    for stamp, arrival in zip(stamps, arrivals, strict=True):
        time = clock.tick(stamp, arrival)
        found.append((round(time, 4), clock.part))
    return found


def test_good_stamps_are_kept_and_begin_at_zero() -> None:
    assert times([7.0, 7.1, 7.25, 7.3]) == [(0, 0), (0.1, 0), (0.25, 0), (0.3, 0)]


@pytest.mark.parametrize("wrap", [WRAP, 2**32 / 90_000])
def test_stamps_that_wrap_go_on(wrap: float) -> None:
    stamps: list[float | None] = [wrap - 0.2, wrap - 0.1, 0.0, 0.1]
    assert times(stamps) == [(0, 0), (0.1, 0), (0.2, 0), (0.3, 0)]


def test_packets_before_the_first_frame_are_placed_after_the_first_of_them() -> None:
    clock = LiveClock(10.0)
    assert [round(clock.place(stamp, 0.0), 4) for stamp in (7.0, 7.3, 7.1)] == [0, 0.3, 0.1]
    assert clock.tick(7.0, 0.3) == 0
    assert clock.place(7.2, 0.3) == pytest.approx(0.2)


def test_a_packet_behind_a_wrap_is_placed_before_its_frame_comes() -> None:
    clock = LiveClock(10.0)
    clock.tick(WRAP - 0.1, 0.0)
    assert clock.place(0.1, 0.2) == pytest.approx(0.2)
    assert clock.place(WRAP - 0.2, 0.2) == pytest.approx(-0.1)


@pytest.mark.parametrize("jump", [5000.0, -5000.0])
def test_a_jump_begins_another_part_and_takes_the_time_that_passed(jump: float) -> None:
    stamps: list[float | None] = [7000.0, 7000.1, 7000.1 + jump, 7000.2 + jump]
    found = times(stamps, [0.0, 0.1, 0.4, 0.5])
    assert found == [(0, 0), (0.1, 0), (0.4, 1), (0.5, 1)]


def test_a_camera_that_was_silent_is_believed() -> None:
    assert times([1.0, 1.1, 9.1, 9.2], [0.0, 0.1, 8.0, 8.2]) == [(0, 0), (0.1, 0), (8.1, 1), (8.2, 1)]


def test_frames_without_stamps_come_a_step_after_the_last() -> None:
    assert times([None, 5.1, None, 5.3]) == [(0, 0), (0.1, 0), (0.2, 0), (0.3, 0)]


def test_a_slip_delays_nothing() -> None:
    assert times([1.0, 1.1, 1.05, 1.3]) == [(0, 0), (0.1, 0), (0.2, 0), (0.3, 0)]


def test_without_any_stamps_frames_go_by_their_arrival() -> None:
    assert times([None, None, None, None], [3.0, 3.2, 3.25, 8.0]) == [(0, 0), (0.2, 0), (0.25, 0), (5.0, 1)]
    clock = LiveClock(25.0, stamped=False)
    assert [round(clock.tick(made_up, 9 + made_up * 2), 4) for made_up in (0.0, 0.04, 0.08)] == [0, 0.08, 0.16]


stamps = st.one_of(st.none(), st.floats(-1e5, 1e5), st.sampled_from([0.0, WRAP - 0.1, WRAP]))


@given(st.lists(st.tuples(stamps, st.floats(0, 20)), max_size=40))
def test_time_rises_whatever_the_stamps_do(frames: list[tuple[float | None, float]]) -> None:
    clock, now, seen = LiveClock(10.0), 0.0, []
    for stamp, passed in frames:
        now += passed
        seen.append((clock.tick(stamp, now), clock.part))
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(seen))
