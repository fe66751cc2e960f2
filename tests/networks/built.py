"""Configurations of every network, their modules with values, and inputs through every door that they open."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from debruit.networks.cond import Cond
from debruit.networks.dit import DiT
from debruit.networks.network import Network
from debruit.networks.unet import UNet

DOORS = {"token_channels": 6, "vector_channels": 5, "spatial_channels": 2}
UNET = UNet(channels=16, multipliers=(1, 2), blocks=1, attention=(2,), head_channels=8, groups=8)
FULL_UNET = replace(UNET, transformer_depth=1, **DOORS)
DIT = DiT(width=16, depth=3, head_channels=8)
FULL_DIT = replace(DIT, depth=4, pooled_tokens=True, **DOORS)
CONDITIONAL = {
    "UNet": FULL_UNET,
    "UNet of ADM": replace(FULL_UNET, time_embedding="scale_shift", resample="block", heads=2),
    "UNet of patches": replace(FULL_UNET, patch=2),
    "UNet that folds": replace(FULL_UNET, resample="fold"),
    "DiT": FULL_DIT,
    "DiT of pixels": replace(FULL_DIT, patch=1, long_skips=False),
}
KINDS = CONDITIONAL | {"plain UNet": UNET, "plain DiT": DIT}


def build(config: Network, channels: int = 3, out: int = 3, *, randomise: bool = True) -> nn.Module:
    """A network, by default with its zero-initialised layers drawn like the others."""
    torch.manual_seed(0)
    network = config.build(channels, out).eval()
    for parameter in network.parameters() if randomise else ():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return network


def inputs(
    config: Network, batch: int = 3, channels: int = 3, size: tuple[int, int] = (8, 8)
) -> tuple[Tensor, Tensor, Cond]:
    """x (batch, channels, *size), noise level (batch,) and a Cond through every door that the configuration opens."""
    g = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=g)  # noqa: E731
    cond = Cond(
        vector=draw(batch, config.vector_channels) if config.vector_channels else None,
        tokens=draw(batch, 4, config.token_channels) if config.token_channels else None,
        spatial=draw(batch, config.spatial_channels, *size) if config.spatial_channels else None,
    )
    return draw(batch, channels, *size), 1000 * torch.rand(batch, generator=g), cond
