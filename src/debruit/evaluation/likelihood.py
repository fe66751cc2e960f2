"""How well a model describes images that it was trained on, and images that it never saw: bits for each value
(bits/dim), with standard errors.

Two measures. The bound of a chain, L = L_T + sum of L_{t-1} + L_0 (diffusion/bound.py), over strata of its steps: one
step drawn at random from each stratum for each image, weighted by the stratum's size, is unbiased, and the spread over
images holds what the drawing adds. Of a latent model it is the bound of the latents' density ("latent-bound"), L_0 a
density too: its chain knows no pixels, so that its bits/dim are of latents. The likelihood of the probability-flow ODE
(diffusion/ode_likelihood.py), which any process has, of integers spread evenly over their bins, or, for latents and
float data, of the density itself. Both are of the model without guidance, and each image keeps its own condition where
the data has it. The gap, held-out minus train, is the measure of overfitting.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch

from debruit.autoencoders.pixels import Pixels
from debruit.data.dataset import Dataset
from debruit.data.subset import shuffled
from debruit.diffusion.bound import log_density, prior_term, step_term
from debruit.diffusion.chain import Chain, Variance, usual_variance
from debruit.diffusion.gaussian import discretised_log_likelihood
from debruit.diffusion.ode_likelihood import bits_per_dim, dequantised, log_likelihood
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.evaluation.conditions import describe, model_inputs
from debruit.models.diffusion import Model
from debruit.models.loaded import check_shape
from debruit.rng import Purpose, stream
from debruit.sampling.noise import ImageNoise

Method = Literal["bound", "latent-bound", "likelihood"]


@dataclass(frozen=True, kw_only=True)
class Bits:
    """bits/dim image by image, (n,), float64. `terms` (n, 1 + strata) are the parts of a bound: L_T, then the strata of
    steps (the first is L_0); without columns for the ODE. `error` (n,) is what the ODE's steps cost, 0 for a bound."""

    total: np.ndarray
    terms: np.ndarray
    error: np.ndarray

    def __len__(self) -> int:
        return len(self.total)

    @property
    def mean(self) -> float:
        return float(self.total.mean())

    @property
    def standard_error(self) -> float:
        return standard_error(self.total)


@dataclass(frozen=True, kw_only=True)
class Likelihoods:
    """The likelihoods of `done` of `total` images. A side without images is None. `strata` are the steps that each
    column of the terms stands for; `condition` describes what the images were conditioned on, `unit` what is
    counted."""

    method: Method
    train: Bits | None
    held_out: Bits | None
    done: int
    total: int
    condition: str
    unit: str
    strata: tuple[range, ...] = ()
    own: bool = True


def measure(
    model: Model,
    dataset: Dataset,
    *,
    training: np.ndarray,
    held_out: np.ndarray,
    method: Method = "likelihood",
    count: int = 128,
    batch: int = 32,
    seed: int = 0,
    steps: int = 20,
    probes: int = 1,
    strata: int = 64,
    variance: Variance | None = None,
) -> Iterator[Likelihoods]:
    """The bits/dim of up to `count` images of each of the two sets of indices, a batch of each in turn: every item is
    the result so far, the last one the whole. An empty `training` says that the model was not trained on this data.

    `variance` is that of the reverse step in the bound (None: the one that every bound of debruit takes, see
    usual_variance). An image costs 6 `steps` + 1 evaluations with their gradients by the ODE, `strata` evaluations by
    the bound. InputError: a bound asked of a model without a chain, that of pixels where they are not of 8 bits, that
    of latents of a model without; data of another shape.
    """
    check_shape(dataset.spec, model.config.data, "samples")
    if not len(training) and not len(held_out):
        raise InputError(f"{dataset.spec.name}: no image was given to measure the likelihood of")
    if count < 2 or batch < 1:
        raise InputError(f"{count} images in batches of {batch}: a mean with its error needs at least 2 images")
    parts = () if method == "likelihood" else strata_of(check_bound(model, method), strata)

    def bits(indices: np.ndarray) -> Bits:
        if method != "likelihood":
            return bound_bits(model, dataset, indices, parts, seed=seed, variance=variance)
        return ode_bits(model, dataset, indices, seed=seed, steps=steps, probes=probes)

    sides = [shuffled(indices, Purpose.LIKELIHOOD_IMAGES, seed, most=count) for indices in (training, held_out)]
    total = sum(len(side) for side in sides)
    batches: list[list[Bits]] = [[], []]
    for start in range(0, max(len(side) for side in sides), batch):
        for known, indices in zip(batches, sides, strict=True):
            chosen = indices[start : start + batch]
            if not len(chosen):
                continue
            known.append(bits(chosen))
            yield Likelihoods(
                method=method,
                train=_joined(batches[0]),
                held_out=_joined(batches[1]),
                total=total,
                strata=parts,
                done=sum(len(part) for parts_ in batches for part in parts_),
                own=len(training) > 0,
                condition=describe(model, dataset),
                unit=unit_of(model, method),
            )


