import filecmp
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from sdmae.data.benchmark import Benchmark
from sdmae.data.readers import read_annotations, read_benchmark
from sdmae.data.scene import (
    KINDS,
    STILL_KINDS,
    SceneSpec,
    Staged,
    plan_still_clips,
    plan_test_clips,
    read_scene,
    render,
    write_scene,
)
from sdmae.data.scene.render import SceneFrame, make_place
from sdmae.errors import BenchmarkError, ConfigError
from sdmae.video import Size, probe, read_frames

HEIGHT, WIDTH = 96, 144
PLACE = make_place(SceneSpec(height=HEIGHT, width=WIDTH))
MOVING_KINDS = set(KINDS) - set(STILL_KINDS)


def clip(*staged: Staged, frames: int = 100, seed: int = 0, number: int = 0) -> list[SceneFrame]:
    spec = SceneSpec(seed, number, HEIGHT, WIDTH, staged=staged)
    return list(render(spec, frames, PLACE if seed == 0 else None))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scene") / "small"
    write_scene(root, training_clips=2, training_seconds=2, test_clips=4, test_seconds=16, height=HEIGHT, width=WIDTH)
    return root


@pytest.fixture(scope="module")
def benchmark(written: Path) -> Benchmark:
    return read_scene(written)


def test_the_same_seed_gives_the_same_frames_and_truth() -> None:
    staged = (Staged("cyclist", 1.0), Staged("thrown", 1.5))
    one, other = (clip(*staged, frames=20) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.mask, b.mask)
        assert a.objects == b.objects


def test_a_longer_clip_begins_like_a_shorter_one() -> None:
    assert np.array_equal(clip(frames=5)[4].image, clip(frames=12)[4].image)


def test_other_seeds_and_clips_differ() -> None:
    first = clip(frames=1)[0].image
    assert not np.array_equal(first, clip(frames=1, number=1)[0].image)
    assert not np.array_equal(first, clip(frames=1, seed=1)[0].image)


def test_frames_have_the_size_asked_for_and_noise() -> None:
    still = [frame.image.astype(int) for frame in clip(frames=2)]
    assert still[0].shape == (96, 144, 3)
    assert still[0].std() > 20
    assert 0.5 < np.median(np.abs(still[0] - still[1])) < 8


def test_normal_video_has_people_and_nothing_abnormal() -> None:
    frames = clip(frames=60)
    assert max(len(frame.objects) for frame in frames) >= 3
    assert {one.kind for frame in frames for one in frame.objects} == {"walker"}
    assert not any(frame.mask.any() for frame in frames)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_appears_with_mask_and_box(kind: str) -> None:
    frames = clip(Staged(kind, 4.0))
    assert any(one.kind == kind for frame in frames for one in frame.objects)
    for frame in frames:
        boxes = [one.box for one in frame.objects if one.abnormal]
        assert bool(boxes) == bool(frame.mask.any())
        inside = np.zeros_like(frame.mask)
        for x_min, y_min, x_max, y_max in boxes:
            assert 0 <= x_min < x_max <= 144
            assert 0 <= y_min < y_max <= 96
            inside[int(y_min) : int(y_max), int(x_min) : int(x_max)] = True
        assert not (frame.mask & ~inside).any()
    # Nobody else is marked.
    assert {one.kind for frame in frames for one in frame.objects if one.abnormal} == {kind}


def bodies_a_second(kind: str) -> float:
    """Median sideways speed to the right, in heights of the object, while it is wholly in the picture."""
    speeds = []
    frames = list(render(SceneSpec(staged=(Staged(kind, 4.0),)), 100))
    for before, after in itertools.pairwise(frames):
        olds = {one.track: one.box for one in before.objects}
        for one in after.objects:
            if one.kind != kind or one.track not in olds:
                continue
            old = olds[one.track]
            if min(old[0], one.box[0]) > 2 and max(old[2], one.box[2]) < 358:
                moved = (one.box[0] + one.box[2] - old[0] - old[2]) / 2
                speeds.append(moved * 12.5 / (one.box[3] - one.box[1]))
    return float(np.median(np.abs(speeds)) * np.sign(np.median(speeds)))


def test_a_cyclist_is_as_fast_as_a_walker_and_a_runner_is_faster() -> None:
    cyclist, runner, wrong = (bodies_a_second(kind) for kind in ("cyclist", "runner", "wrong_way"))
    assert 0.5 < cyclist < 1.0
    assert abs(runner) > 1.6
    assert -1.0 < wrong < -0.5


def test_everybody_walks_the_near_path_to_the_right() -> None:
    places: dict[int, list[float]] = {}
    for frame in render(SceneSpec(height=HEIGHT, width=WIDTH), 150, PLACE):
        for one in frame.objects:
            # Feet on the paving between road and hedge, right of the path that crosses it.
            if 54 < one.box[3] < 76 and one.box[0] > 60 and one.box[2] < 143:
                places.setdefault(one.track, []).append((one.box[0] + one.box[2]) / 2)
    walked = [xs[-1] - xs[0] for xs in places.values() if len(xs) > 20]
    assert walked
    assert min(walked) > 0


