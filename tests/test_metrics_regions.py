from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise
from math import isclose
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdmae.metrics import rbdc_tbdc

quick = settings(deadline=None, max_examples=80)

Row = tuple[float, ...]

VIDEO = 7
"""Number of the only video of the tests by hand."""


def truth_row(track: int, frame: int, x: int = 0, side: int = 10, video: int = VIDEO) -> Row:
    return (video, track, frame, x, 0, x + side - 1, side - 1)


def found_row(frame: int, score: float, x: int = 0, side: int = 10, video: int = VIDEO) -> Row:
    return (video, frame, x, 0, x + side - 1, side - 1, score)


FAR = 1000
"""Where nothing abnormal is."""


def brute_force(
    truth: list[Row], detections: list[Row], num_frames: int, alpha: Fraction, beta: Fraction
) -> tuple[float, float, float | None, bool]:
    """The sentences of the definition one after the other, in exact numbers, detections one by one.

    RBDC, TBDC, the score at which the curves were cut, and whether that was below 1 false positive a frame.
    """

    def overlap(a: Row, b: Row) -> Fraction:
        pixels = [
            {(x, y) for x in range(int(r[0]), int(r[2]) + 1) for y in range(int(r[1]), int(r[3]) + 1)} for r in (a, b)
        ]
        return Fraction(len(pixels[0] & pixels[1]), len(pixels[0] | pixels[1]))

    tracks = {(row[0], row[1]) for row in truth}
    found: set[int] = set()
    false_positives = 0
    points = [(Fraction(0), Fraction(0), Fraction(0))]
    for score in sorted({row[6] for row in detections}, reverse=True):
        for video, frame, *box, value in detections:
            if value != score:
                continue
            hits = [
                k
                for k, region in enumerate(truth)
                if (region[0], region[2]) == (video, frame) and overlap(tuple(box), region[3:]) >= beta
            ]
            if not hits:
                false_positives += 1
            found |= set(hits)
        done = 0
        for track in tracks:
            its = [k for k, region in enumerate(truth) if (region[0], region[1]) == track]
            done += Fraction(len([k for k in its if k in found]), len(its)) >= alpha
        points.append(
            (Fraction(false_positives, num_frames), Fraction(len(found), len(truth)), Fraction(done, len(tracks)))
        )
    falling = sorted({row[6] for row in detections}, reverse=True)
    beyond = [score for score, point in zip(falling, points[1:], strict=True) if point[0] > 1]
    points = [point for point in points if point[0] <= 1]
    tie = bool(beyond) and points[-1][0] < 1
    if points[-1][0] < 1:
        points.append((Fraction(1), *points[-1][1:]))
    areas = [sum((b[0] - a[0]) * (a[k] + b[k]) / 2 for a, b in pairwise(points)) for k in (1, 2)]
    return float(areas[0]), float(areas[1]), beyond[0] if beyond else None, tie


@st.composite
def some_rows(draw: st.DrawFn) -> tuple[list[Row], list[Row], int]:
    """Few places and few scores, so that much overlaps and much is equal; tracks of one frame and of several."""

    def box() -> tuple[int, ...]:
        x, y = draw(st.integers(-6, 6)), draw(st.integers(-6, 6))
        return (x, y, x + draw(st.integers(0, 5)), y + draw(st.integers(0, 5)))

    video, frame = st.integers(0, 2), st.integers(0, 3)
    truth: list[Row] = [
        (draw(video), draw(st.integers(0, 2)), draw(frame), *box()) for _ in range(draw(st.integers(1, 12)))
    ]
    found = [
        (draw(video), draw(frame), *box(), float(draw(st.integers(-2, 3)))) for _ in range(draw(st.integers(0, 25)))
    ]
    return truth, found, draw(st.integers(1, 12))


rates = st.sampled_from([Fraction(1, 10), Fraction(1, 3), Fraction(1, 2), Fraction(1)])


