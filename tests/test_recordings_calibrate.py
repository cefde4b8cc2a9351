"""From normal video to a detector that alarms as seldom as was asked for, and video that is refused for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdmae import Detector, load
from sdmae.data.store import Exclusion
from sdmae.data.zones import parse_zone
from sdmae.errors import DetectorError, SourceError
from sdmae.recordings.calibrate import Order, calibrate
from sdmae.video import Clip, Image, Size, find_clips
from video_files import SIZE, make_frames, make_video, picture, with_a_blaze

Write = Callable[..., list[str]]


def with_budget(detector: Detector, alarms: float) -> Detector:
    events = replace(detector.config.events, false_alarms_per_day=alarms)
    return detector.with_settings(replace(detector.config, events=events))


def run(detector: Detector, *sources: Path, output: Path, **options: object) -> list[str]:
    """Calibrates on the sources; gives what was said."""
    said: list[str] = []
    clips = [clip for source in sources for clip in find_clips(str(source))]
    calibrate(detector, Order(clips, output, **options), said.append)  # type: ignore[arg-type]
    return said


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A file in a folder of its own."""
    return tmp_path / "made" / "new.safetensors"


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the clips that go through the network from now on."""
    names: list[str] = []
    real = Detector.score_both

    def watched(self: Detector, source: Clip, **options: object) -> object:
        names.append(source.name)
        return real(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Detector, "score_both", watched)
    return names


def still(index: int, size: Size) -> Image:
    return picture(0, size)


# --- what it writes ------------------------------------------------------------------------------------------------


def test_it_writes_a_detector_that_knows_its_threshold(detector: Detector, normal_video: Path, output: Path) -> None:
    said = run(with_budget(detector, 2000), normal_video, output=output)
    found = load(output, device="cpu")
    assert found.calibration is not None
    assert found.calibration.fingerprint == found.calibration_fingerprint()
    assert "normal" in found.calibration.video
    assert found.fingerprint() == detector.fingerprint()  # the scores are what they were
    assert found.provenance == detector.provenance
    assert found.config.events.false_alarms_per_day == 2000
    for level in (found.calibration.causal, found.calibration.offline):
        assert level.asked == 2000
        assert level.rate == pytest.approx(2000, rel=1e-3)
        assert level.low < level.rate < level.high
        assert level.seconds == pytest.approx(60, abs=1)
        assert level.threshold > level.median
    assert [line.split(":")[0] for line in said[:2]] == ["live and causal", "offline"]
    assert [line.split(":")[0] for line in said[2:]] == ["whether this video is normal could not be checked"]
    assert "2000 false alarms a day expected" in said[0]
    assert "60 s of normal video" in said[0]
    # Nothing but the detector is left.
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_a_smaller_budget_is_a_higher_threshold(detector: Detector, normal_video: Path, output: Path) -> None:
    thresholds = []
    for k, alarms in enumerate((5000, 2000, 200)):
        run(with_budget(detector, alarms), normal_video, output=output.with_name(f"{k}.safetensors"))
        calibration = load(output.with_name(f"{k}.safetensors"), device="cpu").calibration
        assert calibration is not None
        thresholds.append(calibration.offline.threshold)
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 3


def test_an_existing_file_is_not_replaced_by_accident(
    detector: Detector, normal_video: Path, output: Path, scored: list[str]
) -> None:
    output.parent.mkdir()
    output.write_bytes(b"mine")
    with pytest.raises(DetectorError, match=r"new\.safetensors: exists; .*--overwrite"):
        run(detector, normal_video, output=output)
    assert scored == []
    assert output.read_bytes() == b"mine"
    run(detector, normal_video, output=output, overwrite=True)
    assert load(output, device="cpu").calibration is not None


def test_a_detector_is_calibrated_in_its_place(calibrated_file: Path, normal_video: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(calibrated_file, tmp_path / "cam.safetensors"))
    run(with_budget(load(path, device="cpu"), 4000), normal_video, output=path, overwrite=True)
    found = load(path, device="cpu").calibration
    assert found is not None
    assert found.offline.asked == 4000


def test_too_little_video_for_what_was_asked_is_warned_of(
    detector: Detector, normal_video: Path, output: Path
) -> None:
    said = run(with_budget(detector, 1), normal_video, output=output)
    calibration = load(output, device="cpu").calibration
    assert calibration is not None
    warned = [line for line in said if "asked for 1 false alarms a day" in line]
    assert [line.split(":")[0] for line in warned] == ["live and causal", "offline"]
    for line, level in zip(warned, (calibration.causal, calibration.offline), strict=True):
        assert "\n" not in line
        # The smallest budget it can vouch for, and what to do.
        assert f"no fewer than {level.vouched:.0f}" in line
        assert "sdmae calibrate with more video" in line
        assert level.vouched > 100


# --- resume --------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two videos of half a minute."""
    return [make_video(tmp_path / f"{name}.mp4", 150, rate=5) for name in "ab"]