def ode_bits(model: Model, dataset: Dataset, indices: np.ndarray, *, seed: int, steps: int, probes: int) -> Bits:
    """The ODE's bits/dim of these images. Image n spreads over its bins and probes by (seed, n), whatever the batch."""
    x0, cond = model_inputs(model, dataset, indices)
    noise = ImageNoise(seed, indices.tolist(), x0.shape[1:], model.device, purpose=Purpose.LIKELIHOOD_NOISE)
    levels = _levels(model)
    if levels is not None:
        x0 = dequantised(x0, torch.special.ndtr(noise().double()).to(x0.dtype), levels)
    signs = torch.stack([noise().sign() for _ in range(probes)])
    denoiser = model.backbone.denoiser()
    solution = log_likelihood(lambda x, t: denoiser(x, t, cond), model.config.process, x0, signs, steps=steps)
    dimensions = x0[0].numel()
    return Bits(
        total=bits_per_dim(solution.log_density, dimensions, levels).cpu().numpy(),
        terms=np.zeros((len(x0), 0)),
        error=bits_per_dim(solution.error, dimensions, None).abs().cpu().numpy(),
    )


def bound_bits(
    model: Model,
    dataset: Dataset,
    indices: np.ndarray,
    strata: Sequence[range],
    *,
    seed: int,
    variance: Variance | None = None,
) -> Bits:
    """Return the bound's bits/dim of these images, or of their latents where the model works on those.

    Image n draws its steps and its noise by (seed, n). `variance` is that of the reverse step (None: usual_variance).
    """
    chain = check_bound(model, "bound" if _on_pixels(model) else "latent-bound")
    decoder = discretised_log_likelihood if _on_pixels(model) else log_density
    x0, cond = model_inputs(model, dataset, indices)
    denoiser = model.backbone.denoiser()
    noise = ImageNoise(seed, indices.tolist(), x0.shape[1:], model.device, purpose=Purpose.LIKELIHOOD_NOISE)
    steps = [stream(Purpose.LIKELIHOOD_STEPS, seed, index) for index in indices.tolist()]
    uniform = torch.stack([of_image.uniform((len(strata),)) for of_image in steps])
    variance = variance or usual_variance(learned=model.config.learned_variance)
    columns = [prior_term(chain, x0).flatten(1).sum(1)]
    with torch.no_grad():
        for k, stratum in enumerate(strata):
            offsets = (uniform[:, k] * len(stratum)).long().clamp(max=len(stratum) - 1)
            i = (stratum.start + offsets).to(model.device)
            x_t = chain.q(x0, i).sample(noise())
            estimate = denoiser(x_t, i.double() / chain.steps, cond)
            nats = step_term(
                chain, x0, x_t, i, estimate.x0, variance=variance, fraction=estimate.fraction, decoder=decoder
            )
            columns.append(len(stratum) * nats.flatten(1).sum(1))
    terms = (torch.stack(columns, 1) / (x0[0].numel() * math.log(2))).cpu().numpy()
    return Bits(total=terms.sum(1), terms=terms, error=np.zeros(len(x0)))


def strata_of(chain: Chain, most: int) -> tuple[range, ...]:
    """The steps 1..T cut into at most `most` ranges: the first step alone, since L_0 is of another kind, then ranges
    that grow with i as the terms shrink. All steps one by one where there are no more."""
    if chain.steps <= most:
        return tuple(range(i, i + 1) for i in range(1, chain.steps + 1))
    edges = [round(2 + (chain.steps - 1) * (k / max(most - 1, 1)) ** 2) for k in range(max(most - 1, 1) + 1)]
    cuts = sorted({1, *edges})
    return tuple(range(low, high) for low, high in pairwise(cuts))


def check_bound(model: Model, method: Method = "bound") -> Chain:
    """The model's chain; InputError where this bound is not defined."""
    process = model.config.process
    if reason := unmet_bound(model, method):
        raise InputError(reason)
    assert isinstance(process, Tabulated)
    return process.chain


def unmet_bound(model: Model, method: Method) -> str:
    """Why this bound of the model is not defined; "" where it is."""
    process = model.config.process
    has_chain, pixels = isinstance(process, Tabulated), _on_pixels(model)
    if method == "bound" and not pixels:
        instead = (
            "latent-bound, the bound of its latents," if has_chain else "likelihood, that of its latents by the ODE,"
        )
        return (
            "bits/dim of a latent model is not defined by its chain alone, which ends at latents and knows no pixels: "
            f"{instead} is reported instead"
        )
    if method == "latent-bound" and pixels:
        return "this model works on pixels, not on latents: ask for bound"
    if not has_chain:
        return (
            f"the bound is a sum over the steps of a chain, and this model's process is {type(process).__name__}, in "
            "continuous time: ask for likelihood, that of the probability-flow ODE, which every process has"
        )
    if pixels and model.config.data.depth != "uint8":
        return (
            f"the bound counts the bits of 8-bit pixels, and this model's are {model.config.data.depth}: ask for "
            "likelihood, the density by the probability-flow ODE"
        )
    return ""


def unit_of(model: Model, method: Method) -> str:
    """bits/dim of pixels, or of what else the model works on."""
    if method == "bound" or _levels(model) is not None:
        return "bits/dim"
    return "bits/dim of the density" if _on_pixels(model) else "bits/dim of the latents' density"


def standard_error(values: np.ndarray) -> float:
    """Standard error of the mean of independent values (n,); infinite for one value."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.inf


def _levels(model: Model) -> int | None:
    """How many values the model's data can take, None where it is not counted in integers."""
    spec = model.config.data
    counted = spec.depth != "float32" and _on_pixels(model)
    return round(spec.high - spec.low) + 1 if counted else None


def _on_pixels(model: Model) -> bool:
    return isinstance(model.config.codec, Pixels)


def _joined(parts: Sequence[Bits]) -> Bits | None:
    if not parts:
        return None
    join = lambda name: np.concatenate([getattr(part, name) for part in parts])  # noqa: E731
    return Bits(total=join("total"), terms=join("terms"), error=join("error"))
