"""What every panel looks at: a model, an image, the conditions under which the model sees it, and the chain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.base import Conditioner
from debruit.conditioning.batch import ConditionBatch, argument, dropped, unwanted
from debruit.conditioning.label import Label
from debruit.data.dataset import quiet
from debruit.diffusion.chain import Variance
from debruit.diffusion.gaussian import Gaussian
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import expand
from debruit.errors import InputError
from debruit.lecture.chains import ModelChain, chain_of, shown_steps
from debruit.lecture.example import Example, find_subject
from debruit.models.diffusion import Model
from debruit.networks.cond import Cond
from debruit.sampling.guidance.weights import Weights
from debruit.sampling.job import SamplingJob
from debruit.sampling.noise import ImageNoise

FRAMES = 41  # positions of the slider, if the pictures are small
FRAME_BYTES = 1_500_000  # of all the positions of the slider together, before compression
BATCH = 16  # positions that go through the network at a time


@dataclass(frozen=True)
class Study:
    """A model and an image, in the coordinates of the chain (chains.py). `values` are those of the conditions that the model sees it under, (1, ...)
    by field; the others are dropped."""

    model: Model
    subject: Example
    chain: ModelChain
    values: Mapping[str, Tensor] = field(default_factory=dict)
    prompt: str = ""
    seed: int = 0
    say: Callable[[str], None] = field(default=quiet)

    @cached_property
    def x0(self) -> Tensor:
        """The image as the diffusion sees it, (1, C, H, W) float32 on the model's device."""
        return self.model.latents(self.subject.image)

    @property
    def latent(self) -> bool:
        return not isinstance(self.model.config.codec, Pixels)

    @property
    def variance(self) -> Variance:
        """The lecture's beta~, or what the network has learned."""
        return "learned" if self.model.config.learned_variance else "posterior"

    @property
    def last_variance(self) -> Variance:
        """The variance of the step to x_0, where beta~ is 0: the package's beta~_2 for a model's own chain (Chain.reverse), and beta_1 for one
        that is made here, whose beta~_2 is as small as its steps are short."""
        return self.variance if self.chain.own or self.model.config.learned_variance else "beta"

    def p(self, found: Estimate, x: Tensor, i: Tensor) -> Gaussian:
        """p_theta(x_{i-1} | x_i) from the model's estimate at x_i, (B, ...)."""
        law, last = (
            self.chain.chain.reverse(found.x0, x, i, variance=variance, fraction=found.fraction)
            for variance in (self.variance, self.last_variance)
        )
        return Gaussian(law.mean, torch.where(expand(i == 1, x).bool(), last.variance, law.variance))

    @cached_property
    def steps(self) -> list[int]:
        """The steps i that the slider shows: fewer of large images."""
        budget = FRAME_BYTES // (6 * self.x0[0].numel())
        return shown_steps(self.chain.chain.steps, max(9, min(FRAMES, budget)))

    @property
    def label(self) -> int | None:
        """The number of the class that conditions the model, None where it is dropped or there is none."""
        return int(self.values["label"][0]) if "label" in self.values else None

    @property
    def class_name(self) -> str:
        """The class that conditions the model, or ""."""
        names = [c.names for c in self.model.config.conditioners if isinstance(c, Label)]
        return names[0][self.label] if names and self.label is not None else ""

    def noise(self, first: int = 0, count: int = 1) -> ImageNoise:
        return ImageNoise(self.seed, range(first, first + count), self.model.config.latent_shape, self.model.device)

    @torch.inference_mode()
    def estimate(self, x: Tensor, i: Tensor, *, keep: bool = True) -> Estimate:
        """The model's x_0^ and eps_theta of x_i, (B, ...) in the chain's coordinates; i is (B,). Without guidance or clipping: p_theta as trained."""
        times = self.chain.times.to(i.device)[i]
        scaled = expand(self.chain.scale.to(i.device)[i], x) * x
        return self.model.backbone.denoiser()(scaled, times, self.cond(len(x), keep))

    def asked(self, n: int, *, keep: bool = True) -> ConditionBatch:
        """The conditions of n images, or none of those that can be dropped."""
        conditioners, device = self.model.config.conditioners, self.model.device
        values, kept = {}, {}
        for c in conditioners:
            has = self.values.get(c.field)
            values[c.field] = (c.blank(n) if has is None else has.expand(n, *has.shape[1:])).to(device)
            kept[c.field] = torch.full((n,), has is not None, device=device)
        found = ConditionBatch(values, kept)
        return found if keep else dropped(conditioners, found)

    def cond(self, n: int, keep: bool) -> Cond:
        """The same through the conditioners' doors."""
        asked = self.asked(n, keep=keep)
        return self.model.backbone.cond(asked.values, asked.keep)

    @property
    def guidance(self) -> Weights:
        """The model's own weight, where a condition is given."""
        return self.model.config.sampling.guidance if self.values else 1.0

    def drawing(self, n: int, **changes: Any) -> SamplingJob:
        """As the model draws images 0..n - 1 of the seed under these conditions: guided and clipped as its own settings say, but for the changes."""
        return self.model.drawing_of(self.asked(n), self.model.settings(**changes), range(n), seed=self.seed)


def begin(
    model: Model,
    image: str | Path | None = None,
    *,
    label: str | int | None = None,
    prompt: str | None = None,
    path: str | Path | None = None,
    data: str | Sequence[str] | None = None,
    seed: int = 0,
    steps: int | None = None,
    say: Callable[[str], None] = quiet,
) -> Study:
    """A study of `model` (loaded from `path`, by which its training data is found, unless `data` says
    where that lies) on an image file. `label` and `prompt` condition the model; without
    them the image's own class, caption and mask do where those are known, and else the condition is dropped. `steps` is the length of the chain of a
    model that has none of its own.

    InputError: an image that cannot be read, a condition that the model does not have, or one that it cannot do without.
    """
    known = {c.field: c for c in model.config.conditioners}
    given = {name: value for name, value in (("label", label), ("text", prompt)) if value is not None}
    for name in given:
        if name not in known:
            raise InputError(unwanted(name, known))
    values = {name: known[name].parse(value, range(1)) for name, value in given.items()}
    subject = find_subject(
        model,
        None if image is None else Path(image),
        path=None if path is None else Path(path),
        data=data,
        seed=seed,
        say=say,
    )
    for name, conditioner in known.items():
        if name not in values and conditioner.reads in subject.items:
            values[name] = conditioner.read(subject.items)
        if name not in values and conditioner.drop == 0:
            raise InputError(_missing(conditioner))
    told = given.get("text", subject.items.get("text", [""])[0])
    if "text" in values and not str(told).strip() and known["text"].drop > 0:
        del values["text"]
    return Study(model, subject, chain_of(model.config.process, steps), values, str(told), seed, say)


def _missing(conditioner: Conditioner) -> str:
    name = argument(conditioner.field)
    if name == "label":
        return "this model never saw an image without its class: give --label with the class of the image"
    if name == "prompt":
        return "this model never saw an image without its text: give --prompt with words for the image"
    return f"this model never saw an image without its {name}: leave --image out, so that an image of the training data is explained under its own"
