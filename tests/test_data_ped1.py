from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdmae.data.benchmark import Benchmark
from sdmae.data.ped1 import TEST_FRAMES, TRAIN_FRAMES, read_ped1
from sdmae.data.ped2 import read_ped2
from sdmae.data.readers import read_benchmark
from sdmae.errors import BenchmarkError

TRAIN, TEST = (2, 2), (4, 3)
LISTING = "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [2:3];\nTestVideoFile{end+1}.gt_frame = [1:2];\n"


def write(path: Path, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def build(root: Path, train: tuple[int, ...] = TRAIN, test: tuple[int, ...] = TEST) -> Path:
    """Masks for Test001 alone, as most clips of the real set have none."""
    for split, frames in (("Train", train), ("Test", test)):
        for n, count in enumerate(frames, 1):
            for k in range(1, count + 1):
                write(root / split / f"{split}{n:03}" / f"{k:03}.tif", np.full((16, 24), k % 256, np.uint8))
    for k in range(1, test[0] + 1):
        mask = np.zeros((16, 24), np.uint8)
        mask[4:8, 5:9] = 255 * (k in (2, 3))
        write(root / "Test" / "Test001_gt" / f"{k:03}.bmp", mask)
    (root / "Test" / "UCSDped1.m").write_text(LISTING)
    return root


def read(root: Path, *, partial: bool = False) -> Benchmark:
    return read_ped1(root, train_frames=TRAIN, test_frames=TEST, partial=partial)


def test_official_layout(tmp_path: Path) -> None:
    build(tmp_path / "UCSD_Anomaly_Dataset.v1p2" / "UCSDped1")
    benchmark = read(tmp_path)
    assert (benchmark.name, benchmark.rate, benchmark.missing) == ("ped1", 10.0, ())
    assert [clip.name for clip in benchmark.training] == ["Train001", "Train002"]
    assert [test.labels.tolist() for test in benchmark.test] == [[False, True, True, False], [True, True, False]]
    assert benchmark.test[0].read_mask(1).sum() == 16
    assert benchmark.test[1].masks is None


def test_official_counts() -> None:
    assert (len(TRAIN_FRAMES), sum(TRAIN_FRAMES)) == (34, 6800)
    assert (len(TEST_FRAMES), sum(TEST_FRAMES)) == (36, 7200)


def test_what_a_mac_leaves_behind_is_ignored(tmp_path: Path) -> None:
    build(tmp_path)
    for name in ("Test/.DS_Store", "Test/Test001/._001.tif", "Test/Test001_gt/._001.bmp", "Test/._UCSDped1.m"):
        (tmp_path / name).write_bytes(b"junk")
    assert len(read(tmp_path).test) == 2


def lose_frame(root: Path) -> None:
    (root / "Test" / "Test002" / "003.tif").unlink()


def lose_mask(root: Path) -> None:
    (root / "Test" / "Test001_gt" / "003.bmp").unlink()


def lose_listing(root: Path) -> None:
    (root / "Test" / "UCSDped1.m").unlink()


def small_masks(root: Path) -> None:
    for path in (root / "Test" / "Test001_gt").iterdir():
        write(path, np.ones((8, 12), np.uint8) * (path.stem in ("002", "003")))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lose_frame, r"Test/Test002/003\.tif missing; copy it anew, or .* --partial"),
        (lose_mask, r"Test/Test001_gt/003\.bmp missing"),
        (lose_listing, r"Test/UCSDped1\.m missing"),
        (small_masks, r"Test001_gt: masks of 12×8 for frames of 24×16"),
    ],
)
def test_what_is_amiss_is_named(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(build(tmp_path))
    with pytest.raises(BenchmarkError, match=words) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_partial_leaves_out_clips_that_are_not_whole(tmp_path: Path) -> None:
    lose_frame(build(tmp_path))
    benchmark = read(tmp_path, partial=True)
    assert [test.clip.name for test in benchmark.test] == ["Test001"]
    assert benchmark.missing == ("clip Test002; Test/Test002/003.tif missing",)


def test_partial_without_its_listing_keeps_the_clips_that_have_masks(tmp_path: Path) -> None:
    lose_listing(build(tmp_path))
    test = read(tmp_path, partial=True).test
    assert [(one.clip.name, one.labels.sum()) for one in test] == [("Test001", 2)]


def test_partial_of_ped2_too(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "Test" / "UCSDped1.m").rename(tmp_path / "Test" / "UCSDped2.m")
    (tmp_path / "Train" / "Train001" / "001.tif").unlink()
    benchmark = read_ped2(tmp_path, train_frames=TRAIN, test_frames=TEST, partial=True)
    assert [clip.name for clip in benchmark.training] == ["Train002"]
    assert "clip Train001" in benchmark.missing[0]
    assert "Test/Test002_gt missing" in benchmark.missing[0]
    assert [one.masks is None for one in benchmark.test] == [False, True]


@pytest.mark.parametrize("split", ["Train", "Test"])
def test_partial_needs_both_splits(tmp_path: Path, split: str) -> None:
    build(tmp_path)
    for n in (1, 2):
        (tmp_path / split / f"{split}{n:03}" / "001.tif").unlink()
    with pytest.raises(BenchmarkError, match="no whole training or no whole test clip"):
        read(tmp_path, partial=True)


def test_a_little_disagreement_is_decided_by_the_listing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    build(tmp_path)
    (tmp_path / "Test" / "UCSDped1.m").write_text(LISTING.replace("2:3", "2:4"))
    assert read(tmp_path).test[0].labels.tolist() == [False, True, True, True]
    assert "disagree on Test001 in frame 4; the latter is used" in caplog.text


def test_masks_of_another_clip_are_refused(tmp_path: Path) -> None:
    build(tmp_path, train=(2,), test=(30,))
    (tmp_path / "Test" / "UCSDped1.m").write_text("a.gt_frame = [1:30];")
    with pytest.raises(BenchmarkError, match=r"masks and Test/UCSDped1\.m disagree on Test001 in 28 frames"):
        read_ped1(tmp_path, train_frames=(2,), test_frames=(30,))


def test_the_frame_that_the_archive_broke_is_replaced_and_told(tmp_path: Path) -> None:
    test = (2,) * 16 + (143,)
    build(tmp_path, test=test)
    (tmp_path / "Test" / "UCSDped1.m").write_text("a.gt_frame = [2:2];\n" * 17)
    write(tmp_path / "Test" / "Test001_gt" / "002.bmp", np.ones((16, 24), np.uint8))
    broken = tmp_path / "Test" / "Test017" / "142.tif"
    assert read_ped1(tmp_path, train_frames=TRAIN, test_frames=test).missing == ()
    broken.write_bytes(broken.read_bytes()[:100])
    benchmark = read_ped1(tmp_path, train_frames=TRAIN, test_frames=test)
    assert [path.stem for path in benchmark.test[16].clip.frames[140:]] == ["141", "141", "143"]
    assert "Test017/142" in benchmark.missing[0]


def test_ped2_is_recognised(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "Test" / "UCSDped2.m").write_text(LISTING)
    with pytest.raises(BenchmarkError, match="looks like UCSD Ped2; name the folder of Ped1"):
        read(tmp_path)


def test_other_folders_are_told_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"not UCSD Ped1; .*6800 pictures.*7200 pictures"):
        read_benchmark("ped1", tmp_path)
