"""Choice of a diffusion model for given data and a number of operations per image.

The network is chosen by one rule. A budget of C floating-point operations is spent on N images seen at f operations
each in the forward pass (3 f in training), C = 3 f N. With f = SHARE N both grow as the square root of the budget,
f = sqrt(SHARE C / 3), and the candidate with the closest f is chosen. SHARE was fitted to the Frechet distances of
trainings of ten minutes on a CPU (bench/RESULTS.md).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from debruit.autoencoders.codec import Codec
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.base import Conditioner
from debruit.conditioning.compatibility import widths
from debruit.conditioning.label import Label
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.planning.cost import cost
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import Karras, UniformTime
from debruit.sampling.guidance.interval import EVERYWHERE
from debruit.sampling.heun import Heun
from debruit.sampling.unipc import UniPC

SHARE = 1500.0  # forward operations per image, divided by the images seen, at the optimum
PIXEL_STD = 0.5  # approximate, of pixels in [-1, 1]; latents have unit scale
CARRIES = 8  # a network with at least this many channels per value of a patch predicts the velocity
# with these, at least 96 % of the samples of Fashion-MNIST are recognised as the requested class after ten minutes
# (docs/guidance.md); guidance at higher noise levels shifts the brightness, and doubled the Frechet distance
# (bench/RESULTS.md)
GUIDANCE, INTERVAL = 2.4, (0.0, 0.8)
DROPOUT = {30: 0.1, 120: 0.25}  # minimum epochs: rate (bench/RESULTS.md)
# penalty of each doubling of the patch for a network too narrow for the velocity, in units of log cost
PATCH_PENALTY = 0.5
WIDTHS = {
    1: (32, 48, 64, 80, 96),
    2: (96, 128, 160, 192, 256),
}  # {blocks per level: widths}: few wide blocks are faster than many narrow ones


def choose_model(
    spec: DataSpec, target: float, *, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """The candidate whose forward pass is closest to `target` operations per image."""
    codec = codec or Pixels()
    channels, sides = codec.latent_channels(spec.channels), codec.latent_size(*spec.sizes)
    scored, families = [], candidates(*sides)
    for family in families:
        # one network of a family is counted; the operations of the others scale with the square of the width
        middle = (
            cost(configure(spec, family[len(family) // 2], codec, conditioners)).forward_flops
            / family[len(family) // 2].channels ** 2
        )
        coarser = PATCH_PENALTY * math.log2(family[0].patch / families[0][0].patch)
        scored += [
            (abs(math.log(middle * network.channels**2 / target)) + coarser * (not carries(network, channels)), network)
            for network in family
        ]
    return configure(spec, min(scored, key=lambda pair: pair[0])[1], codec, conditioners)


def regularised(model: ModelConfig, epochs: float) -> ModelConfig:
    """Add the dropout that trainings of many epochs need: without it the model memorises its images, and the loss on
    other images rises."""
    assert isinstance(model.network, UNet)
    dropout = max((rate for least, rate in DROPOUT.items() if epochs >= least), default=0.0)
    return replace(model, network=replace(model.network, dropout=dropout))


def configure(
    spec: DataSpec, network: UNet, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """The model for this data and network. `conditioners` None stands for the classes of the data, if it has any."""
    codec = codec or Pixels()
    if conditioners is None:
        conditioners = (Label(),) if len(spec.class_names) > 1 else ()
    network = opened(network, conditioners, spec, codec.factor)
    # the velocity contains the noise of a whole folded patch, which a narrow network represents badly; it predicts x_0
    # instead, with the loss in velocity
    predicts = "velocity" if carries(network, codec.latent_channels(spec.channels)) else "x0"
    # the best with at most 20 network evaluations, measured on one model of each kind (bench/RESULTS.md)
    sampler, grid, steps = (
        (UniPC(), UniformTime(), 16) if predicts == "velocity" else (Heun(), Karras(sigma_min=0.02), 10)
    )
    guidance, interval = (GUIDANCE, INTERVAL) if any(c.drop > 0 for c in conditioners) else (1.0, EVERYWHERE)
    sampling = SamplingConfig(sampler=sampler, grid=grid, steps=steps, guidance=guidance, interval=interval)
    return ModelConfig(
        data=spec,
        network=network,
        predicts=predicts,
        conditioners=tuple(conditioners),
        codec=codec,
        sampling=sampling,
        data_std=PIXEL_STD if isinstance(codec, Pixels) else 1.0,
    )


def opened(network: UNet, conditioners: Sequence[Conditioner], spec: DataSpec, factor: int) -> UNet:
    """Set the widths of the network's doors to those that these conditioners need, for images of this spec and a codec
    of this factor."""
    wide = widths(conditioners, spec, factor)
    tokens = wide["tokens"]
    return replace(
        network,
        vector_channels=wide["vector"],
        spatial_channels=wide["spatial"],
        token_channels=tokens,
        transformer_depth=1 if tokens else 0,
        pooled_tokens=tokens > 0,
    )


def carries(network: UNet, channels: int) -> bool:
    """Whether the network is wide enough to represent the noise of a folded patch of this many channels."""
    return CARRIES * network.patch**2 * channels <= network.channels


def candidates(height: int, width: int) -> list[list[UNet]]:
    """U-Nets for images or latents of this size: for each patch size, the smallest first, families from narrow to wide.
    The longer side has 8 to 32 positions at the first level, and about 7 at the last, which has attention."""
    longer, families = max(height, width), []
    for patch in (1, 2, 4, 8, 16, 32):
        side = longer / patch
        if 8 <= side <= 32 or (patch == 1 and side < 8) or (patch == 32 and side > 32):
            levels = max(1, round(math.log2(min(side, 32) / 7)) + 1)
            families += [
                [_network(channels, levels, patch, blocks) for channels in widths] for blocks, widths in WIDTHS.items()
            ]
    return families


def _network(channels: int, levels: int, patch: int, blocks: int) -> UNet:
    """A U-Net whose widths double from level to level, up to 4 times, with attention at the last. Choices that were
    measured (bench/RESULTS.md): the embedding scales and shifts, for better class accuracy; groups of 16 channels,
    since normalisation in bfloat16 is several times slower with narrower ones; levels are joined by folding, which
    costs 18 % less than 3x3 convolutions at the same quality."""
    return UNet(
        channels=channels,
        multipliers=tuple(min(2**k, 4) for k in range(levels)),
        blocks=blocks,
        patch=patch,
        attention=(2 ** (levels - 1),),
        time_embedding="scale_shift",
        resample="fold",
        groups=channels // 16,
        head_channels=32 if channels % 32 == 0 else 16,
    )
