from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sdmae.config import EventConfig
from sdmae.data.benchmark import Track
from sdmae.demo.alarms import excess, find_alarms, judge, learn_normal, strongest_region
from sdmae.demo.demo import Outcome, Plan, demo
from sdmae.demo.report import name_of
from sdmae.errors import BenchmarkError
from sdmae.scoring import VideoScores
from tiny import TINY

PLAN = Plan(
    training_clips=2,
    normal_clips=3,
    test_clips=1,
    seconds=8.0,
    height=120,
    width=180,
    config=replace(TINY, anomalies=replace(TINY.anomalies, objects=4)),
)
FRAMES = 100


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, list[str]]:
    """A whole demo in small, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDMAE_CACHE", str(folder / "cache"))
        outcome = demo(folder / "out", seed=3, device="cpu", report=said.append, plan=PLAN)
    return outcome, said


class Page(HTMLParser):
    """Keeps the words and the addresses of a page, and whether its tags close."""

    VOID = ("meta", "img", "br", "rect", "polygon", "line", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "poster", "action", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read_page(outcome: Outcome) -> Page:
    page = Page()
    page.feed(outcome.report.read_text(encoding="utf-8"))
    page.close()
    return page


def test_the_page_is_whole_and_stands_alone(shown: tuple[Outcome, list[str]]) -> None:
    outcome, _ = shown
    page = read_page(outcome)
    assert page.open == []
    for address in page.addresses:
        assert address.startswith("data:image/jpeg;base64,") or (outcome.report.parent / address).exists(), address
    text = outcome.report.read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import|<script|<link", text)
    assert "$" not in re.sub(r"base64,[^\"]*", "", text)  # every blank was filled in


def test_the_page_and_the_summary_name_every_object(shown: tuple[Outcome, list[str]]) -> None:
    outcome, said = shown
    verdicts = outcome.story.verdicts
    words = " ".join(read_page(outcome).words)
    assert [v.track.kind for v in verdicts] == ["runner", "thrown", "thrown"][: len(verdicts)]
    assert len(verdicts) >= 1
    for verdict in verdicts:
        when = f"{verdict.start:.1f} to {verdict.end:.1f} s"
        assert f"test_01, {when}, peak score {verdict.peak:.3f}" in words
        lines = [line for line in said if name_of(verdict.track.kind) in line and when in line]
        assert len(lines) == 1
        assert ("MISSED" in lines[0]) == (not verdict.found)
    found = sum(v.found for v in verdicts)
    assert f"{found} of {len(verdicts)} abnormal objects found" in words


def test_the_video_has_every_frame(shown: tuple[Outcome, list[str]]) -> None:
    outcome, _ = shown
    with av.open(outcome.report.parent / "demo.mp4") as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == FRAMES
    assert pictures[0].shape[1] == 360
    # The cursor moves on from left to right, and the curve below is not empty.
    assert np.abs(pictures[0][-40:].astype(int) - pictures[-1][-40:]).max() > 50


def test_the_pictures_and_figures_are_there(shown: tuple[Outcome, list[str]]) -> None:
    folder = shown[0].report.parent
    for name in ("picture.jpg", "anomalies.jpg", "demo.training/review.jpg"):
        assert cv2.imread(str(folder / name)) is not None, name
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"micro_auc", "baselines", "fps_end_to_end"} <= metrics.keys()
    assert (folder / "test_01" / "scores.csv").exists()


def test_an_interrupted_demo_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("sdmae.training.run.review", interrupt)
        with pytest.raises(KeyboardInterrupt):
            demo(tmp_path / "out", seed=3, device="cpu", report=said.append, plan=PLAN)
    assert "goes on" in said[-1]
    assert (tmp_path / "out" / "demo.safetensors").exists()  # saved before it is reviewed
    losses = tmp_path / "out" / "demo.training" / "losses.csv"
    before = (losses.read_bytes(), (tmp_path / "out" / "scene" / "scene.json").stat().st_mtime_ns)

    def stop(line: str) -> None:
        if line.startswith("4/5"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo(tmp_path / "out", seed=3, device="cpu", report=stop, plan=PLAN)
    # Neither was the scene drawn anew nor a step trained twice.
    assert (losses.read_bytes(), (tmp_path / "out" / "scene" / "scene.json").stat().st_mtime_ns) == before
    trained = (tmp_path / "out" / "demo.safetensors").read_bytes()
    outcome = demo(tmp_path / "out", seed=3, device="cpu", report=said.append, plan=PLAN)
    assert (tmp_path / "out" / "demo.safetensors").read_bytes() == trained
    assert "training (done before)" in outcome.report.read_text(encoding="utf-8")


def test_another_scene_is_not_mixed_in(shown: tuple[Outcome, list[str]]) -> None:
    with pytest.raises(BenchmarkError, match=r"seed 3.*--output"):
        demo(shown[0].report.parent, seed=4, device="cpu", report=lambda line: None, plan=PLAN)


def scores_of(values: list[float], maps: np.ndarray | None = None) -> VideoScores:
    series = np.array(values)
    count = np.arange(len(series))
    return VideoScores("clip", count, count / 10, series, series, maps)


def spot(row: int, column: int, height: float, frames: int = 4) -> np.ndarray:
    maps = np.zeros((frames, 6, 8), np.float32)
    maps[:, row, column] = height
    return maps


def test_the_threshold_comes_from_normal_video() -> None:
    waves = [float(value) for value in 2 + np.sin(np.arange(300) / 5) * np.linspace(0.5, 1, 300)]
    normal = learn_normal([scores_of(waves, spot(1, 1, 1, 300)), scores_of(waves, spot(4, 6, 1, 300))], EventConfig())
    assert normal.level.highest == max(waves)
    assert normal.threshold > 2.5
    # A minute of video vouches for no such thing as one false alarm a day.
    assert normal.level.asked == pytest.approx(normal.level.vouched, rel=0.1)
    assert normal.level.asked > 100


def test_normal_video_shows_no_heat() -> None:
    maps = (np.random.default_rng(0).integers(0, 64, (30, 6, 8)) / 64).astype(np.float32)  # exact when 4 is added
    values = [float(value) for value in np.sin(np.arange(300) / 5)]
    scores = scores_of(values, np.tile(maps, (10, 1, 1)))
    normal = learn_normal([scores], EventConfig())
    assert not excess(scores, normal).any()
    # What the whole frame shares is no heat either; what stands out in its place is.
    assert not excess(scores_of([1.0] * 30, maps + 4), normal).any()
    assert excess(scores_of([1.0] * 4, spot(2, 3, 4)), normal)[0].argmax() == 2 * 8 + 3


def test_alarms_are_stretches_above_the_threshold() -> None:
    scores = scores_of([0, 2, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0])
    labels = np.zeros(14, bool)
    labels[3:6] = True
    config = EventConfig(merge=0.5, hysteresis=0.0)
    waves = [float(value) for value in np.sin(np.arange(300) / 5)]
    level = replace(learn_normal([scores_of(waves, spot(1, 1, 1, 300))], config).level, threshold=1.0)
    first, second = find_alarms(scores, labels, level, config)
    assert (first.start, first.end, first.peak, first.false) == (0.1, 0.4, 3, False)
    assert (second.start, second.end, second.false) == (1.2, 1.2, True)
    assert find_alarms(scores, labels, replace(level, threshold=5.0), config) == []


def test_found_is_what_was_alarmed_for() -> None:
    there = Track(1, "car", np.arange(4), np.tile([30.0, 20.0, 40.0, 30.0], (4, 1)))  # cells 3, 2 of 80x60 pixels
    elsewhere = Track(2, "runner", np.arange(4), np.tile([60.0, 50.0, 70.0, 60.0], (4, 1)))
    scores, above = scores_of([0, 2, 2, 0]), spot(2, 3, 1)
    above[2] *= 3
    found, missed = judge(scores, above, [there, elsewhere], 1, (60, 80))
    assert found.found
    assert (found.best, found.peak) == (2, 2)
    assert not missed.found
    assert not judge(scores, above, [there], 3, (60, 80))[0].found


def test_the_box_is_round_the_strongest_region() -> None:
    above = spot(2, 3, 1)[0]
    above[2, 4], above[5, 7], above[3, 4] = 2, 1.9, 0.1  # its neighbour, another region, its own rim
    assert strongest_region(above, (60, 80)) == (30, 20, 50, 30)
    assert strongest_region(np.zeros_like(above), (60, 80)) is None
