"""Input of every panel: a model, an image, its conditions, and the chain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.base import Conditioner, keyword
from debruit.conditioning.batch import ConditionBatch, parsed
from debruit.diffusion.chain import Variance, usual_variance
from debruit.diffusion.gaussian import Gaussian
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import expand
from debruit.errors import InputError
from debruit.lecture.chains import ModelChain, chain_of, shown_steps
from debruit.lecture.example import Example, find_example
from debruit.lecture.sprites import LATENT_SPAN
from debruit.models.diffusion import Model
from debruit.networks.cond import Cond
from debruit.rng import Purpose
from debruit.sampling.guidance.weights import Weights
from debruit.sampling.job import SamplingJob
from debruit.sampling.noise import ImageNoise

Result = TypeVar("Result")
FRAME_BYTES = 1_500_000  # of all positions of the slider together, before compression
BATCH = 16  # positions that go through the network at a time


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How much is computed, which decides how long a page takes.

    `frames`: positions of the slider, for small images. `strata`, `draws`: the sampled steps of the bound (terms.py).
    `iterations`: of algorithm 1, with the `gradients` of its loss or without. `images`: samples of algorithm 2,
    which runs on `chain_steps` of the chain's steps (None: on all; chains.respaced). `budgets`: network evaluations of
    the compared samplers, and `reference_steps` of Heun's method, taken as the solution of the ODE. `weights`,
    `guided_images`: guidance weights and samples of each. `attention_times`: positions of the slider with attention
    maps. `brief` says that less than everything is computed, which the page reports.
    """

    frames: int = 41
    strata: int = 40
    draws: int = 8
    iterations: int = 12
    gradients: bool = True
    images: int = 4
    chain_steps: int | None = None
    budgets: tuple[int, ...] = (4, 8, 16, 32)
    reference_steps: int = 64
    weights: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0)
    guided_images: int = 3
    attention_times: int = 9
    brief: bool = False


FULL = Detail()


