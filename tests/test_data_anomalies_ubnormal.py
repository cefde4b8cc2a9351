from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.stream import VideoStream

from sdmae.data.anomalies import Scene, build_bank, fill_bank, learn_scene, paste
from sdmae.data.anomalies.cutouts import CutOut
from sdmae.data.anomalies.fit import Line
from sdmae.data.anomalies.ubnormal import UBnormalCutouts, ubnormal_cutouts
from sdmae.data.ubnormal import RATE
from sdmae.errors import BenchmarkError
from sdmae.training import Job, train
from sdmae.video import Size, find_clips, write_picture
from tiny import TINY

SIZE = Size(96, 160)
FRAMES = 40
STEP = 2
"""Columns an object moves a frame."""
RED, GREEN, BLUE = (230, 20, 20), (20, 160, 20), (20, 20, 230)
TRAINING = ("abnormal_scene_1_scenario_3", "abnormal_scene_2_scenario_1_fog")
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def numbers(frame: int, still: bool = False) -> Pixels:
    """Object 3 walks to the right; object 5, an ordinary one, stands in its own place."""
    picture = np.zeros((*SIZE, 1), np.uint8)
    left = 20 + (0 if still else STEP * frame)
    picture[30:60, left : left + 16] = 3
    picture[70:90, 30:50] = 5
    return picture


