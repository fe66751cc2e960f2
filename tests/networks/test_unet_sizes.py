"""Parameter counts of published U-Nets, exact on the meta device: REFERENCE sections 5 and 6."""

import pytest
import torch

from debruit.networks.attention import SelfAttention, SpatialTransformer
from debruit.networks.unet import UNet
from debruit.recipes.ddpm import ddpm_cifar10_32

PUBLISHED = {
    "faces": (274.06, 3, 3, UNet(channels=224, multipliers=(1, 2, 3, 4), attention=(8, 4, 2), head_channels=32)),
    "imagenet-f8": (
        394.98, 4, 4,
        UNet(channels=256, multipliers=(1, 2, 4), attention=(4, 2, 1), head_channels=32, transformer_depth=1,
        token_channels=512),
    ),
    "imagenet-f4": (
        400.92, 3, 3,
        UNet(channels=192, multipliers=(1, 2, 3, 5), attention=(8, 4, 2), heads=1, transformer_depth=1,
        token_channels=512),
    ),
    "landscapes": (215.23, 3, 3, UNet(channels=128, multipliers=(1, 4, 8), attention=(), heads=8, spatial_channels=3)),
    "text": (
        872.30, 4, 4,
        UNet(channels=320, multipliers=(1, 2, 4, 4), attention=(4, 2, 1), heads=8, transformer_depth=1,
        token_channels=1280),
    ),
    "ddpm-cifar10": (35.7, 3, 3, ddpm_cifar10_32().model.network),
}  # fmt: skip


def count(config: UNet, channels: int, out_channels: int) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in config.build(channels, out_channels).parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_many_parameters_as_published(name):
    millions, channels, out_channels, config = PUBLISHED[name]
    digits = len(str(millions).partition(".")[2].ljust(1, "0"))
    digits = 2 if name != "ddpm-cifar10" else digits
    assert round(count(config, channels, out_channels) / 1e6, digits) == millions


def test_heads_cost_nothing():
    """The lecture's table says one head, the released faces model has heads of 32 channels: the same count."""
    one = UNet(channels=224, multipliers=(1, 2, 3, 4), attention=(8, 4, 2), heads=1)
    assert count(one, 3, 3) == count(PUBLISHED["faces"][3], 3, 3)


def test_attention_is_where_it_was_requested():
    """By downsampling factor: 2 blocks down and 3 up at each level, and one in the middle."""
    for attention, layers in (((), 1), ((4,), 6), ((1, 2), 11), ((64,), 1)):
        with torch.device("meta"):
            network = UNet(channels=32, multipliers=(1, 2, 2), attention=attention).build(3, 3)
        assert sum(isinstance(m, (SelfAttention, SpatialTransformer)) for m in network.modules()) == layers
