import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from sdmae.data.avenue import EXPECTED, read_volume
from sdmae.data.readers import read_annotations, read_benchmark
from sdmae.errors import BenchmarkError
from sdmae.video import Size, read_frames
from video_files import make_video

SIZE = Size(48, 64)
FRAMES = 6
MASKS = Path("ground_truth_demo/testing_label_mask")


def cells(frames: int, size: tuple[int, ...] = SIZE, first: int = 2) -> dict[str, Any]:
    """A cell array of masks whose frames from `first` on are abnormal."""
    volume = np.empty((1, frames), object)
    for n in range(frames):
        mask = np.zeros(size, np.uint8)
        mask[10:14, 20:25] = n >= first
        volume[0, n] = mask
    return {"volLabel": volume}


def build(root: Path, training: int = 16, testing: int = 21) -> Path:
    (root / "training_videos").mkdir(parents=True)
    (root / "testing_videos").mkdir()
    (root / MASKS).mkdir(parents=True)
    video = make_video(root / "video.avi", FRAMES, size=SIZE, codec="mpeg4").read_bytes()
    for n in range(1, training + 1):
        (root / "training_videos" / f"{n:02}.avi").write_bytes(video)
    for n in range(1, testing + 1):
        (root / "testing_videos" / f"{n:02}.avi").write_bytes(video)
        savemat(root / MASKS / f"{n}_label.mat", cells(FRAMES))
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("avenue"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return build(tmp_path, 1, 2)


def test_official_layout(whole: Path) -> None:
    benchmark = read_benchmark("avenue", whole)
    assert (benchmark.name, benchmark.rate, benchmark.missing) == ("avenue", 25.0, ())
    assert [clip.name for clip in benchmark.training] == [f"{n:02}" for n in range(1, 17)]
    assert [test.clip.name for test in benchmark.test] == [f"{n:02}" for n in range(1, 22)]
    test = benchmark.test[9]
    assert test.labels.tolist() == [False, False, True, True, True, True]
    assert len(list(read_frames(test.clip))) == FRAMES
    assert not test.read_mask(1).any()
    assert test.read_mask(2)[10:14, 20:25].all()
    assert test.read_mask(5).sum() == 20
    assert test.tracks is None


def test_masks_of_clips_asked_for_in_turn(small: Path) -> None:
    savemat(small / MASKS / "2_label.mat", cells(FRAMES, first=5))
    first, second = read_benchmark("avenue", small, partial=True).test
    for _ in range(2):
        assert first.read_mask(3).any()
        assert not second.read_mask(3).any()


@pytest.mark.parametrize("below", ["Avenue Dataset", "."])
def test_the_folder_around_it_will_do(tmp_path: Path, below: str) -> None:
    build(tmp_path / below, 1, 1)
    assert len(read_benchmark("avenue", tmp_path, partial=True).test) == 1


def test_the_masks_may_lie_beside_it(small: Path) -> None:
    inner = small / "Avenue Dataset"
    inner.mkdir()
    for name in ("training_videos", "testing_videos"):
        (small / name).rename(inner / name)
    assert len(read_benchmark("avenue", small, partial=True).test) == 2


def test_what_a_mac_leaves_behind_is_ignored(small: Path) -> None:
    for name in ("training_videos/.DS_Store", "testing_videos/._01.avi", f"{MASKS}/._1_label.mat"):
        (small / name).write_bytes(b"junk")
    assert len(read_benchmark("avenue", small, partial=True).training) == 1


def test_a_part_of_it_is_refused_unless_it_is_asked_for(small: Path) -> None:
    (small / MASKS / "2_label.mat").unlink()
    words = "training video 02.avi and 14 more; testing video 03.avi and 18 more; mask 2_label.mat and 19 more"
    with pytest.raises(BenchmarkError, match=f"not a whole CUHK Avenue: {words} missing; .* --partial") as caught:
        read_benchmark("avenue", small)
    assert "\n" not in str(caught.value)
    benchmark = read_benchmark("avenue", small, partial=True)
    assert "; ".join(benchmark.missing) == words
    assert [test.clip.name for test in benchmark.test] == ["01"]


@pytest.mark.parametrize(
    ("folder", "words"), [("training_videos", "no whole training clip"), ("testing_videos", "no whole test clip")]
)
def test_nothing_of_a_split_is_refused_even_then(small: Path, folder: str, words: str) -> None:
    for path in (small / folder).iterdir():
        path.unlink()
    with pytest.raises(BenchmarkError, match=words):
        read_benchmark("avenue", small, partial=True)


def test_other_folders_are_told_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=f"is not CUHK Avenue; .*{EXPECTED}"):
        read_benchmark("avenue", tmp_path, partial=True)


def too_many_masks(root: Path) -> None:
    savemat(root / MASKS / "1_label.mat", cells(FRAMES + 3))


def small_masks(root: Path) -> None:
    savemat(root / MASKS / "1_label.mat", cells(FRAMES, (24, 32)))