@quick
@given(some_rows(), rates, rates)
def test_agrees_with_the_definition_taken_literally(
    rows: tuple[list[Row], list[Row], int], alpha: Fraction, beta: Fraction
) -> None:
    result = rbdc_tbdc(*rows, alpha=float(alpha), beta=float(beta))
    *areas, score, tie = brute_force(*rows, alpha, beta)
    assert [result.rbdc, result.tbdc] == pytest.approx(areas, abs=1e-12)
    assert (result.cut_score, result.cut_tie) == (score, tie)


@quick
@given(some_rows(), st.randoms(use_true_random=False))
def test_only_the_order_of_scores_and_no_order_of_rows_or_videos_counts(
    rows: tuple[list[Row], list[Row], int], random: random.Random
) -> None:
    truth, found, frames = rows
    result = rbdc_tbdc(truth, found, frames)
    renamed = {0: 40, 1: -3, 2: 8}
    truth = [(renamed[int(v)], *rest) for v, *rest in truth]
    found = [(renamed[int(v)], *rest, np.exp(score)) for v, *rest, score in found]
    random.shuffle(truth)
    random.shuffle(found)
    again = rbdc_tbdc(truth, found, frames)
    assert (again.rbdc, again.tbdc) == (result.rbdc, result.tbdc)
    assert (again.false_positives_per_frame == result.false_positives_per_frame).all()


@quick
@given(some_rows())
def test_curves_rise_from_nothing_to_one_false_positive_a_frame(rows: tuple[list[Row], list[Row], int]) -> None:
    result = rbdc_tbdc(*rows)
    rate = result.false_positives_per_frame
    assert (rate[0], rate[-1]) == (0, 1)
    assert (np.diff(rate) >= 0).all()
    for curve, area in ((result.region_rate, result.rbdc), (result.track_rate, result.tbdc)):
        assert curve[0] == 0
        assert (np.diff(curve) >= 0).all()
        assert area == pytest.approx(np.trapezoid(curve, rate))
        assert 0 <= area <= curve[-1] <= 1
    assert result.regions_found <= result.regions == len(rows[0])
    assert result.false_positives <= result.detections == len(rows[1])


def test_the_same_is_found_in_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    corner = rng.integers(-20, 20, (2, 300, 2))
    boxes = np.concatenate([corner, corner + rng.integers(0, 9, corner.shape)], axis=2)
    truth = np.column_stack([np.zeros(300), rng.integers(0, 9, 300), rng.integers(0, 20, 300), boxes[0]])
    found = np.column_stack([np.zeros(300), rng.integers(0, 20, 300), boxes[1], rng.random(300)])
    whole = rbdc_tbdc(truth, found, 100)
    for pairs in (1, 17, 100):
        monkeypatch.setattr("sdmae.metrics.regions._PAIRS", pairs)
        some = rbdc_tbdc(truth, found, 100)
        assert (some.rbdc, some.tbdc) == (whole.rbdc, whole.tbdc)
    assert 0 < whole.rbdc < 1


def test_no_detections_find_nothing() -> None:
    result = rbdc_tbdc([truth_row(0, 0)], [], 10)
    assert (result.rbdc, result.tbdc, result.detections, result.regions_found) == (0, 0, 0, 0)
    assert result.false_positives_per_frame.tolist() == [0, 1]


def test_all_found_without_false_positives_is_one() -> None:
    truth = [truth_row(0, k) for k in range(5)]
    result = rbdc_tbdc(truth, [found_row(k, 0.5 + k) for k in range(5)], 5)
    assert (result.rbdc, result.tbdc, result.false_positives, result.tracks_found) == (1, 1, 0, 1)


def test_a_false_positive_costs_what_is_not_found_before_it() -> None:
    # One track of two frames. Scores: first region 4, a false positive 3, second region 2; four frames in all.
    truth = [truth_row(0, 0), truth_row(0, 1)]
    found = [found_row(0, 4), found_row(2, 3, FAR), found_row(1, 2)]
    result = rbdc_tbdc(truth, found, 4)
    # Half is found from 0 to 1/4 false positives a frame, all from there to 1. The track is found at once.
    assert result.rbdc == 0.5 * 0.25 + 1 * 0.75
    assert result.tbdc == 1
    assert rbdc_tbdc(truth, found, 4, alpha=1).tbdc == 0 * 0.25 + 1 * 0.75


