"""Pictures of scores: what is high stays visible, and a picture that is there is whole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sdmae.recordings.plots import score_plot


def read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def drawn(picture: NDArray[np.uint8], rgb: tuple[int, int, int], tolerance: int = 40) -> NDArray[np.bool_]:
    """Where that colour is."""
    return np.asarray((np.abs(picture[..., ::-1].astype(int) - rgb) < tolerance).all(axis=2))


CURVE = (31, 95, 153)


def test_a_curve_is_drawn_without_a_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    score_plot(tmp_path / "a.png", np.arange(50) / 25, np.sin(np.arange(50)), title="cam")
    picture = read(tmp_path / "a.png")
    assert picture.shape == (420, 1350, 3)
    assert drawn(picture, CURVE).sum() > 500
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("at", [200, 12_345, 49_998, 49_999])
def test_one_high_frame_of_a_long_video_shows(tmp_path: Path, at: int) -> None:
    scores = np.zeros(50_000)
    scores[at] = 1.0
    score_plot(tmp_path / "peak.png", np.arange(50_000) / 25, scores)
    rows = np.flatnonzero(drawn(read(tmp_path / "peak.png"), CURVE).any(axis=1))
    assert rows.min() < 120
    assert rows.max() > 250


def test_abnormal_stretches_are_shaded(tmp_path: Path) -> None:
    times, scores, labels = np.arange(100) / 25, np.linspace(0, 1, 100), np.zeros(100, bool)
    score_plot(tmp_path / "plain.png", times, scores, labels)
    labels[40] = True  # a single frame must show, too
    score_plot(tmp_path / "shaded.png", times, scores, labels)
    pale = (248, 223, 215)
    assert (
        drawn(read(tmp_path / "shaded.png"), pale, 6).sum() > drawn(read(tmp_path / "plain.png"), pale, 6).sum() + 500
    )


@pytest.mark.parametrize("scores", [[0.5], [0.5, 0.5, 0.5], [0.0], [1e-9, 2e-9]])
def test_short_and_flat_series_are_drawn_without_complaint(tmp_path: Path, scores: list[float]) -> None:
    score_plot(tmp_path / "a.png", np.arange(len(scores)) / 25, scores, title="a" * 200)
    assert (tmp_path / "a.png").exists()


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    for times, scores, labels in (([], [], None), ([0.0], [1.0, 2.0], None), ([0.0], [1.0], [True, False])):
        with pytest.raises(ValueError, match="one time, score and label a frame"):
            score_plot(tmp_path / "a.png", times, scores, labels)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"a\.png"):
        score_plot(tmp_path / "a.png", [0.0, 1.0], [0.0, 1.0])
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
