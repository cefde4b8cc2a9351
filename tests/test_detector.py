from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import save_file

import sdmae
from sdmae import Detector, load
from sdmae.config import to_dict
from sdmae.errors import DetectorError, SourceError
from sdmae.video import find_clips
from video_files import make_frames, make_video


def test_the_same_file_scores_the_same_to_the_bit(detector: Detector, detector_file: Path, video: Path) -> None:
    first = detector.score(video)
    again = load(detector_file, device="cpu").score(video)
    assert first.scores.tobytes() == again.scores.tobytes()
    assert first.times.tobytes() == again.times.tobytes()


@pytest.mark.parametrize("causal", [False, True])
def test_scores_do_not_depend_on_the_batch(detector_file: Path, video: Path, causal: bool) -> None:
    one, many = (load(detector_file, device="cpu", batch=b).score(video, causal=causal).scores for b in (1, 32))
    assert np.abs(one - many).max() <= 1e-5


def test_every_frame_gets_a_score_at_its_time(detector: Detector, video: Path) -> None:
    scores = detector.score(video)
    assert scores.frames.tolist() == list(range(50))
    assert scores.times == pytest.approx(np.arange(50) / 25)
    assert np.isfinite(scores.scores).all()
    assert scores.maps is None


def test_maps_come_when_asked_for(detector: Detector, video: Path) -> None:
    maps = detector.score(video, maps=True).maps
    assert maps is not None
    assert maps.shape == (50, 9, 12)


def test_the_stream_is_the_causal_score(detector: Detector, video: Path) -> None:
    streamed = list(detector.stream(video))
    scores = detector.score(video, causal=True)
    assert [f.score for f in streamed] == scores.scores.tolist()
    assert all(f.map is not None for f in streamed)
    offline, causal = detector.score_both(video)
    assert causal.scores.tolist() == scores.scores.tolist()
    assert offline.scores.tolist() == detector.score(video).scores.tolist()


def test_the_maps_of_the_offline_scores_can_be_had_one_by_one(detector: Detector, video: Path) -> None:
    maps: list[NDArray[np.float32]] = []
    detector.score_both(video, tap=maps.append)
    whole = detector.score(video, maps=True).maps
    assert whole is not None
    np.testing.assert_array_equal(np.stack(maps), whole)


def test_the_stream_needs_no_future_beyond_the_triplet(detector: Detector, tmp_path: Path) -> None:
    folder = make_frames(tmp_path / "all", [f"{k:03d}.png" for k in range(30)])
    long = [f.score for f in detector.stream(folder)]
    for path in sorted(folder.iterdir())[20:]:
        path.unlink()
    short = [f.score for f in detector.stream(folder)]
    assert short[:17] == long[:17]


def test_it_survives_its_file(detector: Detector, video: Path, tmp_path: Path) -> None:
    detector.save(tmp_path / "copy.safetensors")
    copy = load(tmp_path / "copy.safetensors", device="cpu")
    assert copy.fingerprint() == detector.fingerprint()
    assert to_dict(copy.config) == to_dict(detector.config)
    assert copy.provenance == detector.provenance
    assert copy.score(video).scores.tolist() == detector.score(video).scores.tolist()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.safetensors"]


def test_complementary_masks_are_another_score(detector: Detector, video: Path) -> None:
    both = detector.with_settings(
        replace(detector.config, score=replace(detector.config.score, masks="complementary"))
    )
    assert both.score(video).scores.tolist() != detector.score(video).scores.tolist()
    assert both.fingerprint() != detector.fingerprint()
    uniform = detector.with_settings(
        replace(detector.config, model=replace(detector.config.model, weighting="uniform"))
    )
    assert uniform.fingerprint() == detector.fingerprint()  # of the losses alone


