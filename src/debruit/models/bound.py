"""The variational bound of images for a model whose process is a chain (DDPM, equation 5)."""

import torch
from torch import Tensor

from debruit.autoencoders.pixels import Pixels
from debruit.diffusion.bound import BoundTerms, bound
from debruit.diffusion.chain import Variance, usual_variance
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.models.guidance import Conditional
from debruit.rng import Purpose
from debruit.sampling.noise import ImageNoise


def variational_bound(
    model: Conditional, images: Tensor, *, variance: Variance | None = None, seed: int = 0
) -> BoundTerms:
    """Return the terms of the bound for `images` (B, C, *S) at rest, in nats and bits/dim.

    Costs one network evaluation per step of the chain. Raise InputError as `check_bounded` does.
    """
    config = model.config
    chain = check_bounded(config, variance)
    device = next(model.backbone.parameters()).device
    x0 = config.data.to_model(images).to(device)
    with torch.inference_mode():
        return bound(
            model.denoiser(),
            chain.chain,
            x0,
            ImageNoise(seed, range(len(images)), x0.shape[1:], device, purpose=Purpose.LIKELIHOOD_NOISE),
            variance=variance or usual_variance(learned=config.learned_variance),
        )


def check_bounded(config: ModelConfig, variance: Variance | None = None) -> Tabulated:
    """Return the model's chain.

    Raise InputError for a process without a chain, a model of latents, pixels that are not 8-bit, or a learned variance
    that the model does not have.
    """
    if not isinstance(config.codec, Pixels):
        raise InputError(
            "bits/dim of a latent model is not defined by its chain alone, which ends at latents: "
            "`debruit evaluate` reports that of its latents instead (latent-bound if it has a chain, and likelihood)"
        )
    if not isinstance(config.process, Tabulated):
        raise InputError(
            "the bound is a sum over the steps of a chain, and this model's process is "
            f"{type(config.process).__name__}: train one with the recipe ddpm-fashion-mnist-28 or with "
            "--set model.process=Tabulated, or measure the likelihood of the probability-flow ODE, which every process "
            "has (`debruit evaluate`)"
        )
    if config.data.depth != "uint8":
        raise InputError(
            f"the bound counts the bits of 8-bit pixels, and this model has {config.data.depth}: measure the "
            "likelihood of the probability-flow ODE instead (`debruit evaluate`)"
        )
    if variance == "learned" and not config.learned_variance:
        raise InputError("this model has not learned a variance: use the variance posterior or beta")
    return config.process
