from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from sdmae.metrics import derive_tracks, rbdc_tbdc

quick = settings(deadline=None, max_examples=60)

Mask = NDArray[np.bool_]


def picture(*rows: str) -> Mask:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


@st.composite
def some_masks(draw: st.DrawFn) -> list[Mask]:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    share = draw(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]))
    return [rng.random((7, 9)) < share for _ in range(draw(st.integers(0, 6)))]


@quick
@given(some_masks(), st.integers(1, 4))
def test_regions_are_the_components_of_each_frame(masks: list[Mask], min_area: int) -> None:
    derived = derive_tracks(masks, min_area=min_area)
    for frame, mask in enumerate(masks):
        numbers, count = ndimage.label(mask, np.ones((3, 3)))
        expected = [
            (x.start, y.start, x.stop - 1, y.stop - 1)
            for k, (y, x) in enumerate(ndimage.find_objects(numbers), 1)
            if np.count_nonzero(numbers == k) >= min_area
        ]
        boxes = derived.rows[derived.rows[:, 1] == frame, 2:]
        assert sorted(map(tuple, boxes.tolist())) == sorted(expected)
        assert count >= len(expected)
    assert derived.frames == len(masks)


@quick
@given(some_masks())
def test_a_track_is_in_each_frame_once_and_without_gaps(masks: list[Mask]) -> None:
    derived = derive_tracks(masks, min_area=1)
    assert sorted(set(derived.rows[:, 0].tolist())) == list(range(derived.tracks))
    for track in range(derived.tracks):
        frames = derived.rows[derived.rows[:, 0] == track, 1]
        assert (np.diff(frames) == 1).all()


@quick
@given(some_masks())
def test_the_same_masks_of_other_kinds_give_the_same(masks: list[Mask]) -> None:
    derived = derive_tracks(masks, min_area=2)
    again = derive_tracks((mask.astype(np.uint8) * 255 for mask in masks), min_area=2)
    assert np.array_equal(derived.rows, again.rows)
    assert derived.origin == "derived"


def test_pixels_that_touch_by_a_corner_are_one_region() -> None:
    derived = derive_tracks([picture("#...", ".#..", "...#")], min_area=1)
    assert derived.rows.tolist() == [[0, 0, 0, 0, 1, 1], [1, 0, 3, 2, 3, 2]]
    assert derive_tracks([picture("#...", ".#..", "...#")], min_area=2).rows.tolist() == [[0, 0, 0, 0, 1, 1]]


def test_a_track_ends_where_nothing_of_it_is_left() -> None:
    masks = [picture("##...."), picture(".##..."), picture("....##"), picture("......"), picture("....##")]
    assert derive_tracks(masks, min_area=1).rows[:, :2].tolist() == [[0, 0], [0, 1], [1, 2], [2, 4]]


def test_the_larger_part_of_a_split_keeps_the_track() -> None:
    derived = derive_tracks([picture("######"), picture("##.###"), picture("##.###")], min_area=1)
    assert derived.rows.tolist() == [
        [0, 0, 0, 0, 5, 0],
        [1, 1, 0, 0, 1, 0],
        [0, 1, 3, 0, 5, 0],
        [1, 2, 0, 0, 1, 0],
        [0, 2, 3, 0, 5, 0],
    ]


def test_what_merges_goes_on_as_the_larger_part() -> None:
    derived = derive_tracks([picture("##.###"), picture("######"), picture("##.###")], min_area=1)
    # Parted again, the left one is new: the rule does not remember who it was.
    assert derived.rows[:, :3].tolist() == [[0, 0, 0], [1, 0, 3], [1, 1, 0], [2, 2, 0], [1, 2, 3]]


def test_of_equal_shares_the_older_track_and_the_left_part_win() -> None:
    assert derive_tracks([picture("##.##"), picture("#####")], min_area=1).rows[-1, 0] == 0
    assert derive_tracks([picture("#####"), picture("##.##")], min_area=1).rows[1:, :3].tolist() == [
        [0, 1, 0],
        [1, 1, 3],
    ]


def test_who_loses_one_pair_may_win_another() -> None:
    # The region on the left overlaps both tracks; its own goes to it, and the other finds the region on the right.
    masks = [picture("###.####."), picture("#####.###")]
    assert derive_tracks(masks, min_area=1).rows[:, :3].tolist() == [[0, 0, 0], [1, 0, 4], [0, 1, 0], [1, 1, 6]]


def test_no_masks_and_bad_ones() -> None:
    empty = derive_tracks([])
    assert (empty.rows.shape, empty.frames, empty.tracks) == ((0, 6), 0, 0)
    with pytest.raises(ValueError, match="min_area"):
        derive_tracks([], min_area=0)
    with pytest.raises(ValueError, match=r"frame 1: the mask has shape \(2, 3\), the one before \(3, 2\)"):
        derive_tracks([np.zeros((3, 2)), np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"frame 0: .* instead of \(H, W\)"):
        derive_tracks([np.zeros((3, 2, 3))])


def test_regions_of_ped2_are_the_ground_truth_that_finds_itself(real_data: Path) -> None:
    import cv2

    folder = real_data / "ucsd_ped2" / "UCSDped2" / "Test" / "Test001_gt"
    files = sorted(path for path in folder.iterdir() if path.suffix in {".png", ".bmp"})
    masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in files]
    assert all(mask is not None for mask in masks)
    derived = derive_tracks([np.asarray(mask) for mask in masks])
    assert derived.frames == 180
    # One cyclist rides through, without a break, from the 61st frame on.
    assert derived.tracks == 1
    assert derived.rows[:, 1].tolist() == list(range(60, 180))
    truth = np.column_stack([np.zeros(len(derived.rows)), derived.rows])
    found = np.column_stack([truth[:, [0, 2, 3, 4, 5, 6]], np.arange(len(truth))])
    result = rbdc_tbdc(truth, found, derived.frames)
    assert (result.rbdc, result.tbdc) == (1, 1)