def test_alternating_masks_take_the_pattern_and_its_complement_in_turn(detector: Detector, video: Path) -> None:
    def maps(masks: Literal["fixed", "alternating", "complementary"], batch: int = 16) -> NDArray[np.float32]:
        other = detector.with_settings(replace(detector.config, score=replace(detector.config.score, masks=masks)))
        other.batch = batch
        return np.stack([found.map for found in other.frame_maps(clip)])

    clip = find_clips(str(video))[0]
    fixed, alternating, both = maps("fixed"), maps("alternating"), maps("complementary")
    assert np.array_equal(alternating[::2], fixed[::2])
    assert not np.array_equal(alternating[1::2], fixed[1::2])
    np.testing.assert_allclose(alternating[1::2], (2 * both - fixed)[1::2], atol=1e-4)
    # Whose turn it is does not depend on where a batch begins.
    assert np.array_equal(maps("alternating", batch=7), maps("alternating", batch=7))
    np.testing.assert_allclose(maps("alternating", batch=7), alternating, atol=1e-5)


def test_provenance_says_where_it_came_from(detector: Detector) -> None:
    assert {"made", "sdmae", "torch", "seed", "training_frames", "history", "selection"} <= detector.provenance.keys()
    assert [h["phase"] for h in detector.provenance["history"]] == [1, 2]


def test_the_face_of_the_package() -> None:
    assert sdmae.load is load
    assert sdmae.Detector is Detector


def one_line(error: pytest.ExceptionInfo[Exception], *words: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DetectorError) as error:
        load(tmp_path / "no.safetensors")
    one_line(error, "no.safetensors", "sdmae train")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_off(detector_file: Path, tmp_path: Path, share: float) -> None:
    data = detector_file.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DetectorError) as error:
        load(path)
    one_line(error, "cut.safetensors", "cut off")


def test_a_file_that_is_not_ours(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(DetectorError) as error:
        load(path)
    one_line(error, "other.safetensors", "not an sdmae detector")


def edited(source: Path, target: Path, **changes: str) -> Path:
    """A copy with other metadata."""
    data = source.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"].update(changes)
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return target


def test_a_newer_format(detector_file: Path, tmp_path: Path) -> None:
    path = edited(detector_file, tmp_path / "new.safetensors", format_version="3")
    with pytest.raises(DetectorError) as error:
        load(path)
    one_line(error, "new.safetensors", "format 3", "newer sdmae")


def test_an_edited_configuration(detector_file: Path, tmp_path: Path) -> None:
    path = edited(detector_file, tmp_path / "odd.safetensors", config="{")
    with pytest.raises(DetectorError, match="configuration cannot be read"):
        load(path)
    config = to_dict(load(detector_file).config)
    config["model"]["decoder_width"] = 32
    path = edited(detector_file, tmp_path / "odd.safetensors", config=json.dumps(config))
    with pytest.raises(DetectorError, match="do not belong together"):
        load(path)


def test_one_frame_shows_no_motion(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="single frame"):
        detector.score(make_video(tmp_path / "one.mp4", 1))


def test_a_video_smaller_than_a_patch(detector: Detector, tmp_path: Path) -> None:
    from sdmae.video import Size

    folder = make_frames(tmp_path / "tiny", ["1.png", "2.png"], size=Size(6, 40))
    with pytest.raises(SourceError, match="smaller than the detector's patch"):
        detector.score(folder)


def test_many_videos_are_scored_one_by_one(detector: Detector, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        make_video(tmp_path / name, 5)
    with pytest.raises(SourceError, match="holds 2 videos"):
        detector.score(tmp_path)
    assert len(detector.score(find_clips(str(tmp_path))[1]).scores) == 5


def test_a_truncated_video_is_scored_as_far_as_it_decodes(detector: Detector, tmp_path: Path) -> None:
    from video_files import cut

    path = cut(make_video(tmp_path / "cam.mkv", 60), 0.6)
    said: list[str] = []
    scores = detector.score(path, report=said.append)
    assert 10 < len(scores.scores) < 60
    assert len(said) == 1
    assert "cam.mkv" in said[0]
