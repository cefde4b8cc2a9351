import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdmae.data.benchmark import Benchmark
from sdmae.data.ped2 import TEST_FRAMES, TRAIN_FRAMES, read_ped2
from sdmae.data.readers import read_benchmark
from sdmae.errors import BenchmarkError
from sdmae.video import read_frames

TRAIN, TEST = (3, 2), (4, 3)
LISTING = """TestVideoFile = {};
TestVideoFile{end+1}.gt_frame = [2:3];
TestVideoFile{end+1}.gt_frame = [1:1, 3:3];
"""
ABNORMAL = {(1, 2), (1, 3), (2, 1), (2, 3)}


def write(path: Path, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def build(root: Path, frames: str = ".tif", masks: str = ".bmp") -> Path:
    for n, count in enumerate(TRAIN, 1):
        for k in range(1, count + 1):
            write(root / "Train" / f"Train{n:03}" / f"{k:03}{frames}", np.full((24, 36), 40 * k, np.uint8))
    for n, count in enumerate(TEST, 1):
        for k in range(1, count + 1):
            write(root / "Test" / f"Test{n:03}" / f"{k:03}{frames}", np.full((24, 36), 40 * k, np.uint8))
            mask = np.zeros((24, 36), np.uint8)
            if (n, k) in ABNORMAL:
                mask[4:8, 5:9] = 255
            write(root / "Test" / f"Test{n:03}_gt" / f"{k:03}{masks}", mask)
    (root / "Test" / "UCSDped2.m").write_text(LISTING)
    return root


def read(root: Path) -> Benchmark:
    return read_ped2(root, train_frames=TRAIN, test_frames=TEST)


def remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("frames", "masks"), [(".tif", ".bmp"), (".jpg", ".png"), (".png", ".png"), (".bmp", ".bmp")]
)
def test_official_layout(tmp_path: Path, frames: str, masks: str) -> None:
    benchmark = read(build(tmp_path, frames, masks))
    assert (benchmark.name, benchmark.rate) == ("ped2", 10.0)
    assert [clip.name for clip in benchmark.training] == ["Train001", "Train002"]
    assert [len(clip.frames) for clip in benchmark.training] == list(TRAIN)
    assert [test.labels.tolist() for test in benchmark.test] == [[False, True, True, False], [True, False, True]]
    assert [round(frame.time, 3) for frame in read_frames(benchmark.training[0])] == [0.0, 0.1, 0.2]
    mask = benchmark.test[0].read_mask(1)
    assert mask.shape == (24, 36)
    assert mask.sum() == 16
    assert mask[4:8, 5:9].all()
    assert not benchmark.test[0].read_mask(0).any()


@pytest.mark.parametrize("below", ["UCSDped2", "UCSD_Anomaly_Dataset.v1p2/UCSDped2"])
def test_the_folder_around_it_will_do(tmp_path: Path, below: str) -> None:
    build(tmp_path / below)
    assert len(read(tmp_path).test) == 2


def test_what_a_mac_leaves_behind_is_ignored(tmp_path: Path) -> None:
    build(tmp_path)
    for name in (
        "Train/.DS_Store",
        "Train/Train001/._001.tif",
        "Test/Test001_gt/._001.bmp",
        "Test/Test001/Thumbs.db",
    ):
        (tmp_path / name).write_bytes(b"junk")
    assert len(read(tmp_path).training[0].frames) == 3


def test_masks_alone_suffice(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "Test" / "UCSDped2.m").unlink()
    assert [int(test.labels.sum()) for test in read(tmp_path).test] == [2, 2]


def test_the_listing_alone_suffices(tmp_path: Path) -> None:
    build(tmp_path)
    remove(tmp_path / "Test" / "Test001_gt")
    remove(tmp_path / "Test" / "Test002_gt")
    test = read(tmp_path).test
    assert [clip.labels.tolist() for clip in test] == [[False, True, True, False], [True, False, True]]
    assert test[0].masks is None


def lose_clip(root: Path) -> None:
    remove(root / "Train" / "Train002")


def lose_frame(root: Path) -> None:
    (root / "Test" / "Test001" / "003.tif").unlink()


def lose_mask(root: Path) -> None:
    (root / "Test" / "Test002_gt" / "002.bmp").unlink()


def lose_masks_of_one(root: Path) -> None:
    remove(root / "Test" / "Test002_gt")


def empty_frame(root: Path) -> None:
    (root / "Train" / "Train001" / "002.tif").write_bytes(b"")


def extra_frame(root: Path) -> None:
    write(root / "Test" / "Test002" / "004.tif", np.zeros((24, 36), np.uint8))


def double_frame(root: Path) -> None:
    write(root / "Test" / "Test002" / "002.png", np.zeros((24, 36), np.uint8))


def extra_clip(root: Path) -> None:
    write(root / "Train" / "Train003" / "001.tif", np.zeros((24, 36), np.uint8))


def lose_all_truth(root: Path) -> None:
    remove(root / "Test" / "Test001_gt")
    remove(root / "Test" / "Test002_gt")
    (root / "Test" / "UCSDped2.m").unlink()


