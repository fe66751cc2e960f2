"""The effect of guidance: conditional and unconditional prediction, their difference, and samples at several weights.

The predictions are made at the x_t of the forward chain, without guidance; the samples use the model's own sampling
settings, except for the weight.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.conditioning.guidance_terms import guidable
from debruit.lecture.forward import forward
from debruit.lecture.study import BATCH, Study


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """At each of K steps x_0^ and eps_theta with and without the condition, (K, C, H, W).

    `images` (W, N, C, H, W), in the dtype of the data, are samples from N noises at each of the W `weights`;
    `evaluations` are the network evaluations of one image at each weight.
    """

    steps: list[int]
    conditional: Tensor
    unconditional: Tensor
    eps_conditional: Tensor
    eps_unconditional: Tensor
    weights: tuple[float, ...]
    evaluations: tuple[int, ...]
    images: Tensor

    @property
    def clean_gap(self) -> Tensor:
        """Root mean square of c - u in x_0^, (K,)."""
        return (self.conditional - self.unconditional).square().flatten(1).mean(1).sqrt()

    @property
    def noise_gap(self) -> Tensor:
        """Root mean square of c - u in eps_theta, (K,)."""
        return (self.eps_conditional - self.eps_unconditional).square().flatten(1).mean(1).sqrt()


def guidance(study: Study, *, weights: tuple[float, ...] | None = None, images: int | None = None) -> Guidance | None:
    """Compute the panel: one evaluation more for each step shown, and the samples (None: as in `study.detail`).

    None where nothing can be guided: no condition is given, or none was ever dropped in training.
    """
    if not guidable(study.model.config.conditioners, study.conditions(1)):
        return None
    chained, unconditional = study.once(forward), _unconditional(study)
    weights, count = weights or study.detail.weights, images or study.detail.guided_images
    samples = [_samples(study, weight, count) for weight in weights]
    return Guidance(
        steps=study.steps,
        conditional=chained.x0_hat,
        unconditional=unconditional[0],
        eps_conditional=chained.eps_hat,
        eps_unconditional=unconditional[1],
        weights=weights,
        evaluations=tuple(evaluations for _, evaluations in samples),
        images=torch.stack([image for image, _ in samples]),
    )


@torch.inference_mode()
def _unconditional(study: Study) -> tuple[Tensor, Tensor]:
    """Return the unconditional x_0^ and eps_theta at the x_t of the forward chain."""
    chain, x0, eps = study.chain.chain, study.x0, study.noise()()
    estimates = []
    for start in range(0, len(study.steps), BATCH):
        i = torch.tensor(study.steps[start : start + BATCH], device=x0.device)
        x_t = chain.q(x0.expand(len(i), *x0.shape[1:]), i).sample(eps.expand(len(i), *eps.shape[1:]))
        estimates.append(study.estimate(x_t, i, keep=False))
    return torch.cat([e.x0 for e in estimates]).float().cpu(), torch.cat([e.eps for e in estimates]).float().cpu()


def _samples(study: Study, weight: float, count: int) -> tuple[Tensor, int]:
    """Return samples (N, C, H, W) of the model's own sampler at this weight, and the network evaluations of each."""
    job = study.job(count, guidance=weight)
    return study.model.images(job.final().x), job.evaluations
