from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdmae.errors import BenchmarkError
from sdmae.evaluation.files.metric_files import frames_report, regions_report
from sdmae.metrics import average_precision, equal_error_rate, macro_auc, macro_auc_two_class, micro_auc, rbdc_tbdc

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes a folder of files: their names (dots as underscores cannot be keywords) with their contents."""

    def make(name: str, files: dict[str, str | bytes]) -> Path:
        path = tmp_path / name
        path.mkdir()
        for file, content in files.items():
            (path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def lines(*values: object) -> str:
    return "".join(f"{value}\n" for value in values)


# Frames


def test_every_kind_of_file_gives_the_figures_of_the_arrays(folder: Folder) -> None:
    labels = [[0, 0, 1, 1, 0], [0, 0, 0], [1, 0]]
    scores = [[0.1, 0.25, 0.2, 3, -1], [0.2, 0.3, 0.1], [2.5, 2.5]]
    s = folder("s", {"a.csv": lines(*scores[0]), "b.txt": "0.2\r\n.3\r\n1e-1", ".hidden.txt": "?", "README.md": "?"})
    t = folder("t", {"b.csv": lines(*labels[1]) + "\n\n", "c.txt": "1.000e+00\n0.000e+00\n"})
    np.save(s / "c.npy", np.array(scores[2], np.float32))
    np.save(t / "a.npy", np.array(labels[0], np.bool_))
    assert frames_report(s, t) == {
        "micro_auc": micro_auc(labels, scores),
        "macro_auc": macro_auc(labels, scores),
        "macro_auc_two_class": macro_auc_two_class(labels, scores),
        "average_precision": average_precision(labels, scores),
        "eer": equal_error_rate(labels, scores),
        "videos": 3,
        "frames": 10,
        "abnormal_frames": 3,
    }


def test_without_a_video_of_both_classes_that_mean_is_none(folder: Folder) -> None:
    s, t = folder("s", {"a.txt": "1\n", "b.txt": "2\n"}), folder("t", {"a.txt": "0\n", "b.txt": "1\n"})
    report = frames_report(s, t)
    assert report["macro_auc_two_class"] is None
    assert report["micro_auc"] == 1


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ({"a.txt": "1\nx\n3\n"}, {"a.txt": "0\n1\n1\n"}, r"s/a\.txt:2: 'x' where a number should be"),
        (
            {"a.txt": "score\n1\n"},
            {"a.txt": "0\n1\n"},
            r"s/a\.txt:1: 'score' is no header that is understood; give frame,time,score, or none",
        ),
        ({"a.txt": "frame;score\n0;1\n"}, {"a.txt": "0\n1\n"}, r"s/a\.txt:1: 'frame;score' is no header"),
        ({"a.txt": "1\n2\n"}, {"a.csv": "label\n0\n1\n"}, r"t/a\.csv:1: 'label' is no header .*; give none"),
        ({"a.csv": "1\n2,3\n"}, {"a.txt": "0\n1\n"}, r"s/a\.csv:2: '2,3'"),
        ({"a.txt": "1\nnan\n"}, {"a.txt": "0\n1\n"}, r"s/a\.txt:2: 'nan'"),
        ({"a.txt": "1\ninf\n"}, {"a.txt": "0\n1\n"}, r"s/a\.txt:2: 'inf'"),
        ({"a.txt": "1e999\n2\n"}, {"a.txt": "0\n1\n"}, r"s/a\.txt:1: '1e999'"),
        ({"a.txt": "1_0\n2\n"}, {"a.txt": "0\n1\n"}, r"s/a\.txt:1: '1_0'"),
        ({"a.txt": "1\n\n2\n"}, {"a.txt": "0\n1\n0\n"}, r"s/a\.txt:2: nothing where a number should be"),
        ({"a.txt": b"1\n\xff\xfe\n"}, {"a.txt": "0\n1\n"}, r"s/a\.txt:2: is not text"),
        ({"a.txt": "1\n" + "y" * 500}, {"a.txt": "0\n1\n"}, r"s/a\.txt:2: 'y{37}\.\.\.'"),
        ({"a.txt": "1\n2\n"}, {"a.txt": "0\n2\n"}, r"t/a\.txt:2: the label is 2"),
        ({"a.txt": "1\n2\n"}, {"a.txt": "0.5\n1\n"}, r"t/a\.txt:1: the label is 0\.5"),
        ({"a.txt": "1\n2\n"}, {"a.txt": "0\n1\n0\n"}, r"s/a\.txt has 2 scores, but .*t/a\.txt has 3 labels"),
        ({"a.txt": ""}, {"a.txt": ""}, r"s/a\.txt: empty"),
        ({"a.txt": "\n\n"}, {"a.txt": "0\n"}, r"s/a\.txt: empty"),
        ({"a.txt": "1\n2\n"}, {"a.txt": "0\n0\n"}, r"/t: all 2 frames are normal"),
        ({"a.txt": "1\n2\n"}, {"a.txt": "1\n1\n"}, r"/t: all 2 frames are abnormal"),
        (
            {"a.txt": "1\n", "b.txt": "1\n"},
            {"a.txt": "1\n", "c.txt": "1\n"},
            r"s/b\.txt, .*t/c\.txt: no file of that",
        ),
        ({"a.txt": "1\n", "a.csv": "1\n"}, {"a.txt": "1\n"}, r"s/a\.csv and .*s/a\.txt are of the same video"),
        ({"a.dat": "1\n"}, {"a.txt": "1\n"}, r"/s: no file that ends in \.csv, \.txt, \.npy"),
        ({}, {"a.txt": "1\n"}, r"/s: no file"),
        ({"a.npy": b"nonsense"}, {"a.txt": "1\n"}, r"s/a\.npy: cannot be read as \.npy"),
        ({"a.npy": b""}, {"a.txt": "1\n"}, r"s/a\.npy: cannot be read as \.npy"),
        ({"a.npy": b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8', "}, {"a.txt": "1\n"}, r"s/a\.npy: cannot be read"),
    ],
)
def test_what_is_wrong_with_frames_is_named(
    folder: Folder, scores: dict[str, str | bytes], labels: dict[str, str | bytes], message: str
) -> None:
    with pytest.raises(BenchmarkError, match=message) as caught:
        frames_report(folder("s", scores), folder("t", labels))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 1)), r"is float64 of shape \(2, 1\)"),
        (np.array(3.0), r"is float64 of shape \(\)"),
        (np.array(["1", "2"]), "is <U1"),
        (np.array([1j, 2j]), "is complex128"),
        (np.array([None, 1]), "cannot be read as"),
        (np.array([1.0, np.nan]), "frame 1: nan is not a finite number"),
        (np.array([]), "empty"),
    ],
)
def test_arrays_of_other_kinds_are_refused(folder: Folder, array: np.ndarray[tuple[int, ...]], message: str) -> None:
    s, t = folder("s", {}), folder("t", {"a.txt": "0\n1\n"})
    np.save(s / "a.npy", array)
    with pytest.raises(BenchmarkError, match=message):
        frames_report(s, t)
    np.save(s / "a.npy", np.arange(2.0))
    (t / "a.txt").unlink()
    np.save(t / "a.npy", np.array([0, 5]))
    with pytest.raises(BenchmarkError, match=r"t/a\.npy: frame 1: the label is 5"):
        frames_report(s, t)


def test_arrays_that_claim_more_than_they_hold_are_refused(folder: Folder) -> None:
    s, t = folder("s", {}), folder("t", {"a.txt": "0\n1\n"})
    np.save(s / "a.npy", np.arange(2.0))
    whole = (s / "a.npy").read_bytes()
    for damaged in (whole[:-3], whole.replace(b"(2,)", b"(9999999999999,)")):
        (s / "a.npy").write_bytes(damaged)
        with pytest.raises(BenchmarkError, match="cannot be read as"):
            frames_report(s, t)


def test_folders_that_are_missing_are_named(tmp_path: Path, folder: Folder) -> None:
    there = folder("t", {"a.txt": "0\n"})
    with pytest.raises(BenchmarkError, match="/none: no such folder"):
        frames_report(tmp_path / "none", there)
    with pytest.raises(BenchmarkError, match="/none: no such folder"):
        regions_report(there, tmp_path / "none", 1)


# Regions

TRACKS = {"01.txt": "0,0,10,10,20,20\n0,1,10,10,20,20\n", "02.txt": "3,5,-8,-8,2,2\n"}
FOUND = {"01.txt": "1,10,10,20,20,0.5\n0,11,9,21,20,0.75\n", "02.txt": "5,-8,-8,2,2,1e-3\n4,50,50,60,60,2\n"}


def test_regions_of_files_are_those_of_the_arrays(folder: Folder) -> None:
    report = regions_report(folder("t", TRACKS), folder("d", FOUND), 8)
    truth = [(0, 0, 0, 10, 10, 20, 20), (0, 0, 1, 10, 10, 20, 20), (1, 3, 5, -8, -8, 2, 2)]
    found = [
        (0, 1, 10, 10, 20, 20, 0.5),
        (0, 0, 11, 9, 21, 20, 0.75),
        (1, 5, -8, -8, 2, 2, 1e-3),
        (1, 4, 50, 50, 60, 60, 2),
    ]
    expected = rbdc_tbdc(truth, found, 8)
    assert report == {"rbdc": expected.rbdc, "tbdc": expected.tbdc, "tracks": 2, "regions": 3, "detections": 4}
    # One false positive before all else: nothing up to 1/8 a frame.
    assert report["rbdc"] == report["tbdc"] == 7 / 8


def test_any_order_of_rows_any_ends_of_lines_and_any_spaces_will_do(folder: Folder) -> None:
    plain = regions_report(folder("t", TRACKS), folder("d", FOUND), 8)
    rng = random.Random(0)

    def mixed(files: dict[str, str]) -> dict[str, str | bytes]:
        changed: dict[str, str | bytes] = {}
        for name, text in files.items():
            rows = text.splitlines()
            rng.shuffle(rows)
            changed[name.replace("txt", "CSV")] = (
                b"\xef\xbb\xbf"
                + "\r\n\r\n".join(" " + row.replace(",", " , ").replace("10 ", "10.0 ") for row in rows).encode()
            )
        return changed

    assert regions_report(folder("t2", mixed(TRACKS)), folder("d2", mixed(FOUND)), 8) == plain


def test_empty_files_are_videos_without_any(folder: Folder) -> None:
    tracks = folder("t", {**TRACKS, "03.txt": ""})
    nothing = regions_report(tracks, folder("d", {"01.txt": "", "02.txt": "\n", "03.txt": ""}), 8)
    assert nothing == {"rbdc": 0, "tbdc": 0, "tracks": 2, "regions": 3, "detections": 0}
    normal = regions_report(tracks, folder("d2", {**FOUND, "03.txt": "0,1,1,2,2,9\n"}), 8)
    assert normal["rbdc"] == 6 / 8


def test_the_columns_may_be_named_in_a_first_row(folder: Folder) -> None:
    plain = regions_report(folder("t", TRACKS), folder("d", FOUND), 8)
    tracks = {name: "track_id, frame, x_min, y_min, x_max, y_max\n" + text for name, text in TRACKS.items()}
    found = {name: "\nframe,x_min,y_min,x_max,y_max,score\n" + text for name, text in FOUND.items()}
    assert regions_report(folder("t2", tracks), folder("d2", found), 8) == plain
    bad = {**FOUND, "01.txt": "frame,x_min,y_min,x_max,y_max,score\n0,1,1,0,2,1\n"}
    with pytest.raises(BenchmarkError, match=r"d3/01\.txt:2: an inverted box"):
        regions_report(folder("t3", TRACKS), folder("d3", bad), 8)


def test_equal_scores_that_pass_one_false_positive_a_frame_are_told(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = folder("t", {"01.txt": "0,0,10,10,20,20\n0,1,10,10,20,20\n"})
    false = "".join(f"{k % 2},{100 + 20 * k},50,{110 + 20 * k},60,1\n" for k in range(4))
    tied = {"01.txt": "0,10,10,20,20,2\n1,200,200,210,210,1.5\n1,10,10,20,20,1\n" + false}
    report = regions_report(tracks, folder("d", tied), 2)
    assert report["cut_tie"] == {"score": 1.0, "detections": 5, "false_positives_per_frame": 0.5}
    assert report["rbdc"] == 0.5
    (said,) = capsys.readouterr().err.splitlines()
    assert said == (
        "5 detections of the one score 1 lead from 0.5 past 1 false positive a frame: the curves end before them, "
        "and regions that only they and lower ones find do not count"
    )
    # With scores that differ, and within 1 a frame, there is nothing to tell.
    other = {"01.txt": "".join(f"{row[:-1]}{k}\n" for k, row in enumerate(tied["01.txt"].splitlines()))}
    few = {"01.txt": tied["01.txt"].rsplit("\n", 4)[0] + "\n"}
    for name, files in (("d2", other), ("d3", few)):
        assert "cut_tie" not in regions_report(tracks, folder(name, files), 2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("tracks", "found", "frames", "message"),
    [
        (
            {"01.txt": "id,frame,x,y,w,h\n0,0,1,1,2,2\n"},
            {},
            9,
            r"t/01\.txt:1: 'id,frame,x,y,w,h' .* give track_id,frame",
        ),
        ({"01.txt": "0,0,1,1,2\n"}, {}, 9, r"t/01\.txt:1: 5 values instead of 6; give track_id,frame,x_min"),
        ({"01.txt": "0,0,1,1,2,2,1\n"}, {}, 9, r"t/01\.txt:1: 7 values instead of 6"),
        ({"01.txt": "\n0,0,3,1,2,2\n"}, {}, 9, r"t/01\.txt:2: an inverted box"),
        ({"01.txt": "0,0,1,1,2,2\n0,1,1,3,2,2\n"}, {}, 9, r"t/01\.txt:2: an inverted box"),
        ({"01.txt": "0,-1,1,1,2,2\n"}, {}, 9, r"t/01\.txt:1: the frame is negative"),
        ({"01.txt": "0,1.5,1,1,2,2\n"}, {}, 9, r"t/01\.txt:1: track_id and frame must be whole"),
        ({"01.txt": "0,9,1,1,2,2\n"}, {}, 9, r"t/01\.txt:1: the frame lies beyond --num-frames 9"),
        ({"01.txt": "0,0,1,1,2,1e99\n"}, {}, 9, r"t/01\.txt:1: a number beyond"),
        ({"01.txt": "a,0,1,1,2,2\n"}, {}, 9, r"t/01\.txt:1: 'a' where track_id should be"),
        ({}, {"01.txt": "0,1,1,2,2,1\n0,1,1,2,2,nan\n"}, 9, r"d/01\.txt:2: 'nan' where score should be"),
        ({}, {"01.txt": "0,1,1,2,2,-inf\n"}, 9, r"d/01\.txt:1: '-inf' where score should be"),
        ({}, {"01.txt": "0,1,1,2,,1\n"}, 9, r"d/01\.txt:1: nothing where y_max should be"),
        ({}, {"01.txt": "-3,1,1,2,2,1\n"}, 9, r"d/01\.txt:1: the frame is negative"),
        ({}, {"01.txt": "0,1,1,0,2,1\n"}, 9, r"d/01\.txt:1: an inverted box"),
        ({}, {"01.txt": "0 1 1 2 2 1\n"}, 9, r"d/01\.txt:1: 1 values instead of 6"),
        ({"03.txt": ""}, {}, 9, r"t/03\.txt: no file of that name in the other folder"),
        ({}, {"03.txt": "", "04.txt": ""}, 9, r"d/03\.txt, .*d/04\.txt: no file of that name in the other folder"),
        ({"01.txt": "", "02.txt": ""}, {}, 9, r"/t: no regions in any of 2 files"),
        ({}, {}, 0, "--num-frames is 0"),
        (
            {"02.txt": "3,2,1,1,2,2\n"},
            {"02.txt": "1,1,1,2,2,1\n"},
            3,
            "--num-frames is 3, but .* rows in 4 different",
        ),
    ],
)
def test_what_is_wrong_with_regions_is_named(
    folder: Folder, tracks: dict[str, str], found: dict[str, str], frames: int, message: str
) -> None:
    with pytest.raises(BenchmarkError, match=message) as caught:
        regions_report(folder("t", TRACKS | tracks), folder("d", FOUND | found), frames)
    assert "\n" not in str(caught.value)


def test_many_unmatched_files_are_counted(folder: Folder) -> None:
    with pytest.raises(BenchmarkError, match=r"d/6\.txt and 3 more: no file of that name"):
        regions_report(folder("t", TRACKS), folder("d", FOUND | {f"{k}.txt": "" for k in range(3, 11)}), 9)


def test_the_toy_case_is_one(real_data: Path, tmp_path: Path) -> None:
    toy = real_data / "rbdc_tbdc_toy"
    report = regions_report(toy / "toy_tracks", toy / "toy_anomalies", 10)
    assert report == {"rbdc": 1, "tbdc": 1, "tracks": 2, "regions": 10, "detections": 12}
    # And as it would be in another order of files.
    shutil.copytree(toy, tmp_path / "toy")
    for kind in ("toy_tracks", "toy_anomalies"):
        (tmp_path / "toy" / kind / "01.txt").rename(tmp_path / "toy" / kind / "9.txt")
    assert regions_report(tmp_path / "toy" / "toy_tracks", tmp_path / "toy" / "toy_anomalies", 10) == report


def test_shanghaitech_is_read_whole(real_data: Path, tmp_path: Path) -> None:
    tracks = real_data / "shanghaitech_annotations" / "tracks"
    found = tmp_path / "found"
    found.mkdir()
    for k, path in enumerate(sorted(tracks.glob("*.txt"))):
        # The first half of the videos is found as it is.
        rows = [line.split(",", 1)[1] + ",1" for line in path.read_text().split()] if k < 54 else []
        (found / path.name).write_text("\n".join(rows))
    report = regions_report(tracks, found, 40791)
    assert (report["tracks"], report["regions"]) == (158, 18937)
    assert report["rbdc"] == report["detections"] / 18937
    files = sorted(tracks.glob("*.txt"))[:54]
    its = sum(len({row.split(",")[0] for row in path.read_text().split()}) for path in files)
    assert report["tbdc"] == its / 158


def test_shanghaitech_labels_as_their_own_scores(real_data: Path) -> None:
    masks = real_data / "shanghaitech_annotations" / "test_frame_mask"
    report = frames_report(masks, masks)
    assert (report["videos"], report["frames"], report["abnormal_frames"]) == (107, 40791, 17326)
    assert (report["micro_auc"], report["macro_auc_two_class"], report["average_precision"], report["eer"]) == (
        1,
        1,
        1,
        0,
    )
