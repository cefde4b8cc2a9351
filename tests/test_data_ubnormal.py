from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdmae.data import ubnormal
from sdmae.data.readers import read_annotations, read_benchmark
from sdmae.data.ubnormal import ObjectTracks, read_intervals
from sdmae.errors import BenchmarkError
from sdmae.video import Clip, Size, write_picture
from video_files import make_video

SIZE = Size(48, 64)
FRAMES = 9
SPLIT = {
    "normal_training": ("normal_scene_1_scenario_1", "normal_scene_29_scenario_3_fog"),
    "abnormal_training": ("abnormal_scene_1_scenario_3",),
    "normal_validation": ("normal_scene_2_scenario_1",),
    "abnormal_validation": ("abnormal_scene_2_scenario_1",),
    "normal_test": ("normal_scene_1_scenario1_10",),
    "abnormal_test": ("abnormal_scene_10_scenario_2",),
}
ABNORMAL = "abnormal_scene_10_scenario_2"
NOTES = Path("Scene10") / f"{ABNORMAL}_annotations"
ROWS = NOTES / f"{ABNORMAL}_tracks.txt"


def place(root: Path, name: str) -> Path:
    return root / f"Scene{name.split('_')[2]}"


def numbers(frame: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Objects 1 and 4, of which 4 falls into two pieces, and 2, which is ordinary; 1 is hidden in frame 4."""
    picture = np.zeros((*SIZE, 1), np.uint8)
    if frame != 4:
        picture[10:20, 2 + frame : 8 + frame] = 1
    picture[30:40, 40:50] = 2
    picture[30:34, 10:14] = 4
    picture[22:24, 20:22] = 4
    return picture


def lists(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for kind, names in SPLIT.items():
        (root / f"{kind}_video_names.txt").write_text("\r\n".join(names))


def build(root: Path, where: str = ".") -> Path:
    """All that the benchmark needs: neither validation videos nor abnormal training videos are there."""
    lists(root / where)
    for kind in ("normal_training", "normal_test", "abnormal_test"):
        for name in SPLIT[kind]:
            place(root, name).mkdir(exist_ok=True)
            make_video(place(root, name) / f"{name}.mp4", FRAMES, size=SIZE, rate=30)
    (root / NOTES).mkdir()
    for frame in range(FRAMES):
        write_picture(root / NOTES / f"{ABNORMAL}_{frame:04}_gt.png", numbers(frame))
    (root / ROWS).write_bytes(b"4,6,7\r\n1,2,5\r\n")
    return root


@pytest.mark.parametrize("where", [".", "scripts"])
def test_official_layout(tmp_path: Path, where: str) -> None:
    benchmark = read_benchmark("ubnormal", build(tmp_path, where))
    assert (benchmark.name, benchmark.rate, benchmark.missing) == ("ubnormal", 30.0, ())
    assert [clip.name for clip in benchmark.training] == list(SPLIT["normal_training"])
    assert [test.clip.name for test in benchmark.test] == [*SPLIT["normal_test"], *SPLIT["abnormal_test"]]
    normal, abnormal = benchmark.test
    assert normal.labels.tolist() == [False] * FRAMES
    assert not normal.read_mask(3).any()
    assert normal.read_mask(3).shape == SIZE
    assert normal.tracks == ()
    assert np.flatnonzero(abnormal.labels).tolist() == [2, 3, 4, 5, 6, 7]


def test_only_objects_that_are_abnormal_just_then_are_in_the_masks(tmp_path: Path) -> None:
    test = read_benchmark("ubnormal", build(tmp_path)).test[1]
    assert [int(test.read_mask(n).sum()) for n in range(FRAMES)] == [0, 0, 60, 60, 0, 60, 20, 20, 0]


def test_boxes_come_from_the_pictures(tmp_path: Path) -> None:
    tracks = read_benchmark("ubnormal", build(tmp_path)).test[1].tracks
    assert tracks is not None
    assert len(tracks) == 2
    assert [track.frames.tolist() for track in tracks] == [[2, 3, 5], [6, 7]]  # 1 is hidden in frame 4
    assert [track.id for track in tracks] == [0, 1]
    assert tracks[0].boxes.tolist() == [[4, 10, 10, 20], [5, 10, 11, 20], [7, 10, 13, 20]]
    assert tracks[1].boxes.tolist() == [[10, 30, 14, 34]] * 2  # the larger piece


def test_abnormal_videos_are_never_trained_on(tmp_path: Path) -> None:
    build(tmp_path)
    for name in SPLIT["abnormal_training"]:
        make_video(place(tmp_path, name) / f"{name}.mp4", FRAMES, size=SIZE, rate=30)
    assert all(clip.name.startswith("normal_") for clip in read_benchmark("ubnormal", tmp_path).training)
    (tmp_path / "normal_training_video_names.txt").write_text(SPLIT["abnormal_training"][0])
    with pytest.raises(BenchmarkError, match=r"normal_training.*line 1: 'abnormal_scene_1.*is no normal video"):
        read_benchmark("ubnormal", tmp_path)


def test_an_object_may_be_abnormal_twice(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / ROWS).write_text("1, 6, 7\n1.0,2.0,3.0\n\n")
    test = read_benchmark("ubnormal", tmp_path).test[1]
    assert np.flatnonzero(test.labels).tolist() == [2, 3, 6, 7]
    assert [track.frames.tolist() for track in test.tracks or ()] == [[6, 7], [2, 3]]


def test_what_a_mac_leaves_behind_is_ignored(tmp_path: Path) -> None:
    build(tmp_path)
    for name in (f"{NOTES}/.DS_Store", f"{NOTES}/._{ABNORMAL}_0000_gt.png", "Scene10/._x.mp4"):
        (tmp_path / name).write_bytes(b"junk")
    assert len(read_benchmark("ubnormal", tmp_path).test) == 2


def test_the_folder_around_it_will_do(tmp_path: Path) -> None:
    build(tmp_path / "UBnormal", "..")
    assert len(read_benchmark("ubnormal", tmp_path).test) == 2


@pytest.mark.parametrize(
    ("lost", "words", "clips"),
    [
        ("Scene29/normal_scene_29_scenario_3_fog.mp4", "training video normal_scene_29_scenario_3_fog.mp4", (1, 2)),
        (f"Scene10/{ABNORMAL}.mp4", f"test video {ABNORMAL}.mp4", (2, 1)),
        (str(ROWS), f"annotations {ABNORMAL}_annotations", (2, 1)),
    ],
)
def test_a_part_of_it_is_refused_unless_it_is_asked_for(
    tmp_path: Path, lost: str, words: str, clips: tuple[int, int]
) -> None:
    (build(tmp_path) / lost).unlink()
    with pytest.raises(BenchmarkError, match=f"not a whole UBnormal: {words} missing; .* --partial"):
        read_benchmark("ubnormal", tmp_path)
    benchmark = read_benchmark("ubnormal", tmp_path, partial=True)
    assert benchmark.missing == (words,)
    assert (len(benchmark.training), len(benchmark.test)) == clips


def test_nothing_of_a_split_is_refused_even_then(tmp_path: Path) -> None:
    build(tmp_path)
    for name in SPLIT["normal_training"]:
        (place(tmp_path, name) / f"{name}.mp4").unlink()
    with pytest.raises(BenchmarkError, match="no whole training clip of UBnormal: training video normal_scene_1"):
        read_benchmark("ubnormal", tmp_path, partial=True)


def test_a_missing_list_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    (build(tmp_path) / "normal_test_video_names.txt").unlink()
    with pytest.raises(BenchmarkError, match=r"lacks normal_test_video_names\.txt; copy it .*lilygeorgescu/UBnormal"):
        read_benchmark("ubnormal", tmp_path, partial=True)


def test_other_folders_are_told_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="is not UBnormal; name its folder, with Scene1 … Scene29"):
        read_benchmark("ubnormal", tmp_path)


def rows(words: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / ROWS).write_text(words)

    return write


def names(kind: str, words: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / f"{kind}_video_names.txt").write_text(words)

    return write


def lose_pictures(root: Path) -> None:
    for frame in (3, 5):
        (root / NOTES / f"{ABNORMAL}_{frame:04}_gt.png").unlink()


def few_pictures(root: Path) -> None:
    for frame in (6, 7, 8):
        (root / NOTES / f"{ABNORMAL}_{frame:04}_gt.png").unlink()
    (root / ROWS).write_text("1,2,5")


def colours(root: Path) -> None:
    for path in (root / NOTES).glob("*_gt.png"):
        assert cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 9, (*SIZE, 3), np.uint8))


def other_size(root: Path) -> None:
    for path in (root / NOTES).glob("*_gt.png"):
        write_picture(path, np.ones((24, 32, 1), np.uint8))


def broken_picture(root: Path) -> None:
    path = root / NOTES / f"{ABNORMAL}_0000_gt.png"
    path.write_bytes(path.read_bytes()[:-20])


def broken_video(root: Path) -> None:
    (root / "Scene10" / f"{ABNORMAL}.mp4").write_bytes(b"no video")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (rows("1,2,5\n4,x,7\n"), r"tracks\.txt, line 2: '4,x,7' is not object_id,first,last"),
        (rows("1,2\n"), r"tracks\.txt, line 1: '1,2' is not object_id"),
        (rows("1,2,5.5\n"), r"line 1: 5\.5 cannot be a last"),
        (rows("1,5,2\n"), r"line 1: ends at 2, before it begins"),
        (rows("0,2,5\n"), r"line 1: 0 is the number of no object"),
        (rows("7,2,5\n"), r"tracks\.txt: object 7 is in none of its pictures"),
        (rows("1,2,40\n"), r"object 1 until frame 40, but there are pictures of 9"),
        (rows("\n"), r"names no abnormal object"),
        (lose_pictures, r"annotations lacks abnormal_scene_10_scenario_2_0003_gt\.png and 1 more"),
        (few_pictures, r"annotations: 6 pictures for the 9 frames of .*\.mp4"),
        (colours, r"_0000_gt\.png: colours instead of object numbers"),
        (other_size, r"_0000_gt\.png: masks of 32×24 for frames of 64×48"),
        (broken_picture, r"_0000_gt\.png: this picture does not decode"),
        (broken_video, r"abnormal_scene_10_scenario_2\.mp4: not a video"),
        (names("normal_test", "\n"), r"normal_test_video_names\.txt names no video"),
        (names("normal_test", "normal_scene_1_a\nnormal_scene_1_a"), r"line 2: 'normal_scene_1_a' is there twice"),
        (names("normal_test", "../../etc/passwd"), r"line 1: .* is no normal video"),
        (
            names("normal_test", SPLIT["normal_training"][0]),
            r"normal_scene_1_scenario_1 in the lists of training and",
        ),
    ],
)
def test_broken_files_are_named(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(build(tmp_path))
    with pytest.raises(BenchmarkError, match=words) as caught:
        read_benchmark("ubnormal", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_picture_that_breaks_later_is_named_when_it_is_read(tmp_path: Path) -> None:
    build(tmp_path)
    clip = Clip(ABNORMAL, tmp_path / "Scene10" / f"{ABNORMAL}.mp4")
    tracks = ObjectTracks(ubnormal.read_annotations(clip))
    (tmp_path / NOTES / f"{ABNORMAL}_0003_gt.png").write_bytes(b"")
    with pytest.raises(BenchmarkError, match=r"_0003_gt\.png: this picture does not decode"):
        list(tracks)


def test_the_real_tracks(real_data: Path) -> None:
    root = real_data / "ubnormal_annotations"
    if not root.is_dir():
        pytest.skip(f"no annotations of UBnormal in {root}")
    found = {
        path.name.removesuffix("_tracks.txt"): [(one.object, one.first, one.last) for one in read_intervals(path)]
        for path in sorted(root.glob("*_tracks.txt"))
    }
    assert found == {
        "abnormal_scene_10_scenario_2": [(1, 0, 450)],
        "abnormal_scene_10_scenario_9": [(4, 226, 450)],
        "abnormal_scene_11_scenario_3_fog": [(1, 336, 450), (4, 391, 450)],
        "abnormal_scene_1_scenario_3": [(2, 260, 360)],
    }


def test_the_pictures_stand_for_videos_that_are_not_there(tmp_path: Path) -> None:
    whole = read_benchmark("ubnormal", build(tmp_path)).test
    for path in tmp_path.glob("Scene*/*.mp4"):
        if path.stem not in SPLIT["normal_test"]:
            path.unlink()
    (tmp_path / "normal_training_video_names.txt").unlink()
    found = read_annotations("ubnormal", tmp_path)
    assert (found.training, found.missing) == ((), ())
    assert [one.labels.tolist() for one in found.test] == [one.labels.tolist() for one in whole]
    assert [int(found.test[1].read_mask(n).sum()) for n in range(FRAMES)] == [0, 0, 60, 60, 0, 60, 20, 20, 0]
    assert len(found.test[1].tracks or ()) == 2
    # A normal video that is not there needs its pictures, too: they say how many frames it has.
    (name,) = SPLIT["normal_test"]
    (place(tmp_path, name) / f"{name}.mp4").unlink()
    with pytest.raises(BenchmarkError, match=f"annotations {name}_annotations missing; .* --partial"):
        read_annotations("ubnormal", tmp_path)
    assert len(read_annotations("ubnormal", tmp_path, partial=True).test) == 1
    notes = place(tmp_path, name) / f"{name}_annotations"
    notes.mkdir()
    for frame in range(7):
        write_picture(notes / f"{name}_{frame:04}_gt.png", numbers(frame))
    normal = read_annotations("ubnormal", tmp_path).test[0]
    assert (normal.labels.tolist(), normal.tracks) == ([False] * 7, ())
    assert not normal.read_mask(6).any()
    assert normal.read_mask(6).shape == SIZE
    (notes / f"{name}_0003_gt.png").unlink()
    with pytest.raises(BenchmarkError, match=r"lacks .*_0003_gt\.png"):
        read_annotations("ubnormal", tmp_path)