def test_a_bag_falls_and_lies_while_its_owner_walks_on() -> None:
    for number in range(3):
        frames = clip(Staged("left_bag", 3.0), frames=125, number=number)
        before, after = frames[36], frames[38:]
        assert not before.mask.any()
        boxes = [next(one.box for one in frame.objects if one.kind == "left_bag") for frame in after]
        # It has come to rest after a second, on its side of the box: wider than high.
        assert len(set(boxes[15:])) == 1
        x_min, y_min, x_max, y_max = boxes[-1]
        assert x_max - x_min > 1.2 * (y_max - y_min)
        assert boxes[0][1] < y_min
        assert all(frame.mask.any() for frame in after)
        # The walker, track 2, is beside it as it falls and goes on at his pace of 1.1 to 1.4 m/s.
        owner = [next(one for one in frame.objects if one.track == 2) for frame in frames[38:76]]
        assert {(one.kind, one.abnormal) for one in owner} == {("walker", False)}
        assert owner[0].box[0] - 4 < boxes[0][0] < owner[0].box[2]
        assert 25 < owner[-1].box[0] - owner[0].box[0] < 60


def test_somebody_falls_within_a_second_and_stays_lying() -> None:
    for number in range(3):
        frames = clip(Staged("fallen", 3.0), frames=210, number=number)
        person = [next(one for one in frame.objects if one.track == 1) for frame in frames[20:]]
        assert [one.kind for one in person] == ["walker"] * 18 + ["fallen"] * 172
        assert [one.abnormal for one in person] == [one.kind == "fallen" for one in person]
        assert not any(frame.mask.any() for frame in frames[:38])
        sizes = [(one.box[2] - one.box[0], one.box[3] - one.box[1]) for one in person]
        assert sizes[17][1] > 1.3 * sizes[17][0]
        assert sizes[-1][0] > 1.4 * sizes[-1][1]
        # No jump: from frame to frame an edge moves by no more than a fifth of his height.
        edges = np.array([one.box for one in person])
        assert np.abs(np.diff(edges, axis=0)).max() < 0.3 * sizes[17][1]
        # Half-way through he is neither upright nor lying, and after a second he does not move again.
        assert sizes[-1][1] + 2 < sizes[23][1] < sizes[17][1]
        assert len({one.box for one in person[18 + 13 :]}) == 1


def test_what_stands_still_begins_after_two_fifths_of_its_clip(tmp_path: Path) -> None:
    assert plan_still_clips(3, 60.0) == [
        (Staged("left_bag", 24.0),),
        (Staged("fallen", 24.0),),
        (Staged("left_bag", 24.0),),
    ]
    assert plan_still_clips(4, 60.0)[-1] == ()
    root = tmp_path / "still"
    write_scene(
        root,
        training_clips=1,
        training_seconds=0.4,
        test_clips=2,
        test_seconds=6,
        height=HEIGHT,
        width=WIDTH,
        still=True,
    )
    tests = read_scene(root).test
    assert [{track.kind for track in test.tracks or ()} for test in tests] == [{"left_bag"}, {"fallen"}]
    for test in tests:
        assert not test.labels[:30].any()
        assert test.labels[32:].all()


def test_the_six_clips_of_the_demo() -> None:
    """What stands still has clips of its own: these stay what they were when figures were measured on them."""
    kinds = [tuple(one.kind for one in staged) for staged in plan_test_clips(6, 20.0)]
    assert kinds == [("runner", "thrown"), ("cyclist",), ("wrong_way", "car"), ("car", "runner"), ("thrown",), ()]


@pytest.mark.parametrize("size", [(48, 48), (100, 300), (150, 90)])
def test_any_size(size: tuple[int, int]) -> None:
    frames = list(render(SceneSpec(height=size[0], width=size[1], staged=(Staged("car", 0.4),)), 10))
    assert frames[0].image.shape == (*size, 3)
    assert any(frame.mask.any() for frame in frames)


def test_too_small_a_size_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="20×20"):
        next(render(SceneSpec(height=20, width=20), 1))
    with pytest.raises(ConfigError, match=r"'ufo'; known ones: runner, cyclist"):
        clip(Staged("ufo", 1.0), frames=1)


@pytest.mark.parametrize("clips", [3, 4, 6, 12])
def test_the_plan_holds_every_kind_that_moves_with_one_or_two_a_clip(clips: int) -> None:
    plan = plan_test_clips(clips, 20.0)
    assert {one.kind for staged in plan for one in staged} == MOVING_KINDS
    assert max(len(staged) for staged in plan) <= 2
    assert (not plan[-1]) == (clips >= 4)


def test_a_written_scene_is_read_back(benchmark: Benchmark) -> None:
    assert (benchmark.name, benchmark.rate) == ("scene", 12.5)
    assert [one.name for one in benchmark.training] == ["training_01", "training_02"]
    assert [len(list(read_frames(one))) for one in benchmark.training] == [25, 25]
    assert probe(benchmark.training[0]).size == Size(96, 144)
    assert [len(test.labels) for test in benchmark.test] == [200] * 4
    assert len(list(read_frames(benchmark.test[0].clip))) == 200
    assert not benchmark.test[3].labels.any()
    assert benchmark.test[3].tracks == ()


