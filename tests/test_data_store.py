"""Decoded frames in the cache: decoded once, found by content, checked, and safe to lose."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdmae.data.store import Exclusion, FrameStore, _cut, cache_folder, open_store, parse_exclusion
from sdmae.errors import ConfigError, SourceError
from sdmae.video import Clip, Frame, Size, find_clips, read_frames
from video_files import SIZE, make_frames, make_video, picture

SMALL = Size(36, 50)


class Opened:
    """A store, and how many frames had to be decoded for it."""

    def __init__(self, clips: Sequence[Clip], size: Size = SMALL, **options: object) -> None:
        self.decoded = 0

        def step(count: int) -> None:
            self.decoded += count

        settings: dict[str, object] = {"grey": True, "rate": 1e3, "jump": lambda clip: 0.5, "step": step, **options}
        self.store: FrameStore = open_store(clips, size, **settings)  # type: ignore[arg-type]


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """A video of 20 frames."""
    return find_clips(str(make_video(tmp_path / "cam.mp4", 20)))


def folders() -> list[Path]:
    return sorted(cache_folder().iterdir())


def test_the_second_opening_decodes_nothing(clips: list[Clip]) -> None:
    first, second = Opened(clips), Opened(clips)
    assert (first.decoded, second.decoded) == (20, 0)
    assert first.store.frames.shape == (20, *SMALL, 1)
    assert first.store.frames.tobytes() == second.store.frames.tobytes()
    assert len(folders()) == 1


def test_frames_are_stored_as_they_are(tmp_path: Path) -> None:
    names = [f"{k}.png" for k in range(12)]
    store = Opened(find_clips(str(make_frames(tmp_path / "cam", names))), SIZE, grey=False).store
    assert store.frames.dtype == np.uint8
    for k, row in enumerate(store.frames):
        assert np.array_equal(row, picture(k))
    (stretch,) = store.stretches
    assert (stretch.clip, stretch.start, stretch.stop) == ("cam", 0, 12)
    assert stretch.indices.tolist() == list(range(12))
    assert stretch.times == pytest.approx(np.arange(12) / 25)


def test_other_content_under_the_same_name_is_decoded(clips: list[Clip]) -> None:
    Opened(clips)
    make_video(clips[0].path, 15)
    changed = Opened(clips)
    assert changed.decoded == 15
    assert len(changed.store.frames) == 15
    assert len(folders()) == 2


def test_the_same_content_elsewhere_is_found_again(clips: list[Clip], tmp_path: Path) -> None:
    Opened(clips)
    moved = tmp_path / "elsewhere" / "cam.mp4"
    moved.parent.mkdir()
    clips[0].path.rename(moved)
    assert Opened(find_clips(str(moved))).decoded == 0


@pytest.mark.parametrize(
    "options",
    [
        {"size": Size(18, 25)},
        {"grey": False},
        {"exclude": [Exclusion(0.1, 0.2)]},
        {"jump": lambda clip: 0.01},
        {"rate": 500.0},
    ],
    ids=["size", "grey", "exclude", "jump", "rate"],
)
def test_every_setting_has_a_cache_of_its_own(clips: list[Clip], options: dict[str, object]) -> None:
    Opened(clips)
    assert Opened(clips, **options).decoded == 20  # type: ignore[arg-type]
    assert len(folders()) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("frames.u8", b""),
        ("frames.u8", b"\x07" * (20 * 36 * 50)),
        ("index.json", b"{"),
        ("index.json", b"[]"),
        ("index.json", b"{}"),
        ("index.json", None),
        ("frames.u8", None),
    ],
)
def test_a_damaged_cache_is_decoded_again(clips: list[Clip], name: str, content: bytes | None) -> None:
    good = Opened(clips).store.frames.tobytes()
    path = folders()[0] / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    again = Opened(clips)
    assert again.decoded == 20
    assert again.store.frames.tobytes() == good
    assert Opened(clips).decoded == 0


def test_an_index_that_does_not_fit_the_frames_is_not_believed(clips: list[Clip]) -> None:
    Opened(clips)
    path = folders()[0] / "index.json"
    path.write_text(path.read_text().replace('"shape": [20,', '"shape": [21,'))
    assert Opened(clips).decoded == 20


def test_the_cache_may_be_deleted_at_any_time(clips: list[Clip]) -> None:
    opened = Opened(clips)
    before = opened.store.frames.tobytes()
    for path in folders()[0].iterdir():
        path.unlink()
    folders()[0].rmdir()
    # Who has it open keeps it; who comes later decodes anew.
    assert opened.store.frames.tobytes() == before
    assert Opened(clips).store.frames.tobytes() == before


def test_an_exclusion_splits_the_stretch_it_falls_into(clips: list[Clip]) -> None:
    store = Opened(clips, exclude=[Exclusion(0.4, 0.5)]).store
    assert [s.indices.tolist() for s in store.stretches] == [list(range(10)), list(range(13, 20))]
    assert [(s.start, s.stop) for s in store.stretches] == [(0, 10), (10, 17)]
    assert len(store.frames) == 17
    whole = Opened(clips).store
    assert np.array_equal(store.frames[10:], whole.frames[13:])


def test_an_exclusion_may_name_its_clip(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_video(tmp_path / f"{name}.mp4", 10)
    clips = find_clips(str(tmp_path / "*.mp4"))
    store = Opened(clips, exclude=[Exclusion(0.0, 0.1, "b")]).store
    assert [(s.clip, len(s.times)) for s in store.stretches] == [("a", 10), ("b", 7)]
    assert [s.start for s in store.stretches] == [0, 10]


def test_an_exclusion_is_written_in_seconds() -> None:
    assert parse_exclusion("12.5-20", ["cam"]) == Exclusion(12.5, 20.0)
    assert parse_exclusion("cam:0-1", ["cam"]) == Exclusion(0.0, 1.0, "cam")
    for text in ("", "3", "3-", "5-3", "-1-3", "a-b", "nan-3", "cam:"):
        with pytest.raises(ConfigError, match="START-END in seconds"):
            parse_exclusion(text, ["cam"])
    with pytest.raises(ConfigError, match="no clip is called 'dog'; there are a, b"):
        parse_exclusion("dog:0-1", ["a", "b"])


def test_a_jump_in_time_begins_a_new_stretch(tmp_path: Path) -> None:
    stamps = [*range(0, 400, 40), *range(5000, 5400, 40)]
    clips = find_clips(str(make_video(tmp_path / "cam.mkv", 20, stamps=stamps)))
    store = Opened(clips).store
    assert [len(s.times) for s in store.stretches] == [10, 10]
    assert store.stretches[1].times[0] == pytest.approx(5.0)


def test_a_fast_video_is_thinned(tmp_path: Path) -> None:
    clips = find_clips(str(make_video(tmp_path / "cam.mp4", 60, rate=50)))
    whole, thin = Opened(clips).store, Opened(clips, rate=25.0).store
    [stretch] = thin.stretches
    assert stretch.indices.tolist() == [*range(0, 60, 2), 59]
    assert stretch.times == pytest.approx(stretch.indices / 50)
    assert np.array_equal(thin.frames, whole.frames[stretch.indices])


def test_a_slow_video_is_kept_whole(clips: list[Clip]) -> None:
    [stretch] = Opened(clips, rate=30.0).store.stretches
    assert stretch.indices.tolist() == list(range(20))


def test_a_stretch_is_read_as_the_frames_it_was(clips: list[Clip]) -> None:
    store = Opened(clips, rate=10.0, exclude=[Exclusion(0.3, 0.45)]).store
    decoded = {f.index: f for f in read_frames(clips[0], (SMALL,), grey=True)}
    assert len(store.stretches) == 2
    for stretch in store.stretches:
        frames = list(store.read(stretch))
        assert [f.index for f in frames] == stretch.indices.tolist()
        for frame in frames:
            assert frame.time == decoded[frame.index].time
            assert np.array_equal(frame.image, decoded[frame.index].image)


@pytest.mark.parametrize("rate", [1e3, 10.0, 2.0])
@pytest.mark.parametrize("left_out", [(0.41, 0.43), (0.32, 0.38), (0.0, 0.1), (0.3, 0.5), (0.7, 0.9)])
def test_nothing_is_a_neighbour_across_an_excluded_stretch(
    clips: list[Clip], rate: float, left_out: tuple[float, float]
) -> None:
    # Even where none of the frames that are looked at lies in it.
    store = Opened(clips, rate=rate, jump=lambda clip: 10.0, exclude=[Exclusion(*left_out)]).store
    kept = Opened(clips, rate=rate, jump=lambda clip: 10.0).store.stretches[0].times
    start, end = left_out
    wanted = [part.tolist() for part in (kept[kept < start], kept[kept > end]) if len(part)]
    assert [s.times.tolist() for s in store.stretches] == wanted
    edges = np.cumsum([0, *(len(part) for part in wanted)]).tolist()
    assert [(s.start, s.stop) for s in store.stretches] == list(pairwise(edges))


@settings(deadline=None)
@given(
    steps=st.lists(st.floats(0, 0.4), min_size=1, max_size=40),
    exclude=st.lists(st.tuples(st.floats(0, 8), st.floats(0.001, 2), st.sampled_from([None, "cam", "other"]))),
    jump=st.floats(0.1, 0.5),
)
def test_stretches_are_cut_at_exclusions_and_jumps_alone(
    steps: list[float], exclude: list[tuple[float, float, str | None]], jump: float
) -> None:
    times = np.cumsum(steps).tolist()
    exclusions = [Exclusion(start, start + length, clip) for start, length, clip in exclude]
    own = [e for e in exclusions if e.clip != "other"]
    rows = [Frame(k, t, ()) for k, t in enumerate(times) if not any(e.holds("cam", t) for e in own)]
    found = _cut("cam", rows, 7, jump, exclusions)
    wanted: list[list[int]] = []
    for k, row in enumerate(rows):
        before = rows[k - 1].time
        if k == 0 or row.time - before > jump or any(before < e.start and e.end < row.time for e in own):
            wanted.append([])
        wanted[-1].append(row.index)
    assert [s.indices.tolist() for s in found] == wanted
    assert [s.start for s in found] == (7 + np.cumsum([0, *(len(part) for part in wanted)])[:-1]).tolist()
    assert [t for s in found for t in s.times.tolist()] == [row.time for row in rows]


def test_nothing_is_left_where_everything_is_excluded(clips: list[Clip]) -> None:
    with pytest.raises(SourceError, match="no training frames are left"):
        Opened(clips, exclude=[Exclusion(0.0, 10.0)])
    assert folders() == []


def test_a_video_that_breaks_leaves_no_half_cache(tmp_path: Path) -> None:
    folder = make_frames(tmp_path / "cam", [f"{k}.png" for k in range(6)])
    (folder / "4.png").write_bytes(b"not a picture")
    with pytest.raises(SourceError, match=r"4\.png"):
        Opened(find_clips(str(folder)))
    assert folders() == []


def test_an_unwritable_cache_is_told_in_one_line(
    clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SDMAE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(SourceError, match="point SDMAE_CACHE at a folder with room") as error:
        Opened(clips)
    assert "\n" not in str(error.value)


def test_a_video_that_is_gone_is_named(clips: list[Clip]) -> None:
    clips[0].path.unlink()
    with pytest.raises(SourceError, match=r"cam\.mp4: cannot be read"):
        Opened(clips)


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("SDMAE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "sdmae"
