"""Overlays, strips and sheets: what must change, what must stay."""

from __future__ import annotations

import numpy as np
import pytest

from sdmae.video import Size, boxes, contact_sheet, heat, label, strip
from sdmae.video.draw import AMBER, RED, SLATE, WHITE
from sdmae.video.text import fit_text, text_mask
from video_files import picture


def has(image: np.ndarray, colour: tuple[int, int, int], near: int = 12) -> np.ndarray:
    return np.asarray((np.abs(image.astype(int) - colour) <= near).all(axis=-1))


def test_heat_leaves_normal_regions_clear() -> None:
    image = picture(0, Size(96, 160))
    original = image.copy()
    scores = np.zeros((6, 10), np.float32)
    scores[2, 4] = 1
    overlaid = heat(image, scores)
    assert overlaid.shape == image.shape
    assert (image == original).all()
    assert (overlaid[:, :32] == image[:, :32]).all()
    assert np.abs(overlaid[36:44, 68:76].astype(int) - image[36:44, 68:76]).mean() > 30
    assert (heat(image, np.full((6, 10), np.nan)) == image).all()
    assert (heat(image, scores, opacity=0) == image).all()
    assert heat(image[..., :1], scores * 9).shape == image.shape


def test_boxes_frame_their_region() -> None:
    image = picture(0, Size(96, 160))
    drawn = boxes(image, [(20, 30, 60, 70), (150, 80, 400, 300)])
    assert has(drawn[30], AMBER)[25:55].all()
    assert (drawn[36:64, 26:54] == image[36:64, 26:54]).all()
    assert (boxes(image, []) == image).all()


def test_label_is_dark_with_light_text() -> None:
    image = np.full((240, 360, 3), 255, np.uint8)
    drawn = label(image, "cam 1 · 12.3 s")
    assert has(drawn, WHITE, 30)[5:25, 5:100].any()
    assert drawn[6:20, 6:100].mean() < 160
    assert (drawn[60:] == 255).all()
    assert (label(image, "x", "bottom right")[:200] == 255).all()
    tiny = label(np.zeros((20, 24, 1), np.uint8), "a name far too long for it")
    assert tiny.shape == (20, 24, 3)


def test_strip_shows_curve_threshold_cursor_and_truth() -> None:
    scores = np.full(100, 0.2)
    scores[60:80] = 0.9
    scores[10:20] = np.nan
    drawn = strip(400, 60, scores, 90, threshold=0.5, labels=scores > 0.5)
    assert drawn.shape == (60, 400, 3)
    amber = has(drawn, AMBER, 40)
    assert amber[:15, 250:310].any()
    assert not amber[:30, 90:220].any()
    assert not amber[:, 45:75].any()
    assert has(drawn, RED, 40).any()
    assert has(drawn[:, 360:364], WHITE, 60).any()
    assert (drawn[2, 250] != np.array(SLATE)).any()
    assert (drawn == strip(400, 60, scores, 90, threshold=0.5, labels=scores > 0.5)).all()


def test_strip_of_the_last_frames_fills_from_the_right() -> None:
    drawn = strip(400, 60, np.full(50, 0.5), 49, last=200)
    amber = np.asarray(has(drawn, AMBER, 40).any(axis=0))
    assert not amber[:290].any()
    assert amber[310:390].all()


def test_strip_keeps_short_peaks_of_long_videos() -> None:
    scores = np.zeros(50_000)
    scores[31_234] = 1
    assert has(strip(300, 40, scores), AMBER, 60)[:8].any()


@pytest.mark.parametrize("scores", [[], [0.5], [np.nan, np.nan], [0.0, 0.0], [-1.0, 1.0]])
def test_strip_of_odd_scores(scores: list[float]) -> None:
    for position in (None, 0):
        assert strip(50, 20, scores, position, last=3 if position == 0 else None).shape == (20, 50, 3)


def test_contact_sheet() -> None:
    tiles = [(picture(i, Size(72, 100 + 20 * i)), f"tile {i}") for i in range(5)]
    sheet = contact_sheet(tiles, columns=2, tile_width=120)
    assert sheet.shape[1] == 2 * 120 + 3 * 8
    assert sheet.shape[0] > 3 * 60
    assert contact_sheet([(tiles[0][0][..., :1], "")], columns=9, tile_width=50).shape[1] == 66
    with pytest.raises(ValueError, match="no tiles"):
        contact_sheet([])


def test_text_is_antialiased_aligned_and_fitted() -> None:
    mask = text_mask("Äg", 12)
    assert 0 < mask.min() + mask.max() <= 1
    assert ((mask > 0.1) & (mask < 0.9)).any()
    assert text_mask("a", 12).shape[0] == mask.shape[0]
    assert text_mask("", 12).max() == 0
    assert text_mask("Ä", 12).sum() > text_mask("A", 12).sum()
    short = fit_text("a very long caption indeed", 80, 12)
    assert "…" in short
    assert text_mask(short, 12).shape[1] <= 80
    assert fit_text("ok", 80, 12) == "ok"
