"""The contact sheet of training samples: every one with an anomaly, its outline, and its motion beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from sdmae.config import Config
from sdmae.errors import SourceError
from sdmae.training.preview import preview
from sdmae.video import find_clips
from tiny import TINY


def sheet(video: Path, path: Path, config: Config = TINY, count: int = 6) -> list[str]:
    said: list[str] = []
    preview(find_clips(str(video)), config, path, count=count, report=said.append)
    return said


def outlines(path: Path) -> int:
    """Pixels in the colour of an outline."""
    picture = cv2.imread(str(path))
    assert picture is not None
    blue, green, red = (picture[..., k].astype(int) for k in range(3))
    return int(((red > 180) & (green < 120) & (blue < 120)).sum())


@pytest.mark.parametrize("grey", [True, False])
def test_every_sample_shows_its_anomaly(video: Path, tmp_path: Path, grey: bool) -> None:
    config = replace(TINY, input=replace(TINY.input, grey=grey))
    (line,) = sheet(video, tmp_path / "sheet.png", config)
    assert line.startswith(f"{tmp_path / 'sheet.png'}: 6 samples")
    assert outlines(tmp_path / "sheet.png") > 100


def test_the_same_seed_draws_the_same_sheet(video: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        sheet(video, tmp_path / f"{name}.png")
    sheet(video, tmp_path / "c.png", replace(TINY, train=replace(TINY.train, seed=1)))
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_there_are_no_more_samples_than_frames(video: Path, tmp_path: Path) -> None:
    (line,) = sheet(video, tmp_path / "sheet.png", count=500)
    assert "40 samples" in line


def test_a_picture_that_cannot_be_written_is_told(video: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"sheet\.xyz: not a picture format"):
        sheet(video, tmp_path / "sheet.xyz")
    assert list(tmp_path.glob("sheet*")) == []
