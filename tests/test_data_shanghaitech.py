import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdmae.data.benchmark import Benchmark
from sdmae.data.layout import read_region_tracks
from sdmae.data.readers import read_annotations, read_benchmark
from sdmae.data.shanghaitech import TESTING, TRAINING, read_labels, read_shanghaitech
from sdmae.errors import BenchmarkError
from sdmae.video import Size, write_picture
from video_files import make_video

SIZE = Size(24, 32)
FRAMES = 5
LABELS = Path("testing/test_frame_mask")
MASKS = Path("testing/test_pixel_mask")
CLIPS = ("01_0014", "12_0175")
TRACKS = "3,3,4,5,9,9\n3,2,4,5,8,9\n7,2,0,0,0,0\r\n"


def frames(folder: Path, count: int = FRAMES) -> None:
    folder.mkdir(parents=True)
    for n in range(count):
        write_picture(folder / f"{n:03}.jpg", np.full((*SIZE, 3), 20 * n % 256, np.uint8))


def build(root: Path, *, training: str = "videos", testing: str = "frames") -> Path:
    for name in ("01_001", "13_007"):
        if training == "videos":
            (root / "training" / "videos").mkdir(parents=True, exist_ok=True)
            make_video(root / "training" / "videos" / f"{name}.avi", FRAMES, size=SIZE, rate=24, codec="mpeg4")
        else:
            frames(root / "training" / "frames" / name)
    for folder in (LABELS, MASKS, Path("tracks")):
        (root / folder).mkdir(parents=True)
    for name in CLIPS:
        if testing == "videos":
            (root / "testing" / "videos").mkdir(parents=True, exist_ok=True)
            make_video(root / "testing" / "videos" / f"{name}.avi", FRAMES, size=SIZE, rate=24, codec="mpeg4")
        else:
            frames(root / "testing" / "frames" / name)
        np.save(root / LABELS / f"{name}.npy", np.array([0, 0, 1, 1, 0], np.uint8))
        masks = np.zeros((FRAMES, *SIZE), np.uint8)
        masks[2:4, 5:10, 4:10] = 255
        np.save(root / MASKS / f"{name}.npy", masks)
        (root / "tracks" / f"{name}.txt").write_text(TRACKS)
    return root


def read(root: Path, *, partial: bool = False) -> Benchmark:
    return read_shanghaitech(root, partial=partial, training=2, testing=2)


@pytest.mark.parametrize("training", ["videos", "frames"])
@pytest.mark.parametrize("testing", ["videos", "frames"])
def test_official_layout(tmp_path: Path, training: str, testing: str) -> None:
    benchmark = read(build(tmp_path, training=training, testing=testing))
    assert (benchmark.name, benchmark.rate, benchmark.missing) == ("shanghaitech", 24.0, ())
    assert [clip.name for clip in benchmark.training] == ["01_001", "13_007"]
    assert bool(benchmark.training[0].frames) == (training == "frames")
    assert [test.clip.name for test in benchmark.test] == list(CLIPS)
    test = benchmark.test[1]
    assert test.clip.rate == 24.0
    assert len(test.clip.frames) == (FRAMES if testing == "frames" else 0)
    assert test.labels.tolist() == [False, False, True, True, False]
    assert [int(test.read_mask(n).sum()) for n in range(FRAMES)] == [0, 0, 30, 30, 0]


def test_tracks_end_just_outside_and_rise(tmp_path: Path) -> None:
    tracks = read(build(tmp_path)).test[0].tracks
    assert tracks is not None
    assert [(track.id, track.frames.tolist()) for track in tracks] == [(3, [2, 3]), (7, [2])]
    assert tracks[0].boxes.tolist() == [[4, 5, 9, 10], [4, 5, 10, 10]]
    assert tracks[1].boxes.tolist() == [[0, 0, 1, 1]]  # one pixel


def test_tracks_are_optional_and_may_lie_in_testing(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "tracks").rename(tmp_path / "testing" / "tracks")
    assert read(tmp_path).test[0].tracks
    (tmp_path / "testing" / "tracks").rename(tmp_path / "elsewhere")
    benchmark = read(tmp_path)
    assert (benchmark.test[0].tracks, benchmark.missing) == (None, ())


def test_a_copy_without_pixel_masks_is_read_and_says_so(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / MASKS).rename(tmp_path / "elsewhere")
    benchmark = read(tmp_path)
    assert benchmark.test[0].masks is None
    assert "test_pixel_mask" in benchmark.missing[0]


def test_what_a_mac_leaves_behind_is_ignored(tmp_path: Path) -> None:
    build(tmp_path)
    for name in (
        "training/videos/._01_001.avi",
        "testing/frames/.DS_Store",
        "testing/frames/01_0014/._000.jpg",
        f"{LABELS}/._01_0014.npy",
        "tracks/.DS_Store",
    ):
        (tmp_path / name).write_bytes(b"junk")
    assert len(read(tmp_path).test[0].clip.frames) == FRAMES


def remove(path: Path) -> None:
    for inner in path.iterdir() if path.is_dir() else ():
        inner.unlink()
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()


