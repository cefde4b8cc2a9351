"""One camera and one detector: causal scores as its frames come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from sdmae.config import SourceConfig
from sdmae.errors import SourceError
from sdmae.scoring import FrameScore, score_frames
from sdmae.video import Frame
from sdmae.video.live import Camera, Status, StreamInfo, parse_address
from sdmae.video.say import shape

if TYPE_CHECKING:
    from sdmae.detector.detector import Detector


def open_camera(
    detector: Detector,
    source: str,
    *,
    config: SourceConfig | None = None,
    on_status: Callable[[Status], object] | None = None,
) -> Camera:
    """A camera whose frames are as the detector wants them. Raises `SourceError` for what is no live source."""
    return Camera(
        source,
        (detector.size,),
        grey=detector.config.input.grey,
        rate=detector.rate,
        config=config,
        on_status=on_status,
    )


def score_camera(
    detector: Detector,
    frames: Iterable[Frame],
    info: StreamInfo,
    *,
    keep_maps: bool = False,
    unscored: Callable[[int], object] = lambda count: None,
) -> Iterator[FrameScore]:
    """Causal scores of a camera's frames, each as soon as its neighbours are there.

    unscored: told how many frames were left out, each time: their neighbours never came. Raises `SourceError` for a
    picture that is smaller than a patch.
    """
    if min(info.size) < detector.config.model.patch:
        raise SourceError(
            f"the camera's picture of {shape(info.size)} pixels is smaller than the detector's patch of "
            f"{detector.config.model.patch}: use a larger picture"
        )
    maps = detector.maps_of(frames, info.rate, batch=1, unscored=unscored)
    return score_frames(maps, detector.config.score, detector.rate, causal=True, keep_maps=keep_maps, explain=True)


def stream_source(
    detector: Detector, source: str, *, report: Callable[[str], None] | None = None
) -> Iterator[FrameScore]:
    """Causal scores with their maps of whatever a live source's string names, without end, however often it is lost.

    `report` is told of every loss, in one line. Raises `SourceError` where it cannot be reached at first.
    """

    name = parse_address(source).shown

    def tell(status: Status) -> None:
        if report and status.state == "lost":
            report(loss(name, status))

    with open_camera(detector, source, on_status=tell) as camera:
        yield from score_camera(detector, camera, camera.wait_for_stream(), keep_maps=True)


def loss(name: str, status: Status) -> str:
    """A lost camera in one line."""
    return f"{name}: lost, {status.why}; tried again in {status.retry_in:.0f} s"