def test_what_comes_after_one_false_positive_a_frame_is_cut() -> None:
    truth = [truth_row(0, 0), truth_row(0, 1)]
    false = [found_row(2, 5 - k / 10, FAR) for k in range(3)]
    late = [*false, found_row(0, 1), found_row(1, 0)]
    # Three frames: at the third false positive there is exactly 1 a frame, which is kept, but has no width.
    assert rbdc_tbdc(truth, late, 3).rbdc == 0
    assert rbdc_tbdc(truth, late, 3).regions_found == 2
    assert rbdc_tbdc(truth, late, 6).rbdc == 0.5
    assert rbdc_tbdc(truth, late, 2).rbdc == 0


def test_a_detection_of_what_is_found_already_is_neither_right_nor_wrong() -> None:
    truth = [truth_row(0, 0), truth_row(0, 1)]
    assert rbdc_tbdc(truth, [found_row(0, 2), found_row(0, 1)], 2).rbdc == 0.5
    assert rbdc_tbdc(truth, [found_row(0, 2), found_row(0, 1)], 2).false_positives == 0


def test_one_detection_finds_every_region_that_it_overlaps() -> None:
    truth = [truth_row(0, 0), truth_row(1, 0, x=5), truth_row(2, 0, x=FAR)]
    result = rbdc_tbdc(truth, [found_row(0, 1, side=15)], 1)
    assert (result.regions_found, result.tracks_found) == (2, 2)
    assert result.rbdc == pytest.approx(2 / 3)


def test_equal_scores_are_one_step_of_the_curve() -> None:
    # Both regions and two false positives at one score: a straight line to (1/2, 1), then flat.
    truth = [truth_row(0, 0), truth_row(0, 1)]
    found = [found_row(0, 1), found_row(2, 1, FAR), found_row(1, 1), found_row(3, 1, FAR)]
    result = rbdc_tbdc(truth, found, 4)
    assert result.false_positives_per_frame.tolist() == [0, 0.5, 1]
    assert result.rbdc == result.tbdc == 0.5 * 0.5 + 0.5
    # In two frames it ends at 1 false positive a frame; in one frame it ends beyond, and there is no such threshold.
    assert rbdc_tbdc(truth, found, 2).rbdc == 0.5
    assert rbdc_tbdc(truth, found, 1).rbdc == 0


def test_detections_of_one_score_that_lead_past_one_a_frame_are_cut_whole() -> None:
    # Four frames. One region at 3; at 2 the other, with two false positives; at 1 three more, past 4.
    truth = [truth_row(0, 0), truth_row(0, 1)]
    found = [found_row(0, 3), found_row(1, 2), *[found_row(2, 2, FAR)] * 2, *[found_row(3, 1, FAR)] * 3]
    result = rbdc_tbdc(truth, found, 4)
    assert result.false_positives_per_frame.tolist() == [0, 0, 0.5, 1]
    assert result.region_rate.tolist() == [0, 0.5, 1, 1]
    assert (result.rbdc, result.cut_score, result.cut_tie) == (0.75 * 0.5 + 0.5, 1, True)
    # In one frame the two at 2 are past it, too, and with them goes the region: half from 0 to 1, not on a slope.
    result = rbdc_tbdc(truth, found, 1)
    assert result.false_positives_per_frame.tolist() == [0, 0, 1]
    assert (result.rbdc, result.cut_score, result.cut_tie, result.regions_found) == (0.5, 2, True, 2)
    # Scores that tell them apart lead to exactly 1.
    apart = [(*row[:6], row[6] - k / 10) for k, row in enumerate(found)]
    result = rbdc_tbdc(truth, apart, 4)
    assert result.false_positives_per_frame.tolist() == [0, 0, 0, 0.25, 0.5, 0.75, 1]
    assert (result.cut_score, result.cut_tie) == (apart[-1][6], False)
    # Where none leads past it there is no cut, short of 1 and at it.
    for frames in (5, 6):
        result = rbdc_tbdc(truth, found, frames)
        assert (result.cut_score, result.cut_tie) == (None, False)
    assert rbdc_tbdc(truth, [], 4).cut_score is None


