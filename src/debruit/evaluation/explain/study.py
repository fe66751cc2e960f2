"""What every panel looks at: a model, an image, the condition under which the model sees it, and the chain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.asked import ARGUMENTS, ask, dropped
from debruit.conditioning.cond import Cond
from debruit.conditioning.label import Label
from debruit.data.dataset import quiet
from debruit.diffusion.chain import Variance
from debruit.diffusion.gaussian import Gaussian
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import expand
from debruit.errors import InputError
from debruit.evaluation.explain.chains import ModelChain, chain_of, shown_steps
from debruit.evaluation.explain.subject import Subject, find_subject
from debruit.model import Model
from debruit.sampling.guidance.classifier_free import classifier_free
from debruit.sampling.guidance.clip import clip
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Denoise

FRAMES = 41  # positions of the slider, if the pictures are small
FRAME_BYTES = 1_500_000  # of all the positions of the slider together, before compression
BATCH = 16  # positions that go through the network at a time


@dataclass(frozen=True)
class Study:
    """A model and an image, in the coordinates of the chain (chains.py). `labels` are the classes that condition the model, None where the
    condition is dropped or there is none."""

    model: Model
    subject: Subject
    chain: ModelChain
    label: int | None = None
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
    def class_name(self) -> str:
        """The class that conditions the model, or ""."""
        names = [c.names for c in self.model.config.conditioners if isinstance(c, Label)]
        return names[0][self.label] if names and self.label is not None else ""

    def noise(self, first: int = 0, count: int = 1) -> ImageNoise:
        return ImageNoise(self.seed, range(first, first + count), self.model.config.latent_shape, self.model.device)

    @torch.inference_mode()
    def estimate(self, x: Tensor, i: Tensor) -> Estimate:
        """The model's x_0^ and eps_theta of x_i, (B, ...) in the chain's coordinates; i is (B,). Without guidance or clipping: p_theta as trained."""
        times = self.chain.times.to(i.device)[i]
        scaled = expand(self.chain.scale.to(i.device)[i], x) * x
        return self.model.backbone.denoiser()(scaled, times, self.cond(len(x), self.label is not None))

    def cond(self, n: int, keep: bool) -> Cond:
        """The condition of n images, or its absence."""
        conditioners = self.model.config.conditioners
        asked = ask(conditioners, range(n), {"label": self.label}, self.model.device)
        asked = asked if keep else dropped(conditioners, asked)
        return self.model.backbone.cond(asked.values, asked.keep)

    @property
    def guidance(self) -> float:
        """The model's own weight, where a condition is given."""
        return self.model.config.sampling.guidance if self.label is not None else 1.0

    @torch.inference_mode()
    def sampling_denoiser(self, n: int) -> Denoise:
        """As sampling uses the model, n images at a time: guided and clipped as its own settings say, in the process's coordinates."""
        config, denoiser = self.model.config, self.model.backbone.denoiser()
        kept, dropped = self.cond(n, self.label is not None), self.cond(n, False)
        guided = classifier_free(denoiser, kept, dropped, self.guidance)
        return clip(guided, config.process) if config.sampling.clip and not self.latent else guided


def begin(
    model: Model,
    image: str | Path | None = None,
    *,
    label: str | int | None = None,
    path: str | Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    say: Callable[[str], None] = quiet,
) -> Study:
    """A study of `model` (loaded from `path`, by which its training data is found) on an image file. `label` conditions the model; without
    it the image's own class does where that is known, and else the condition is dropped. `steps` is the length of the chain of a model that
    has none of its own.

    InputError: an image that cannot be read, a label that the model does not have, a condition that it cannot do without.
    """
    conditioners = {c.field: c for c in model.config.conditioners}
    if label is not None and "label" not in conditioners:
        accepts = ", ".join(ARGUMENTS.get(c, c) for c in conditioners) or "no condition at all"
        raise InputError(f"a label was given, but this model was trained with {accepts}: leave --label out")
    number = None if label is None else int(conditioners["label"].parse(label, range(1))[0])
    subject = find_subject(
        model, None if image is None else Path(image), path=None if path is None else Path(path), seed=seed, say=say
    )
    if number is None and "label" in conditioners:
        number = subject.label
        if number is None and conditioners["label"].drop == 0:
            raise InputError(
                "this model never saw an image without its class: give --label with the class of the image"
            )
    return Study(model, subject, chain_of(model.config.process, steps), number, seed, say)
