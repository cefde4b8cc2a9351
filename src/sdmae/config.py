"""Every setting, once. A preset is a named instance of `Config`; YAML files and flags only override its fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal

from sdmae.errors import ConfigError


@dataclass(frozen=True)
class InputConfig:
    """What the network sees of a video."""

    height: int | None = None
    """Rows of a network frame, a multiple of the patch. None: chosen from the source's own aspect ratio."""
    width: int | None = None
    """Columns of a network frame, a multiple of the patch. None: as the height."""
    tokens: int = 800
    """Patches a frame is cut into, at most, where height and width are left open. Frames are never enlarged."""
    grey: bool = False
    """One channel instead of three."""
    rate: float | None = None
    """Frames a second that are looked at: faster sources are thinned out to it by their time stamps, and all that is
    counted in frames is counted at it. None: the training video's, or the largest even share of it up to 30."""
    gap: float = 3.0
    """s of the triplet (x[t-s], x[t], x[t+s]), in frames at `rate`. The paper's code: 3."""
    gradient_gap: float = 1.0
    """Distance of the frames of the motion gradient |x[t-1] - x[t+1]| from t, in frames at `rate`."""
    ignore: tuple[tuple[float, ...], ...] = ()
    """Polygons that are neither learned from nor scored, each x1, y1, x2, y2, ... as shares of the picture's width
    and height (0 to 1). A patch is ignored when its middle lies in one."""

    @property
    def channels(self) -> int:
        """Channels of one frame: 1 or 3."""
        return 1 if self.grey else 3


@dataclass(frozen=True)
class ModelConfig:
    """The masked auto-encoder: teacher, student and what they see (paper, section 3)."""

    patch: int = 16
    """Side of a patch, in pixels."""
    encoder_width: int = 256
    """Channels of a token in the encoder."""
    decoder_width: int = 128
    """Channels of a token in both decoders."""
    depth: int = 3
    """Blocks of the encoder, and of the teacher's decoder. The student adds one block after the teacher's first."""
    heads: int = 4
    """Attention heads of every block."""
    mlp_ratio: float = 2.0
    """Hidden width of a block's MLP, as a multiple of its width."""
    dropout: float = 0.1
    """Dropout inside the MLP, in training."""
    masking_ratio: float = 0.5
    """Share of the kept tokens that the encoder does not see."""
    token_share: float = 1.0
    """Share of a frame's tokens that are kept at all: those that move most in the triplet. 1 keeps all."""
    convolution: Literal["grid", "shuffled", "none"] = "grid"
    """Where the 3x3 depth-wise convolutions of the CvT block find a token's neighbours: its true cells in the
    frame (empty cells are zeros), the shuffled order of the released code (encoder only), or nowhere."""
    position: Literal["none", "sine", "learned"] = "none"
    """Position embedding. The released code has none."""
    attention_scale: Literal["head", "width"] = "head"
    """Scale of the attention logits: head width^-1/2, or width^-1/2 as in the released code."""
    weighting: Literal["motion", "uniform"] = "motion"
    """What a token's errors weigh in the losses: as it moves (paper, equation 2), or all the same."""
    map_loss: Literal["mse", "bce", "focal"] = "mse"
    """Loss of the anomaly-map channel: squared error as in the paper, binary cross-entropy on logits, or the latter
    with less weight on what is sure already (focal loss)."""
    map_weight: float = 1.0
    """Weight of the anomaly map's loss beside the frame's. 0: no map is learned, and none counts in the score."""
    classifier_weight: float = 1.0
    """Weight of the [CLS] head's binary cross-entropy."""


@dataclass(frozen=True)
class AnomalyConfig:
    """Synthetic anomalies pasted into training frames (paper, section 3.3)."""

    probability: float = 0.25
    """Share of training samples that are augmented."""
    families: tuple[str, ...] = ("fast", "stretched", "joined", "shapes", "thin")
    """Families the network is trained on: see `sdmae.data.anomalies`."""
    held_out: tuple[str, ...] = ("out_of_scale",)
    """Families only used to choose the checkpoint, on clips held out of training; never trained on."""
    objects: int = 1500
    """Objects drawn for each family before training begins."""
    per_frame: int = 2
    """Most objects pasted into one sample."""


