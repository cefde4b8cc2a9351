"""The calibration a detector is born with: from the normal video that was held out to choose its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sdmae.data.store import FrameStore
from sdmae.data.training_set import split_held_out
from sdmae.detector import Detector
from sdmae.errors import SourceError
from sdmae.progress import progress
from sdmae.scoring import calibrate_both
from sdmae.scoring.calibrated import warning, words
from sdmae.video import Clip, probe


def calibrate_held_out(
    detector: Detector, store: FrameStore, clips: Sequence[Clip], report: Callable[[str], None]
) -> None:
    """Sets the detector's alarms to `events.false_alarms_per_day`, or to as few as so much video can vouch for.

    Where not even that can be had a line says why. The checkpoint was chosen on the same video, but by synthetic
    anomalies in it, not by how calm it is.
    """
    stretches = split_held_out(store.stretches, detector.config.train.held_out)[1]
    rates = {clip.name: probe(clip).rate for clip in clips}
    scores = []
    with progress("calibrating", sum(len(s.times) for s in stretches), "frames") as bar:
        for stretch in stretches:
            maps = detector.maps_of(store.read(stretch), rates[stretch.clip])
            scores.append(detector.score_both_of(stretch.clip, maps))
            bar.update(len(stretch.times))
    video = ", ".join(dict.fromkeys(s.clip for s in stretches))
    fingerprint, video = detector.calibration_fingerprint(), f"held out of training: {video}"
    events = detector.config.events
    try:
        found = calibrate_both(scores, events, fingerprint, video)
    except SourceError as error:
        report(f"no alarms yet: {error}")
        return
    said = [line for line in (warning(found.causal), warning(found.offline)) if line]
    if said:
        report(said[0])
        # Nobody asked for a threshold far beyond all that was seen: it would leave a new detector all but blind.
        fewest = max(found.causal.vouched, found.offline.vouched)
        events = replace(events, false_alarms_per_day=max(events.false_alarms_per_day, fewest))
        found = found.asked_for(events.false_alarms_per_day)
        detector.config = replace(detector.config, events=events)
    detector.calibration = found
    report(words(found.causal))
