"""Time stamps that are good, missing, repeated, slipped or begun anew; and fast sources made slower."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdmae.video.times import FrameClock, thinned


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


@dataclass(frozen=True)
class Shown:
    """What is shown from a moment on."""

    time: float
    number: int


def shown(moments: Sequence[float]) -> list[Shown]:
    return [Shown(time, number) for number, time in enumerate(moments)]


def numbers(moments: Sequence[float], rate: float | None, source_rate: float) -> list[int]:
    return [frame.number for frame in thinned(shown(moments), rate, source_rate)]


def tick(time: float, rate: float) -> int:
    """The tick of a clock of that rate which is nearest."""
    return math.floor(time * rate + 0.5)


uneven = st.lists(st.floats(0, 0.3), max_size=80).map(lambda steps: np.cumsum(steps).tolist())


@given(uneven, st.none() | st.floats(0.1, 100), st.floats(0.1, 1))
def test_what_is_no_faster_than_asked_for_is_left_whole(
    moments: list[float], rate: float | None, share: float
) -> None:
    assert numbers(moments, rate, share * (rate or 25.0)) == list(range(len(moments)))


def test_a_rate_that_is_nearly_met_is_met() -> None:
    moments = [k / 25.4 for k in range(100)]
    assert numbers(moments, 25.0, 25.4) == list(range(100))
    assert len(numbers([k / 26 for k in range(104)], 25.0, 26.0)) == 100


@given(uneven, st.floats(0.5, 40))
def test_every_tick_gets_the_one_frame_that_is_nearest_to_it(moments: list[float], rate: float) -> None:
    kept = numbers(moments, rate, 2 * rate)
    assert kept == sorted(set(kept))
    ticks = [tick(moments[k], rate) for k in kept]
    # One for every tick that has a frame, and no more.
    assert ticks == sorted({tick(time, rate) for time in moments})
    for k, at in zip(kept, ticks, strict=True):
        off = [abs(time * rate - at) for time in moments if tick(time, rate) == at]
        assert abs(moments[k] * rate - at) <= min(off) + 1e-5


@settings(deadline=None)
@given(st.lists(st.floats(-0.019, 0.019), min_size=100, max_size=100), st.integers(1, 24))
def test_ten_of_twenty_five_a_second_whatever_the_jitter(jitter: list[float], rate: int) -> None:
    moments = [k / 25 + off for k, off in enumerate(jitter, 1)]
    for wanted in (10, rate):
        kept = [moments[k] for k in numbers(moments, wanted, 25.0)]
        a_second = Counter(tick(time, wanted) // wanted for time in kept)
        # Above half its rate a source that jitters by half a frame has ticks at which there is none.
        if wanted <= 12:
            assert [a_second[s] for s in (1, 2)] == [wanted, wanted]
        assert max(a_second.values()) <= wanted


@pytest.mark.parametrize(
    ("source", "rate", "wanted"),
    [
        (50, 25, [0, 2, 4, 6, 8]),
        (30, 10, [0, 3, 6, 9]),
        (25, 10, [0, 2, 5, 7, 10]),
        (30, 25, [0, 1, 2, 4, 5, 6, 7, 8, 10]),
    ],
)
def test_an_even_source_is_thinned_evenly(source: int, rate: int, wanted: list[int]) -> None:
    assert numbers([k / source for k in range(200)], rate, source)[: len(wanted)] == wanted


def test_a_tie_goes_to_the_earlier_frame() -> None:
    assert numbers([0.0, 0.08, 0.12, 0.2], 10, 25) == [0, 1, 3]
    assert numbers([0.0, 0.07, 0.12, 0.2], 10, 25) == [0, 2, 3]
    assert numbers([0.0, 0.1, 0.1, 0.1, 0.2], 10, 25) == [0, 1, 4]


def test_a_gap_is_left_open() -> None:
    moments = [*(k / 50 for k in range(20)), *(60 + k / 50 for k in range(20))]
    kept = [moments[k] for k in numbers(moments, 25, 50)]
    assert len(kept) <= 22
    assert max(np.diff(kept)) > 59


def test_thinning_looks_one_frame_ahead() -> None:
    asked = 0

    def counted() -> Iterator[Shown]:
        nonlocal asked
        for frame in shown([k / 50 for k in range(100)]):
            asked += 1
            yield frame

    for frame in thinned(counted(), 10, 50):
        # The next tick's first frame says that nothing nearer comes.
        assert asked <= frame.number + 4
    assert asked == 100
