"""The latent diffusion models of Rombach et al. 2022, by the settings of their release.

Their training in debruit's terms, where images seen are counted instead of steps:

- EMA: a decay of 0.9999 a step of B images halves in B ln 2 / -ln 0.9999 images. Its warm-up (1 + n) / (10 + n), n steps, is
  1 - 9 / (10 + n) = exp(-9 / n) + O(1 / n^2), a half-life of n ln 2 / 9 steps: the ramp ln 2 / 9 of the images seen.
- Latent scale 1.0: the release scales what its autoencoders give by one number, here 1.0. Latents of debruit have mean 0 and standard deviation 1 in
  each channel, which is what that number is for, so that nothing else scales them (data_std 1).
- AdamW with PyTorch's defaults, a constant rate, no clipping of gradients.
"""

import math

from debruit.autoencoders import reference
from debruit.autoencoders.codec import Codec
from debruit.data.dataset import DataSpec
from debruit.data.folder import Folder
from debruit.diffusion.chain import Chain, ScaledLinear
from debruit.diffusion.density import UniformSteps
from debruit.diffusion.objective import Objective
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.diffusion.weighting import Simple
from debruit.model import ModelConfig
from debruit.networks.unet import UNet
from debruit.sampling.ddim import DDIM
from debruit.sampling.grids import ChainSteps
from debruit.sampling.settings import Settings
from debruit.training.run import Ema, Optimiser, Run

STEPS = 1000
DECAY = 0.9999
UNCLIPPED = 1e9  # a bound that no gradient meets


def ldm_faces_256() -> Run:
    """The LDM of faces, 274.06 M parameters, on the latents of `vq-f4-256` and a folder of CelebA-HQ (FID 5.11 with 500 DDIM steps, published).

    19.7 million images of 576 GFLOP each: days on one data-centre GPU, years on a CPU; `--dry-run` estimates it for this machine.
    debruit train ldm-faces-256 ./celeba_hq --autoencoder runs/vq --out runs/faces
    """
    batch = 48
    network = UNet(channels=224, multipliers=(1, 2, 3, 4), blocks=2, attention=(2, 4, 8), head_channels=32)
    return Run(
        source=Folder(path="celeba_hq", size=256, labelled=False), model=ldm(celeba_hq(), network, reference.vq_f4(), ScaledLinear(start=0.0015, end=0.0195)),
        objective=l_ldm(), images=410_000 * batch, batch=batch, optimiser=adamw(9.6e-5), ema=ema(batch),
    )  # fmt: skip


def celeba_hq() -> DataSpec:
    """CelebA-HQ at 256 pixels."""
    return DataSpec(
        name="celeba_hq", channels=3, height=256, width=256, depth="uint8", low=0, high=255, count=30_000
    )  # fmt: skip


def ldm(spec: DataSpec, network: UNet, codec: Codec, schedule: ScaledLinear) -> ModelConfig:
    """The model around a network: eps prediction without preconditioning, sampled by deterministic DDIM on the chain's own steps."""
    sampling = Settings(sampler=DDIM(eta=0.0), grid=ChainSteps(), steps=500, clip=False)
    return ModelConfig(
        data=spec, process=Tabulated(chain=Chain(schedule=schedule, steps=STEPS)), predicts="eps", network=network, codec=codec,
        data_std=1.0, sampling=sampling,
    )  # fmt: skip


def l_ldm() -> Objective:
    """E ||eps - eps_theta(z_t, t)||^2, t uniform on 1..T."""
    return Objective(density=UniformSteps(steps=STEPS), weighting=Simple(space="eps"), norm="l2", low_discrepancy=False)


def adamw(lr: float) -> Optimiser:
    """PyTorch's AdamW at a constant rate."""
    return Optimiser(
        kind="adamw", lr=lr, betas=(0.9, 0.999), weight_decay=0.01, clip_norm=UNCLIPPED, warmup_images=0, decay="none"
    )


def ema(batch: int) -> Ema:
    """A decay of 0.9999 a step of `batch` images with its warm-up, by images (see above)."""
    return Ema(halflife_images=round(batch * math.log(2) / -math.log(DECAY)), ramp=math.log(2) / 9)
