"""A Run: one frozen value that holds everything that determines a training. Lengths and intervals count images seen."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.pixels import Pixels
from debruit.config import encode
from debruit.data.source import Source
from debruit.device import has_bf16
from debruit.diffusion.objective import Objective
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.models.config import FirstStageConfig, ModelConfig
from debruit.ranges import Batch, Crop, Images, NotNegative, Positive, Repeats, Seed, Share, Steps
from debruit.sampling.config import SamplingConfig

METHOD = "trajectory regression"  # of a distillation, in the provenance of its student


def held_out_count(requested: int, count: int) -> int:
    """Return how many of `count` images are held out for validation: `requested`, but at most half of them."""
    return min(requested, count // 2)


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """Muon for matrices and kernels with AdamW for the rest, or AdamW for all.

    `momentum` belongs to Muon, `betas` and `eps` to AdamW. The learning rate rises linearly over `warmup_images`, and
    falls to `final_lr_factor` times `lr` over the last `decay_fraction` of the budget, linearly or as a cosine.
    """

    kind: Literal["muon", "adamw"] = "muon"
    lr: float = 4e-3
    betas: tuple[float, float] = (0.9, 0.99)
    eps: NotNegative = 1e-8
    momentum: float = 0.95
    weight_decay: NotNegative = 0.01
    clip_norm: Positive = 1.0
    warmup_images: Images = 5_000
    decay: Literal["linear", "cosine", "none"] = "linear"
    decay_fraction: Share = 1.0
    final_lr_factor: NotNegative = 0.0

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise InputError(f"optimiser.lr={self.lr:g}: the learning rate must be more than 0")
        if not 0 <= self.momentum < 1:
            raise InputError(f"optimiser.momentum={self.momentum:g}: give at least 0 and below 1")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"optimiser.betas={self.betas}: each must be at least 0 and below 1")

    def rate(self, images_seen: int, share: float) -> float:
        """Return the learning rate after `images_seen` images, when a `share` of the budget (images or minutes) is
        spent.

        It is the lower of the warm-up, which only rises, and the decay, which only falls, so it never rises again after
        it has fallen.
        """
        warm = min(1.0, (images_seen + 1) / self.warmup_images) if self.warmup_images else 1.0
        if self.decay == "none":
            return self.lr * warm
        left = min(1.0, (1.0 - min(share, 1.0)) / max(self.decay_fraction, 1e-9))
        shape = left if self.decay == "linear" else 0.5 * (1 - math.cos(math.pi * left))
        return self.lr * min(warm, self.final_lr_factor + (1 - self.final_lr_factor) * shape)


@dataclass(frozen=True, kw_only=True)
class Ema:
    """Exponential moving average of the weights with a half-life of `halflife_images`.

    Early in training the half-life is `ramp` times the images seen, so that the initial weights are forgotten. Karras
    et al. 2022, section F.2.
    """

    halflife_images: Images = 500_000
    ramp: NotNegative = 0.05

    def decay(self, images_seen: int, batch: int) -> float:
        """Return the factor of the old average in a step of `batch` images that ends at `images_seen`."""
        return 0.5 ** (batch / max(min(self.halflife_images, self.ramp * images_seen), 1e-8))


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Intervals between reports, validations, previews and saves, in images seen.

    In a training of minutes they are spaced by time: `save_images` of `images` is that share of the minutes.
    """

    report_images: Images = 2_000
    validate_images: Images = 20_000
    preview_images: Images = 20_000
    save_images: Images = 50_000

    def __post_init__(self) -> None:
        for name, interval in vars(self).items():
            if interval < 1:
                raise InputError(f"every.{name}={interval}: an interval is at least 1 image")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The settings that every training has, of a diffusion model (`Run`) or of an autoencoder (`AutoencoderRun`).

    `images` is the length of the training; with `minutes`, which then end it, it is the length that the plan expects.
    `batch` images make one optimiser step. `validation_images` are held out and never trained on. `precision` "auto" is
    bfloat16 on GPUs that have it, else float32; on a CPU the planner replaces it. `flip` mirrors images at random,
    which is right only for data where mirror images are plausible. `group` names what determines which images belong
    together and are held out together (data/groups.py), "" for none. `own_parts`: the split into training, validation
    and test images that comes with the data is used (data/custom_split.py).
    """

    source: Source
    optimiser: Optimiser = field(default_factory=Optimiser)
    ema: Ema = field(default_factory=Ema)
    every: Intervals = field(default_factory=Intervals)
    images: Images = 200_000
    minutes: float | None = None
    batch: Batch = 128
    validation_images: Images = 256
    seed: Seed = 0
    flip: bool = False
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    keep_states: int = 2
    group: str = ""
    own_parts: bool = False

    @property
    def data(self) -> DataSpec:
        """The description of the images that the run is trained on."""
        raise NotImplementedError

    @property
    def held_out_images(self) -> int:
        """The number of images held out for validation; `data.split.split_of` tells which."""
        return held_out_count(self.validation_images, self.data.count)

    def in_bfloat16(self, device: torch.device) -> bool:
        """Whether a training on this device computes in bfloat16; weights, moments and averages stay in float32."""
        automatic = self.precision == "auto" and device.type == "cuda" and has_bf16(device)
        return self.precision == "bf16" or automatic

    @property
    def record(self) -> dict[str, Any]:
        """Facts that this kind of training adds to the provenance of its model, or replaces there."""
        return {}

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InputError(f"a batch of {self.batch}: give --batch 1 or more")
        if self.images < 1:
            raise InputError(f"a training of {self.images} images: give --images 1 or more")
        if self.minutes is not None and not self.minutes > 0:
            raise InputError(
                f"a training of {self.minutes:g} minutes: give --minutes more than 0, for example --minutes 10"
            )
        if self.keep_states < 1:
            raise InputError(f"keep_states={self.keep_states}: at least 1 state must be kept to resume from")
        if self.validation_images < 0:
            raise InputError(f"validation_images={self.validation_images}: give 0 or more")


@dataclass(frozen=True, kw_only=True)
class Run(TrainingConfig):
    """The training of a diffusion model, on pixels or on the latents of a codec.

    `microbatch` images of the batch go through the network at a time (0: all). With `compile` None, a measurement
    decides whether the network is compiled (planning/throughput.py). `crop` trains on a window of crop x crop pixels of
    each image, at a random position, instead of the whole (0): it is for networks and conditions that take any size.
    """

    model: ModelConfig
    objective: Objective = field(default_factory=Objective)
    microbatch: Batch = 0
    compile: bool | None = None
    crop: Crop = 0

    @property
    def data(self) -> DataSpec:
        return self.model.data

    @property
    def step_model(self) -> ModelConfig:
        """The model at the size of the images in a training step."""
        if not self.crop:
            return self.model
        return replace(self.model, data=replace(self.data, height=self.crop, width=self.crop))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.microbatch < 0 or (self.microbatch and self.batch % self.microbatch):
            raise InputError(
                f"microbatch={self.microbatch} does not divide the batch of {self.batch}; 0 is the whole batch"
            )
        if self.crop:
            check_crop(self.crop, self.model)


def check_crop(crop: int, model: ModelConfig) -> None:
    """Raise InputError for windows that are larger than the images, or that a condition or the codec does not allow."""
    most = min(model.data.height, model.data.width)
    if crop > most:
        size = f"{model.data.width} x {model.data.height}"
        raise InputError(f"crop={crop}: the images have {size} pixels, so give {most} or less")
    if not isinstance(model.codec, Pixels):
        raise InputError(f"crop={crop}: latents are of whole images; set crop=0, or train on pixels")
    for c in model.conditioners:
        if not c.window or crop % c.window:
            allowed = f"give a multiple of {c.window}" if c.window else "it belongs to the whole image, so set crop=0"
            raise InputError(f"crop={crop} does not go with the condition {c.name}: {allowed}")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorGuard:
    """When the discriminator enters, and how the autoencoder is protected from it.

    Scores are held-out reconstruction losses, perceptual term included. The discriminator enters when the
    reconstruction has flattened: one validation improves the score by less than the fraction `flat` (or after the
    criterion's `begins_images`). If a score exceeds `collapse` times the lowest one, the best weights are restored and
    the adversarial weight is halved; after `roll_backs` of these the discriminator is left out. The best weights are
    the latest whose score is within the fraction `slack` of the lowest.
    """

    flat: NotNegative = 0.04
    slack: NotNegative = 0.1
    collapse: NotNegative = 1.5
    roll_backs: Repeats = 2

    def __post_init__(self) -> None:
        if not 0 <= self.slack < self.collapse - 1:
            raise InputError(
                f"discriminator_guard.slack={self.slack:g} and discriminator_guard.collapse={self.collapse:g}: "
                "slack is at least 0 and below collapse - 1"
            )


@dataclass(frozen=True, kw_only=True)
class AutoencoderRun(TrainingConfig):
    """The training of an autoencoder.

    Shift, scale and fingerprint of the codec are measured when its file is written. Dead codes of a VQ bottleneck are
    revived every `revive_images`.
    """

    model: FirstStageConfig
    criterion: Criterion = field(default_factory=Criterion)
    discriminator_guard: DiscriminatorGuard = field(default_factory=DiscriminatorGuard)
    revive_images: Images = 2_000

    @property
    def data(self) -> DataSpec:
        return self.model.data


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The model that a student learns from: its `name` as the user gave it, the digest of its file, and the `sampling`
    that is distilled, guidance included, at `evaluations` of its network for an image.

    `record` replaces facts in the student's provenance that come from the teacher's training: its data and its split.
    """

    name: str
    digest: str
    sampling: SamplingConfig
    evaluations: int
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DistillationRun(Run):
    """The training of a student whose sampler has `evaluations` steps (training/trajectories.py).

    Each trajectory of the teacher is used in `reuse` batches, `spacing` batches apart. `images` counts examples, of
    which a trajectory gives one for each step of the student.
    """

    teacher: Teacher
    evaluations: Steps
    reuse: Repeats = 1
    spacing: Repeats = 32

    @property
    def trajectories(self) -> int:
        """New trajectories in a batch."""
        return self.batch // (self.evaluations * self.reuse)

    @property
    def record(self) -> dict[str, Any]:
        distilled: dict[str, Any] = {"teacher": self.teacher.name, "digest": self.teacher.digest, "method": METHOD}
        distilled |= {"evaluations": self.evaluations, "teacher_evaluations": self.teacher.evaluations}
        distilled |= {"guidance": encode(self.teacher.sampling.guidance)}
        return {**self.teacher.record, "distilled": distilled}

    def __post_init__(self) -> None:
        super().__post_init__()
        unit = self.evaluations * self.reuse
        if self.batch % unit:
            raise InputError(
                f"a batch of {self.batch}: a student of {self.evaluations} evaluations, whose trajectories are used "
                f"{self.reuse} times, takes multiples of {unit}; give --batch {max(round(self.batch / unit), 1) * unit}"
            )


AnyRun = Run | AutoencoderRun | DistillationRun