@pytest.mark.parametrize(
    ("lost", "words", "test"),
    [
        ("testing/frames/12_0175", "test clip 12_0175", 1),
        (f"{LABELS}/12_0175.npy", "test_frame_mask 12_0175.npy", 1),
        (f"{MASKS}/12_0175.npy", "test_pixel_mask 12_0175.npy", 2),
        ("tracks/12_0175.txt", "tracks 12_0175.txt", 2),
        ("training/videos/13_007.avi", "1 of the 2 training clips", 2),
    ],
)
def test_a_part_of_it_is_refused_unless_it_is_asked_for(tmp_path: Path, lost: str, words: str, test: int) -> None:
    remove(build(tmp_path) / lost)
    with pytest.raises(BenchmarkError, match=f"not a whole ShanghaiTech Campus: {words} missing; .* --partial"):
        read(tmp_path)
    benchmark = read(tmp_path, partial=True)
    assert benchmark.missing == (words,)
    assert len(benchmark.test) == test


def test_the_official_numbers_of_clips_are_what_is_expected(tmp_path: Path) -> None:
    words = "328 of the 330 training clips; 105 of the 107 test clips"
    with pytest.raises(BenchmarkError, match=words):
        read_benchmark("shanghaitech", build(tmp_path))
    assert "; ".join(read_benchmark("shanghaitech", tmp_path, partial=True).missing) == words


@pytest.mark.parametrize(("split", "words"), [("training/videos", "training"), ("testing/frames", "test")])
def test_nothing_of_a_split_is_refused_even_then(tmp_path: Path, split: str, words: str) -> None:
    build(tmp_path)
    (tmp_path / split).rename(tmp_path / "elsewhere")
    with pytest.raises(BenchmarkError, match=f"no whole {words} clip"):
        read(tmp_path, partial=True)


def test_other_folders_are_told_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"is not ShanghaiTech Campus; .*testing/test_frame_mask"):
        read_benchmark("shanghaitech", tmp_path, partial=True)


