from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from sdmae.data.scene import SceneSpec, Staged, render
from sdmae.data.scene.render import make_place
from sdmae.scoring.still import StillReference

GRID, PATCH = (12, 18), 8
HEIGHT, WIDTH = GRID[0] * PATCH, GRID[1] * PATCH
PLACE = make_place(SceneSpec(height=HEIGHT, width=WIDTH))
Maps = NDArray[np.float32]
Images = NDArray[np.uint8]
Light = Callable[[float], tuple[float, float]]


def steady(time: float) -> tuple[float, float]:
    return 1.0, 0.0


def texture(channels: int = 1) -> NDArray[np.float64]:
    """A place with flat parts and edges, in mid-range: (H, W, C)."""
    rng = np.random.default_rng(3)
    coarse = rng.uniform(70, 170, (GRID[0], GRID[1], channels)).repeat(PATCH, 0).repeat(PATCH, 1)
    return coarse + rng.normal(0, 3, (HEIGHT, WIDTH, channels))


def with_box(place: NDArray[np.float64], at: tuple[int, int] = (5, 7), change: float = -50.0) -> NDArray[np.float64]:
    """The place with something of 6×9 pixels in the cell (and its neighbour to the right)."""
    y, x = at[0] * PATCH + 1, at[1] * PATCH + 1
    changed = place.copy()
    changed[y : y + 6, x : x + 9] += change
    return changed


def seen(place: NDArray[np.float64], index: int, light: tuple[float, float] = (1.0, 0.0)) -> Images:
    noise = np.random.default_rng([9, index]).normal(0, 2, place.shape)
    return np.clip(np.rint(light[0] * place + light[1] + noise), 0, 255).astype(np.uint8)


def watch(
    seconds: float,
    what: Callable[[float], NDArray[np.float64]],
    *,
    rate: float = 5.0,
    light: Light = steady,
    reference: StillReference | None = None,
) -> Maps:
    """One map a frame of a synthetic place."""
    reference = reference or StillReference(GRID, fast=2.0, slow=30.0)
    times = np.arange(round(seconds * rate)) / rate
    return np.stack([reference.push(seen(what(t), n, light(t)), float(t)) for n, t in enumerate(times)])


def bag_from(start: float, until: float = np.inf, channels: int = 1) -> Callable[[float], NDArray[np.float64]]:
    empty = texture(channels)
    with_bag = with_box(empty)
    return lambda time: with_bag if start <= time < until else empty


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_put_down_lights_up_there_and_nowhere_else(channels: int) -> None:
    maps = watch(16, bag_from(8.0, channels=channels))
    assert maps.shape == (80, *GRID)
    assert maps.dtype == np.float32
    assert maps[: 5 * 10].max() == 0  # it has not stood for 2 s yet
    assert (maps[round(5 * 11.6) :, 5, 7] == 1).all()
    elsewhere = maps.copy()
    elsewhere[:, 4:7, 6:10] = 0
    assert elsewhere.max() == 0


def test_the_same_frames_give_the_same_maps() -> None:
    assert np.array_equal(watch(12, bag_from(6.0)), watch(12, bag_from(6.0)))


def test_a_change_of_colour_alone_is_seen() -> None:
    grey = np.repeat(texture(), 3, axis=2)
    coloured = grey.copy()
    coloured[40:46, 57:66] += (45.0, -30.0, 20.0)
    maps = watch(14, lambda time: coloured if time >= 6 else grey)
    assert maps[-1, 5, 7] == 1


def test_what_is_taken_away_again_fades() -> None:
    maps = watch(20, bag_from(8.0, 15.0))
    assert maps[round(5 * 14.8), 5, 7] == 1
    assert maps[5 * 17 :].max() == 0


def test_what_was_there_from_the_first_moment_is_not_seen() -> None:
    assert watch(20, bag_from(0.0)).max() == 0