def test_frames_and_videos_do_not_find_for_one_another() -> None:
    truth = [truth_row(0, 0, video=0), truth_row(0, 1, video=1)]
    result = rbdc_tbdc(truth, [found_row(1, 1, video=0), found_row(0, 2, video=1)], 10)
    assert (result.tracks, result.regions_found, result.false_positives) == (2, 0, 2)


def test_overlap_counts_the_pixels_of_both_ends() -> None:
    # A single pixel is a box of one pixel; of 10 x 1 pixels one is exactly a tenth, of 11 it is less.
    truth = [(0, 0, 0, 3, 3, 3, 3)]
    assert rbdc_tbdc(truth, [(0, 0, 3, 3, 3, 3, 1)], 1, beta=1).rbdc == 1
    assert rbdc_tbdc(truth, [(0, 0, 3, 3, 12, 3, 1)], 1).rbdc == 1
    assert rbdc_tbdc(truth, [(0, 0, 3, 3, 13, 3, 1)], 1).rbdc == 0
    # Boxes side by side share nothing, boxes that share their edge pixels do.
    assert rbdc_tbdc(truth, [(0, 0, 4, 3, 4, 3, 1)], 1).false_positives == 1
    assert rbdc_tbdc([(0, 0, 0, -9, -9, 0, 0)], [(0, 0, 0, -9, 9, 0, 1)], 1, beta=10 / 190).rbdc == 1


@pytest.mark.parametrize(("length", "needed"), [(1, 1), (9, 1), (10, 1), (11, 2), (30, 3), (31, 4), (70, 7)])
def test_a_track_is_found_by_a_tenth_of_its_regions(length: int, needed: int) -> None:
    truth = [truth_row(0, k) for k in range(length)]
    found = [found_row(k, 1) for k in range(needed)]
    assert rbdc_tbdc(truth, found, length).tracks_found == 1
    assert rbdc_tbdc(truth, found[1:], length).tracks_found == 0


