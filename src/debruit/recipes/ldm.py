"""The settings that the latent diffusion models of Rombach et al. 2022 share, as released: faces.py,
imagenet.py, landscapes.py (masks) and laion.py (text) are the models.

Their training in debruit's terms, where images seen are counted instead of steps:

- EMA: a decay of 0.9999 a step of B images halves in B ln 2 / -ln 0.9999 images. Its warm-up (1 + n) / (10 + n), n
  steps, is 1 - 9 / (10 + n) = exp(-9 / n) + O(1 / n^2), a half-life of n ln 2 / 9 steps: the ramp ln 2 / 9 of the
  images seen.
- Latent scale: the release multiplies what an autoencoder gives by one number, so that its latents are of about unit
  scale: 1.0 for its VQ models, whose latents are so by themselves, and 0.18215 for its KL autoencoder of factor 8, the
  inverse of the standard deviation of one batch over all channels. debruit's latents have mean 0 and standard
  deviation 1 in each channel, measured over the training images and stored with the autoencoder: this takes the
  role of that number, and nothing else scales them (data_std 1). What differs is that channels of unlike spread become
  alike.
- Guidance: the release's sampler computes u + s (c - u), which is debruit's with w = s: its s = 1.5 is --guidance 1.5
  (0.5 in the convention of Ho and Salimans, c + w (c - u)).
- AdamW with PyTorch's defaults, a constant rate, no clipping of gradients.
"""

import math
from collections.abc import Sequence
from typing import Literal

from debruit.autoencoders.codec import Codec
from debruit.conditioning.base import Conditioner
from debruit.diffusion.chain import Chain, ScaledLinear
from debruit.diffusion.density import UniformSteps
from debruit.diffusion.objective import Objective
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.diffusion.weighting import Simple
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.recipes import settings
from debruit.sampling.ddim import DDIM
from debruit.sampling.grids import ChainSteps
from debruit.training.config import Ema, Optimiser

SIZE = 256  # pixels a side, of all of them
STEPS = 1000
DECAY = 0.9999
UNCLIPPED = 1e9  # a bound that no gradient meets


def ldm(
    spec: DataSpec,
    network: UNet,
    codec: Codec,
    schedule: ScaledLinear,
    conditioners: Sequence[Conditioner] = (),
    *,
    steps: int,
    guidance: float = 1.0,
) -> ModelConfig:
    """The model around a network: eps prediction without preconditioning, sampled by deterministic DDIM on the chain's
    own steps."""
    chain = Chain(schedule=schedule, steps=STEPS, zero_terminal_snr=False)
    return settings.model(
        data=spec,
        process=Tabulated(chain=chain),
        predicts="eps",
        network=network,
        codec=codec,
        conditioners=tuple(conditioners),
        data_std=1.0,
        sampling=settings.sampling(DDIM(eta=0.0), ChainSteps(), steps=steps, clip=False, guidance=guidance),
    )


def l_ldm(norm: Literal["l2", "l1"] = "l2") -> Objective:
    """E ||eps - eps_theta(z_t, t)||^2, t uniform on 1..T; or with the mean absolute difference."""
    return Objective(
        density=UniformSteps(steps=STEPS),
        weighting=Simple(space="eps"),
        norm=norm,
        low_discrepancy=False,
        variance_weight=0.001,
    )


def adamw(lr: float) -> Optimiser:
    """PyTorch's AdamW at a constant rate."""
    return settings.adamw(lr, betas=(0.9, 0.999), weight_decay=0.01, clip_norm=UNCLIPPED, warmup_images=0)


def ema(batch: int) -> Ema:
    """A decay of 0.9999 a step of `batch` images with its warm-up, by images (see above)."""
    return Ema(halflife_images=round(batch * math.log(2) / -math.log(DECAY)), ramp=math.log(2) / 9)


def photographs(name: str, count: int, **has) -> DataSpec:
    """`count` colour images at the size of these models; `has` are class names, or mask names and their palette."""
    return settings.images(name, channels=3, side=SIZE, count=count, **has)
