"""The U-Net of the ADM / LDM family: every U-Net of REFERENCE section 5 is one setting of it, with the same number of
parameters.

x -> (unshuffle) -> conv -> levels of [residual block, attention] with skips -> middle -> levels upwards -> norm, SiLU,
zero conv
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from debruit.errors import InputError
from debruit.networks.attention import SelfAttention, SpatialTransformer, mean_token
from debruit.networks.cond import Cond
from debruit.networks.layers import (
    Downsample,
    Fold,
    ResidualBlock,
    Unfold,
    Upsample,
    channels_last,
    norm,
    sinusoidal,
    zero,
)
from debruit.ranges import Repeats, ShareBelowOne, Width, WidthOrNone

RESAMPLERS = (Downsample, Upsample, Fold, Unfold)


@dataclass(frozen=True, kw_only=True)
class UNet:
    """Widths are `channels` times `multipliers`, one level each, `blocks` residual blocks a level (one more on the way
    up).

    `attention` names the downsampling factors with attention, counted from the input of the first level; heads are
    given by number or by width. With `transformer_depth` > 0 an attention layer is a transformer that also attends
    to the tokens (`token_channels`). `patch` folds patch x patch pixels into channels, so that nothing runs at full
    resolution. `resample` changes the resolution between levels by 3x3 convolutions (LDM), inside residual blocks
    (ADM), or by folding 2 x 2 positions into channels and back, the cheapest. `vector_channels` and
    `spatial_channels` open the other doors. With `residual` the first channels of the spatial door are added to the
    output, so that a network that predicts x0 learns what an enlarged small image lacks. `checkpointing` recomputes
    blocks in the backward pass: less memory, a third more time.
    """

    doors: ClassVar[tuple[str, ...]] = ("vector", "tokens", "spatial")

    channels: Width = 64
    multipliers: tuple[Width, ...] = (1, 2, 2)
    blocks: Repeats = 2
    attention: tuple[int, ...] = (4,)
    middle_attention: bool = True
    heads: Width | None = None
    head_channels: Width = 32
    transformer_depth: Repeats = 0
    token_channels: WidthOrNone = 0
    pooled_tokens: bool = False
    vector_channels: WidthOrNone = 0
    spatial_channels: WidthOrNone = 0
    patch: Width = 1
    time_embedding: Literal["add", "scale_shift"] = "add"
    resample: Literal["conv", "block", "fold"] = "conv"
    groups: Width = 32
    dropout: ShareBelowOne = 0.0
    checkpointing: bool = False
    residual: bool = False

    @property
    def stride(self) -> int:
        """Sizes that are multiples of it need no padding."""
        return self.patch * 2 ** (len(self.multipliers) - 1)

    def build(self, in_channels: int, out_channels: int) -> "UNetModule":
        """A module (x (B, in_channels, H, W), noise level (B,), cond) -> (B, out_channels, H, W), for any H and W."""
        attending = [mult for level, mult in enumerate(self.multipliers) if 2**level in self.attention]
        for width in (self.channels * mult for mult in (*attending, *self.multipliers[-1:] * self.middle_attention)):
            if width % (self.heads or min(self.head_channels, width)):
                given = f"{self.heads} heads" if self.heads else f"heads of {self.head_channels} channels"
                raise InputError(
                    f"{given} do not divide a width of {width}: set network.head_channels or network.heads"
                )
        if self.token_channels and not (self.transformer_depth and (attending or self.middle_attention)):
            missing = "network.attention" if self.transformer_depth else "network.transformer_depth=1"
            raise InputError(
                f"tokens of {self.token_channels} channels would be read by nothing: set {missing}, or "
                "network.token_channels=0"
            )
        if self.residual and self.spatial_channels < out_channels:
            raise InputError(
                f"residual adds {out_channels} channels of the spatial door to the output, and it has "
                f"{self.spatial_channels}: set network.residual=false, or a condition that is an image"
            )
        return UNetModule(self, in_channels, out_channels)

    def head_count(self, width: int) -> int:
        return self.heads or max(width // self.head_channels, 1)


class UNetModule(nn.Module):
    def __init__(self, config: UNet, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.config = config
        width, fold = config.channels, config.patch**2
        embedding = 4 * width
        self.time = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.vector = nn.Linear(config.vector_channels, embedding, bias=False) if config.vector_channels else None
        self.pooled = nn.Linear(config.token_channels, embedding, bias=False) if config.pooled_tokens else None
        self.stem = nn.Conv2d((in_channels + config.spatial_channels) * fold, width, 3, padding=1)
        self.down, widths = nn.ModuleList(), [width]
        levels = [width * mult for mult in config.multipliers]
        for level, out in enumerate(levels):
            for _ in range(config.blocks):
                self.down.append(self._stage(width, out, embedding, 2**level))
                width = out
                widths.append(width)
            if level + 1 < len(levels):
                self.down.append(self._resampler(width, embedding, "down", width))
                widths.append(width)
        self.middle = nn.ModuleList(
            [
                self._block(width, width, embedding),
                *([self._attention(width)] if config.middle_attention else []),
                self._block(width, width, embedding),
            ]
        )
        self.up = nn.ModuleList()
        for level, out in reversed(list(enumerate(levels))):
            for n in range(config.blocks + 1):
                stage = self._stage(width + widths.pop(), out, embedding, 2**level)
                width = out
                if level and n == config.blocks:
                    width = levels[level - 1] if config.resample == "fold" else width
                    stage.append(self._resampler(out, embedding, "up", width))
                self.up.append(stage)
        self.norm = norm(width, config.groups)
        self.head = zero(nn.Conv2d(width, out_channels * fold, 3, padding=1))
        channels_last(self)

    def forward(self, x: Tensor, level: Tensor, cond: Cond | None = None) -> Tensor:
        cond = cond or Cond()
        size = x.shape[2:]
        if cond.spatial is not None:
            x = torch.cat([x, cond.spatial.to(x.dtype)], dim=1)
        x = F.pad(x, [amount for n in reversed(size) for amount in (0, -n % self.config.stride)])
        embedding = self.time(sinusoidal(level, self.config.channels).to(x.dtype))
        if self.vector is not None and cond.vector is not None:
            embedding = embedding + self.vector(cond.vector.to(x.dtype))
        tokens = None if cond.tokens is None else cond.tokens.to(x.dtype)
        if self.pooled is not None and tokens is not None:
            embedding = embedding + self.pooled(mean_token(tokens))
        h = self.stem(F.pixel_unshuffle(x, self.config.patch).contiguous(memory_format=torch.channels_last))
        skips = [h]
        for stage in self.down:
            h = self._run(stage, h, embedding, tokens)
            skips.append(h)
        h = self._run(self.middle, h, embedding, tokens)
        for stage in self.up:
            h = self._run(stage, torch.cat([h, skips.pop()], dim=1), embedding, tokens)
        h = F.pixel_shuffle(self.head(F.silu(self.norm(h))), self.config.patch)
        h = h[:, :, : size[0], : size[1]]
        if self.config.residual and cond.spatial is not None:
            image = cond.spatial[:, : h.shape[1]]
            h = h.to(image.dtype) + image  # in float32: bfloat16 would round what is flat by half a level of 255
        return h

    def _run(self, stage: nn.Module, h: Tensor, embedding: Tensor, tokens: Tensor | None) -> Tensor:
        for layer in stage.children():
            if self.config.checkpointing and torch.is_grad_enabled() and not isinstance(layer, RESAMPLERS):
                h = checkpoint(_apply, layer, h, embedding, tokens, use_reentrant=False)
            else:
                h = _apply(layer, h, embedding, tokens)
        return h

    def _stage(self, width: int, out: int, embedding: int, downsampling: int) -> nn.ModuleList:
        attends = downsampling in self.config.attention
        return nn.ModuleList([self._block(width, out, embedding), *([self._attention(out)] if attends else [])])

    def _block(self, width: int, out: int, embedding: int, resample: str | None = None) -> ResidualBlock:
        config = self.config
        return ResidualBlock(
            width,
            out,
            embedding,
            groups=config.groups,
            dropout=config.dropout,
            scale_shift=config.time_embedding == "scale_shift",
            resample=resample,
        )

    def _resampler(self, width: int, embedding: int, direction: str, out: int) -> nn.Module:
        if self.config.resample == "block":
            layer = self._block(width, width, embedding, resample=direction)
        elif self.config.resample == "fold":
            layer = Fold(width) if direction == "down" else Unfold(width, out)
        else:
            layer = Downsample(width) if direction == "down" else Upsample(width)
        return nn.ModuleList([layer]) if direction == "down" else layer

    def _attention(self, width: int) -> nn.Module:
        config = self.config
        heads = config.head_count(width)
        if not config.transformer_depth:
            return SelfAttention(width, heads, groups=config.groups)
        return SpatialTransformer(
            width, heads, config.token_channels or None, depth=config.transformer_depth, groups=config.groups
        )


def _apply(layer: nn.Module, h: Tensor, embedding: Tensor, tokens: Tensor | None) -> Tensor:
    if isinstance(layer, ResidualBlock):
        return layer(h, embedding)
    return layer(h, tokens) if isinstance(layer, (SelfAttention, SpatialTransformer)) else layer(h)