@dataclass(frozen=True)
class TrainConfig:
    """The two phases of training (paper, section 4)."""

    teacher_epochs: int = 100
    """Epochs of phase 1: encoder, teacher and classifier."""
    student_epochs: int = 40
    """Epochs of phase 2: the student alone, everything else frozen."""
    batch_size: int = 100
    """Samples of one step, over all devices."""
    learning_rate: float = 1e-4
    """AdamW's rate, reached after the warm-up."""
    schedule: Literal["constant", "cosine"] = "constant"
    """The rate after the warm-up; cosine decays to 2 % of it by the end of each phase."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly."""
    weight_decay: float = 0.05
    """On weight matrices only, not on biases and norms."""
    clip_norm: float | None = None
    """Largest norm of the gradient of one step. None: not clipped."""
    flip: bool = False
    """Mirror half of the samples left to right. Before a fixed camera that makes the wrong way normal."""
    held_out: float = 0.1
    """Share of the training video held out to choose the checkpoint: whole clips, or the end of a single one."""
    validation_samples: int = 400
    """Frames of the held-out video scored at the end of an epoch, at most."""
    validate_every: int = 1
    """Epochs between two validations; the last epoch of a phase is always validated."""
    checkpoint_minutes: float = 1.0
    """Minutes between two checkpoints of an unfinished epoch."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision, as accelerate names it."""
    seed: int = 0
    """Seed of weights, samples, masks and synthetic anomalies."""


@dataclass(frozen=True)
class ScoreConfig:
    """From maps to one score a frame: o = alpha (x - x^)^2 + beta (x^ - x~)^2 + gamma y^ (paper, equation 6)."""

    alpha: float = 0.4
    """Weight of the teacher's error, averaged over the frame's channels and the anomaly map."""
    beta: float = 0.3
    """Weight of the discrepancy between teacher and student, averaged likewise."""
    gamma: float = 0.3
    """Weight of the classifier's probability."""
    delta: float = 0.0
    """Weight of the predicted anomaly map itself. Not in the paper, where the map counts through alpha alone."""
    resolution: Literal["pixel", "token"] = "pixel"
    """Maps with one value a pixel of the network frame, or one a patch (the mean over it)."""
    still: float = 0.0
    """Weight of what stands still where nothing stood before: a left bag, a fallen person. Not in the paper, whose
    weighting by motion is blind to it; 0 leaves it out."""
    still_seconds: float = 5.0
    """Time for which something must stand before `still` sees it, about, in seconds."""
    filter_frames: int = 9
    """Frames of the 3-D mean filter, odd, counted at `input.rate`. The causal score uses the past ones only."""
    filter_cells: int = 9
    """Rows and columns of the 3-D mean filter, odd."""
    pooling: Literal["max", "mean"] = "max"
    """How a frame's filtered map becomes one number."""
    sigma: float = 1.0
    """Standard deviation of the offline Gaussian over time, in seconds."""
    causal_seconds: float = 0.7
    """Time constant of the causal exponential average, in seconds."""
    masks: Literal["fixed", "alternating", "complementary"] = "fixed"
    """Test-time masks: one fixed pattern; it and its complement from frame to frame in turn, which the filter over
    time averages; or both of every frame, at twice the cost."""


@dataclass(frozen=True)
class EventConfig:
    """From scores to alarms: an alarm is one event, however many frames it has."""

    false_alarms_per_day: float = 1.0
    """Events a day of normal video that the threshold is to let through."""
    hysteresis: float = 0.5
    """An open event closes where the score has come down this share of the way from the threshold to the median of
    normal video. 0: at the threshold itself."""
    merge: float = 2.0
    """Seconds for which the score must stay down before an event has ended; shorter gaps belong to it."""
    schedule: str = ""
    """When alarms count, such as "mon-fri 08:00-18:00, sat 10:00-14:00"; empty: always."""


