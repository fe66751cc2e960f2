"""Channels of the latents of a latent model, and the images that they decode to.

z_0 = E(x_0),  z_i = sqrt(abar_i) z_0 + sqrt(1 - abar_i) eps,  z_0^ = the model's estimate,  x_0^ = D(z_0^)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.lecture.forward import forward
from debruit.lecture.study import BATCH, Study


@dataclass(frozen=True, kw_only=True)
class Latents:
    """At each of K steps: the noisy latents and the estimate of the clean ones, (K, C, h, w), with the images that they
    decode to, (K, C', H, W), in the dtype of the data; `reconstruction` is D(E(x_0)), (C', H, W).
    """

    steps: list[int]
    z_t: Tensor
    z0_hat: Tensor
    decoded_z_t: Tensor
    decoded_z0_hat: Tensor
    reconstruction: Tensor


@torch.inference_mode()
def latents(study: Study) -> Latents | None:
    """Decode the latents of the forward chain, without network evaluations; None for a model of pixels."""
    if not study.latent:
        return None
    chain = study.once(forward)
    return Latents(
        steps=chain.steps,
        z_t=chain.x_t,
        z0_hat=chain.x0_hat,
        decoded_z_t=_decoded(study, chain.x_t),
        decoded_z0_hat=_decoded(study, chain.x0_hat),
        reconstruction=_decoded(study, chain.x0[None])[0],
    )


def _decoded(study: Study, z: Tensor) -> Tensor:
    parts = [study.model.images(part.to(study.model.device)) for part in z.split(BATCH)]
    return torch.cat(parts)
