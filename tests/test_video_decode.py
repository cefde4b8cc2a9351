"""Decoding real files: pixels, sizes, times, damage, memory."""

from __future__ import annotations

import gc
import logging
import os
import random
import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sdmae.errors import SourceError
from sdmae.video import Clip, Frame, Size, find_clips, probe, read_frames
from sdmae.video.container import open_video
from sdmae.video.times import thinned
from video_files import cut, make_frames, make_video, picture

DATA = Path(os.environ.get("SDMAE_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA} (SDMAE_DATA)")


def clip_of(path: Path) -> Clip:
    [clip] = find_clips(str(path))
    return clip


def decode(path: Path, *sizes: Size | None, grey: bool = False) -> tuple[list[Frame], list[str]]:
    said: list[str] = []
    return list(read_frames(clip_of(path), sizes or (None,), grey=grey, report=said.append)), said


def refusal(path: Path, *sizes: Size | None, max_pixels: int = 64_000_000) -> str:
    with pytest.raises(SourceError) as raised:
        list(read_frames(clip_of(path), sizes or (None,), max_pixels=max_pixels))
    message = str(raised.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("b.avi", "mpeg4"),
        ("c.avi", "mjpeg"),
        ("d.mkv", "mpeg4"),
    ],
)
def test_every_frame_of_every_container(tmp_path: Path, name: str, codec: str) -> None:
    path = make_video(tmp_path / name, 30, codec=codec)
    frames, said = decode(path)
    assert said == []
    assert [f.index for f in frames] == list(range(30))
    assert [f.time for f in frames] == pytest.approx([i / 25 for i in range(30)], abs=0.002)
    for index in (0, 13, 29):
        image = frames[index].image
        assert image.shape == (72, 100, 3)
        assert np.abs(image.astype(int) - picture(index)).mean() < 12
    info = probe(clip_of(path))
    assert (info.size, info.rate) == (Size(72, 100), 25.0)
    assert info.declared_frames in (None, 30)


