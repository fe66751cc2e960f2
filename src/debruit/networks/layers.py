"""Building blocks of the U-Net family (DDPM; ADM, Dhariwal & Nichol 2021; LDM, Rombach et al. 2022).

Feature maps are (B, C, H, W), channels last in memory, so that an attention layer sees (B, H W, C) without a copy.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.networks.dropout import Dropout


def zero(module: nn.Module) -> nn.Module:
    """The module with its parameters set to zero: a residual branch that starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def channels_last(module: nn.Module) -> None:
    """Lays the weights of a network's convolutions out with channels last in memory."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight = nn.Parameter(layer.weight.detach().contiguous(memory_format=torch.channels_last))


def sinusoidal(level: Tensor, channels: int, max_period: float = 10_000.0) -> Tensor:
    """cos and sin of `level` (B,) at geometric frequencies, (B, channels). Vaswani et al. 2017; order as in DDPM's
    successors."""
    half = channels // 2
    frequencies = torch.exp(-math.log(max_period) * torch.arange(half, device=level.device, dtype=torch.float32) / half)
    angles = level.float()[:, None] * frequencies
    embedded = torch.cat([angles.cos(), angles.sin()], dim=1)
    return F.pad(embedded, (0, channels - 2 * half)).to(level.dtype)


class GroupNorm(nn.GroupNorm):
    """torch's, without its refusal of a single value a group, which one image of one pixel may well have."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.group_norm(input, self.num_groups, self.weight, self.bias, self.eps, torch.backends.cudnn.enabled)


def norm(channels: int, groups: int, eps: float = 1e-5) -> GroupNorm:
    """GroupNorm with at most `groups` groups, as many as divide the channels."""
    return GroupNorm(math.gcd(groups, channels), channels, eps=eps)


class ResidualBlock(nn.Module):
    """norm, SiLU, conv, + time, norm, SiLU, dropout, zero-initialised conv; plus the input (through a 1x1 conv where
    the width changes).

    The embedding (B, E) is added after the first convolution, or scales and shifts the second norm (`scale_shift`,
    ADM); a block built without `embedding_channels` takes none (autoencoders). `resample` "down" or "up" halves or
    doubles the resolution inside the block, by averaging or by repetition.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding_channels: int | None = None,
        *,
        groups: int = 32,
        eps: float = 1e-5,
        dropout: float = 0.0,
        scale_shift: bool = False,
        resample: str | None = None,
    ) -> None:
        super().__init__()
        self.scale_shift, self.resample = scale_shift, resample
        self.norm_in = norm(channels, groups, eps)
        self.conv_in = nn.Conv2d(channels, out_channels, 3, padding=1)
        shifts = out_channels * (2 if scale_shift else 1)
        self.embed = nn.Linear(embedding_channels, shifts) if embedding_channels else None
        self.norm_out = norm(out_channels, groups, eps)
        self.dropout = Dropout(dropout)
        self.conv_out = zero(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        h = F.silu(self.norm_in(x))
        if self.resample:
            h, x = _resample(h, self.resample), _resample(x, self.resample)
        h = self._normed(self.conv_in(h), embedding)
        return self.skip(x) + self.conv_out(self.dropout(F.silu(h)))

    def _normed(self, h: Tensor, embedding: Tensor | None) -> Tensor:
        if self.embed is None:
            return self.norm_out(h)
        assert embedding is not None, "this block was built for an embedding"
        shift = self.embed(F.silu(embedding))[:, :, None, None]
        if self.scale_shift:
            scale, shift = shift.chunk(2, dim=1)
            return torch.addcmul(shift, self.norm_out(h), 1 + scale)
        return self.norm_out(h + shift)


class Downsample(nn.Module):
    """Half the resolution by a 3x3 convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    """Twice the resolution by repetition, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(_resample(x, "up"))


class Fold(nn.Module):
    """Half the resolution: 2 x 2 positions folded into channels, then a 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pixel_unshuffle(x, 2))


class Unfold(nn.Module):
    """Twice the resolution: a 1x1 convolution to 4 times the channels, unfolded to 2 x 2 positions. A ninth of the
    operations of `Upsample`, or less where it also narrows (Shi et al. 2016)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.conv(x), 2)


def _resample(x: Tensor, direction: str) -> Tensor:
    return F.avg_pool2d(x, 2) if direction == "down" else F.interpolate(x, scale_factor=2.0, mode="nearest")
