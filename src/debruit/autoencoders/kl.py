"""The Gaussian bottleneck of a variational autoencoder (Kingma & Welling 2014), as the LDM weighs it (Rombach et al.
2022, appendix G).

q(z|x) = N(mean, exp(logvar)), logvar in [-30, 20]
penalty = KL(q(z|x) || N(0, I)) = 1/2 sum(mean^2 + var - 1 - log var)   [nats an image]
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from debruit.autoencoders.bottleneck import BottleneckModule, Passed, widened
from debruit.autoencoders.codec import Moments
from debruit.errors import InputError

LOG_VARIANCE = (-30.0, 20.0)


@dataclass(frozen=True, kw_only=True)
class KL:
    """Latents of `channels` channels, drawn from a Gaussian whose mean and spread the encoder gives."""

    channels: int = 4

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"bottleneck.channels={self.channels}: latents need at least 1 channel")

    @property
    def encoded_channels(self) -> int:
        return 2 * self.channels

    def build(self) -> "KLModule":
        return KLModule(self.channels)


class KLModule(BottleneckModule):
    """A 1x1 convolution on either side of the latents."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.quant = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.post = nn.Conv2d(channels, channels, 1)

    def moments(self, encoded: Tensor) -> Moments:
        mean, log_variance = widened(self.quant(encoded)).chunk(2, dim=1)
        return Moments(mean, torch.exp(log_variance.clamp(*LOG_VARIANCE) / 2))

    def forward(self, moments: Moments, eps: Tensor | None) -> Passed:
        latents = moments.mean if eps is None else moments.sample(eps)
        return Passed(self.decode(latents), divergence(moments))

    def decode(self, latents: Tensor) -> Tensor:
        return self.post(latents)


def divergence(moments: Moments) -> Tensor:
    """KL(N(mean, std^2) || N(0, I)) of each image, summed over its latent: (B,), in nats."""
    assert moments.std is not None, "a deterministic encoder has no divergence"
    each = moments.mean.square() + moments.std.square() - 1 - 2 * moments.std.log()
    return each.flatten(1).sum(1) / 2
