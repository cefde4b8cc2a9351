"""Samples for training: what is pasted, mirrored and held out, and that chance comes from the generator alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sdmae.config import Config
from sdmae.data.anomalies import ObjectBank
from sdmae.data.neighbours import Spacing
from sdmae.data.store import FrameStore, Stretch
from sdmae.data.training_set import Batch, FrameSource, SampleSet, split_held_out
from sdmae.training.run import open_frames, sample_sets, settle
from sdmae.video import Clip, Image, Size, find_clips
from tiny import TINY
from video_files import make_video

CPU = torch.device("cpu")


def stretch(clip: str, start: int, count: int, first: int = 0) -> Stretch:
    indices = np.arange(first, first + count)
    return Stretch(clip, start, indices / 25, indices)


@pytest.fixture
def store(video: Path) -> FrameStore:
    """The frames of the video at the tiny network's size."""
    clips = find_clips(str(video))
    return open_frames(clips, settle(TINY, clips), (), lambda line: None)


@pytest.fixture
def samples(store: FrameStore, video: Path) -> SampleSet:
    """The training set of the video: half of the samples with an anomaly, half of them mirrored."""
    clips = find_clips(str(video))
    return sample_sets(store, clips, settle(TINY, clips), CPU, lambda line: None)[0]


def draw(samples: SampleSet, ids: list[int], seed: int = 0) -> Batch:
    return samples.batch(torch.tensor(ids), torch.Generator().manual_seed(seed))


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(getattr(a, n), getattr(b, n)) for n in ("clean", "samples", "masks", "labels"))


def test_a_batch_depends_on_its_generator_alone(samples: SampleSet) -> None:
    ids = [3, 17, 30, 5, 8, 21, 0, 39]
    first = draw(samples, ids)
    torch.manual_seed(99)
    np.random.default_rng(99)
    draw(samples, [1, 2, 3], seed=5)
    assert same(first, draw(samples, ids))
    assert not same(first, draw(samples, ids, seed=1))


def test_a_batch_says_where_something_was_pasted(samples: SampleSet) -> None:
    samples.flip = False
    batch = draw(samples, list(range(40)))
    assert batch.samples.shape == (40, 5, *samples.source.frames.shape[1:])
    assert 0 < int(batch.labels.sum()) < 40
    assert torch.equal(batch.masks.flatten(1).any(1), batch.labels)
    changed = (batch.samples[:, 2] != batch.clean).any(-1)
    # Nothing changes at t but where the mask or its blended edge lies, and nothing at all in normal samples.
    assert not changed[~batch.labels].any()
    assert (changed.flatten(1).any(1) == batch.labels).all()
    near = torch.nn.functional.max_pool2d(batch.masks.float()[:, None], 9, 1, 4)[:, 0] > 0
    assert not (changed & ~near).any()


def test_clean_frames_are_the_stores_own(samples: SampleSet, store: FrameStore) -> None:
    samples.flip = False
    batch = draw(samples, [4, 11])
    assert np.array_equal(batch.clean.numpy(), store.frames[[4, 11]])


def test_without_anomalies_samples_are_the_neighbours_themselves(samples: SampleSet, store: FrameStore) -> None:
    samples.flip, samples.probability = False, 0.0
    batch = draw(samples, [10, 20])
    assert not batch.labels.any()
    assert not batch.masks.any()
    for k, centre in enumerate((10, 20)):
        rows = [centre - 3, centre - 1, centre, centre + 1, centre + 3]
        assert np.array_equal(batch.samples[k].numpy(), store.frames[rows])


def test_some_samples_are_mirrored_as_a_whole(samples: SampleSet, store: FrameStore) -> None:
    samples.flip, samples.probability = True, 0.0
    batch = draw(samples, list(range(40)))
    mirrored = 0
    for k in range(40):
        rows = samples.neighbours[k].numpy()
        plain, flipped = store.frames[rows], store.frames[rows][:, :, ::-1]
        assert np.array_equal(batch.samples[k].numpy(), plain) or np.array_equal(batch.samples[k].numpy(), flipped)
        assert torch.equal(batch.clean[k], batch.samples[k, 2])
        mirrored += np.array_equal(batch.samples[k].numpy(), flipped)
    assert 8 < mirrored < 32


def test_a_batch_leaves_the_store_as_it_was(samples: SampleSet, store: FrameStore) -> None:
    before = store.frames.tobytes()
    draw(samples, list(range(40)))
    assert store.frames.tobytes() == before


def test_decoys_are_part_of_the_clean_frame_and_no_anomaly(samples: SampleSet, store: FrameStore) -> None:
    samples.flip, samples.probability = False, 0.0
    samples.decoys, samples.decoy_probability = samples.bank, 0.5  # whatever is pasted as a decoy is none
    batch = draw(samples, list(range(40)))
    assert not batch.labels.any()
    assert not batch.masks.any()
    assert torch.equal(batch.clean, batch.samples[:, 2])
    changed = [not np.array_equal(batch.clean[k].numpy(), store.frames[k]) for k in range(40)]
    assert 5 < sum(changed) < 35
    samples.probability = 1.0
    both = draw(samples, list(range(40)))
    assert torch.equal(both.clean, batch.clean), "anomalies come after decoys"
    assert both.labels.all()


def crowd(index: int, size: Size) -> Image:
    """Dark figures of three sizes that walk to the right."""
    image = np.full((*size, 3), 160, np.uint8)
    for row in range(3):
        x = (40 * row + index) % (size.width + 10) - 10
        image[20 + 24 * row : 38 + 24 * row, max(0, x) : max(0, x + 6)] = 40 + 20 * row
    return image


