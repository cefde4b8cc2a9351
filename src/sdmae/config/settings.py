"""Every setting, once. A preset is a named instance of `Config`; YAML files and flags only override its fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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
    decoys: float = 0.0
    """Share of training samples into which ordinary objects of the footage are pasted as they were, which makes no
    anomaly of them: what is pasted must not be known by its seams."""


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
class GateConfig:
    """Motion gating, not in the paper: tokens that stand still are not computed, so that cost follows activity."""

    active: bool = False
    """Whether frames are gated, once a threshold is known."""
    threshold: float | None = None
    """Motion of a cell, the mean of |x[t-s] - x[t]| + |x[t+s] - x[t]| over it in grey levels, above which it moves.
    None: learned from normal video, in training and again in calibration; until then nothing is gated."""
    idle: float | None = None
    """The classifier's probability for a frame that is not run, since nothing moves in it: what the network says of
    the still parts of normal video. None: learned with the threshold."""
    margin: int = 1
    """Cells round about a moving one that are kept with it."""
    halo: float = 0.0
    """Share of the threshold that a cell of the margin must move itself to be kept. 0: all of them are, which is
    dearer, and nearer to the scores without a gate."""
    context: float = 0.1
    """Still tokens for context, at least, as a share of `model.token_share`."""
    step: float = 1.5
    """The number of a frame's tokens is rounded up to one of a few sizes; each is so many times the one below it."""
    full_seconds: float = 10.0
    """Seconds from one full pass to the next: all tokens of as many frames as `score.filter_frames`, whether or not
    anything moves, since in a mean over that window a single frame would be lost. 0: none."""
    train: bool = False
    """Train with the tokens that the gate chooses, a quarter of the samples in full."""

    @property
    def gates(self) -> bool:
        """Whether anything is gated."""
        return self.active and self.threshold is not None


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
    gate: GateConfig = field(default_factory=GateConfig)
    """Motion gating."""
