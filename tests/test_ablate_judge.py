"""The judge of an ablation: one and the same for every row, and its figures by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sdmae import Detector, load
from sdmae.config import Config
from sdmae.data.anomalies import FAMILIES
from sdmae.evaluation.ablation.judge import MEAN, NORMAL, Judge, interval, make_judge, resampled
from sdmae.scoring import score_frames
from sdmae.training.footage import learn_footage
from sdmae.training.run import open_frames, settle
from sdmae.video import Clip, find_clips
from tiny import TINY
from video_files import make_video


def judge_of(clips: list[Clip], config: Config) -> Judge:
    config = settle(config, clips)
    store = open_frames(clips, config, (), lambda line: None)
    return make_judge(learn_footage(store, clips, config, torch.device("cpu")))


def test_the_judge_does_not_move_with_the_row(video: Path, tmp_path: Path) -> None:
    clips = find_clips(str(video))
    row = replace(
        TINY,
        model=replace(TINY.model, masking_ratio=0.0, convolution="none", map_weight=0.0),
        anomalies=replace(TINY.anomalies, probability=0.0, families=("thin",), held_out=("shapes",), per_frame=1),
        score=replace(TINY.score, alpha=0.0, pooling="mean"),
    )
    first, second = judge_of(clips, TINY), judge_of(clips, row)
    assert first.digest == second.digest
    assert set(first.passings) <= set(FAMILIES)
    assert {"shapes", "thin"} <= set(first.passings)
    other = judge_of(find_clips(str(make_video(tmp_path / "other.mp4", 50, rate=5))), TINY)
    assert other.digest != first.digest


def test_the_judge_says_the_same_twice_and_listens_to_the_score(detector_file: Path, video: Path) -> None:
    detector = load(detector_file, device="cpu")
    judge = judge_of(find_clips(str(video)), TINY)

    def scores(**settings: object) -> dict[str, bytes]:
        score = replace(detector.config.score, **settings)  # type: ignore[arg-type]
        asked: Detector = detector.with_settings(replace(detector.config, score=score))
        return {name: np.concatenate(groups).tobytes() for name, groups in judge.scores(asked).items()}

    assert scores() == scores()
    assert set(scores()) == {NORMAL, *judge.passings}
    for change in ({"pooling": "mean"}, {"masks": "complementary"}, {"beta": 0.0}):
        assert scores(**change) != scores()


def test_what_passes_is_scored_as_a_video_that_holds_it(detector_file: Path, video: Path) -> None:
    """Only frames near an object are scored anew: the scores are those of the whole video all the same."""
    detector = load(detector_file, device="cpu")
    judge = judge_of(find_clips(str(video)), TINY)
    found = judge.scores(detector)
    for name, passings in judge.passings.items():
        for (number, passing), group in zip(passings[:2], found[name], strict=False):
            frames = [
                replace(frame, images=(passing.frames[frame.index - passing.start],))
                if passing.start <= frame.index < passing.start + len(passing.frames)
                else frame
                for frame in judge.stretches[number]
            ]
            maps = detector.maps_of(frames, detector.rate)
            scores = [one.score for one in score_frames(maps, detector.config.score, detector.rate, causal=False)]
            wanted = np.array(scores[passing.start : passing.start + len(passing.shown)])[passing.shown]
            np.testing.assert_allclose(group, wanted, rtol=1e-5)


def test_figures_by_hand() -> None:
    scores = {
        NORMAL: [np.array([1.0, 2.0]), np.array([3.0, 4.0])],
        "fast": [np.array([5.0]), np.array([6.0])],  # all above
        "thin": [np.array([0.0, 3.0, 0.0]), np.array([4.5])],  # 0 of 4, 2 with a draw, 0 of 4; 4 of 4
    }
    found = resampled(scores)
    assert found["fast"][0] == 1.0
    assert found["thin"][0] == pytest.approx(6.5 / 16)
    assert found[MEAN][0] == pytest.approx((1 + 6.5 / 16) / 2)
    assert (found["fast"] == 1.0).all()  # whatever is drawn
    assert ((found["thin"] >= 0) & (found["thin"] <= 1)).all()
    assert found["thin"].std() > 0
    whole = interval(found[MEAN])
    assert whole.low <= whole.value <= whole.high


def test_frames_of_one_object_are_one_witness() -> None:
    """Of ten objects ten frames each, the interval is that of ten objects, not of a hundred frames."""
    chance = np.random.default_rng(0)
    normal = [chance.normal(size=15) for _ in range(20)]
    levels = chance.normal(0.5, size=10)
    together = resampled({NORMAL: normal, "thin": [np.full(10, level) for level in levels]})["thin"]
    alone = resampled({NORMAL: normal, "thin": [np.array([level]) for level in levels for _ in range(10)]})["thin"]
    assert together[0] == pytest.approx(alone[0])
    wide, narrow = interval(together), interval(alone)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_differences_are_paired() -> None:
    chance = np.random.default_rng(0)
    scores = {
        NORMAL: [chance.normal(size=10) for _ in range(4)],
        "thin": [chance.normal(0.5, size=3) for _ in range(10)],
    }
    moved = {name: [2 * group + 1 for group in groups] for name, groups in scores.items()}  # the same order of frames
    first, second = resampled(scores), resampled(moved)
    assert np.array_equal(first[MEAN], second[MEAN])
    better = resampled({**scores, "thin": [group + 0.2 for group in scores["thin"]]})
    apart = interval(better[MEAN] - first[MEAN])
    assert apart.low >= 0
    assert apart.high - apart.low < interval(first[MEAN]).high - interval(first[MEAN]).low
