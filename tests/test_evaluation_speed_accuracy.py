"""The picture of accuracy against speed: what stands in it, and that it is told apart from what we measured."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sdmae.errors import ConfigError, SourceError
from sdmae.evaluation.comparison.speed_accuracy import (
    NOTE,
    TITLES,
    Point,
    published,
    speed_accuracy_plot,
    speed_accuracy_png,
)

OURS = [Point("small", 0.932, 85.0, (0.88, 0.97)), Point("frame difference", 0.916)]


def pixels(picture: bytes, colour: tuple[int, int, int]) -> int:
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return int((image == colour[::-1]).all(axis=-1).sum())


def test_the_published_points_are_those_of_the_papers() -> None:
    ped2 = {point.name: [round(100 * point.auc, 1), point.fps] for point in published("ped2")}
    assert ped2["SD-MAE (2024)"] == [95.4, 1655]
    assert ped2["VADMamba++ (2026)"] == [99.6, 133]
    assert ped2["MULDE (2024), objects"] == [99.7, None]
    assert "MULDE (2024), frames" not in ped2
    assert {point.name: point.auc for point in published("shanghaitech")}["MULDE (2024), frames"] == 0.813
    assert len(published("avenue")) == 5


def test_what_must_be_read_with_it_is_written_in_it() -> None:
    assert "decoding included" in NOTE
    assert "on their machines" in NOTE


@pytest.mark.parametrize("benchmark", list(TITLES))
def test_it_is_a_picture_with_our_points_in_their_own_colour(benchmark: str) -> None:
    blue = (0x1F, 0x5F, 0x99)
    # Without them only the key has it.
    assert pixels(speed_accuracy_png(benchmark, OURS), blue) > pixels(speed_accuracy_png(benchmark, []), blue) > 0


def test_it_takes_methods_without_a_speed_alone_and_many_at_one_place() -> None:
    assert speed_accuracy_png("ped2", [Point("frame difference", 0.916)])
    crowd = [Point(f"a long name that there is no room for {k}", 0.93, 80.0 + k, (0.9, 1.0)) for k in range(9)]
    assert speed_accuracy_png("ped2", crowd) != speed_accuracy_png("ped2", crowd[:5])


def test_the_same_points_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "deep/b.png"):
        speed_accuracy_plot(tmp_path / name, "avenue", OURS, "a machine")
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image is not None
    assert image.shape == (900, 1350, 3)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "deep" / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "deep"]


def test_what_cannot_be_drawn_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing published on scene to plot beside; there is ped2, avenue, shang"):
        speed_accuracy_plot(tmp_path / "a.png", "scene", OURS)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError, match="choose another --plot"):
        speed_accuracy_plot(tmp_path / "file" / "a.png", "ped2", OURS)
