"""Which rows an ablation has, what each of them changes, and how many epochs there is time for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdmae.config import Config, check, to_dict
from sdmae.errors import ConfigError
from sdmae.evaluation.ablation import rows_of
from sdmae.model.presets import PRESETS, preset
from sdmae.training.pace import Pace
from tiny import TINY, longer

SCORE_ONLY = {
    "no-student",
    "masks-complementary",
    "masks-fixed",
    "error-only",
    "discrepancy-only",
    "map-only",
    "classifier-only",
    "paper-score",
    "mean-pooling",
    "max-pooling",
}


def changes(config: Config, name: str) -> dict[str, object]:
    """The settings of a row that are not the configuration's own."""
    row = next(row for row in rows_of(config)[0] if row.name == name)
    before, after = to_dict(config), to_dict(row.config)
    return {
        f"{section}.{key}": value
        for section in ("input", "model", "anomalies", "train", "score", "events")
        for key, value in after[section].items()
        if value != before[section][key]
    }


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_of_every_preset_changes_something_that_is_allowed(name: str) -> None:
    rows, skipped = rows_of(preset(name))
    assert rows[0].name == "full"
    assert len({row.name for row in rows} | {one.name for one in skipped}) == len(rows) + len(skipped) == 37
    for row in rows:
        check(row.config)
        assert (row.config == preset(name)) == (row.name == "full")
        assert row.trained == (row.name not in SCORE_ONLY)
        assert row.config.input == preset(name).input  # or the judge's samples would not be the same


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no-motion-weights", {"model.weighting": "uniform"}),
        ("no-student", {"score.beta": 0.0}),
        ("no-synthetic-anomalies", {"anomalies.probability": 0.0, "score.gamma": 0.0, "score.delta": 0.0}),
        ("without-fast", {"anomalies.families": ["stretched", "joined", "shapes", "thin"]}),
        ("with-riders", {"anomalies.families": ["fast", "stretched", "joined", "shapes", "thin", "riders"]}),
        ("decoys", {"anomalies.decoys": 0.5}),
        ("map-focal", {"model.map_loss": "focal"}),
        ("no-anomaly-map", {"model.map_weight": 0.0, "score.delta": 0.0}),
        ("no-classifier", {"model.classifier_weight": 0.0, "score.gamma": 0.0}),
        ("masking-none", {"model.masking_ratio": 0.0}),
        ("all-tokens", {"model.token_share": 1.0}),
        ("convolution-grid", {"model.convolution": "grid"}),
        ("map-only", {"score.alpha": 0.0, "score.beta": 0.0, "score.gamma": 0.0}),
        ("paper-score", {"score.delta": 0.0}),
    ],
)
def test_a_row_changes_what_it_says(name: str, expected: dict[str, object]) -> None:
    assert changes(preset("small"), name) == expected


def test_what_a_preset_has_already_is_no_row() -> None:
    of_small, of_paper = ({one.name for one in rows_of(preset(name))[1]} for name in ("small", "paper-ped2"))
    assert of_small == {"no-decoys", "masking-0.5", "map-bce", "position-sine", "convolution-none", "max-pooling"}
    assert of_paper == {
        "no-decoys",
        "masking-0.5",
        "map-mse",
        "masks-fixed",
        "all-tokens",
        "position-none",
        "convolution-grid",
        "paper-score",
        "max-pooling",
    }


def test_the_only_family_is_not_left_out() -> None:
    assert {one.name for one in rows_of(TINY)[1]} >= {"without-shapes"}


def test_rows_by_name_come_with_full_and_unknown_ones_are_refused() -> None:
    assert [row.name for row in rows_of(TINY, ["map-only", "no-student"])[0]] == ["full", "no-student", "map-only"]
    with pytest.raises(ConfigError, match="no row is called 'no-teacher'; there are full, no-motion-weights"):
        rows_of(TINY, ["no-teacher"])


def test_epochs_fill_the_time_and_no_more() -> None:
    train = replace(longer(TINY, 24, 4).train, batch_size=10)
    pace = Pace(teacher=1.0, student=0.5, validation=2.0)  # of 100 samples: an epoch takes 12 s, of phase 2 7 s
    assert pace.epochs(train, 100, 1e6) == (24, 4)  # never more than the configuration has
    teacher, student = pace.epochs(train, 100, 180.0)
    assert (teacher, student) == (12, 2)
    assert pace.seconds(train, 100, (teacher, student)) == teacher * 12 + student * 7 <= 180
    assert pace.epochs(train, 100, -5.0) == (1, 1)
