"""Work done ahead: the same items in the same order, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sdmae.data.prefetch import prefetched


def others() -> int:
    """Threads beside this one."""
    return threading.active_count() - 1


def test_items_come_in_their_order() -> None:
    assert list(prefetched(range(100), depth=3)) == list(range(100))
    assert list(prefetched([])) == []


def test_it_works_at_most_the_depth_ahead() -> None:
    made: list[int] = []
    asked = threading.Semaphore(0)

    def items() -> Iterator[int]:
        for k in range(100):
            made.append(k)
            asked.release()
            yield k

    stream = prefetched(items(), depth=2)
    assert next(stream) == 0
    # One was taken, two wait, and a fourth is made and finds no room.
    for _ in range(4):
        assert asked.acquire(timeout=10)
    assert not asked.acquire(timeout=0.3)
    assert made == [0, 1, 2, 3]
    stream.close()  # type: ignore[attr-defined]


def test_the_work_is_done_by_another_thread() -> None:
    (worker,) = prefetched(threading.current_thread() for _ in range(1))
    assert worker is not threading.current_thread()


def test_an_exception_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("disk gone")

    stream = prefetched(items())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(OSError, match="disk gone"):
        next(stream)


def test_the_thread_ends_with_the_items() -> None:
    before = others()
    assert sum(prefetched(range(5))) == 10
    assert others() == before


def test_leaving_early_stops_the_thread() -> None:
    before = others()
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    stream = prefetched(endless())
    assert next(stream) == 0
    assert others() == before + 1
    stream.close()  # type: ignore[attr-defined]
    assert others() == before
    assert closed.wait(10)