def empty_clip(root: Path) -> None:
    for path in (root / "Test" / "Test001").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lose_clip, r"Train/Train002 missing \(2 pictures\)"),
        (lose_frame, r"Test/Test001/003\.tif missing"),
        (lose_mask, r"Test/Test002_gt/002\.bmp missing"),
        (lose_masks_of_one, r"Test/Test002_gt missing"),
        (empty_frame, r"Train/Train001/002\.tif empty"),
        (extra_frame, r"Test/Test002/004\.tif unexpected"),
        (double_frame, r"Test/Test002/002\.tif beside 002\.png"),
        (extra_clip, r"Train/Train003 unexpected"),
        (lose_all_truth, r"Test/UCSDped2\.m and the masks"),
        (empty_clip, r"Test/Test001 holds none of its 4 pictures"),
    ],
)
def test_a_half_copied_folder_is_named_file_by_file(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(build(tmp_path))
    with pytest.raises(BenchmarkError, match=words) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_many_missing_files_are_counted(tmp_path: Path) -> None:
    build(tmp_path)
    with pytest.raises(BenchmarkError, match=r"Train/Train001/004\.tif missing.* and \d+ more; copy it anew"):
        read_ped2(tmp_path)


def test_masks_and_listing_that_disagree_are_named(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "Test" / "UCSDped2.m").write_text(LISTING.replace("2:3", "2:4"))
    with pytest.raises(BenchmarkError, match=r"disagree on Test001 in frame 4;"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (LISTING.replace("2:3", "2:9"), r"'2:9' is no interval of the 4 frames of Test001"),
        (LISTING.replace("2:3", "0:3"), r"'0:3' is no interval"),
        (LISTING.replace("2:3", "x"), r"'x' is no interval"),
        ("TestVideoFile = {};", r"lists 0 clips instead of 2"),
    ],
)
def test_a_broken_listing_is_refused(tmp_path: Path, listing: str, words: str) -> None:
    build(tmp_path)
    (tmp_path / "Test" / "UCSDped2.m").write_text(listing)
    with pytest.raises(BenchmarkError, match=words):
        read(tmp_path)


def test_intervals_may_be_written_in_several_ways(tmp_path: Path) -> None:
    build(tmp_path)
    listing = "% gt_frame = [9:9]\nx.gt_frame = [ 2 : 3 ]; y.gt_frame = [1 3:3];"
    (tmp_path / "Test" / "UCSDped2.m").write_text(listing)
    assert read(tmp_path).test[1].labels.tolist() == [True, False, True]


def test_a_mask_cut_off_is_named(tmp_path: Path) -> None:
    build(tmp_path, masks=".png")
    path = tmp_path / "Test" / "Test001_gt" / "002.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BenchmarkError, match=r"Test001_gt/002\.png"):
        read(tmp_path)


def test_other_folders_are_told_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "random").mkdir()
    (tmp_path / "hollow" / "Train").mkdir(parents=True)
    for name in ("random", "hollow"):
        with pytest.raises(BenchmarkError, match=r"not UCSD Ped2; .*2550 pictures.*2010 pictures"):
            read_ped2(tmp_path / name)
    with pytest.raises(BenchmarkError, match="no such folder"):
        read_ped2(tmp_path / "nowhere")


def test_ped1_is_recognised(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "Train" / "Train034").mkdir()
    with pytest.raises(BenchmarkError, match="looks like UCSD Ped1"):
        read(tmp_path)


def test_official_counts() -> None:
    assert (len(TRAIN_FRAMES), sum(TRAIN_FRAMES)) == (16, 2550)
    assert (len(TEST_FRAMES), sum(TEST_FRAMES)) == (12, 2010)


def test_the_real_ped2() -> None:
    project = Path(__file__).parents[1]
    root = Path(os.environ.get("SDMAE_DATA", project / "../shared/data")) / "ucsd_ped2"
    if not root.is_dir():
        pytest.skip(f"the real UCSD Ped2 is not at {root}; set SDMAE_DATA")
    benchmark = read_benchmark("ped2", root)
    assert (len(benchmark.training), sum(len(clip.frames) for clip in benchmark.training)) == (16, 2550)
    assert (len(benchmark.test), sum(len(test.labels) for test in benchmark.test)) == (12, 2010)
    assert sum(int(test.labels.sum()) for test in benchmark.test) == 1648
    assert benchmark.test[0].labels[59:62].tolist() == [False, True, True]
    assert benchmark.test[0].read_mask(60).shape == (240, 360)


@pytest.mark.parametrize("kept", ["both", "masks", "listing"])
def test_annotations_need_no_frames(tmp_path: Path, kept: str) -> None:
    whole = read(build(tmp_path))
    shutil.rmtree(tmp_path / "Train")
    for n in range(1, len(TEST) + 1):
        remove(tmp_path / "Test" / f"Test{n:03}")
        if kept == "listing":
            remove(tmp_path / "Test" / f"Test{n:03}_gt")
    if kept == "masks":
        (tmp_path / "Test" / "UCSDped2.m").unlink()
    found = read_ped2(tmp_path, test_frames=TEST, video=False)
    assert (found.training, found.missing) == ((), ())
    assert [one.clip.name for one in found.test] == ["Test001", "Test002"]
    assert [one.labels.tolist() for one in found.test] == [one.labels.tolist() for one in whole.test]
    assert [one.masks is None for one in found.test] == [kept == "listing"] * 2


def test_annotations_that_are_not_whole_are_refused_unless_asked_for(tmp_path: Path) -> None:
    build(tmp_path)
    shutil.rmtree(tmp_path / "Train")
    (tmp_path / "Test" / "UCSDped2.m").unlink()
    (tmp_path / "Test" / "Test002_gt" / "003.bmp").unlink()
    with pytest.raises(BenchmarkError, match=r"Test/Test002_gt/003\.bmp missing; .* --partial"):
        read_ped2(tmp_path, test_frames=TEST, video=False)
    found = read_ped2(tmp_path, test_frames=TEST, video=False, partial=True)
    assert [one.clip.name for one in found.test] == ["Test001"]
    assert found.missing == ("clip Test002; Test/Test002_gt/003.bmp missing",)
    remove(tmp_path / "Test" / "Test001_gt")
    with pytest.raises(BenchmarkError, match="holds no whole annotations of any test clip"):
        read_ped2(tmp_path, test_frames=TEST, video=False, partial=True)
