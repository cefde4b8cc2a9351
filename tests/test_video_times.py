"""Time stamps that are good, missing, repeated, slipped or begun anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdmae.video.times import FrameClock


def times(stamps: list[float | None], rate: float = 10) -> list[float]:
    clock = FrameClock(rate)
    return [clock.tick(stamp) for stamp in stamps]


@pytest.mark.parametrize(
    ("stamps", "wanted"),
    [
        ([5.0, 5.1, 5.4, 7.0], [0, 0.1, 0.4, 2.0]),
        ([None, None, None], [0, 0.1, 0.2]),
        ([None, 3.0, 3.1], [0, 0.1, 0.2]),
        ([0.0, None, 0.2], [0, 0.1, 0.2]),
        ([0.0, 0.1, 0.1, 0.3], [0, 0.1, 0.2, 0.3]),
        ([0.0, 0.1, 0.05, 0.3], [0, 0.1, 0.2, 0.3]),
        ([0.0, 0.0, 0.0, 0.0], [0, 0.1, 0.2, 0.3]),
        ([8.0, 8.1, 8.2, 0.0, 0.1, 0.2], [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ([-0.2, -0.1, 0.0], [0, 0.1, 0.2]),
    ],
)
def test_times(stamps: list[float | None], wanted: list[float]) -> None:
    assert times(stamps) == pytest.approx(wanted)


@given(st.lists(st.none() | st.floats(-1e6, 1e6)))
def test_times_begin_at_zero_and_never_fall(stamps: list[float | None]) -> None:
    found = times(stamps)
    assert found == sorted(found)
    assert found[:1] in ([], [0.0])