def test_what_stands_only_at_the_first_moment_is_not_taken_for_the_place() -> None:
    assert watch(20, bag_from(0.0, 1.5)).max() == 0


def test_a_place_that_people_hide_through_the_warm_up_is_found_later() -> None:
    empty = texture()
    dark, bright = with_box(empty), with_box(empty, change=60.0)
    maps = watch(20, lambda time: dark if time < 1.8 else bright if time < 3.4 else empty)
    assert maps.max() == 0
    maps = watch(20, lambda time: dark if time < 1.8 or time > 14 else bright if time < 3.4 else empty)
    assert maps[-1, 5, 7] == 1


def test_what_stands_for_the_slow_time_becomes_the_place() -> None:
    maps = watch(50, bag_from(8.0))
    assert (maps[60:190, 5, 7] == 1).all()
    assert maps[5 * 42 :].max() == 0


def test_who_passes_in_front_costs_no_more_than_the_time_he_takes() -> None:
    empty = texture()
    bag = with_box(empty)
    passing = with_box(bag, change=70.0)
    # Once in 4 s somebody is in front of it for 0.8 s.
    maps = watch(30, lambda time: empty if time < 8 else passing if time % 4 < 0.8 else bag)
    assert (maps[5 * 16 :, 5, 7] == 1).all()


def test_those_who_pass_leave_no_trace() -> None:
    empty = texture()
    people = [with_box(empty, change=change) for change in (-50.0, 60.0, -35.0)]
    # A third of the time somebody is at the place, each in other clothes.
    maps = watch(60, lambda time: people[int(time / 1.8) % 3] if time % 1.8 < 0.6 else empty)
    assert maps.max() == 0


def test_drift_and_jump_of_the_light_are_not_seen_and_hide_nothing() -> None:
    def light(time: float) -> tuple[float, float]:
        return 1 + 0.25 * np.sin(time / 12), 8 * np.cos(time / 9) + (25.0 if time > 20 else 0.0)

    assert watch(45, bag_from(np.inf), light=light).max() == 0
    maps = watch(45, bag_from(12.0), light=light, reference=StillReference(GRID, fast=2.0, slow=100.0))
    assert (maps[5 * 17 :, 5, 7] == 1).all()


def test_frames_that_come_faster_or_at_odd_times_make_no_difference_of_seconds() -> None:
    what, rng = bag_from(8.0), np.random.default_rng(5)
    steps = rng.choice([0.04, 0.1, 0.4, 0.9], 40 * 3)
    for times in (np.arange(0, 16, 0.04), np.cumsum(steps)[np.cumsum(steps) < 16]):
        reference = StillReference(GRID, fast=2.0, slow=30.0)
        values = np.array([reference.push(seen(what(t), n), float(t))[5, 7] for n, t in enumerate(times)])
        assert values[times < 10].max() == 0
        assert (values[times > 12.5] == 1).all()


def test_a_gap_is_no_evidence_and_a_long_one_begins_anew() -> None:
    empty = texture()
    bag = with_box(empty)
    for gap, lit in ((20.0, True), (40.0, False)):
        reference = StillReference(GRID, fast=2.0, slow=30.0)
        watch(8, lambda _: empty, reference=reference)
        times = 8 + gap + np.arange(30) / 5
        maps = [reference.push(seen(bag, n), float(t)) for n, t in enumerate(times)]
        assert maps[3].max() == 0
        assert (maps[-1][5, 7] == 1) == lit


def test_another_picture_begins_anew() -> None:
    """The camera was moved: everything is another place, and nothing of it is new."""
    one, other = texture(), 240 - texture()[::-1, ::-1]
    put = with_box(other)
    maps = watch(30, lambda time: one if time < 10 else other if time < 22 else put)
    assert maps[: 5 * 23].max() == 0
    assert maps[-1, 5, 7] == 1