def make(root: Path, name: str, rows: str, still: bool = False) -> None:
    folder = root / f"Scene{name.split('_')[2]}"
    notes = folder / f"{name}_annotations"
    notes.mkdir(parents=True)
    (notes / f"{name}_tracks.txt").write_text(rows)
    with av.open(folder / f"{name}.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=30)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv444p"  # colours as sharp as the masks
        for n in range(FRAMES):
            objects = numbers(n, still)
            write_picture(notes / f"{name}_{n:04}_gt.png", objects)
            image = np.array([GREEN], np.uint8)[np.zeros(SIZE, int)]
            image[objects[..., 0] == 3] = RED
            image[objects[..., 0] == 5] = BLUE
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training split whole; of validation and test what would raise if it were opened."""
    root = tmp_path_factory.mktemp("ubnormal")
    for name in TRAINING:
        make(root, name, "3,0,39\r\n")
    (root / "scripts").mkdir()
    (root / "scripts" / "abnormal_training_video_names.txt").write_text("\n".join(TRAINING))
    for kind, name in (("validation", "abnormal_scene_1_scenario_7"), ("test", "abnormal_scene_2_scenario_8")):
        (root / "scripts" / f"abnormal_{kind}_video_names.txt").write_text(name)
        folder = root / f"Scene{name.split('_')[2]}"
        (folder / f"{name}.mp4").write_bytes(b"not to be opened")
        (folder / f"{name}_annotations").mkdir()
        (folder / f"{name}_annotations" / f"{name}_tracks.txt").write_text("not to be read")
    return root


def still_scene(channels: int = 3, size: tuple[int, int] = (48, 80), gap: float = 3.0) -> Scene:
    frames = np.full((30, *size, channels), 90, np.uint8)
    return learn_scene(frames, [(0, 30)], gap=gap, gradient_gap=1.0, seed=0)


def peopled(height: float) -> Scene:
    """A scene where objects are `height` rows tall wherever they stand."""
    one = CutOut(
        texture=np.zeros((1, 8, 4, 3), np.uint8),
        mask=np.ones((1, 8, 4), np.uint8),
        foot=40.0,
        x=30.0,
        height=height,
        width=4.0,
        velocity=np.array([0, 1], np.float32),
        residual=np.zeros((5, 2), np.float32),
    )
    return replace(still_scene(), cutouts=(one,), heights=Line(0.0, height, 0.0, 48.0))


def test_objects_come_from_the_training_split_alone_with_their_own_pixels(root: Path) -> None:
    family = ubnormal_cutouts(root, still_scene(), rate=RATE, seed=0, samples=12)
    assert len(family.samples) == 12
    for sample in family.samples:
        assert sample.texture.shape[0] == sample.mask.shape[0] == 5
        inside = sample.texture[sample.mask > 0].astype(int)
        assert np.abs(np.median(inside, axis=0) - RED).max() < 20  # neither the ground nor the ordinary object
        assert sample.mask.mean() > 0.8


@pytest.mark.parametrize("rate", [30.0, 15.0, 25.0, 60.0])
def test_an_object_moves_along_its_own_track_at_the_times_of_the_instants(root: Path, rate: float) -> None:
    scene = still_scene()
    family = ubnormal_cutouts(root, scene, rate=rate, seed=0, samples=4)
    made = family.draw(np.random.default_rng(0))
    assert made.texture.shape[0] == 5
    scale = scene.size[0] / SIZE.height
    expected = STEP * scale * scene.moments * RATE / rate
    assert np.allclose(made.offsets[:, 1], expected, atol=0.02)
    assert not made.offsets[:, 0].any()


def test_without_known_heights_an_object_keeps_its_share_of_the_frame(root: Path) -> None:
    family = ubnormal_cutouts(root, still_scene(), rate=RATE, seed=0, samples=4)
    solid = family.draw(np.random.default_rng(0)).mask[2] >= 128
    assert abs(solid.any(axis=1).sum() - 15) <= 1
    assert abs(solid.any(axis=0).sum() - 8) <= 1


def test_with_known_heights_it_is_as_tall_as_others_on_its_row(root: Path) -> None:
    scene = peopled(20.0)
    family = ubnormal_cutouts(root, scene, rate=RATE, seed=0, samples=4)
    rng = np.random.default_rng(0)
    drawn = [family.draw(rng) for _ in range(20)]
    heights = [int((one.mask[2] >= 128).any(axis=1).sum()) for one in drawn]
    assert min(heights) >= 15
    assert max(heights) <= 26
    assert max(heights) - min(heights) > 3
    for one, height in zip(drawn, heights, strict=True):
        assert one.offsets[4, 1] == pytest.approx(STEP * 3 * height / 30, rel=0.12)


def test_what_is_stored_is_no_larger_than_can_be_wanted(root: Path) -> None:
    sample = ubnormal_cutouts(root, peopled(8.0), rate=RATE, seed=0, samples=1).samples[0]
    assert sample.side == pytest.approx(10.0)
    assert sample.mask.shape[1] <= 11


def test_grey_where_the_scene_is_grey(root: Path) -> None:
    made = ubnormal_cutouts(root, still_scene(1), rate=RATE, seed=0, samples=2).draw(np.random.default_rng(0))
    assert made.texture.shape[3] == 1


def test_the_same_seed_gives_the_same_objects(root: Path) -> None:
    def family(seed: int) -> UBnormalCutouts:
        return ubnormal_cutouts(root, still_scene(), rate=RATE, seed=seed, samples=6)

    one, same, other = family(1), family(1), family(2)
    assert all(np.array_equal(a.texture, b.texture) for a, b in zip(one.samples, same.samples, strict=True))
    assert all(np.array_equal(a.offsets, b.offsets) for a, b in zip(one.samples, same.samples, strict=True))
    assert any(not np.array_equal(a.texture, b.texture) for a, b in zip(one.samples, other.samples, strict=True))
    drawn = [one.draw(np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(drawn[0].texture, drawn[1].texture)


def test_a_bank_of_them_is_pasted(root: Path) -> None:
    scene = still_scene()
    family = ubnormal_cutouts(root, scene, rate=RATE, seed=0, samples=6)
    bank = fill_bank([family], scene, objects=8, seed=0)
    assert (bank.families, len(bank)) == (("ubnormal",), 8)
    samples = torch.full((4, 5, *scene.size, 3), 90, dtype=torch.uint8)
    pasted, masks, labels = paste(samples, bank, 1.0, 1, torch.Generator().manual_seed(0))
    assert labels.all()
    red = pasted[:, 2][masks > 0].float().median(dim=0).values
    assert red[0] > 150
    assert red[1:].max() < 80


def test_it_stands_beside_the_other_families(root: Path) -> None:
    scene = still_scene()
    family = ubnormal_cutouts(root, scene, rate=RATE, seed=0, samples=2)
    bank = build_bank(scene, ["shapes"], objects=3, seed=0, extra=[family])
    assert bank.families == ("shapes", "ubnormal")
    alone = build_bank(scene, ["shapes"], objects=3, seed=0)
    assert torch.equal(bank.pixels[: len(alone.pixels)], alone.pixels)  # the others are what they were


def test_what_is_still_is_no_sample(tmp_path: Path) -> None:
    make(tmp_path, TRAINING[0], "3,0,39\n", still=True)
    (tmp_path / "abnormal_training_video_names.txt").write_text(TRAINING[0])
    with pytest.raises(BenchmarkError, match=r"no abnormal object of the training videos .* whole and moving; leave"):
        ubnormal_cutouts(tmp_path, still_scene(), rate=RATE, seed=0)


def test_an_object_seen_too_shortly_is_no_sample(tmp_path: Path) -> None:
    make(tmp_path, TRAINING[0], "3,4,9\n")
    (tmp_path / "abnormal_training_video_names.txt").write_text(TRAINING[0])
    with pytest.raises(BenchmarkError, match="seen for long enough"):
        ubnormal_cutouts(tmp_path, still_scene(), rate=RATE, seed=0)


def test_only_frames_of_its_interval_are_cut(tmp_path: Path) -> None:
    make(tmp_path, TRAINING[0], "3,4,10\n")  # just the seven frames from t-s to t+s
    (tmp_path / "abnormal_training_video_names.txt").write_text(TRAINING[0])
    samples = ubnormal_cutouts(tmp_path, still_scene(), rate=RATE, seed=0, samples=3).samples
    assert len(samples) == 3
    assert all(np.array_equal(one.texture, samples[0].texture) for one in samples)


def test_no_training_video_is_told(tmp_path: Path, root: Path) -> None:
    (tmp_path / "Scene1").mkdir()
    with pytest.raises(BenchmarkError, match=r"lacks abnormal_training_video_names\.txt"):
        ubnormal_cutouts(tmp_path, still_scene(), rate=RATE, seed=0)
    (tmp_path / "abnormal_training_video_names.txt").write_text(TRAINING[0])
    with pytest.raises(BenchmarkError, match="none of its 1 abnormal training videos"):
        ubnormal_cutouts(tmp_path, still_scene(), rate=RATE, seed=0)
    with pytest.raises(BenchmarkError, match="is not UBnormal"):
        ubnormal_cutouts(tmp_path / "Scene1", still_scene(), rate=RATE, seed=0)


def test_masks_of_another_size_are_refused(tmp_path: Path) -> None:
    make(tmp_path, TRAINING[0], "3,0,39\n")
    (tmp_path / "abnormal_training_video_names.txt").write_text(TRAINING[0])
    for path in (tmp_path / "Scene1").rglob("*_gt.png"):
        write_picture(path, numbers(int(path.stem.split("_")[-2]))[:94, :158])
    with pytest.raises(BenchmarkError, match=r"_0000_gt\.png: not of the size of .*\.mp4"):
        ubnormal_cutouts(tmp_path, still_scene(), rate=RATE, seed=0)


def test_a_detector_learns_with_them(root: Path, video: Path, tmp_path: Path) -> None:
    job = Job(find_clips(str(video)), tmp_path / "cam.safetensors", ubnormal=root, device="cpu")
    detector = train(job, TINY)
    assert detector.provenance["ubnormal"]
    plain = train(Job(find_clips(str(video)), tmp_path / "plain.safetensors", device="cpu"), TINY)
    assert detector.fingerprint() != plain.fingerprint()