def save(path: str, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Callable[[Path], None]:
    return lambda root: np.save(root / path, array)


def text(path: str, words: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / path).write_text(words)

    return write


ONE = f"{LABELS}/01_0014.npy"
PIXELS = f"{MASKS}/01_0014.npy"
ROWS = "tracks/01_0014.txt"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (text(ONE, "no array"), r"01_0014\.npy is not an \.npy file"),
        (text(ONE, ""), r"01_0014\.npy is not an \.npy file"),
        (save(ONE, np.array([{}, {}], object)), r"01_0014\.npy is not an \.npy file"),
        (save(ONE, np.array(["a"])), r"01_0014\.npy is not an \.npy file of numbers"),
        (save(ONE, np.zeros((FRAMES, 2))), r"shape \(5, 2\) instead of one number a frame"),
        (save(ONE, np.arange(FRAMES)), r"numbers other than 0 and 1"),
        (save(ONE, np.zeros(FRAMES + 1)), r"6 labels for the 5 frames of .*01_0014; copy both anew"),
        (save(ONE, np.zeros(FRAMES - 1)), r"4 labels for the 5 frames of .*01_0014; copy both anew"),
        (save(PIXELS, np.zeros((4, *SIZE))), r"shape \(4, 24, 32\) instead of 5 masks"),
        (save(PIXELS, np.zeros((FRAMES, 24))), r"shape \(5, 24\) instead of 5 masks"),
        (save(PIXELS, np.zeros((FRAMES, 48, 64))), r"masks of 64×48 for frames of 32×24"),
        (text(ROWS, "1,2,3,4,5,6\n1,x,0,0,4,4\n"), r"01_0014\.txt, line 2: '1,x,0,0,4,4' is not track_id,frame"),
        (text(ROWS, "1,2,3,4,5\n"), r"line 1: .* is not track_id,frame"),
        (text(ROWS, "\n1,2,nan,4,5,6\n"), r"line 2: .* is not track_id,frame"),
        (text(ROWS, "1,5,0,0,4,4\n"), r"line 1: frame 5 of a clip of 5"),
        (text(ROWS, "1,-1,0,0,4,4\n"), r"line 1: -1 cannot be a frame"),
        (text(ROWS, "1.5,1,0,0,4,4\n"), r"line 1: 1.5 cannot be a track_id"),
        (text(ROWS, "1,1,4,0,3,4\n"), r"line 1: the box ends before it begins"),
        (text(ROWS, "1,1,0,0,4,4\n1,1,0,0,4,4\n"), r"line 2: track 1 again in frame 1"),
        (lambda root: remove(root / "testing/frames/01_0014/002.jpg"), r"01_0014: frame 002 missing, 1 in all"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(build(tmp_path))
    with pytest.raises(BenchmarkError, match=words) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_labels_of_a_video_must_not_be_more_than_it_can_hold(tmp_path: Path) -> None:
    build(tmp_path, testing="videos")
    remove(tmp_path / MASKS)
    np.save(tmp_path / ONE, np.zeros(FRAMES + 2))  # a container may miscount by that much
    assert len(read(tmp_path).test[0].labels) == FRAMES + 2
    np.save(tmp_path / ONE, np.zeros(FRAMES + 3))
    with pytest.raises(BenchmarkError, match="8 labels for the 5 frames"):
        read(tmp_path)


def test_the_real_annotations(real_data: Path) -> None:
    root = real_data / "shanghaitech_annotations"
    if not root.is_dir():
        pytest.skip(f"no annotations of ShanghaiTech Campus in {root}")
    assert (TRAINING, TESTING) == (330, 107)
    labels = {path.stem: read_labels(path) for path in sorted((root / "test_frame_mask").glob("*.npy"))}
    assert (len(labels), sum(map(len, labels.values()))) == (TESTING, 40_791)
    assert sum(int(one.sum()) for one in labels.values()) == 17_326
    tracks = {name: read_region_tracks(root / "tracks" / f"{name}.txt", len(one)) for name, one in labels.items()}
    assert sum(map(len, tracks.values())) == 158
    assert sum(len(track.frames) for one in tracks.values() for track in one) == 18_937
    for name, one in tracks.items():
        for track in one:
            assert (np.diff(track.frames) > 0).all()
            assert labels[name][track.frames].all()
            assert (track.boxes[:, 2:] > track.boxes[:, :2]).all()
            assert (track.boxes.min(), track.boxes[:, 2].max() <= 856, track.boxes[:, 3].max() <= 480) >= (
                0,
                True,
                True,
            )


def test_the_real_annotations_as_a_folder(tmp_path: Path, real_data: Path) -> None:
    """The real labels and tracks, linked into the official layout, on pictures of two of their clips."""
    root = real_data / "shanghaitech_annotations"
    if not root.is_dir():
        pytest.skip(f"no annotations of ShanghaiTech Campus in {root}")
    (tmp_path / "training" / "videos").mkdir(parents=True)
    make_video(tmp_path / "training" / "videos" / "01_001.avi", FRAMES, size=SIZE, codec="mpeg4")
    (tmp_path / "testing").mkdir()
    for name in ("test_frame_mask", "tracks"):
        (tmp_path / "testing" / name).symlink_to(root / name)
    names = ("01_0014", "07_0047")
    for name in names:
        frames(tmp_path / "testing" / "frames" / name, len(np.load(root / "test_frame_mask" / f"{name}.npy")))
    with pytest.raises(BenchmarkError, match="329 of the 330 training clips; test clip 01_0015 and 104 more missing"):
        read_benchmark("shanghaitech", tmp_path)
    test = read_benchmark("shanghaitech", tmp_path, partial=True).test
    assert [one.clip.name for one in test] == list(names)
    assert all(len(one.labels) == len(one.clip.frames) and one.tracks for one in test)


def test_annotations_need_no_video(tmp_path: Path) -> None:
    whole = read(build(tmp_path))
    for lost in ("training", "testing/frames"):
        shutil.rmtree(tmp_path / lost)
    alone = read_shanghaitech(tmp_path, video=False, testing=2)
    assert (alone.training, alone.missing) == ((), ())
    for one, other in zip(alone.test, whole.test, strict=True):
        assert (one.clip.name, one.labels.tolist()) == (other.clip.name, other.labels.tolist())
        assert one.read_mask(2).sum() == 30
        assert [track.id for track in one.tracks or ()] == [3, 7]
    np.save(tmp_path / PIXELS, np.zeros((FRAMES + 1, *SIZE)))
    with pytest.raises(BenchmarkError, match=r"shape .* instead of 5 masks"):
        read_shanghaitech(tmp_path, video=False, testing=2)


def test_annotations_that_are_not_whole_are_refused_unless_asked_for(tmp_path: Path) -> None:
    shutil.rmtree(build(tmp_path) / "training")
    remove(tmp_path / ROWS)
    with pytest.raises(BenchmarkError, match=r"tracks 01_0014\.txt; 105 of the 107 test clips missing; .* --partial"):
        read_annotations("shanghaitech", tmp_path)
    missing = read_annotations("shanghaitech", tmp_path, partial=True).missing
    assert missing == ("tracks 01_0014.txt", "105 of the 107 test clips")
    shutil.rmtree(tmp_path / LABELS)
    with pytest.raises(BenchmarkError, match="no whole test clip"):
        read_annotations("shanghaitech", tmp_path, partial=True)
    with pytest.raises(BenchmarkError, match=r"is not ShanghaiTech Campus; .*test_frame_mask"):
        read_annotations("shanghaitech", tmp_path / "tracks")


def test_the_real_annotations_alone_are_the_whole_truth(real_data: Path) -> None:
    root = real_data / "shanghaitech_annotations"
    if not root.is_dir():
        pytest.skip(f"no annotations of ShanghaiTech Campus in {root}")
    found = read_annotations("shanghaitech", root)
    assert (len(found.test), found.missing) == (TESTING, ())
    assert sum(len(one.labels) for one in found.test) == 40_791
    assert sum(len(track.frames) for one in found.test for track in one.tracks or ()) == 18_937
