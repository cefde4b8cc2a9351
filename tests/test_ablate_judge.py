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
from sdmae.training.footage import learn_footage
from sdmae.training.run import open_frames, settle
from sdmae.video import Clip, find_clips
from tiny import TINY
from video_files import make_video


def judge_of(clips: list[Clip], config: Config) -> Judge:
    config = settle(config, clips)
    store = open_frames(clips, config, (), lambda line: None)
    return make_judge(learn_footage(store, clips, config, torch.device("cpu")), config)


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
    assert set(first.sets) <= set(FAMILIES)
    assert {"shapes", "thin"} <= set(first.sets)
    other = judge_of(find_clips(str(make_video(tmp_path / "other.mp4", 50, rate=5))), TINY)
    assert other.digest != first.digest


def test_the_judge_says_the_same_twice_and_listens_to_the_score(detector_file: Path, video: Path) -> None:
    detector = load(detector_file, device="cpu")
    judge = judge_of(find_clips(str(video)), TINY)

    def scores(**settings: object) -> dict[str, bytes]:
        score = replace(detector.config.score, **settings)  # type: ignore[arg-type]
        asked: Detector = detector.with_settings(replace(detector.config, score=score))
        return {name: values.tobytes() for name, values in judge.scores(asked).items()}

    assert scores() == scores()
    assert set(scores()) == {NORMAL, *judge.sets}
    for change in ({"pooling": "mean"}, {"masks": "complementary"}, {"beta": 0.0}):
        assert scores(**change) != scores()


def test_figures_by_hand() -> None:
    scores = {
        NORMAL: np.array([1.0, 2.0, 3.0, 4.0]),
        "fast": np.array([5.0, 6.0]),  # all above
        "thin": np.array([0.0, 3.0]),  # 0 of 4, and 2 with a draw
    }
    found = resampled(scores)
    assert found["fast"][0] == 1.0
    assert found["thin"][0] == pytest.approx(2.5 / 8)
    assert found[MEAN][0] == pytest.approx((1 + 2.5 / 8) / 2)
    assert (found["fast"] == 1.0).all()  # whatever is drawn
    assert found["thin"].std() > 0
    assert ((found["thin"] >= 0) & (found["thin"] <= 1)).all()
    whole = interval(found[MEAN])
    assert whole.low <= whole.value <= whole.high


def test_differences_are_paired() -> None:
    chance = np.random.default_rng(0)
    scores = {NORMAL: chance.normal(size=40), "thin": chance.normal(0.5, size=30)}
    moved = {name: 2 * values + 1 for name, values in scores.items()}  # the same order: the same detector
    first, second = resampled(scores), resampled(moved)
    assert np.array_equal(first[MEAN], second[MEAN])
    better = resampled({**scores, "thin": scores["thin"] + 0.2})
    apart = interval(better[MEAN] - first[MEAN])
    assert apart.low >= 0
    assert apart.high - apart.low < interval(first[MEAN]).high - interval(first[MEAN]).low
