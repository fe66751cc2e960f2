"""The bottleneck between encoder and decoder: a contract with two implementations, `KL` and `VQ`.

encoder -> h -> moments: q(z|x) -> z -> what the decoder takes;  and a penalty that keeps the latents in hand
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from debruit.autoencoders.codec import Moments


@dataclass(frozen=True)
class Passed:
    """One pass through a bottleneck: what the decoder takes, (B, c, h, w), the penalty of each image, (B,), and the
    codes (B, h, w) if any."""

    decodable: Tensor
    penalty: Tensor
    codes: Tensor | None = None


class BottleneckModule(nn.Module):
    """The trained part of a bottleneck. Latents here are raw, not normalised."""

    def moments(self, encoded: Tensor) -> Moments:
        """q(z|x) from what the encoder gave, (B, encoded_channels, h, w)."""
        raise NotImplementedError

    def forward(self, moments: Moments, eps: Tensor | None) -> Passed:
        """The training pass: z = mean + std eps (the mean where eps is None), and its penalty."""
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        """Return the decoder's input for these latents, (B, c, h, w)."""
        raise NotImplementedError


@runtime_checkable
class Bottleneck(Protocol):
    """The configuration of a bottleneck: the channels of its latents, and how many the encoder must give it."""

    @property
    def channels(self) -> int: ...
    @property
    def encoded_channels(self) -> int: ...
    def build(self) -> BottleneckModule: ...


def widened(x: Tensor) -> Tensor:
    """x in float32, or in float64 if it was: latents are not kept in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
