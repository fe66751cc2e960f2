"""A patch discriminator: is each patch of an image real or decoded? Isola et al. 2017 (pix2pix), as VQGAN and LDM use
it.

4x4 convolutions, the first `layers` of stride 2, each but the first with a norm, then LeakyReLU of slope 0.2:

    C -> n -> 2n -> 4n ... (at most 8n), stride 2, `layers` times
      -> twice that, at most 8n, stride 1;  -> 1 logit, stride 1

Three layers: each logit sees 70 x 70 pixels. Real and decoded images go through it in calls of their own, so that a
batch norm normalises each kind by itself, as in the reference.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.networks.layers import channels_last, norm

Norm = Literal["batch", "group"]
SLOPE, SPREAD = 0.2, 0.02
GROUPS = 32


def least_side(layers: int) -> int:
    """The smallest side of an image that gives a logit: each layer halves, the last two convolutions take a pixel
    each."""
    return 3 * 2**layers


class PatchDiscriminator(nn.Module):
    """Images (B, C, H, W) in [-1, 1] -> logits (B, 1, h, w), h = floor(H / 2^layers) - 2; positive where a patch looks
    real.

    InputError: an image with a side below 3 * 2^layers.
    """

    def __init__(self, channels: int, *, width: int = 64, layers: int = 3, norm: Norm = "batch") -> None:
        super().__init__()
        self.layers = layers
        widths = [width * min(2**n, 8) for n in range(layers + 1)]
        parts: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        for n in range(1, layers + 1):
            stride = 2 if n < layers else 1
            # the norm that follows has a shift of its own
            parts.append(nn.Conv2d(widths[n - 1], widths[n], 4, stride=stride, padding=1, bias=False))
            parts += [_norm(norm, widths[n]), nn.LeakyReLU(SLOPE)]
        parts.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.body = nn.Sequential(*parts)
        self._initialise()
        channels_last(self)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, SPREAD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.normal_(module.weight, 1.0, SPREAD)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < least_side(self.layers):
            height, width = x.shape[-2:]
            raise InputError(
                f"a discriminator of {self.layers} layers needs images of {least_side(self.layers)} pixels or more, "
                f"and these are {height} x {width}: "
                "set adversarial.layers lower, or leave it out with adversarial.weight=0"
            )
        return self.body(x.contiguous(memory_format=torch.channels_last))


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else norm(channels, GROUPS)