def interrupted(detector: Detector, two: list[Path], output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrates until Ctrl-C comes in the second video."""
    real = Detector.score_both

    def stopped(self: Detector, source: Clip, **options: object) -> object:
        if source.name == "b":
            raise KeyboardInterrupt
        return real(self, source, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Detector, "score_both", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(detector, *two, output=output)
    assert not output.exists()
    assert [path.name for path in output.with_name("new.calibration").iterdir()] == ["a.npz"]


def test_what_was_finished_is_not_scored_again(
    detector: Detector, two: list[Path], output: Path, monkeypatch: pytest.MonkeyPatch, scored: list[str]
) -> None:
    whole = output.with_name("whole.safetensors")
    run(detector, *two, output=whole)
    interrupted(detector, two, output, monkeypatch)
    scored.clear()
    run(detector, *two, output=output, resume=True)
    assert scored == ["b"]
    one, other = (load(path, device="cpu").calibration for path in (whole, output))
    assert one == other
    assert not output.with_name("new.calibration").exists()


def changed_file(detector: Detector, two: list[Path], kept: Path) -> Detector:
    make_video(two[0], 151, rate=5)
    return detector


def changed_score(detector: Detector, two: list[Path], kept: Path) -> Detector:
    return detector.with_settings(replace(detector.config, score=replace(detector.config.score, sigma=0.5)))


def cut_scores(detector: Detector, two: list[Path], kept: Path) -> Detector:
    kept.write_bytes(kept.read_bytes()[:500])
    return detector


def no_scores(detector: Detector, two: list[Path], kept: Path) -> Detector:
    kept.write_bytes(b"")
    return detector


def foreign_scores(detector: Detector, two: list[Path], kept: Path) -> Detector:
    np.savez(kept, x=np.zeros(3))
    return detector


@pytest.mark.parametrize("change", [changed_file, changed_score, cut_scores, no_scores, foreign_scores])
def test_scores_that_no_longer_hold_are_made_anew(
    change: Callable[[Detector, list[Path], Path], Detector],
    detector: Detector,
    two: list[Path],
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    scored: list[str],
) -> None:
    interrupted(detector, two, output, monkeypatch)
    detector = change(detector, two, output.with_name("new.calibration") / "a.npz")
    scored.clear()
    run(detector, *two, output=output, resume=True)
    assert scored == ["a", "b"]


def test_without_resume_all_is_scored_again(
    detector: Detector, two: list[Path], output: Path, monkeypatch: pytest.MonkeyPatch, scored: list[str]
) -> None:
    interrupted(detector, two, output, monkeypatch)
    scored.clear()
    run(detector, *two, output=output)
    assert scored == ["a", "b"]


def test_a_users_own_files_in_the_folder_stay(detector: Detector, normal_video: Path, output: Path) -> None:
    folder = output.with_name("new.calibration")
    folder.mkdir(parents=True)
    own = ["holiday.mp4", "notes.npz", "notes.npz.part", "normal.npz.bak"]
    for name in own:
        (folder / name).write_text(name)
    np.savez(folder / "table.npz", key=np.arange(3))
    run(detector, normal_video, output=output)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*own, "table.npz"])
    assert all((folder / name).read_text() == name for name in own)


def test_scores_of_clips_that_are_no_longer_given_go(
    detector: Detector, two: list[Path], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(detector, two, output, monkeypatch)
    folder = output.with_name("new.calibration")
    (folder / "a.npz.123.part").write_bytes(b"of a run that was killed")
    (folder / "a.npz").rename(folder / "gone.npz")
    run(detector, two[1], output=output)
    assert not folder.exists()


@pytest.mark.parametrize("resume", [False, True])
def test_video_in_the_folder_of_scores_is_refused(
    resume: bool, detector: Detector, output: Path, scored: list[str]
) -> None:
    folder = output.with_name("new.calibration")
    make_frames(folder / "a.npz", ["000.png", "001.png"])
    video = make_video(folder / "cam.mp4", 10)
    before = sorted(folder.rglob("*"))
    for source in (video, folder / "a.npz"):
        with pytest.raises(SourceError, match=r"lies in .*new\.calibration.*choose another --output"):
            run(detector, source, output=output, resume=resume)
    assert scored == []
    assert sorted(folder.rglob("*")) == before


# --- exclusions ----------------------------------------------------------------------------------------------------


def test_what_is_excluded_counts_for_nothing(detector: Detector, tmp_path: Path, output: Path) -> None:
    def blazing(index: int, size: Size) -> Image:
        return with_a_blaze(index if 40 <= index < 60 else index + 60, size)

    odd = make_video(tmp_path / "odd.mp4", 200, rate=5, draw=blazing)
    found = []
    for k, exclude in enumerate(([], [Exclusion(7.0, 14.0)], [Exclusion(7.0, 14.0, "other")])):
        path = output.with_name(f"{k}.safetensors")
        run(with_budget(detector, 5000), odd, output=path, exclude=exclude)
        calibration = load(path, device="cpu").calibration
        assert calibration is not None
        found.append(calibration.causal)
    # Seven seconds, and what smoothing carries over their edges: four standard deviations before, four time constants
    # after.
    score = detector.config.score
    left = 40 - 7 - 4 * score.sigma - 4 * score.causal_seconds
    assert [level.seconds for level in found] == pytest.approx([40, left, 40], abs=0.5)
    assert found[1].highest < 0.57 < 0.6 < found[0].highest
    assert found[2].highest == found[0].highest


def test_when_all_is_excluded_nothing_is_left(detector: Detector, normal_video: Path, output: Path) -> None:
    with pytest.raises(SourceError, match=r"no normal video is left .* the exclusions cover everything"):
        run(detector, normal_video, output=output, exclude=[Exclusion(0, 1000)])
    assert not output.exists()


# --- video that is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pictures", "video", "noisy video"])
def test_still_video_is_refused(
    kind: str, detector: Detector, tmp_path: Path, output: Path, scored: list[str]
) -> None:
    """One picture over and over: as files, as H.264, and as H.264 that begins anew all the time."""
    if kind == "pictures":
        source = make_frames(tmp_path / "still", ["000.png"])
        for k in range(1, 300):
            (source / f"{k:03d}.png").hardlink_to(source / "000.png")
    else:
        options = {"g": "5", "crf": "33"} if kind == "noisy video" else None
        source = make_video(tmp_path / "still.mp4", 300, rate=5, draw=still, codec_options=options)
    with pytest.raises(SourceError, match=r"nothing moves in this video.*ordinary things happen.*--force") as error:
        run(detector, source, output=output)
    assert "\n" not in str(error.value)
    assert scored == []  # refused before the work
    assert not output.parent.exists()


def test_scores_that_never_change_are_refused_whatever_is_said(
    detector: Detector, tmp_path: Path, output: Path
) -> None:
    source = make_frames(tmp_path / "still", ["000.png"])
    for k in range(1, 600):
        (source / f"{k:03d}.png").hardlink_to(source / "000.png")
    with pytest.raises(SourceError, match="its scores never change"):
        run(detector, source, output=output, force=True)
    assert not output.exists()


def test_what_moves_only_where_nothing_counts_does_not_move(detector: Detector, tmp_path: Path, output: Path) -> None:
    def block(index: int, size: Size) -> Image:
        image = picture(0, size)
        image[24:36] = picture(index % 100, size)[24:36]
        return image

    source = make_video(tmp_path / "street.mp4", 150, rate=5, draw=block)
    zone = parse_zone("0,16 100,16 100,48 0,48", SIZE)
    blind = detector.with_settings(replace(detector.config, input=replace(detector.config.input, ignore=(zone,))))
    with pytest.raises(SourceError, match="nothing moves"):
        run(blind, source, output=output)
    with pytest.raises(SourceError, match="nothing moves"):
        run(detector, source, output=output, exclude=[Exclusion(0.1, 1000)])
    run(detector, source, output=output)


def test_video_that_is_abnormal_most_of_its_time_is_refused(
    calibrated: Detector, tmp_path: Path, output: Path
) -> None:
    def blazing(index: int, size: Size) -> Image:
        image = with_a_blaze(40, size)
        image[44:56, (3 * index) % 88 : (3 * index) % 88 + 12] = 240
        return image

    source = make_video(tmp_path / "fire.mp4", 150, rate=5, draw=blazing)
    with pytest.raises(SourceError, match=r"abnormal most of its time .*median score.*--force") as error:
        run(calibrated, source, output=output, reference=calibrated.calibration)
    assert "\n" not in str(error.value)
    assert not output.exists()
    # Whoever knows better says so, and nothing is scored again.
    run(calibrated, source, output=output, resume=True, force=True)
    assert load(output, device="cpu").calibration is not None


def test_a_detector_that_knows_nothing_cannot_tell(detector: Detector, odd_video: Path, output: Path) -> None:
    assert detector.calibration is None
    run(detector, odd_video, output=output)
    assert output.exists()


def test_less_than_twenty_seconds_is_refused(detector: Detector, tmp_path: Path, output: Path) -> None:
    source = make_video(tmp_path / "short.mp4", 50, rate=5)
    with pytest.raises(SourceError, match=r"only 10 s of normal video were scored: calibrate with 20 s"):
        run(detector, source, output=output)
    assert not output.exists()


def test_a_video_that_cannot_be_read_is_left_out(
    detector: Detector, normal_video: Path, tmp_path: Path, output: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing")
    said = run(detector, bad, normal_video, output=output)
    assert "bad.mp4" in said[0]
    assert said[0].endswith("; left out")
    assert load(output, device="cpu").calibration is not None
    with pytest.raises(SourceError, match=r"bad\.mp4"):
        run(detector, bad, output=output.with_name("other.safetensors"))


def test_a_folder_without_room_is_no_video_to_leave_out(
    detector: Detector, two: list[Path], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores that cannot be kept end the run: it must not go on and calibrate with what is left."""

    def full(*rest: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DetectorError, match=r"new\.calibration: cannot be written \(No space left on device\)"):
        run(detector, *two, output=output)
    assert not list(output.parent.rglob("*.npz*"))