def test_decoys_are_cut_out_where_they_are_asked_for_and_can_be(tmp_path: Path) -> None:
    walked = find_clips(str(make_video(tmp_path / "walked.mp4", 200, size=Size(96, 120), draw=crowd)))
    wanted = replace(TINY, anomalies=replace(TINY.anomalies, decoys=0.5))

    def decoys(clips: list[Clip], config: Config) -> list[ObjectBank | None]:
        config = settle(config, clips)
        store = open_frames(clips, config, (), lambda line: None)
        return [part.decoys for part in sample_sets(store, clips, config, CPU, lambda line: None)]

    assert all(bank and bank.families == ("ordinary",) for bank in decoys(walked, wanted))
    assert decoys(walked, TINY) == [None, None]
    still = find_clips(str(make_video(tmp_path / "still.mp4", 60, draw=lambda index, size: crowd(0, size))))
    assert decoys(still, wanted) == [None, None]


def test_what_is_pasted_into_an_ignore_zone_is_no_anomaly(samples: SampleSet) -> None:
    samples.flip = False
    ids = list(range(40))
    before = draw(samples, ids)
    height, width = before.masks.shape[1:]
    samples.ignored = torch.zeros(height, width, dtype=torch.bool)
    assert same(draw(samples, ids), before)
    samples.ignored[:, : width // 2] = True
    after = draw(samples, ids)
    # What the network sees stays as it was; only what it is told changes.
    assert torch.equal(after.samples, before.samples)
    assert torch.equal(after.clean, before.clean)
    assert not after.masks[:, :, : width // 2].any()
    assert torch.equal(after.masks[:, :, width // 2 :], before.masks[:, :, width // 2 :])
    assert torch.equal(after.labels, after.masks.flatten(1).any(1))
    assert 0 < int(after.labels.sum()) < int(before.labels.sum())
    samples.ignored[:] = True
    nothing = draw(samples, ids)
    assert not nothing.masks.any()
    assert not nothing.labels.any()


def test_a_configuration_with_an_ignore_zone_keeps_to_it(store: FrameStore, video: Path) -> None:
    clips = find_clips(str(video))
    config = replace(TINY, input=replace(TINY.input, ignore=((0.0, 0.0, 0.5, 0.0, 0.5, 1.0, 0.0, 1.0),)))
    training, held_out = sample_sets(store, clips, settle(config, clips), CPU, lambda line: None)
    width = store.frames.shape[2]
    for part in (training, held_out):
        # Mirrored, the zone would lie on the other side.
        assert not part.flip
        assert part.ignored is not None
        assert part.ignored[:, : width // 2].all()
        assert not part.ignored[:, width // 2 :].any()


def test_held_out_frames_are_never_trained_on(store: FrameStore, video: Path) -> None:
    clips = find_clips(str(video))
    training, held_out = sample_sets(store, clips, settle(TINY, clips), CPU, lambda line: None)
    assert len(training) + len(held_out) == len(store.frames)
    seen = set(training.neighbours.flatten().tolist())
    assert not seen & set(held_out.neighbours.flatten().tolist())
    assert not held_out.flip
    assert not set(training.bank.families) & set(held_out.bank.families)


def test_neighbours_never_cross_from_one_stretch_to_the_next(samples: SampleSet) -> None:
    frames = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    parts = [stretch("a", 0, 8), stretch("b", 8, 12)]
    both = SampleSet(
        FrameSource(FrameStore(frames, tuple(parts), ""), CPU),
        parts,
        lambda clip: Spacing.of(TINY.input, 25.0),
        samples.bank,
        TINY.anomalies,
        probability=0.0,
        flip=False,
    )
    assert len(both) == 20
    assert int(both.neighbours[:8].max()) == 7
    assert int(both.neighbours[8:].min()) == 8


def test_of_few_clips_the_end_of_each_is_held_out() -> None:
    training, held_out = split_held_out([stretch("a", 0, 100), stretch("b", 100, 50)], 0.1)
    assert [(s.clip, s.start, s.stop) for s in training] == [("a", 0, 90), ("b", 100, 145)]
    assert [(s.clip, s.start, s.stop) for s in held_out] == [("a", 90, 100), ("b", 145, 150)]


def test_of_many_clips_whole_ones_are_held_out_evenly() -> None:
    parts = [stretch(f"clip {k}", 10 * k, 10) for k in range(20)]
    training, held_out = split_held_out(parts, 0.1)
    assert [s.clip for s in held_out] == ["clip 5", "clip 15"]
    assert len(training) == 18


def test_both_halves_of_a_split_clip_are_held_out_together() -> None:
    parts = [stretch(f"clip {k // 2}", 10 * k, 10, first=20 * (k % 2)) for k in range(10)]
    _, held_out = split_held_out(parts, 0.2)
    assert [s.clip for s in held_out] == ["clip 2", "clip 2"]


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    share=st.floats(0.001, 0.9),
)
def test_every_frame_is_trained_on_or_held_out_but_never_both(sizes: list[int], share: float) -> None:
    starts = np.cumsum([0, *sizes])
    parts = [stretch(f"clip {k}", int(starts[k]), size) for k, size in enumerate(sizes)]
    rows = [[r for s in half for r in range(s.start, s.stop)] for half in split_held_out(parts, share)]
    assert sorted(rows[0] + rows[1]) == list(range(sum(sizes)))
    assert rows[0]
    if len(sizes) >= 5:
        assert rows[1]
