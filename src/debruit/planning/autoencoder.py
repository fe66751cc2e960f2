"""Choice of an autoencoder and of the terms of its loss, for given data and a number of operations per image."""

import math
from typing import Literal

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.bottleneck import Bottleneck
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.perceptual import LEAST_SIDE, Perceptual
from debruit.autoencoders.vq import VQ
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.networks.discriminator import least_side
from debruit.planning.cost import autoencoder_flops

Kind = Literal["kl", "vq"]
LATENT_SIDE = 16  # target size of the longer side of a latent; the factor is at most MOST_FACTOR
MOST_FACTOR = 8
LATENT_CHANNELS = 4
CODES = 1024
WIDTHS = (16, 24, 32, 48, 64, 96, 128)
SHARE = 20_000.0  # forward operations per image, divided by the images seen
CPU_BATCH = 8  # many small steps: the gradient of a reconstruction is hardly noisy (bench/RESULTS.md)
KL_WEIGHT = 1e-3  # costs no fidelity, and takes a tenth of the latents' needless precision
PERCEPTUAL_WEIGHT = 0.2
ADVERSARIAL_IMAGES = (
    100_000  # shorter trainings do without a discriminator: it would enter too late to help (bench/RESULTS.md)
)


def bottleneck(kind: Kind) -> Bottleneck:
    """The bottleneck of this kind."""
    return KL(channels=LATENT_CHANNELS) if kind == "kl" else VQ(channels=LATENT_CHANNELS, codes=CODES)


def usual_factor(spec: DataSpec) -> int:
    """The power of 2, between 2 and MOST_FACTOR, that brings the longer side of the latents closest to LATENT_SIDE."""
    longer = max(spec.height, spec.width)
    return int(min(max(2 ** round(math.log2(longer / LATENT_SIDE)), 2), MOST_FACTOR))


def usual_criterion(spec: DataSpec, images: int, held_out: int) -> Criterion:
    """The loss terms that images of this size allow: the perceptual network and the discriminator have a minimum size,
    and the discriminator also needs held-out images, for its guard."""
    shorter = min(spec.height, spec.width)
    layers = next((n for n in (3, 2, 1) if shorter >= 2 * least_side(n)), 0)
    adversarial = None
    if layers and held_out and images >= ADVERSARIAL_IMAGES:
        adversarial = Adversarial(layers=layers, channels=32, norm="group", ramp_images=images // 20)
    perceptual = Perceptual(weight=PERCEPTUAL_WEIGHT) if shorter >= LEAST_SIDE else None
    return Criterion(kl_weight=KL_WEIGHT, perceptual=perceptual, adversarial=adversarial)


def choose(spec: DataSpec, factor: int, bottleneck: Bottleneck, target: float) -> Autoencoder:
    """The candidate whose forward pass (encoder and decoder) is closest to `target` operations per image."""
    codecs = [Autoencoder(coder=coder, bottleneck=bottleneck) for coder in coders(factor)]
    return min(codecs, key=lambda codec: abs(math.log(autoencoder_flops(codec, spec.shape) / target)))


def narrowest(spec: DataSpec) -> Autoencoder:
    """The cheapest candidate for this data."""
    return Autoencoder(coder=coders(usual_factor(spec))[0], bottleneck=KL(channels=LATENT_CHANNELS))


def coders(factor: int) -> list[Coder]:
    """Candidates from narrow to wide: no block at full resolution, folding between levels, and no attention, since the
    receptive field of the convolutions is large enough. InputError: a factor that is not a power of 2."""
    if factor < 1 or factor & (factor - 1):
        raise InputError(f"a factor of {factor}: it must be a power of 2, for example 4")
    patch = min(factor, 2)
    levels = int(math.log2(factor // patch)) + 1
    return [
        Coder(
            channels=width,
            multipliers=tuple(min(2**k, 4) for k in range(levels)),
            patch=patch,
            blocks=1,
            groups=8,
            middle_attention=False,
            resample="fold",
        )
        for width in WIDTHS
    ]