def no_volume(root: Path) -> None:
    savemat(root / MASKS / "1_label.mat", {"other": np.zeros((2, 2))})


def a_plain_array(root: Path) -> None:
    savemat(root / MASKS / "1_label.mat", {"volLabel": np.zeros((48, 64))})


def sizes_that_differ(root: Path) -> None:
    volume = cells(FRAMES)
    volume["volLabel"][0, 3] = np.zeros((2, 2), np.uint8)
    savemat(root / MASKS / "1_label.mat", volume)


def no_mat(root: Path) -> None:
    (root / MASKS / "1_label.mat").write_bytes(b"no such thing as a .mat file" * 20)


def empty_mat(root: Path) -> None:
    (root / MASKS / "1_label.mat").write_bytes(b"")


def cut_off(root: Path) -> None:
    path = root / MASKS / "1_label.mat"
    path.write_bytes(path.read_bytes()[:-200])


def no_video(root: Path) -> None:
    (root / "testing_videos" / "01.avi").write_bytes(b"no video")


def too_many_videos(root: Path) -> None:
    (root / "training_videos" / "17.avi").write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (too_many_masks, r"1_label\.mat: 9 labels for the 6 frames of .*01\.avi; copy both anew"),
        (small_masks, r"1_label\.mat: masks of 32×24 for frames of 64×48 in .*01\.avi"),
        (no_volume, r"1_label\.mat holds no volLabel; copy"),
        (a_plain_array, r"1_label\.mat: volLabel is no row of masks"),
        (sizes_that_differ, r"1_label\.mat: mask 4 of volLabel"),
        (no_mat, r"1_label\.mat is not a \.mat file"),
        (empty_mat, r"1_label\.mat is not a \.mat file"),
        (cut_off, r"1_label\.mat is not a \.mat file"),
        (no_video, r"testing_videos/01\.avi: not a video"),
        (too_many_videos, r"17\.avi is not of CUHK Avenue"),
    ],
)
def test_broken_files_are_named(small: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(small)
    with pytest.raises(BenchmarkError, match=words) as caught:
        read_benchmark("avenue", small, partial=True)
    assert "\n" not in str(caught.value)


def test_a_volume_is_kept_as_bits(tmp_path: Path) -> None:
    savemat(tmp_path / "1_label.mat", cells(FRAMES, (9, 13), first=0))
    volume = read_volume(tmp_path / "1_label.mat")
    assert volume.bits.shape == (FRAMES, 15)
    assert volume.mask(0).shape == (9, 13)


def test_the_real_sample(real_data: Path) -> None:
    root = real_data / "avenue_sample"
    if not root.is_dir():
        pytest.skip(f"no sample of CUHK Avenue in {root}")
    with pytest.raises(
        BenchmarkError, match=r"training video 01\.avi and 13 more; testing video 01\.avi and 19 more"
    ):
        read_benchmark("avenue", root)
    benchmark = read_benchmark("avenue", root, partial=True)
    assert [clip.name for clip in benchmark.training] == ["12", "16"]
    test = benchmark.test[0]
    assert (test.clip.name, len(test.labels), int(test.labels.sum())) == ("21", 76, 53)
    assert test.read_mask(40).shape == (360, 640)
    assert [bool(test.read_mask(n).any()) for n in range(76)] == test.labels.tolist()
    assert len(list(read_frames(test.clip, (Size(9, 16),)))) == 76


@pytest.mark.parametrize("below", ["", "ground_truth_demo"])
def test_the_masks_alone_are_the_annotations(tmp_path: Path, below: str) -> None:
    build(tmp_path, 1, 2)
    whole = read_benchmark("avenue", tmp_path, partial=True).test
    for name in ("training_videos", "testing_videos"):
        shutil.rmtree(tmp_path / name)
    words = "mask 3_label.mat and 18 more"
    with pytest.raises(BenchmarkError, match=f"not a whole CUHK Avenue: {words} missing; .* --partial"):
        read_annotations("avenue", tmp_path / below)
    found = read_annotations("avenue", tmp_path / below, partial=True)
    assert (found.training, found.missing) == ((), (words,))
    assert [one.clip.name for one in found.test] == ["01", "02"]
    assert [one.labels.tolist() for one in found.test] == [one.labels.tolist() for one in whole]
    assert found.test[1].read_mask(2).sum() == 20
    shutil.rmtree(tmp_path / MASKS)
    with pytest.raises(BenchmarkError, match=r"name its folder|name the one that holds|no whole test clip"):
        read_annotations("avenue", tmp_path / below, partial=True)


def test_the_real_mask_without_its_video(real_data: Path) -> None:
    root = real_data / "avenue_sample"
    if not root.is_dir():
        pytest.skip(f"no sample of CUHK Avenue in {root}")
    (one,) = read_annotations("avenue", root, partial=True).test
    assert (one.clip.name, len(one.labels), int(one.labels.sum())) == ("21", 76, 53)
