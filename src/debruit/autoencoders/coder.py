"""The two halves of an autoencoder: the convolutional networks of VQGAN (Esser et al. 2021) and of the LDM's first
stages (Rombach et al. 2022).

encoder: x -> (patch) -> conv -> levels of residual blocks, halving between them -> middle -> norm, SiLU, conv -> h
decoder: h -> conv -> middle -> levels upwards, doubling between them -> norm, SiLU, conv -> (patch) -> x
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.networks.attention import SelfAttention
from debruit.networks.layers import Fold, ResidualBlock, Unfold, Upsample, channels_last, norm
from debruit.ranges import ShareBelowOne

EPS = 1e-6  # of every GroupNorm of the reference


@dataclass(frozen=True, kw_only=True)
class Coder:
    """Widths are `channels` times `multipliers`, one level each, `blocks` residual blocks a level (one more in the
    decoder).

    `attention` names the downsampling factors with attention, counted from the input of the first level. `patch` folds
    patch x patch pixels into channels in front and unfolds them behind, so that nothing runs at full resolution.
    `resample` changes the resolution between levels by 3x3 convolutions (the reference) or by folding 2 x 2 pixels into
    channels and back, the cheapest.
    """

    channels: int = 64
    multipliers: tuple[int, ...] = (1, 2, 2)
    blocks: int = 2
    attention: tuple[int, ...] = ()
    middle_attention: bool = True
    patch: int = 1
    resample: Literal["conv", "fold"] = "conv"
    groups: int = 32
    dropout: ShareBelowOne = 0.0

    def __post_init__(self) -> None:
        """InputError where there would be no network, or attention at a factor that no level has."""
        if min(self.channels, self.blocks, self.patch, len(self.multipliers), *self.multipliers) < 1:
            raise InputError(
                f"channels={self.channels}, multipliers={self.multipliers}, blocks={self.blocks}, patch={self.patch}: "
                "a coder needs at least 1 of each"
            )
        factors = [2**level for level in range(len(self.multipliers))]
        if odd := sorted(set(self.attention) - set(factors)):
            raise InputError(
                f"attention at downsampling {', '.join(map(str, odd))}, but the levels of this coder are at "
                f"{', '.join(map(str, factors))}: name one of these, or add a level to multipliers"
            )

    @property
    def factor(self) -> int:
        """By how much the encoder reduces each side."""
        return self.patch * 2 ** (len(self.multipliers) - 1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)


class Encoder(nn.Module):
    """Images (B, C, H, W), each side a multiple of the factor -> (B, out_channels, H / factor, W / factor)."""

    def __init__(self, config: Coder, channels: int, out_channels: int) -> None:
        super().__init__()
        self.patch = config.patch
        width, levels = config.channels, config.widths
        self.stem = nn.Conv2d(channels * config.patch**2, width, 3, padding=1)
        down: list[nn.Module] = []
        for level, out in enumerate(levels):
            down += _level(config, width, out, level=level, blocks=config.blocks)
            width = out
            if level + 1 < len(levels):
                down.append(Fold(width) if config.resample == "fold" else Halve(width))
        self.down = nn.Sequential(*down)
        self.middle = _middle(config, width)
        self.norm = norm(width, config.groups, EPS)
        self.head = nn.Conv2d(width, out_channels, 3, padding=1)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_unshuffle(x, self.patch).contiguous(memory_format=torch.channels_last)
        return self.head(F.silu(self.norm(self.middle(self.down(self.stem(x))))))


class Decoder(nn.Module):
    """(B, in_channels, h, w) -> images (B, C, h factor, w factor). `head` is its last convolution."""

    def __init__(self, config: Coder, in_channels: int, channels: int) -> None:
        super().__init__()
        self.patch = config.patch
        levels = config.widths
        width = levels[-1]
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1)
        self.middle = _middle(config, width)
        up: list[nn.Module] = []
        for level, out in reversed(list(enumerate(levels))):
            up += _level(config, width, out, level=level, blocks=config.blocks + 1)
            width = out
            if level and config.resample == "fold":
                width = levels[level - 1]
                up.append(Unfold(out, width))
            elif level:
                up.append(Upsample(width))
        self.up = nn.Sequential(*up)
        self.norm = norm(width, config.groups, EPS)
        self.head = nn.Conv2d(width, channels * config.patch**2, 3, padding=1)
        channels_last(self)

    def forward(self, h: Tensor) -> Tensor:
        h = self.stem(h.contiguous(memory_format=torch.channels_last))
        return F.pixel_shuffle(self.head(F.silu(self.norm(self.up(self.middle(h))))), self.patch)


class Halve(nn.Module):
    """Half the resolution by a 3x3 convolution of stride 2, padded by one on the right and below only: the reference's,
    where position (i, j) sees the input's 2i..2i+2 and 2j..2j+2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


def _level(config: Coder, width: int, out: int, *, level: int, blocks: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for n in range(blocks):
        layers.append(_block(config, width if n == 0 else out, out))
        if 2**level in config.attention:
            layers.append(_attention(config, out))
    return layers


def _middle(config: Coder, width: int) -> nn.Sequential:
    attention = [_attention(config, width)] if config.middle_attention else []
    return nn.Sequential(_block(config, width, width), *attention, _block(config, width, width))


def _block(config: Coder, width: int, out: int) -> ResidualBlock:
    return ResidualBlock(width, out, groups=config.groups, eps=EPS, dropout=config.dropout)


def _attention(config: Coder, width: int) -> SelfAttention:
    layer = SelfAttention(width, 1, groups=config.groups)
    layer.norm = norm(width, config.groups, EPS)
    return layer