@dataclass(frozen=True)
class SourceConfig:
    """How a live source is opened, watched over and opened again. No part of a detector."""

    open_timeout: float = 10.0
    """Seconds within which a camera must answer and begin to send."""
    read_timeout: float = 10.0
    """Seconds without a picture after which a camera is lost."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP sends pictures: tcp loses none; udp is for the cameras that know nothing else."""
    max_pixels: int = 64_000_000
    """Frames with more are refused."""
    first_retry: float = 1.0
    """Seconds until the first attempt to get a lost camera back, at most; each further one waits twice as long."""
    last_retry: float = 30.0
    """Seconds that no attempt waits longer than, however long the camera has been lost."""
    keep_seconds: float = 0.0
    """Seconds of coded video that are kept in memory for clips, at least, where `keep_megabytes` allow. 0: none."""
    keep_megabytes: float = 64.0
    """What they may take, at most."""
    waiting_frames: int = 64
    """Frames that may wait to be fetched. Beyond that a camera's are all dropped, and counted; a file waits."""


@dataclass(frozen=True)
class Config:
    """Everything that makes a detector what it is, but its weights."""

    preset: str = "base"
    """Name of the preset these settings started from."""
    input: InputConfig = field(default_factory=InputConfig)
    """What the network sees."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """The network."""
    anomalies: AnomalyConfig = field(default_factory=AnomalyConfig)
    """Synthetic anomalies."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """Training."""
    score: ScoreConfig = field(default_factory=ScoreConfig)
    """The score."""
    events: EventConfig = field(default_factory=EventConfig)
    """Alarms."""


def to_dict(config: Config) -> dict[str, Any]:
    """Plain nested dictionary of the settings, fit for JSON; tuples become lists."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, tuple) else value

    return {k: plain(v) for k, v in asdict(config).items()}


def from_dict(data: dict[str, Any]) -> Config:
    """The `Config` that `to_dict` wrote. Raises `ConfigError` naming a setting it does not know."""
    sections = {
        "input": InputConfig,
        "model": ModelConfig,
        "anomalies": AnomalyConfig,
        "train": TrainConfig,
        "score": ScoreConfig,
        "events": EventConfig,
    }

    def tuples(value: Any) -> Any:
        return tuple(tuples(v) for v in value) if isinstance(value, list) else value

    refuse_unknown(Config, data, "")
    values = dict(data)
    for name in sections.keys() & data.keys():
        refuse_unknown(sections[name], data[name], f"{name}.")
        values[name] = sections[name](**{k: tuples(v) for k, v in data[name].items()})
    return Config(**values)


def refuse_unknown(kind: type, data: Iterable[Any], where: str) -> None:
    """Raises `ConfigError` naming the first of the keys that no field of the dataclass `kind` has, and the nearest.

    where: what stands before the key in a message, such as `model.`.
    """
    known = {f.name for f in fields(kind)}
    for name in data:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(f"unknown setting {where}{name}{meant}; known here: {', '.join(sorted(known))}")


def check_source(config: SourceConfig) -> None:
    """Raises `ConfigError` naming the first setting of a source that is out of its range."""
    _within(
        [
            ("open_timeout", config.open_timeout, 0.1, 600),
            ("read_timeout", config.read_timeout, 0.1, 600),
            ("max_pixels", config.max_pixels, 1, 1 << 30),
            ("first_retry", config.first_retry, 0.01, 3600),
            ("last_retry", config.last_retry, config.first_retry, 3600),
            ("keep_seconds", config.keep_seconds, 0, 3600),
            ("keep_megabytes", config.keep_megabytes, 0, 1e5),
            ("waiting_frames", config.waiting_frames, 1, 1e5),
        ]
    )
    if config.transport not in ("tcp", "udp"):
        raise ConfigError(f"transport is {config.transport}; it must be tcp or udp")


def _within(bounds: Iterable[tuple[str, float, float, float]]) -> None:
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value:.10g}; it must be between {low:.10g} and {high:.10g}")