@dataclass(frozen=True)
class Study:
    """A model and an image with its conditions (a batch of one), in the coordinates of the chain (chains.py)."""

    model: Model
    example: Example
    chain: ModelChain
    given: ConditionBatch
    prompt: str = ""
    seed: int = 0
    detail: Detail = FULL

    def at(self, detail: Detail) -> "Study":
        """Return this study in another detail, with nothing computed yet."""
        return replace(self, detail=detail)

    def once(self, panel: Callable[["Study"], Result]) -> Result:
        """Return `panel(self)`, computed the first time only: chapters share it."""
        if panel not in self._computed:
            self._computed[panel] = panel(self)
        return self._computed[panel]

    @cached_property
    def _computed(self) -> dict[Callable[["Study"], Any], Any]:
        return {}

    @cached_property
    def x0(self) -> Tensor:
        """The clean image or its latents, (1, C, H, W) float32 on the model's device."""
        return self.model.latents(self.example.image)

    @property
    def latent(self) -> bool:
        """Whether the model is a latent diffusion model."""
        return not isinstance(self.model.config.codec, Pixels)

    @property
    def span(self) -> float:
        """The value shown as white: 1 for images, more for latents."""
        return LATENT_SPAN if self.latent else 1.0

    @property
    def variance(self) -> Variance:
        """The variance of the reverse step: the lecture's beta~, or the learned one."""
        return usual_variance(learned=self.model.config.learned_variance)

    @property
    def last_variance(self) -> Variance:
        """The variance of the step to x_0, where beta~ is 0.

        For a model's own chain Chain.reverse uses beta~_2; for a chain that chains.py makes, whose beta~_2 is as small
        as its steps are short, beta_1 is used.
        """
        return self.variance if self.chain.own or self.model.config.learned_variance else "beta"

    def p(self, estimate: Estimate, x: Tensor, i: Tensor) -> Gaussian:
        """p_theta(x_{i-1} | x_i) from the model's estimate at x_i, (B, ...)."""
        step, last = (
            self.chain.chain.reverse(estimate.x0, x, i, variance=variance, fraction=estimate.fraction)
            for variance in (self.variance, self.last_variance)
        )
        return Gaussian(step.mean, torch.where(expand(i == 1, x).bool(), last.variance, step.variance))

    @cached_property
    def steps(self) -> list[int]:
        """The steps i of the slider; fewer for large images."""
        budget = FRAME_BYTES // (6 * self.x0[0].numel())
        return shown_steps(self.chain.chain.steps, max(9, min(self.detail.frames, budget)))

    @property
    def values(self) -> dict[str, Tensor]:
        """The conditions that the image keeps by name, (1, ...); the others are dropped."""
        return {name: value for name, value in self.given.values.items() if bool(self.given.keep[name])}

    @property
    def label(self) -> int | None:
        """The class index that conditions the model; None where the class is dropped or the model has none."""
        return int(self.values["label"][0]) if "label" in self.values else None

    @property
    def class_name(self) -> str:
        """The name of the class that conditions the model, or ""."""
        return "" if self.label is None else self.model.config.data.class_names[self.label]

    def noise(self, count: int = 1, *, purpose: Purpose = Purpose.STUDY_NOISE) -> ImageNoise:
        """Return the noise of `count` copies of the image."""
        return ImageNoise(self.seed, range(count), self.model.config.latent_shape, self.model.device, purpose=purpose)

    @torch.inference_mode()
    def estimate(self, x: Tensor, i: Tensor, *, keep: bool = True) -> Estimate:
        """Evaluate the model at x_i, (B, ...) in the chain's coordinates, i (B,): x_0^ and eps_theta.

        Neither guidance nor clipping is applied: this is p_theta as trained.
        """
        times = self.chain.times.to(i.device)[i]
        scaled = expand(self.chain.scale.to(i.device)[i], x) * x
        return self.model.backbone.denoiser()(scaled, times, self.cond(len(x), keep))

    def conditions(self, n: int, *, keep: bool = True) -> ConditionBatch:
        """Return the conditions of n images; without `keep`, all that can be dropped are."""
        batch = self.given.repeated(n).to(self.model.device)
        return batch if keep else batch.dropped(self.model.config)

    def cond(self, n: int, keep: bool) -> Cond:
        """Return the conditions of n images as the network takes them."""
        batch = self.conditions(n, keep=keep)
        return self.model.backbone.cond(batch.values, batch.keep)

    @property
    def branches(self) -> int:
        """The predictions of one guided evaluation: 2 where the condition is weighed against none, else 1."""
        return self.job(1).branches

    @property
    def guidance(self) -> Weights:
        """The model's own guidance weight, where a condition is given; else 1."""
        return self.model.config.sampling.guidance if self.values else 1.0

    def job(self, n: int, **changes: Any) -> SamplingJob:
        """Return the job that samples images 0..n - 1 of the seed with these conditions and the model's own sampling
        settings, except for the `changes`.
        """
        return self.model.job_under(self.conditions(n), self.model.settings(**changes), range(n), seed=self.seed)


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
    detail: Detail | None = None,
) -> Study:
    """Begin a study of `model` on an image file, or on a held-out image of its training data.

    The training data is found by `path`, where the model was loaded from, or given by `data`. `label` and `prompt`
    condition the model; without them the class, caption and mask of the image are used where known, and the condition
    is dropped where not. `steps` is the length of the chain of a model without a chain of its own; `detail` is how much
    is computed (None: everything).

    InputError: an image that cannot be read, a condition that the model does not have, or a missing one that it needs.
    """
    config = model.config
    values = parsed(config, {"label": label, "prompt": prompt}, range(1))  # before the image, which may be sampled
    example = find_example(
        model,
        None if image is None else Path(image),
        path=None if path is None else Path(path),
        data=data,
        seed=seed,
    )
    given = ConditionBatch.of_items(config, example.items, values, 1)
    for conditioner in config.conditioners:
        if conditioner.drop == 0 and not given.keep[conditioner.name]:
            raise InputError(_missing(conditioner))
    text = str(example.items.get("text", [""])[0] if prompt is None else prompt)
    return Study(model, example, chain_of(config.process, steps), given, text, seed, detail or FULL)


def _missing(conditioner: Conditioner) -> str:
    """Return the sentence for a condition that the model needs and the image lacks."""
    name = keyword(conditioner)
    if name == "label":
        return "this model was never trained without a class: give --label with the class of the image"
    if name == "prompt":
        return "this model was never trained without a text: give --prompt with a text for the image"
    return (
        f"this model was never trained without its {name}: leave --image out, so that an image of the training data is "
        f"explained with its own {name}"
    )