def test_labels_masks_and_tracks_agree(benchmark: Benchmark) -> None:
    kinds = set()
    for test in benchmark.test:
        assert test.tracks is not None
        tracked = np.zeros(len(test.labels), bool)
        for track in test.tracks:
            kinds.add(track.kind)
            tracked[track.frames] = True
            assert track.boxes.shape == (len(track.frames), 4)
            assert (np.diff(track.frames) > 0).all()
        assert np.array_equal(tracked, test.labels)
        for index in range(0, len(test.labels), 7):
            mask = test.read_mask(index)
            assert mask.shape == (96, 144)
            assert mask.any() == test.labels[index]
    assert kinds == MOVING_KINDS


def test_the_masks_lie_where_the_picture_changes(benchmark: Benchmark) -> None:
    """The truth belongs to the frame it is stored for: a car is where its mask says, in the decoded video."""
    test = benchmark.test[2]
    car = next(track for track in test.tracks or () if track.kind == "car")
    middle = int(car.frames[len(car.frames) // 2])
    pictures = [frame.image.astype(int) for frame in read_frames(test.clip)]
    changed = np.abs(pictures[middle] - np.median(pictures[::10], axis=0)).max(axis=2) > 40
    mask = test.read_mask(middle)
    assert changed[mask].mean() > 0.5
    assert changed[~mask].mean() < 0.1


def test_writing_twice_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_scene(
            tmp_path / name,
            training_clips=1,
            training_seconds=1,
            test_clips=1,
            test_seconds=2,
            height=HEIGHT,
            width=WIDTH,
        )
    names = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(names) == 5
    same, differ, failed = filecmp.cmpfiles(
        tmp_path / "one", tmp_path / "two", [str(n) for n in names], shallow=False
    )
    assert (len(same), differ, failed) == (5, [], [])


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_scene(
        tmp_path / "a",
        training_clips=1,
        training_seconds=0.4,
        test_clips=1,
        test_seconds=0.4,
        progress=lambda done, total: seen.append((done, total)),
        height=HEIGHT,
        width=WIDTH,
    )
    assert seen == [(n, 10) for n in range(1, 11)]


def test_nothing_is_left_of_an_interrupted_writing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_scene(
            tmp_path / "a", training_seconds=0.8, test_seconds=0.8, progress=interrupt, height=HEIGHT, width=WIDTH
        )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(written: Path) -> None:
    with pytest.raises(BenchmarkError, match="is there already"):
        write_scene(written)
    assert len(read_scene(written).test) == 4


def test_missing_files_are_named(tmp_path: Path) -> None:
    root = tmp_path / "scene"
    write_scene(
        root, training_clips=1, training_seconds=0.4, test_clips=3, test_seconds=0.4, height=HEIGHT, width=WIDTH
    )
    (root / "training" / "training_01.mp4").unlink()
    (root / "test" / "test_02_mask.npz").unlink()
    with pytest.raises(BenchmarkError, match=r"lacks test/test_02_mask\.npz, training/training_01\.mp4;"):
        read_benchmark("scene", root)
    for path in (root / "test").iterdir():
        path.unlink()
    with pytest.raises(BenchmarkError, match=r"and 5 more;"):
        read_benchmark("scene", root)


def test_annotations_need_no_video(written: Path, benchmark: Benchmark, tmp_path: Path) -> None:
    shutil.copytree(written, tmp_path / "scene", ignore=shutil.ignore_patterns("*.mp4"))
    found = read_annotations("scene", tmp_path / "scene")
    assert (found.training, found.missing) == ((), ())
    assert [one.labels.tolist() for one in found.test] == [one.labels.tolist() for one in benchmark.test]
    next((tmp_path / "scene" / "test").glob("*_tracks.csv")).unlink()
    with pytest.raises(BenchmarkError, match=r"lacks test/test_0._tracks\.csv;"):
        read_annotations("scene", tmp_path / "scene")


def test_broken_files_are_named(tmp_path: Path) -> None:
    root = tmp_path / "scene"
    write_scene(
        root, training_clips=1, training_seconds=0.4, test_clips=1, test_seconds=0.4, height=HEIGHT, width=WIDTH
    )
    tracks = root / "test" / "test_01_tracks.csv"
    tracks.write_text("track,kind\n1,car\n")
    with pytest.raises(BenchmarkError, match=r"test_01_tracks\.csv is broken"):
        read_scene(root)
    (root / "test" / "test_01_mask.npz").write_bytes(b"junk")
    with pytest.raises(BenchmarkError, match=r"test_01_mask\.npz is broken"):
        read_scene(root)
    (root / "scene.json").write_text('{"format": 99}')
    with pytest.raises(BenchmarkError, match="not of format 1"):
        read_scene(root)
    for broken in ("{", '{"format": 1, "rate": 12.5}'):
        (root / "scene.json").write_text(broken)
        with pytest.raises(BenchmarkError, match=r"scene\.json is broken"):
            read_scene(root)