def check(config: Config) -> None:
    """Raises `ConfigError` naming the first setting that is out of its range."""
    model, train, anomalies = config.model, config.train, config.anomalies
    bounds: list[tuple[str, float, float, float]] = [
        ("input.height", config.input.height or 1, 1, 1 << 16),
        ("input.width", config.input.width or 1, 1, 1 << 16),
        ("input.rate", config.input.rate or 25.0, 1e-3, 1e5),
        ("input.tokens", config.input.tokens, 1, 1 << 20),
        ("input.gap", config.input.gap, 1e-3, 1e4),
        ("input.gradient_gap", config.input.gradient_gap, 1e-3, 1e4),
        ("model.patch", model.patch, 1, 256),
        ("model.encoder_width", model.encoder_width, 1, 1 << 16),
        ("model.decoder_width", model.decoder_width, 1, 1 << 16),
        ("model.mlp_ratio", model.mlp_ratio, 0.01, 100),
        ("model.depth", model.depth, 1, 64),
        ("model.heads", model.heads, 1, 64),
        ("model.dropout", model.dropout, 0, 0.99),
        ("model.masking_ratio", model.masking_ratio, 0, 0.99),
        ("model.token_share", model.token_share, 0.001, 1),
        ("model.map_weight", model.map_weight, 0, 1e6),
        ("model.classifier_weight", model.classifier_weight, 0, 1e6),
        ("anomalies.probability", anomalies.probability, 0, 1),
        ("anomalies.objects", anomalies.objects, 1, 1 << 20),
        ("anomalies.per_frame", anomalies.per_frame, 1, 16),
        ("train.teacher_epochs", train.teacher_epochs, 1, 1 << 20),
        ("train.student_epochs", train.student_epochs, 1, 1 << 20),
        ("train.batch_size", train.batch_size, 1, 1 << 20),
        ("train.learning_rate", train.learning_rate, 1e-9, 10),
        ("train.warmup_steps", train.warmup_steps, 0, 1 << 30),
        ("train.weight_decay", train.weight_decay, 0, 100),
        ("train.clip_norm", 1 if train.clip_norm is None else train.clip_norm, 1e-9, 1e9),
        ("train.checkpoint_minutes", train.checkpoint_minutes, 0, 1e6),
        ("train.held_out", train.held_out, 0.001, 0.9),
        ("train.validation_samples", train.validation_samples, 8, 1 << 20),
        ("train.validate_every", train.validate_every, 1, 1 << 20),
        ("score.sigma", config.score.sigma, 0, 1e4),
        ("score.causal_seconds", config.score.causal_seconds, 0, 1e4),
        ("score.still", config.score.still, 0, 1e6),
        ("score.still_seconds", config.score.still_seconds, 0.5, 3600),
        ("events.false_alarms_per_day", config.events.false_alarms_per_day, 1e-4, 1e6),
        ("events.hysteresis", config.events.hysteresis, 0, 1),
        ("events.merge", config.events.merge, 0, 3600),
        ("score.filter_frames", config.score.filter_frames, 1, 1001),
        ("score.filter_cells", config.score.filter_cells, 1, 1001),
    ]
    _within(bounds)
    if (config.input.height is None) != (config.input.width is None):
        raise ConfigError("input.height and input.width belong together: give both, or neither")
    for polygon in config.input.ignore:
        if len(polygon) < 6 or len(polygon) % 2 or not all(0 <= value <= 1 for value in polygon):
            raise ConfigError(
                f"input.ignore: {list(polygon)} is no polygon; give x1, y1, x2, y2, x3, y3 and so on, all from 0 to 1"
            )
    for name in ("filter_frames", "filter_cells"):
        if getattr(config.score, name) % 2 == 0:
            raise ConfigError(f"score.{name} is {getattr(config.score, name)}; it must be odd")
    for name in ("encoder_width", "decoder_width"):
        width = getattr(model, name)
        if width % 4 or width % model.heads:
            raise ConfigError(
                f"model.{name} is {width}; it must be a multiple of 4 and of model.heads, {model.heads}"
            )
    for name in ("families", "held_out"):
        if not getattr(anomalies, name):
            raise ConfigError(f"anomalies.{name} is empty; name a family of synthetic anomalies, such as thin")
    for family in anomalies.families:
        if family in anomalies.held_out:
            raise ConfigError(f"anomalies: {family} is both trained on and held out; choose one")