@pytest.mark.parametrize("size", [Size(72, 100), Size(50, 34), Size(34, 50), Size(37, 61), Size(90, 130), Size(1, 1)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_size_is_unpadded_and_owned(tmp_path: Path, size: Size, grey: bool) -> None:
    frames, _ = decode(make_video(tmp_path / "a.mp4", 3), size, grey=grey)
    image = frames[0].image
    assert image.shape == (*size, 1 if grey else 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.owndata
    assert image.flags.writeable
    if min(size) > 1:
        # Rows that were read with their padding would shear the picture.
        wanted = cv2.resize(picture(0), (size.width, size.height), interpolation=cv2.INTER_AREA).astype(float)
        if grey:
            wanted = wanted @ np.array([0.299, 0.587, 0.114])[:, None]
        assert np.abs(image - wanted).mean() < 12


def test_grey_has_the_full_range(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name, stored in (("grey", ramp), ("colour", np.repeat(ramp[..., None], 3, axis=2))):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), stored)
        for grey in (False, True):
            frames, _ = decode(tmp_path / name, grey=grey)
            assert (frames[0].image == ramp[..., None]).all()


def test_two_sizes_in_one_decode_equal_separate_ones(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 12)
    small, large = Size(32, 48), Size(64, 96)
    together, _ = decode(path, small, large, None)
    for position, size in enumerate((small, large, None)):
        alone, _ = decode(path, size)
        assert len(alone) == 12
        for a, b in zip(together, alone, strict=True):
            assert (a.images[position] == b.image).all()


def test_same_file_twice_is_equal_to_the_bit(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 40, size=Size(120, 160))
    first, second = (decode(path, Size(64, 96))[0] for _ in range(2))
    assert all(a.time == b.time and (a.image == b.image).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("start", [0, 5000])
def test_variable_frame_rate_keeps_its_times(tmp_path: Path, name: str, start: int) -> None:
    stamps = [0, 40, 200, 240, 1000, 1040, 1500, 1533]
    frames, said = decode(make_video(tmp_path / name, 8, stamps=[start + s for s in stamps]))
    assert [f.time for f in frames] == pytest.approx([s / 1000 for s in stamps], abs=0.001)
    assert said == []


def test_stream_without_any_stamps(tmp_path: Path) -> None:
    path = tmp_path / "raw.h264"
    with av.open(make_video(tmp_path / "a.ts", 12)) as container:
        path.write_bytes(b"".join(bytes(p) for p in container.demux(video=0)))
    frames, said = decode(path)
    assert len(frames) == 12
    assert [f.time for f in frames] == pytest.approx([i / 25 for i in range(12)])
    assert said == []


def test_reordered_frames_in_avi_are_evenly_timed(tmp_path: Path) -> None:
    frames, _ = decode(make_video(tmp_path / "a.avi", 40))
    assert [f.time for f in frames] == pytest.approx([i / 25 for i in range(40)])


@pytest.mark.parametrize("ending", ["jpg", "JPEG", "png", "tif", "tiff", "bmp"])
def test_folder_of_frames(tmp_path: Path, ending: str) -> None:
    folder = make_frames(tmp_path / "f", [f"{i}.{ending}" for i in range(12)], size=Size(51, 37))
    [clip] = find_clips(str(folder), rate=10)
    frames = list(read_frames(clip, (None, Size(16, 16))))
    assert [f.time for f in frames] == [i / 10 for i in range(12)]
    assert frames[11].images[1].shape == (16, 16, 3)
    difference = np.abs(frames[11].image.astype(int) - picture(11, Size(51, 37)))
    assert difference.max() == 0 if "j" not in ending.lower() else difference.mean() < 6
    info = probe(clip)
    assert (info.size, info.rate, info.declared_frames) == (Size(51, 37), 10, 12)


def test_pictures_of_different_sizes(tmp_path: Path) -> None:
    make_frames(tmp_path, ["1.png", "2.png"])
    make_frames(tmp_path / "other", ["3.png"], size=Size(40, 60))
    (tmp_path / "other" / "3.png").rename(tmp_path / "3.png")
    with pytest.raises(SourceError, match=r"3\.png: 60×40, but 1\.png is 100×72"):
        list(read_frames(clip_of(tmp_path), (Size(32, 32),)))


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "bmp"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_picture_that_does_not_decode(
    tmp_path: Path, ending: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    make_frames(tmp_path, [f"{i}.{ending}" for i in range(3)])
    cut(tmp_path / f"1.{ending}", share)
    frames = read_frames(clip_of(tmp_path))
    next(frames)
    with pytest.raises(SourceError, match=rf"1\.{ending}: this picture does not decode"):
        next(frames)
    assert capfd.readouterr().err == ""


def test_text_named_png(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_text("not a picture")
    with pytest.raises(SourceError, match=r"1\.png"):
        probe(clip_of(tmp_path))


def test_truncated_with_its_index_at_the_end(tmp_path: Path) -> None:
    assert "not a video" in refusal(cut(make_video(tmp_path / "a.mp4", 60), 0.7))


@pytest.mark.parametrize(
    ("name", "options"),
    [("fast.mp4", {"movflags": "faststart"}), ("a.mkv", {}), ("a.ts", {}), ("a.avi", {})],
)
def test_truncated_is_used_as_far_as_it_goes(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    whole, said = decode(make_video(tmp_path / name, 120, options=options, codec_options={"g": "12", "crf": "12"}))
    assert said == []
    frames, said = decode(cut(tmp_path / name, 0.6))
    assert 40 < len(frames) < 90
    assert len(said) == 1
    assert "\n" not in said[0]
    assert name in said[0]
    assert f"frame {len(frames) - 1} ({frames[-1].time:.2f} s)" in said[0]
    if name != "a.ts":  # which declares no length
        assert "stops decoding" in said[0]
        assert "about 120" in said[0]
    for a, b in zip(frames[:-1], whole, strict=False):
        assert (a.image == b.image).all()


def test_loss_is_logged_where_nobody_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = cut(make_video(tmp_path / "a.mkv", 60), 0.6)
    with caplog.at_level(logging.WARNING, "sdmae"):
        list(read_frames(clip_of(path)))
    assert [r.name for r in caplog.records] == ["sdmae"]
    assert "stops decoding" in caplog.text


def test_damage_in_the_middle_is_stepped_over(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make_video(tmp_path / "a.mp4", 120, codec_options={"g": "12", "crf": "12"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = random.Random(0).randbytes(600)
    path.write_bytes(data)
    frames, said = decode(path)
    assert 100 < len(frames) < 120
    assert frames[-1].time == pytest.approx(119 / 25)
    assert len(said) == 1
    assert "damaged" in said[0]
    again, _ = decode(path)
    assert all(a.time == b.time and (a.image == b.image).all() for a, b in zip(frames, again, strict=True))
    assert capfd.readouterr().err == ""


def test_mutated_files_end_in_frames_or_one_line(tmp_path: Path) -> None:
    draw = random.Random(1)
    for name in ("a.mp4", "a.mkv", "b.avi"):
        original = make_video(tmp_path / name, 12, codec="libx264" if name[0] == "a" else "mpeg4").read_bytes()
        for _ in range(25):
            data = bytearray(original)
            for _ in range(draw.choice((1, 8, 64))):
                data[draw.randrange(len(data))] = draw.randrange(256)
            (tmp_path / name).write_bytes(data)
            try:
                frames, said = decode(tmp_path / name, Size(16, 16))
            except SourceError as error:
                said = [str(error)]
            else:
                times = [f.time for f in frames]
                assert times == sorted(times)
            assert all("\n" not in line and name in line for line in said)


@pytest.mark.parametrize("content", [b"", b"just some words\n" * 50, bytes(5000), random.Random(0).randbytes(5000)])
def test_what_is_no_video(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "words.mp4"
    path.write_bytes(content)
    assert "not a video" in refusal(path)
    with pytest.raises(SourceError, match=r"words\.mp4"):
        probe(clip_of(path))
    assert capfd.readouterr().err == ""


def test_file_that_vanished_and_sound_alone(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        list(read_frames(Clip("a", tmp_path / "a.mp4")))
    with av.open(tmp_path / "sound.mkv", "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    assert "no video" in refusal(tmp_path / "sound.mkv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}/x.ts\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile a.mp4\n"),
        ("cam.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
    ],
)
def test_playlists_are_not_followed(tmp_path: Path, name: str, text: str) -> None:
    make_video(tmp_path / "a.mp4", 5)
    (tmp_path / name).write_text(text.format(url="http://127.0.0.1:9"))
    assert "not a video" in refusal(tmp_path / name)


def test_giant_frames_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 2, size=Size(200, 220))
    assert "220×200, more than 30000 pixels" in refusal(path, Size(8, 8), max_pixels=30_000)
    make_frames(tmp_path / "f", ["1.png"], size=Size(200, 220))
    with pytest.raises(SourceError, match="220×200 is more than 30000 pixels"):
        list(read_frames(clip_of(tmp_path / "f"), max_pixels=30_000))


def test_size_that_changes_within_a_video(tmp_path: Path) -> None:
    parts = [make_video(tmp_path / f"{i}.ts", 10, size=s) for i, s in enumerate((Size(64, 96), Size(96, 64)))]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(p.read_bytes() for p in parts))
    frames, _ = decode(path, Size(32, 32))
    assert len(frames) == 20
    assert {f.image.shape for f in frames} == {(32, 32, 3)}
    times = [f.time for f in frames]
    assert times == sorted(times)
    assert "the frame size changes from 96×64 to 64×96 at frame 10" in refusal(path, Size(32, 32), None)


def test_one_frame_and_one_odd_rate(tmp_path: Path) -> None:
    assert len(decode(make_video(tmp_path / "one.mp4", 1))[0]) == 1
    ntsc = make_video(tmp_path / "ntsc.mp4", 10, rate=Fraction(30000, 1001))
    assert probe(clip_of(ntsc)).rate == pytest.approx(29.97, abs=0.001)


def test_sizes_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="positive"):
        read_frames(Clip("a", tmp_path / "a.mp4"), (Size(0, 5),))


def test_abandoned_decoding_closes_the_file(tmp_path: Path) -> None:
    def opened() -> int:
        links = [p for p in Path("/proc/self/fd").iterdir() if p.is_symlink()]
        return sum(p.readlink() == path for p in links if p.exists())

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc on this system")
    path = make_video(tmp_path / "a.mp4", 20)
    frames = read_frames(clip_of(path))
    next(frames)
    assert opened() == 1
    del frames
    gc.collect()
    assert opened() == 0


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    clip = clip_of(make_video(tmp_path / "a.mp4", 600, size=Size(64, 96)))
    tracemalloc.start()
    try:
        frames = read_frames(clip)
        peaks = [tracemalloc.get_traced_memory()[1] for frame in frames if frame.index in (100, 599)]
    finally:
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 3 * 64 * 96 * 3


def same(a: Sequence[Frame], b: Sequence[Frame]) -> bool:
    """Whether two decodings gave the same frames to the bit."""
    return len(a) == len(b) and all(
        (x.index, x.time) == (y.index, y.time) and (x.image == y.image).all() for x, y in zip(a, b, strict=True)
    )


def test_a_fast_video_is_thinned_by_time(tmp_path: Path) -> None:
    clip = clip_of(make_video(tmp_path / "a.mp4", 60, rate=50))
    whole = list(read_frames(clip))
    # Of the last tick there is no nearer frame than the last one.
    assert [f.index for f in read_frames(clip, rate=25)] == [*range(0, 60, 2), 59]
    assert same(list(read_frames(clip, rate=10)), [*whole[::5], whole[59]])
    for rate in (None, 50, 200):
        assert same(list(read_frames(clip, rate=rate)), whole)


def test_an_uneven_video_is_thinned_by_its_own_times(tmp_path: Path) -> None:
    # 50 a second, but for one frame that is shown for half a second.
    stamps = [20 * k + (500 if k >= 30 else 0) for k in range(100)]
    clip = clip_of(make_video(tmp_path / "a.mkv", 100, rate=50, stamps=stamps))
    frames = list(read_frames(clip, rate=10))
    times = [f.time for f in frames]
    assert times == pytest.approx([k / 10 for k in (*range(7), *range(11, 26))], abs=0.021)
    assert times == pytest.approx([stamps[f.index] / 1000 for f in frames])


def test_a_folder_of_frames_is_thinned_too(tmp_path: Path) -> None:
    [clip] = find_clips(str(make_frames(tmp_path / "f", [f"{k:02d}.png" for k in range(30)])), rate=30)
    frames = list(read_frames(clip, rate=10))
    assert [f.index for f in frames] == [*range(0, 30, 3), 29]
    assert [f.time for f in frames] == pytest.approx([*(k / 10 for k in range(10)), 29 / 30])
    assert all((f.image == picture(f.index)).all() for f in frames)


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("rate", [None, 10.0])
def test_only_some_frames_may_be_wanted(tmp_path: Path, folder: bool, rate: float | None) -> None:
    if folder:
        clip = clip_of(make_frames(tmp_path / "f", [f"{k:02d}.png" for k in range(30)]))
    else:
        clip = clip_of(make_video(tmp_path / "a.mp4", 30))
    wanted = {0, 5, 6, 7, 20, 29, 400}
    chosen = [f for f in read_frames(clip, rate=rate) if f.index in wanted]
    assert chosen
    assert same(list(read_frames(clip, rate=rate, only=wanted)), chosen)
    assert list(read_frames(clip, rate=rate, only=())) == []


@pytest.fixture(params=[0.1, 0.35, 0.6, 0.9])
def damaged(tmp_path: Path, request: pytest.FixtureRequest) -> Clip:
    """A video of 120 frames with some noise in it."""
    path = make_video(tmp_path / "a.mkv", 120, codec_options={"g": "12", "crf": "12"})
    data = bytearray(path.read_bytes())
    at = int(len(data) * request.param)
    data[at : at + 600] = random.Random(at).randbytes(600)
    path.write_bytes(data)
    return clip_of(path)


def test_no_frame_of_a_damaged_video_is_given_twice(damaged: Clip) -> None:
    said: list[str] = []
    frames = list(read_frames(damaged, report=said.append))
    assert len(said) == 1
    assert 60 < len(frames) < 120
    assert [f.index for f in frames] == list(range(len(frames)))
    times = [f.time for f in frames]
    assert times == sorted(set(times))


@pytest.mark.parametrize("ending", ["mkv", "ts", "avi"])
def test_damage_is_concealed_as_one_thread_conceals_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    def one_thread(path: Path, max_pixels: int, *, threads: bool) -> Any:
        return open_video(path, max_pixels, threads=False)

    # Frames are predicted from ones that are shown after them, and the end of the file may be what is damaged.
    path = make_video(tmp_path / f"a.{ending}", 60, size=Size(240, 320), codec_options={"g": "30", "crf": "15"})
    whole = path.read_bytes()
    for seed in (1, 4, 10, 11, 18, 20, 25):
        draw, data = random.Random(seed), bytearray(whole)
        for _ in range(3):
            at, length = draw.randrange(len(data) // 10, len(data)), draw.choice((4, 60, 600))
            data[at : at + length] = draw.randbytes(min(length, len(data) - at))
        path.write_bytes(data)
        found, said = decode(path, Size(60, 80))
        with monkeypatch.context() as patch:
            patch.setattr("sdmae.video.decode.open_video", one_thread)
            wanted, also_said = decode(path, Size(60, 80))
        assert same(found, wanted)
        assert said == also_said


def test_what_is_missing_altogether_is_seen_however_the_threads_run(
    damaged: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "sdmae.video.decode.open_video", lambda path, most, threads: open_video(path, most, threads=False)
        )
        wanted = [(f.index, f.time, f.image.tobytes()) for f in read_frames(damaged, report=lambda line: None)]
    # Of a hundred decodings by several threads some four did not mark the frames beside the gap.
    for _ in range(40):
        found = [(f.index, f.time, f.image.tobytes()) for f in read_frames(damaged, report=lambda line: None)]
        assert found == wanted


def test_a_damaged_video_is_thinned_as_a_whole_one_is(damaged: Clip) -> None:
    said: list[str] = []
    whole = list(read_frames(damaged, report=said.append))
    wanted = list(thinned(whole, 10, 25))
    assert same(list(read_frames(damaged, rate=10, report=said.append)), wanted)
    some = {f.index for f in wanted[3::4]}
    found = list(read_frames(damaged, rate=10, only=some, report=said.append))
    assert same(found, wanted[3::4])
    assert len(set(said)) == 1
    assert len(said) == 3


@needs_data
@pytest.mark.parametrize(
    ("name", "frames", "rate", "size"),
    [
        ("clips/car-detection.mp4", 377, 12.5, Size(432, 768)),
        ("avenue_sample/testing_videos/21.avi", 76, 25.0, Size(360, 640)),
    ],
)
def test_real_videos(name: str, frames: int, rate: float, size: Size) -> None:
    clip = clip_of(DATA / name)
    assert probe(clip).size == size
    said: list[str] = []
    count = 0
    for frame in read_frames(clip, (Size(96, 160),), report=said.append):
        assert frame.time == pytest.approx(frame.index / rate)
        count += 1
    assert (count, said) == (frames, [])
