"""Settings: written, read back, and refused where they are out of range."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdmae.config import Config, EventConfig, InputConfig, check, from_dict, to_dict
from sdmae.errors import ConfigError
from sdmae.model import PRESETS

shares = st.floats(0, 1)
corners = st.tuples(shares, shares)
polygons = st.lists(corners, min_size=3, max_size=8).map(lambda points: tuple(v for point in points for v in point))


def written_and_read(config: Config) -> Config:
    return from_dict(json.loads(json.dumps(to_dict(config))))


@given(st.lists(polygons, max_size=4).map(tuple))
def test_ignore_zones_survive_being_written(zones: tuple[tuple[float, ...], ...]) -> None:
    config = Config(input=InputConfig(ignore=zones, rate=12.5))
    check(config)
    again = written_and_read(config)
    assert again == config
    assert hash(again) == hash(config)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_survives_being_written(name: str) -> None:
    check(PRESETS[name])
    assert written_and_read(PRESETS[name]) == PRESETS[name]


def test_events_survive_being_written() -> None:
    events = EventConfig(false_alarms_per_day=0.25, hysteresis=0.125, merge=7.5, schedule="mon-fri 08:00-18:00")
    config = Config(events=events)
    check(config)
    assert written_and_read(config).events == events


def test_what_was_written_before_there_were_events_is_read() -> None:
    old = to_dict(Config())
    del old["events"], old["input"]["ignore"]
    assert from_dict(old) == Config()


def test_a_setting_that_is_not_known_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown setting events\.merg \(did you mean merge\?\); known here: .*merge"
    ):
        from_dict({"events": {"merg": 1}})
    with pytest.raises(ConfigError, match="unknown setting zones"):
        from_dict({"zones": []})


@pytest.mark.parametrize(
    "polygon",
    [(), (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0, 0.5), (0, 0, 1, 1, 1.5, 0), (0, 0, 1, 1, float("nan"), 0)],
)
def test_an_ignore_zone_that_is_no_polygon_is_refused(polygon: tuple[float, ...]) -> None:
    good = (0.0, 0.0, 1.0, 0.0, 1.0, 1.0)
    with pytest.raises(ConfigError, match=r"input\.ignore: .* is no polygon"):
        check(Config(input=InputConfig(ignore=(good, polygon))))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("false_alarms_per_day", 0.0),
        ("false_alarms_per_day", float("nan")),
        ("hysteresis", -0.1),
        ("hysteresis", 1.1),
        ("merge", -1.0),
        ("merge", 1e9),
    ],
)
def test_events_out_of_range_are_refused(name: str, value: float) -> None:
    data = to_dict(Config())
    data["events"][name] = value
    with pytest.raises(ConfigError, match=rf"events\.{name} is "):
        check(from_dict(data))
