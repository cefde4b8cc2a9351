"""Measures of scored clips: by hand, or by the functions of `metrics` on what was scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sdmae.config import EventConfig
from sdmae.data.benchmark import Mask, MaskReader, TestClip, Track
from sdmae.errors import BenchmarkError
from sdmae.evaluation.beside import camera_of
from sdmae.evaluation.map_store import LONGEST, MapStore
from sdmae.evaluation.measures import Scored, alarm_measures, frame_measures, video_row
from sdmae.evaluation.region_truth import true_regions
from sdmae.evaluation.regions_of import measure_regions, pixel_figures, scaled, shown_by
from sdmae.evaluation.report.moments import worst_false_alarms, worst_misses
from sdmae.metrics import bootstrap_auc, map_detections, pixel_auc, quantile_levels, rbdc_tbdc
from sdmae.scoring import AlarmLevel, VideoScores
from sdmae.video import Clip, Size

LEVEL = AlarmLevel(
    threshold=0.5,
    median=0.1,
    asked=1.0,
    rate=2.0,
    low=1.0,
    high=3.0,
    vouched=1.0,
    seconds=60.0,
    events=3,
    base=0.3,
    scale=0.1,
    shape=0.0,
    dispersion=1.0,
    excesses=(0.2, 0.1, 0.05),
    lower=(),
    counts=(),
)
EVENTS = EventConfig(merge=0.15, hysteresis=0.0)


def scored_clip(
    name: str,
    scores: list[float],
    labels: list[int],
    *,
    every: int = 1,
    rate: float = 10.0,
    truth: TestClip | None = None,
) -> Scored:
    """A clip whose frames 0, `every`, 2 `every` ... were scored."""
    frames = np.arange(0, len(labels), every)
    series = np.array(scores)
    found = VideoScores(name, frames, frames / rate, series, series)
    clip = truth or TestClip(Clip(name, Path(name)), np.array(labels, bool))
    return Scored(clip, found, found, rate)


def test_alarms_by_hand() -> None:
    # Frames of 0.1 s: an event of frames 3 to 5 with its alarm from frame 4 on, and a false alarm of frame 8 alone.
    one = scored_clip("a", [0, 0, 0, 0, 1, 1, 0, 0, 0.9, 0], [0, 0, 0, 1, 1, 1, 0, 0, 0, 0])
    other = scored_clip("b", [0.2, 0.3, 0.2, 0, 0], [0, 1, 0, 0, 0])  # never found
    found = alarm_measures([one, other], LEVEL, EVENTS)
    assert found["events"] == 2
    assert found["hours"] == pytest.approx(1.5 / 3600)
    calibrated = found["calibrated"]
    assert (calibrated["threshold"], calibrated["events_found"], calibrated["share_found"]) == (0.5, 1, 0.5)
    assert calibrated["median_delay"] == pytest.approx(0.1)
    assert (calibrated["alarms"], calibrated["false_alarms"]) == (2, 1)
    normal = 1.5 - 0.3 - 0.1
    assert calibrated["normal_hours"] == pytest.approx(normal / 3600)
    assert calibrated["false_alarms_per_hour"] == pytest.approx(3600 / normal)
    assert calibrated["false_share"] == pytest.approx(0.1 / normal)
    assert [(e["video"], e["start"], e["end"]) for e in found["event_list"]] == [("a", 0.3, 0.6), ("b", 0.1, 0.2)]
    assert found["event_list"][0]["delay"] == pytest.approx(0.1)
    assert found["event_list"][1]["delay"] is None
    # By the labels: half of the events need a score of 1, all of them one of 0.3, and then 0.9 is false.
    by_labels = {point["asked_share"]: point for point in found["by_test_labels"]}
    assert (by_labels[0.5]["threshold"], by_labels[0.5]["false_alarms"]) == (1, 0)
    assert (by_labels[1.0]["threshold"], by_labels[1.0]["share_found"]) == (0.3, 1)
    assert by_labels[1.0]["false_alarms"] == 1
    assert by_labels[1.0]["normal_hours"] == pytest.approx(normal / 3600)
    row = video_row(one, LEVEL, EVENTS)
    assert (row["events"], row["events_found"], row["false_alarms"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("scores", "labels", "spans", "found", "false"),
    [
        ([0, 0, 1, 0], [0, 0, 1, 0], [(0.2, 0.3)], 1, 0),  # one frame each
        ([0, 0, 1, 0], [1, 1, 1, 0], [(0, 0.3)], 1, 0),  # in the last frame of its event
        ([0, 0, 1, 0], [1, 1, 0, 0], [(0, 0.2)], 0, 1),  # just after it
        ([0, 1, 0, 0], [0, 0, 1, 1], [(0.2, 0.4)], 0, 1),  # just before it
        ([0, 0, 0, 1], [0, 0, 0, 1], [(0.3, 0.4)], 1, 0),  # in the last frame of the clip
    ],
)
def test_single_frames_by_hand(
    scores: list[float], labels: list[int], spans: list[tuple[float, float]], found: int, false: int
) -> None:
    one = scored_clip("a", scores, labels)
    measured = alarm_measures([one], LEVEL, EVENTS)
    assert [(e["start"], e["end"]) for e in measured["event_list"]] == [pytest.approx(span) for span in spans]
    assert (measured["calibrated"]["events_found"], measured["calibrated"]["false_alarms"]) == (found, false)
    assert measured["calibrated"]["normal_hours"] == pytest.approx((0.4 - 0.1 * sum(labels)) / 3600)
    loud = 0.1 * false / (0.4 - 0.1 * sum(labels))
    assert measured["calibrated"]["false_share"] == pytest.approx(loud)


def test_frames_of_one_instant_are_events_all_the_same() -> None:
    times = np.array([0, 0.1, 0.1, 0.2])
    found = VideoScores("a", np.arange(4), times, np.array([0, 1.0, 0, 0]), np.zeros(4))
    one = Scored(TestClip(Clip("a", Path("a")), np.array([0, 1, 0, 0], bool)), found, found, 10.0)
    measured = alarm_measures([one], LEVEL, EVENTS)
    assert one.events().tolist() == [[0.1, 0.2]]
    assert (measured["calibrated"]["events_found"], measured["calibrated"]["false_alarms"]) == (1, 0)


def test_without_a_threshold_there_are_only_the_labels_own() -> None:
    one = scored_clip("a", [0, 0, 1, 0], [0, 0, 1, 0])
    found = alarm_measures([one], None, EVENTS)
    assert found["calibrated"] is None
    assert found["event_list"][0]["delay"] is None
    assert [point["asked_share"] for point in found["by_test_labels"]] == [0.5, 0.75, 0.9, 1.0]
    assert video_row(one, None, EVENTS)["false_alarms"] is None


def test_normal_video_alone_has_no_events() -> None:
    found = alarm_measures([scored_clip("a", [0, 1, 0], [0, 0, 0])], LEVEL, EVENTS)
    assert (found["events"], found["by_test_labels"], found["calibrated"]["share_found"]) == (0, [], None)
    assert found["calibrated"]["false_alarms"] == 1


def test_times_of_frames_that_were_not_scored() -> None:
    one = scored_clip("a", [0, 0, 0], [0, 0, 0, 1, 1, 1], every=2, rate=50.0)
    np.testing.assert_allclose(one.times(), np.arange(6) / 50)
    assert one.seconds() == pytest.approx(6 / 50)
    np.testing.assert_allclose(one.events(), [[3 / 50, 6 / 50]])


def test_an_event_between_two_looks_is_found_by_an_alarm_that_lasts_from_one_to_the_next() -> None:
    one = scored_clip("a", [0.1, 0.6, 1], [0, 1, 0, 1, 1], every=2)
    points = alarm_measures([one], LEVEL, EventConfig(merge=0, hysteresis=0))["by_test_labels"]
    assert [point["threshold"] for point in points] == [1, 0.1, 0.1, 0.1]
    assert [point["false_share"] for point in points] == [0, 1, 1, 1]  # always on, and that gives it away
    # From the look in frame 2 on an alarm is on until that in frame 4, in the time of frame 3, too.
    later = scored_clip("a", [0, 1, 0], [0, 0, 0, 1, 0], every=2)
    found = alarm_measures([later], LEVEL, EVENTS)["calibrated"]
    assert (found["events_found"], found["false_alarms"], found["median_delay"]) == (1, 0, 0)


def test_intervals_are_those_of_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    labels = [rng.random(30) < 0.4 for _ in range(5)]
    scores = [rng.random(30) + 0.5 * truth for truth in labels]
    found = frame_measures(labels, scores)
    for key, measure in (("micro_auc", "micro"), ("macro_auc", "macro"), ("macro_auc_two_class", "macro_two_class")):
        interval = bootstrap_auc(labels, scores, measure)  # type: ignore[arg-type]
        assert found[key] == pytest.approx(interval.value)
        assert (found["intervals"][key]["low"], found["intervals"][key]["high"]) == (interval.low, interval.high)
    alone = frame_measures(labels[:1], scores[:1])
    assert alone["intervals"] == {"micro_auc": None, "macro_auc": None, "macro_auc_two_class": None}


def test_one_class_clips_have_no_two_class_interval() -> None:
    found = frame_measures([np.zeros(3, bool), np.ones(3, bool)], [np.arange(3.0), np.arange(3.0)])
    assert found["macro_auc_two_class"] is None
    assert found["intervals"]["macro_auc_two_class"] is None
    assert found["intervals"]["micro_auc"] is not None


# --- regions -------------------------------------------------------------------------------------------------------


def stored(maps: MapStore, *clips: NDArray[np.float32]) -> None:
    for clip in clips:
        maps.begin()
        for cells in clip:
            maps.append(cells)


def random_maps(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, 6, 9)).astype(np.float32)


def test_maps_come_back_by_clip_and_position() -> None:
    first, second, third = random_maps(3), np.ones((2, 4, 5), np.float32), random_maps(2, 1)
    with MapStore() as maps:
        stored(maps, first, second, third)
        assert len(maps) == 3
        assert [maps.count(k) for k in range(3)] == [3, 2, 2]
        for number, clip in enumerate((first, second, third)):
            np.testing.assert_array_equal(np.stack(list(maps.maps(number))), clip)
        with pytest.raises(IndexError):
            maps[0, 3]


def test_large_maps_are_shrunk_to_their_highest() -> None:
    large = np.zeros((2, 300, 640), np.float32)
    large[1, 17, 33] = 0.123456789
    with MapStore() as maps:
        stored(maps, large)
        assert maps[0, 1].shape == (75, LONGEST)
        assert maps[0, 1].max() == large.max()


def test_boxes_of_cells_are_boxes_of_their_pixels() -> None:
    rows = np.array([[4.0, 0, 0, 0, 0, 0.5], [5.0, 2, 1, 3, 2, 0.7]])
    found = scaled(rows, Size(6, 9), Size(60, 180))
    np.testing.assert_array_equal(found, [[4, 0, 0, 19, 9, 0.5], [5, 40, 10, 79, 29, 0.7]])
    fine = scaled(rows, Size(60, 90), Size(6, 9))  # a map finer than the picture
    assert (fine[:, 3] >= fine[:, 1]).all()


def test_the_nearest_scored_frame_stands_for_one_that_was_not() -> None:
    np.testing.assert_array_equal(shown_by(np.array([0, 2, 5]), 8), [0, 0, 1, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(shown_by(np.arange(4), 4), np.arange(4))


def boxes_mask(index: int) -> Mask:
    mask = np.zeros((60, 90), bool)
    if index >= 1:
        mask[10:30, 20:50] = True
    return mask


def truth_clip(
    name: str, labels: list[int], *, masks: MaskReader | None = None, tracks: tuple[Track, ...] | None = None
) -> TestClip:
    return TestClip(Clip(name, Path(name)), np.array(labels, bool), masks, tracks)


def test_regions_by_the_functions_of_metrics() -> None:
    tracks = (Track(7, "", np.array([1, 2]), np.array([[20.0, 10, 50, 30], [20.0, 10, 50, 30]])),)
    clips = [truth_clip("a", [0, 1, 1], tracks=tracks), truth_clip("b", [0, 1, 1], masks=boxes_mask, tracks=tracks)]
    first, second = random_maps(3), random_maps(3, 1)
    truth = true_regions(clips)
    assert truth is not None
    assert (truth.origin, truth.clips, truth.frames) == ("tracks", (0, 1), 6)
    expected = [[k, 7, frame, 20, 10, 49, 29] for k in (0, 1) for frame in (1, 2)]
    np.testing.assert_array_equal(truth.rows, expected)
    with MapStore() as maps:
        stored(maps, first, second)
        regions = measure_regions(truth, clips, maps, [np.arange(3)] * 2, [Size(60, 90)] * 2)
        pixels = pixel_figures(clips, maps, [np.arange(3)] * 2)
    every = np.concatenate([first, second])
    levels = quantile_levels(every.max(axis=(1, 2)) - np.median(every, axis=(1, 2)))
    rows = []
    for clip, maps_of in enumerate((first, second)):
        for frame, cells in enumerate(maps_of):
            base = np.median(cells)
            for x0, y0, x1, y1, height in map_detections(cells - base, levels):
                rows.append([clip, frame, 10 * x0, 10 * y0, 10 * x1 + 9, 10 * y1 + 9, height + float(base)])
    by_hand = rbdc_tbdc(expected, rows, 6)
    assert (regions.result.rbdc, regions.result.tbdc) == (by_hand.rbdc, by_hand.tbdc)
    assert regions.result.detections == len(rows) > 0
    # Pixels: of the clip with masks alone, each map at the size of its mask.
    assert (pixels["pixels"]["clips"], pixels["pixels"]["pixels"]) == (1, 3 * 60 * 90)
    assert 0 < pixels["pixel_auc"] < 1


def test_what_a_whole_frame_shares_is_in_its_scores_but_makes_no_box() -> None:
    clip = truth_clip("a", [0, 1, 1], masks=boxes_mask)
    truth = true_regions([clip])
    assert truth is not None
    cells = np.zeros((3, 6, 9), np.float32)
    cells[1:, 1:3, 2:5] = 0.5  # just the box
    cells[0, 5, 8] = 0.25  # and something that is none, weaker
    cells[1:] += 10.0  # a classifier that is sure
    with MapStore() as maps:
        stored(maps, cells)
        found = measure_regions(truth, [clip], maps, [np.arange(3)], [Size(60, 90)]).result
    assert (found.rbdc, found.detections, found.false_positives) == (1.0, 3, 1)


def test_pixels_at_the_maps_own_size_are_those_of_the_maps() -> None:
    cells = random_maps(3)
    masks = cells > 0.7
    clip = truth_clip("a", [1, 1, 1], masks=lambda index: masks[index])
    with MapStore() as maps:
        stored(maps, cells)
        assert pixel_figures([clip], maps, [np.arange(3)])["pixel_auc"] == pixel_auc(zip(cells, masks)).auc  # noqa: B905
        blank = truth_clip("a", [1, 1, 1], masks=lambda index: np.zeros((6, 9), bool))
        assert pixel_figures([blank], maps, [np.arange(3)]) == {"pixel_auc": None, "pixels": None}


def test_clips_without_ground_truth_of_regions_are_left_out() -> None:
    labels_alone, normal = truth_clip("a", [0, 1]), truth_clip("b", [0, 0])
    known = truth_clip("c", [0, 1], masks=boxes_mask)
    truth = true_regions([labels_alone, normal, known])
    assert truth is not None
    assert (truth.clips, truth.frames, truth.origin) == ((1, 2), 4, "derived")
    assert true_regions([labels_alone, normal]) is None
    assert true_regions([normal]) is None


def test_no_figure_mixes_tracks_and_derived_regions() -> None:
    tracks = (Track(7, "", np.array([1]), np.array([[1.0, 1, 5, 5]])),)
    tracked, masked = truth_clip("t", [0, 1], tracks=tracks), truth_clip("m", [0, 1], masks=boxes_mask)
    both = truth_clip("b", [0, 1], masks=boxes_mask, tracks=tracks)
    normal, bare = truth_clip("n", [0, 0]), truth_clip("a", [0, 1])
    normal_masked = truth_clip("n", [0, 0], masks=lambda index: np.zeros((60, 90), bool))
    for clips, origin, counted, boxes in (
        ([tracked, both], "tracks", (0, 1), [[1, 1, 4, 4]] * 2),
        ([both, masked], "derived", (0, 1), [[20, 10, 49, 29]] * 2),
        # Clips that have not what is taken do not count, unless nothing in them is abnormal.
        ([tracked, masked, both, normal], "derived", (1, 2, 3), [[20, 10, 49, 29]] * 2),
        ([tracked, bare, normal_masked], "tracks", (0, 2), [[1, 1, 4, 4]]),
    ):
        truth = true_regions(clips)
        assert truth is not None
        assert (truth.origin, truth.clips, truth.frames) == (origin, counted, 2 * len(counted))
        np.testing.assert_array_equal(truth.rows[:, 3:], boxes)


def test_masks_that_do_not_belong_together_are_named() -> None:
    clip = truth_clip("a", [1, 1], masks=lambda index: np.ones((4, 5 + index), bool))
    with pytest.raises(BenchmarkError, match=r"a: frame 1: .* copy its masks anew"):
        true_regions([clip])


def test_a_frame_that_was_not_scored_has_the_detections_of_its_neighbour() -> None:
    small = np.zeros((60, 90), bool)  # too small for a box as large as the picture to find it
    small[10:20, 20:40] = True
    clip = truth_clip("a", [0, 1, 1, 0], masks=lambda index: small & (index in (1, 2)))
    truth = true_regions([clip])
    assert truth is not None
    cells = np.zeros((2, 6, 9), np.float32)
    cells[1, 1:2, 2:4] = 1  # just the box, in frame 2, which stands for 3, too
    with MapStore() as maps:
        stored(maps, cells)
        found = measure_regions(truth, [clip], maps, [np.array([0, 2])], [Size(60, 90)])
    # Frame 1 lies between both, and the earlier is taken.
    assert (found.result.regions, found.result.regions_found) == (2, 1)


# --- the worst moments ---------------------------------------------------------------------------------------------


def test_the_worst_come_first_and_lie_apart() -> None:
    labels = [0] * 30 + [1] * 30
    scores = [0.1] * 60
    scores[5], scores[6], scores[28] = 0.9, 0.95, 0.8  # the second is too near to the third
    scores[33], scores[58] = 0.05, 0.01
    one = scored_clip("a", scores, labels)
    falses = worst_false_alarms([one], None, 2)
    assert [(m.frame, m.score) for m in falses] == [(6, 0.95), (28, 0.8)]
    assert falses[0].share == 1
    misses = worst_misses([one], None, 2)
    assert [(m.frame, m.score) for m in misses] == [(58, 0.01), (33, 0.05)]
    assert misses[0].share == 1


def test_with_a_threshold_only_what_is_wrong_by_it() -> None:
    one = scored_clip("a", [0.1, 0.9, 0.2, 0.8], [0, 0, 1, 1], rate=0.1)
    assert [m.frame for m in worst_misses([one], 0.5)] == [2]
    assert [m.frame for m in worst_false_alarms([one], 0.5)] == [1]
    assert worst_false_alarms([one], 2.0) == []


def test_perfect_scores_have_no_worst_moments() -> None:
    one = scored_clip("a", [0.1, 0.2, 0.7, 0.8], [0, 0, 1, 1], rate=0.1)
    assert worst_misses([one], None) == []
    assert worst_false_alarms([one], None) == []


def test_cameras_are_told_by_the_names_of_clips() -> None:
    assert camera_of("shanghaitech", "01_0014") == "01"
    assert camera_of("ubnormal", "abnormal_scene_10_scenario_2") == "10"
    assert camera_of("ubnormal", "normal_scene_10_scenario_3_fog") == "10"
    assert camera_of("ped2", "Test001") == ""
