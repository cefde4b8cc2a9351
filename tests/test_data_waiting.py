from __future__ import annotations

import numpy as np
import pytest

from sdmae.config import InputConfig
from sdmae.data.neighbours import Samples, Spacing, stream_samples
from sdmae.data.waiting import WaitingFrames
from sdmae.video import Frame

TEN = Spacing.of(InputConfig(rate=10.0), 10.0)


def frame(index: int, time: float, stretch: int = 0) -> Frame:
    return Frame(index, time, (np.full((2, 2, 1), index % 256, np.uint8),), stretch)


def neighbours(samples: Samples) -> list[list[int]]:
    """Indices of the five frames of each sample, by what their pictures say."""
    return [[int(samples.frames[row, 0, 0, 0]) for row in rows] for rows in samples.neighbours]


FRAMES = [frame(k, k / 10) for k in range(20)] + [frame(20 + k, 5 + k / 10, 1) for k in range(12)]


@pytest.mark.parametrize("count", [1, 3, 50])
def test_what_is_taken_is_what_a_stream_gives(count: int) -> None:
    missing: list[int] = []
    expected = [n for s in stream_samples(FRAMES, TEN, 1, unscored=missing.append) for n in neighbours(s)]
    waiting, found, unscored = WaitingFrames(), [], 0
    for one in FRAMES:
        waiting.add(one, TEN)
        while waiting.ready >= count:
            samples, left_out = waiting.take(count)
            unscored += left_out
            found += neighbours(samples) if samples else []
    waiting.end()
    while waiting.ready:
        samples, left_out = waiting.take(count)
        unscored += left_out
        found += neighbours(samples) if samples else []
    assert found == expected
    assert unscored == sum(missing) == 12
    assert waiting.waiting == 0


def test_frames_that_are_shed_stay_neighbours() -> None:
    waiting = WaitingFrames()
    for one in FRAMES[:20]:
        waiting.add(one, TEN)
    assert (waiting.waiting, waiting.ready) == (20, 17)
    assert waiting.shed(10) == 10
    samples, left_out = waiting.take(100)
    assert left_out == 0
    assert samples is not None
    assert neighbours(samples) == [[k - 3, k - 1, k, k + 1, k + 3] for k in range(10, 17)]
    assert samples.order.tolist() == list(range(10, 17))
    assert (waiting.waiting, waiting.ready) == (3, 0)


def test_at_the_end_frames_that_wait_for_their_future_are_left_out() -> None:
    waiting = WaitingFrames()
    for one in FRAMES[:20]:
        waiting.add(one, TEN)
    waiting.take(17)
    assert waiting.ready == 0
    waiting.end()
    assert waiting.take(100) == (None, 3)
    # What comes now begins a stretch of its own, whatever its number says.
    for one in FRAMES[:7]:
        waiting.add(one, TEN)
    samples, left_out = waiting.take(100)
    assert left_out == 3
    assert samples is not None
    assert neighbours(samples) == [[0, 2, 3, 4, 6]]


def test_shedding_goes_over_the_end_of_a_stretch() -> None:
    waiting = WaitingFrames()
    for one in FRAMES:
        waiting.add(one, TEN)
    assert waiting.shed(25) == 25
    assert waiting.waiting == 7
    assert waiting.shed(100) == 4
    assert waiting.waiting == 3
