"""The scene as a benchmark folder: written once from a seed, read like any other benchmark.

scene.json                    seed, rate, size, and the clips with their frames
training/training_01.mp4 …    normal video
test/test_01.mp4 …            video with anomalies
test/test_01_mask.npz …       pixel masks, one array of packed bits for each abnormal frame
test/test_01_tracks.csv …     track,kind,frame,x_min,y_min,x_max,y_max of abnormal objects
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdmae.data.benchmark import Benchmark, Mask, TestClip, Track
from sdmae.data.scene.plan import plan_still_clips, plan_test_clips
from sdmae.data.scene.render import RATE, Place, SceneObject, SceneSpec, make_place, render
from sdmae.errors import BenchmarkError
from sdmae.video import Clip, VideoWriter

_FORMAT = 1
_COLUMNS = ("track", "kind", "frame", "x_min", "y_min", "x_max", "y_max")
_SPLITS = ("training", "test")
_NAMED = 5
"""Missing files named one by one in a message; the rest are counted."""

Progress = Callable[[int, int], None]
"""Called with the frames written so far and in all."""


@dataclass(frozen=True, slots=True)
class PackedMasks:
    """Pixel masks in an .npz of packed bits, one array for each frame in which anything is abnormal."""

    path: Path
    height: int
    width: int

    def __call__(self, index: int) -> Mask:
        """The mask (H, W) of frame `index`. Raises `BenchmarkError` naming a file that cannot be read."""
        try:
            with np.load(self.path) as archive:
                if _entry(index) not in archive:
                    return np.zeros((self.height, self.width), bool)
                bits = np.unpackbits(archive[_entry(index)], count=self.height * self.width)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise BenchmarkError(f"{self.path} is broken; write the scene anew") from error
        return bits.reshape(self.height, self.width).astype(bool)


def write_scene(
    root: Path,
    *,
    seed: int = 0,
    training_clips: int = 3,
    training_seconds: float = 60.0,
    test_clips: int = 6,
    test_seconds: float = 20.0,
    height: int = 240,
    width: int = 360,
    rate: float = RATE,
    still: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the scene as a benchmark folder `root`, which must not be there yet, or be empty.

    training_seconds, test_seconds: length of each clip. Test clips of 20 s or more begin and end with normal video at
    3:2; with three of them or more every kind of anomaly that moves appears, and from four on the last one is normal
    throughout.
    still: the test clips hold what stands still instead, each one kind from 40 % of the clip to its end.
    progress: called with the frames written so far and in all.

    The same arguments write the same files to the bit on one machine. Nothing is left behind when it is interrupted.
    Raises `BenchmarkError` when `root` holds something, `ConfigError` for frames too small to show anything.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BenchmarkError(f"{root} is there already; name another folder, or delete it to write the scene anew")
    frames_training, frames_test = round(training_seconds * rate), round(test_seconds * rate)
    plan = (plan_still_clips if still else plan_test_clips)(test_clips, test_seconds)
    specs = [
        *(("training", SceneSpec(seed, n, height, width, rate), frames_training) for n in range(training_clips)),
        *(
            ("test", SceneSpec(seed, 1000 + n, height, width, rate, staged), frames_test)
            for n, staged in enumerate(plan)
        ),
    ]
    total = sum(frames for _, _, frames in specs)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    place = make_place(SceneSpec(seed, 0, height, width, rate))
    root.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        clips: dict[str, list[dict[str, Any]]] = {"training": [], "test": []}
        for split, spec, frames in specs:
            name = f"{split}_{len(clips[split]) + 1:02}"
            (part / split).mkdir(exist_ok=True)
            _write_clip(part / split / name, spec, frames, place, step, truth=split == "test")
            clips[split].append({"name": name, "frames": frames, "staged": [asdict(one) for one in spec.staged]})
        about = {"format": _FORMAT, "seed": seed, "rate": rate, "height": height, "width": width, **clips}
        (part / "scene.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        part.chmod(0o755)  # mkdtemp's folders are for their owner alone
        if root.exists():
            root.rmdir()
        part.rename(root)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def read_scene(root: Path, *, video: bool = True) -> Benchmark:
    """The benchmark that `write_scene` wrote into `root`.

    video: False for the ground truth of the test clips alone, without training clips. Raises `BenchmarkError` naming
    files that are missing.
    """
    listing = root / "scene.json"
    try:
        about = json.loads(listing.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchmarkError(f"{root} holds no scene.json; name a folder that the scene was written into") from error
    except ValueError as error:
        raise BenchmarkError(f"{listing} is broken; write the scene anew") from error
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise BenchmarkError(f"{listing} is not of format {_FORMAT}; write the scene anew with this version")
    try:
        rate, size = float(about["rate"]), (int(about["height"]), int(about["width"]))
        frames = {split: {str(one["name"]): int(one["frames"]) for one in about[split]} for split in _SPLITS}
    except (KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{listing} is broken; write the scene anew") from error
    needed = [Path(split) / f"{name}.mp4" for split in _SPLITS if video for name in frames[split]]
    needed += [Path("test") / f"{name}{end}" for name in frames["test"] for end in ("_mask.npz", "_tracks.csv")]
    missing = [path.as_posix() for path in sorted(needed) if not (root / path).is_file()]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise BenchmarkError(f"{root} lacks {', '.join(missing[:_NAMED])}{more}; write the scene anew")
    return Benchmark(
        name="scene",
        rate=rate,
        training=tuple(Clip(n, root / "training" / f"{n}.mp4", rate=rate) for n in frames["training"] if video),
        test=tuple(_read_test(root / "test" / name, count, rate, size) for name, count in frames["test"].items()),
    )


def _write_clip(
    stem: Path, spec: SceneSpec, frames: int, place: Place, step: Callable[[], None], *, truth: bool
) -> None:
    with VideoWriter(stem.with_suffix(".mp4"), spec.rate) as video:
        if not truth:
            for frame in render(spec, frames, place):
                video.write(frame.image)
                step()
            return
        with (
            zipfile.ZipFile(_beside(stem, "_mask.npz"), "w") as masks,
            _beside(stem, "_tracks.csv").open("w", encoding="utf-8", newline="") as file,
        ):
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(_COLUMNS)
            for index, frame in enumerate(render(spec, frames, place)):
                video.write(frame.image)
                if frame.mask.any():
                    _store(masks, index, frame.mask)
                rows.writerows(_row(index, one) for one in frame.objects if one.abnormal)
                step()


def _row(index: int, one: SceneObject) -> tuple[object, ...]:
    return (one.track, one.kind, index, *(f"{edge:g}" for edge in one.box))


def _store(archive: zipfile.ZipFile, index: int, mask: Mask) -> None:
    # A fixed date: the same seed writes the same file.
    entry = zipfile.ZipInfo(f"{_entry(index)}.npy", (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w") as file:
        np.lib.format.write_array(file, np.packbits(mask), allow_pickle=False)


def _read_test(stem: Path, frames: int, rate: float, size: tuple[int, int]) -> TestClip:
    path = _beside(stem, "_mask.npz")
    labels = np.zeros(frames, bool)
    try:
        with zipfile.ZipFile(path) as archive:
            labels[[int(name.removesuffix(".npy")) for name in archive.namelist()]] = True
    except (OSError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise BenchmarkError(f"{path} is broken, or of another clip; write the scene anew") from error
    clip = Clip(stem.name, stem.with_suffix(".mp4"), rate=rate)
    return TestClip(clip, labels, PackedMasks(path, *size), _read_tracks(_beside(stem, "_tracks.csv")))


def _read_tracks(path: Path) -> tuple[Track, ...]:
    seen: dict[tuple[int, str], list[list[float]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                values = [float(row[column]) for column in _COLUMNS[2:]]
                seen.setdefault((int(row["track"]), row["kind"]), []).append(values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{path} is broken; write the scene anew") from error
    return tuple(
        Track(track, kind, np.array(rows)[:, 0].astype(np.int64), np.array(rows)[:, 1:])
        for (track, kind), rows in sorted(seen.items())
    )


def _entry(index: int) -> str:
    return f"{index:06}"


def _beside(stem: Path, end: str) -> Path:
    return stem.with_name(stem.name + end)
