from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdmae.config import InputConfig
from sdmae.data.neighbours import Spacing, neighbour_table, stream_samples
from sdmae.video import Frame
from sdmae.video.times import thinned

TEN = Spacing.of(InputConfig(rate=10.0), 10.0)


def frames(times: list[float]) -> list[Frame]:
    return [Frame(k, t, (np.full((2, 3, 1), k % 256, np.uint8),)) for k, t in enumerate(times)]


def test_three_frames_apart_and_one_for_the_gradient() -> None:
    table = neighbour_table(np.arange(9) / 10, TEN)
    assert table[4].tolist() == [1, 3, 4, 5, 7]


def test_the_ends_of_a_clip_repeat_the_frame_itself() -> None:
    table = neighbour_table(np.arange(9) / 10, TEN)
    assert table[0].tolist() == [0, 0, 0, 1, 3]
    assert table[2].tolist() == [2, 1, 2, 3, 5]
    assert table[7].tolist() == [4, 6, 7, 8, 7]
    assert table[8].tolist() == [5, 7, 8, 8, 8]


def test_neighbours_are_chosen_by_time_on_a_faster_source() -> None:
    table = neighbour_table(np.arange(40) / 30, TEN)
    assert table[20].tolist() == [11, 17, 20, 23, 29]


def test_a_slower_source_uses_the_next_frame_there_is() -> None:
    table = neighbour_table(np.arange(9) / 4, TEN)
    assert table[4].tolist() == [3, 3, 4, 5, 5]


def test_variable_frame_rate_takes_the_nearest() -> None:
    times = np.array([0.0, 0.1, 0.15, 0.3, 0.42, 0.5, 0.61, 0.7, 0.9])
    assert neighbour_table(times, TEN)[4].tolist() == [1, 3, 4, 5, 7]


rising = st.lists(st.floats(0.01, 0.5), min_size=1, max_size=60).map(lambda steps: np.cumsum(steps).tolist())


@settings(deadline=None, max_examples=100)
@given(rising, st.integers(1, 40))
def test_a_stream_chooses_as_the_whole_clip_does(times: list[float], batch: int) -> None:
    seen = []
    for samples in stream_samples(frames(times), Spacing(TEN.gap, TEN.gradient_gap, jump=1.0), batch):
        assert len(samples.indices) <= batch
        values = samples.frames[:, 0, 0, 0].astype(int)
        seen += values[samples.neighbours].tolist()
        assert samples.times.tolist() == [times[i] for i in samples.indices]
    assert seen == neighbour_table(np.array(times), TEN).tolist()


def test_nothing_is_a_neighbour_across_a_jump_in_time() -> None:
    times = [0, 0.1, 0.2, 0.3, 60.0, 60.1, 60.2]
    stretches = [(s.stretch, s.indices.tolist()) for s in stream_samples(frames(times), TEN, 10)]
    assert stretches == [(0, [0, 1, 2, 3]), (1, [4, 5, 6])]
    for samples in stream_samples(frames(times), TEN, 10):
        assert len(samples.frames) == len(samples.indices)


def test_a_stream_holds_no_more_than_it_needs() -> None:
    for samples in stream_samples(iter(frames([k / 10 for k in range(500)])), TEN, 8):
        assert len(samples.frames) <= 8 + 6


def test_a_batch_is_given_as_soon_as_its_future_is_there() -> None:
    asked = 0

    def counted() -> object:
        nonlocal asked
        for frame in frames([k / 10 for k in range(50)]):
            asked += 1
            yield frame

    next(iter(stream_samples(counted(), TEN, 1)))  # type: ignore[arg-type]
    assert asked == 4


@pytest.mark.parametrize("rate", [5.0, 10.0, 30.0])
def test_spacing_is_in_seconds_of_the_detectors_rate(rate: float) -> None:
    spacing = Spacing.of(InputConfig(rate=rate), 25.0)
    assert spacing.gap == pytest.approx(3 / rate)
    assert spacing.gradient_gap == pytest.approx(1 / rate)


def left_out(
    times: list[float], stretches: list[int] | None = None, source_rate: float = 10.0
) -> tuple[list[int], int]:
    """Indices of the frames that have all their neighbours, and how many have not."""
    numbers = stretches or [0] * len(times)
    given = [replace(frame, stretch=number) for frame, number in zip(frames(times), numbers, strict=True)]
    missing: list[int] = []
    spacing = Spacing.of(InputConfig(rate=10.0), source_rate)
    found = [i for s in stream_samples(given, spacing, 1, unscored=missing.append) for i in s.indices.tolist()]
    return found, sum(missing)


def test_frames_without_all_their_neighbours_are_left_out_and_counted() -> None:
    times = [k / 10 for k in range(20)]
    assert left_out(times) == (list(range(3, 17)), 6)
    # One frame is missing: whoever needs it has no score.
    del times[10]
    needed = {7, 9, 10, 12}  # the last two are frames 11 and 13 of the camera
    found, missing = left_out(times)
    assert found == [i for i in range(3, 16) if i not in needed]
    assert missing == 19 - len(found)


def test_nothing_is_a_neighbour_across_the_stretches_of_a_camera() -> None:
    times = [k / 10 for k in range(20)]
    found, missing = left_out(times, [0] * 10 + [1] * 10)
    assert found == [3, 4, 5, 6, 13, 14, 15, 16]
    assert missing == 12


@pytest.mark.parametrize("source_rate", [2.0, 4.0, 5.0, 8.0, 10.0, 12.0, 12.5, 15.0, 25.0, 30.0])
def test_a_source_of_any_rate_has_all_its_neighbours(source_rate: float) -> None:
    every = frames([k / source_rate for k in range(round(20 * source_rate))])
    times = [frame.time for frame in thinned(every, 10.0, source_rate)]
    _, missing = left_out(times, source_rate=source_rate)
    assert missing <= 8  # four at each end