@pytest.mark.parametrize("length", [3, 7, 10, 49, 100, 1000])
def test_every_share_of_a_track_is_counted_without_rounding(length: int) -> None:
    truth = [truth_row(0, k) for k in range(length)]
    for needed in {1, length // 3 + 1, length - 1, length}:
        found = [found_row(k, 1) for k in range(needed)]
        assert rbdc_tbdc(truth, found, length, alpha=needed / length).tracks_found == 1
        assert rbdc_tbdc(truth, found[1:], length, alpha=needed / length).tracks_found == 0


@pytest.mark.parametrize(
    ("truth", "found", "frames", "message"),
    [
        ([], [found_row(0, 1)], 1, "no ground truth"),
        ([truth_row(0, 0)], [], 0, "num_frames is 0"),
        ([truth_row(0, 0)[:6]], [], 1, r"truth have shape \(1, 6\)"),
        ([truth_row(0, 0)], [found_row(0, 1), found_row(0, float("nan"))], 1, "detections: row 1 .* not finite"),
        ([truth_row(0, 0), truth_row(0, 0, side=0)], [], 1, "truth: row 1 .* ends before it begins"),
        ([truth_row(0, 0)], [(0, 0, 0, 5, 5, 4, 1)], 1, "detections: row 0 .* ends before it begins"),
        ([(0, 0.5, 0, 0, 0, 1, 1)], [], 1, "truth: row 0 .* not whole"),
        ([(0, 0, 0, 0, 0, 1e300, 1)], [], 1, "truth: row 0 .* beyond"),
    ],
)
def test_bad_input_is_named(truth: list[Row], found: list[Row], frames: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rbdc_tbdc(truth, found, frames)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan")])
def test_impossible_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        rbdc_tbdc([truth_row(0, 0)], [], 1, alpha=rate)
    with pytest.raises(ValueError, match="beta"):
        rbdc_tbdc([truth_row(0, 0)], [], 1, beta=rate)


def jittered(regions: NDArray[np.float64], score: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A detection for each region (n, 7), each side moved by up to a twentieth of the box: their overlap is large."""
    reach = (regions[:, 5:] - regions[:, 3:5] + 1) / 20
    move = np.round(rng.uniform(-1, 1, (2, len(regions), 2)) * reach)
    boxes = np.concatenate([regions[:, 3:5] + move[0], regions[:, 5:] + move[1]], axis=1)
    return np.column_stack([regions[:, [0, 2]], boxes, np.full(len(regions), score)])


def test_jittered_ground_truth_at_known_rates(real_data: Path) -> None:
    """ShanghaiTech's tracks, found at rates that are chosen here, so that the areas follow by hand."""
    files = sorted((real_data / "shanghaitech_annotations" / "tracks").glob("*.txt"))
    videos = [np.loadtxt(path, delimiter=",", ndmin=2) for path in files]
    truth = np.concatenate([np.column_stack([np.full(len(v), float(k)), v]) for k, v in enumerate(videos)])
    frames = 40791
    rng = np.random.default_rng(4)
    place = np.zeros(len(truth), np.int64)  # of each region within its track
    names = np.unique(truth[:, :2], axis=0, return_inverse=True)[1].reshape(-1)
    for track in range(names.max() + 1):
        place[names == track] = np.arange(np.count_nonzero(names == track))
    assert (len(truth), names.max() + 1) == (18937, 158)

    # Every third region scores 3; then come 8,000 boxes beside everything; then every other region of every other
    # track; then 20,000 boxes more; then all that is left, still within 1 false positive a frame.
    first = place % 3 == 0
    second = ~first & (names % 2 == 0)
    beside = np.column_stack(
        [rng.integers(0, 107, 28000), rng.integers(0, 300, 28000), np.tile([-90, -90, -50, -40], (28000, 1))]
    )
    found = [
        jittered(truth[first], 3, rng),
        np.column_stack([beside[:8000], np.linspace(2.4, 2.6, 8000)]),
        jittered(truth[second], 2, rng),
        np.column_stack([beside[8000:], np.linspace(1.4, 1.6, 20000)]),
        jittered(truth[~first & ~second], 1, rng),
    ]
    detections = rng.permutation(np.concatenate(found))
    result = rbdc_tbdc(truth, detections, frames)
    a, b = first.sum() / 18937, (first | second).sum() / 18937
    by_hand = a * 8000 / frames + b * 20000 / frames + 1 * (frames - 28000) / frames
    assert isclose(result.rbdc, by_hand, rel_tol=1e-12)
    # A third of every track is more than a tenth of it.
    assert result.tbdc == pytest.approx(1, abs=1e-12)
    assert (result.false_positives, result.regions_found) == (28000, 18937)

    # The same without the first: the tracks of odd number are found by the last detections only.
    result = rbdc_tbdc(truth, np.concatenate(found[1:]), frames)
    longer = np.array([(second & (names == track)).any() for track in range(158)])  # found by the second
    never = np.array([first[names == track].all() for track in range(158)])  # all of it was among the first
    c, d = second.sum() / 18937, (~first).sum() / 18937
    assert isclose(result.rbdc, c * 20000 / frames + d * (frames - 28000) / frames, rel_tol=1e-12)
    e, f = longer.mean(), 1 - never.mean()
    assert isclose(result.tbdc, e * 20000 / frames + f * (frames - 28000) / frames, rel_tol=1e-12)

    # And with all of one score: a straight line from (0, 0) to (28000 / 40791, 1), then flat.
    detections[:, 6] = 5
    result = rbdc_tbdc(truth, detections, frames)
    assert isclose(result.rbdc, 1 - 28000 / frames / 2, rel_tol=1e-12)