def test_a_place_without_structure_and_saturated_light_raise_no_warnings() -> None:
    reference = StillReference(GRID, fast=2.0, slow=30.0)
    for n, level in enumerate([0] * 10 + [255] * 10 + [120] * 10):
        cells = reference.push(np.full((HEIGHT, WIDTH, 3), level, np.uint8), n / 2)
        assert np.isfinite(cells).all()


@pytest.mark.parametrize("size", [(12, 18), (30, 50), (97, 150)])
def test_any_size_of_frame(size: tuple[int, int]) -> None:
    reference = StillReference(GRID, fast=2.0, slow=30.0)
    image = np.full((*size, 1), 90, np.uint8)
    put = image.copy()
    put[size[0] // 2 :, : size[1] // 4] = 160
    maps = [reference.push(image if n < 40 else put, n / 5) for n in range(70)]
    assert maps[-1].shape == GRID
    assert maps[-1][-2, 1] == 1
    assert maps[-1][0].max() == 0


def test_the_map_is_the_callers_own() -> None:
    reference = StillReference(GRID, fast=2.0, slow=30.0)
    image = seen(texture(), 0)
    reference.push(image, 0.0)[:] = 5
    assert reference.push(image, 0.01).max() == 0


def test_bad_input_is_refused() -> None:
    for grid, fast, slow in (((0, 4), 5.0, 300.0), ((4, 4), 0.0, 300.0), ((4, 4), 5.0, 5.0)):
        with pytest.raises(ValueError, match="expected a grid of cells"):
            StillReference(grid, fast=fast, slow=slow)
    reference = StillReference(GRID)
    for shape in ((HEIGHT, WIDTH), (HEIGHT, WIDTH, 2), (8, WIDTH, 1)):
        with pytest.raises(ValueError, match=r"expected a frame \(H, W, 1 or 3\)"):
            reference.push(np.zeros(shape, np.uint8), 0.0)
    reference.push(np.zeros((HEIGHT, WIDTH, 1), np.uint8), 1.0)
    with pytest.raises(ValueError, match="start a new segment"):
        reference.push(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 2.0)
    reference.push(np.zeros((HEIGHT, WIDTH, 1), np.uint8), 1.1)
    with pytest.raises(ValueError, match=r"time falls from 1\.1 to 1\.05 s"):
        reference.push(np.zeros((HEIGHT, WIDTH, 1), np.uint8), 1.05)


def scene(number: int, seconds: float, *staged: Staged) -> tuple[Maps, list[NDArray[np.intp]]]:
    """Maps of a rendered clip, and the cells of the abnormal object (y from and to, x from and to) frame by frame."""
    reference, maps, boxes = StillReference(GRID, fast=3.0), [], []
    rate = 5.0  # as often as the references are brought up to date
    spec = SceneSpec(0, number, HEIGHT, WIDTH, rate, staged)
    for index, frame in enumerate(render(spec, round(seconds * rate), PLACE)):
        grey = frame.image.mean(axis=2, keepdims=True).astype(np.uint8)
        maps.append(reference.push(grey, index / rate))
        for one in frame.objects:
            if one.abnormal:
                x_min, y_min, x_max, y_max = np.array(one.box) / PATCH
                edges = np.array([np.floor(y_min), np.ceil(y_max), np.floor(x_min), np.ceil(x_max)])
                boxes.append(edges.astype(np.intp))
    return np.stack(maps), boxes


@pytest.mark.parametrize(("kind", "number"), [("left_bag", 2), ("fallen", 4)])
def test_what_stays_lying_in_the_scene_lights_up_and_stays_so(kind: str, number: int) -> None:
    maps, boxes = scene(number, 22, Staged(kind, 9.0))
    assert maps[: 5 * 9].max() == 0
    top, bottom, left, right = boxes[-1]
    inside = maps[:, top:bottom, left:right].max(axis=(1, 2))
    assert inside[5 * 15 :].min() > 0.5


def test_a_minute_of_normal_life_stays_dark() -> None:
    maps, boxes = scene(6, 62)
    assert boxes == []
    assert maps.max() < 0.3
