"""The diffusion transformer (DiT, Peebles & Xie 2023, https://arxiv.org/abs/2212.09748): patches of the image as
tokens, the noise level as scale, shift and gate of each block.

    x += gate attention(scale norm(x) + shift),   x += cross-attention(norm(x), tokens),   x += the first, feed-forward

Scales, shifts and gates are one linear map of the embedding for all blocks, plus a learned table for each (Chen et al.
2023, PixArt-alpha, https://arxiv.org/abs/2310.00426). The first half of the blocks is joined to the second by long
skips (Bao et al. 2023, U-ViT, https://arxiv.org/abs/2209.12152).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.networks.attention import Attention, mean_token
from debruit.networks.cond import Cond
from debruit.networks.dropout import Dropout
from debruit.networks.layers import sinusoidal, zero
from debruit.ranges import Repeats, ShareBelowOne, Width, WidthOrNone

MODULATIONS = 6  # scale, shift and gate, of attention and of the feed-forward
POSITION_PERIOD = 100.0  # of the slowest wave of positions, in patches


@dataclass(frozen=True, kw_only=True)
class DiT:
    """`depth` blocks of `width` channels in heads of `head_channels`, on patches of `patch` x `patch` positions.

    `token_channels` adds cross-attention to tokens in every block, `pooled_tokens` their mean to the embedding;
    `vector_channels` and `spatial_channels` open the other doors. Any height and width: positions are encoded as waves.
    """

    doors: ClassVar[tuple[str, ...]] = ("vector", "tokens", "spatial")

    width: Width = 384
    depth: Repeats = 12
    head_channels: Width = 64
    patch: Width = 2
    token_channels: WidthOrNone = 0
    pooled_tokens: bool = False
    vector_channels: WidthOrNone = 0
    spatial_channels: WidthOrNone = 0
    long_skips: bool = True
    dropout: ShareBelowOne = 0.0

    @property
    def stride(self) -> int:
        """Sizes that are multiples of it need no padding."""
        return self.patch

    def build(self, in_channels: int, out_channels: int) -> "DiTModule":
        """A module (x (B, in_channels, H, W), noise level (B,), cond) -> (B, out_channels, H, W), for any H and W."""
        if self.width % self.head_channels or self.width % 4:
            raise InputError(
                f"a transformer of width {self.width} in heads of {self.head_channels} channels: the width must be a "
                "multiple of both 4 and network.head_channels"
            )
        if self.pooled_tokens and not self.token_channels:
            raise InputError(
                "network.pooled_tokens=true needs tokens: set network.token_channels, or pooled_tokens=false"
            )
        return DiTModule(self, in_channels, out_channels)


class DiTModule(nn.Module):
    def __init__(self, config: DiT, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.config = config
        width, fold = config.width, config.patch**2
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.vector = nn.Linear(config.vector_channels, width, bias=False) if config.vector_channels else None
        self.pooled = nn.Linear(config.token_channels, width, bias=False) if config.pooled_tokens else None
        self.stem = nn.Linear((in_channels + config.spatial_channels) * fold, width)
        self.modulation = zero(nn.Linear(width, MODULATIONS * width))
        self.blocks = nn.ModuleList(
            DiTBlock(config, skip=config.long_skips and n >= config.depth - config.depth // 2)
            for n in range(config.depth)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.final = zero(nn.Linear(width, 2 * width))
        self.head = zero(nn.Linear(width, out_channels * fold))

    def forward(self, x: Tensor, level: Tensor, cond: Cond | None = None) -> Tensor:
        cond = cond or Cond()
        height, width = x.shape[2:]
        patch = self.config.patch
        if cond.spatial is not None:
            x = torch.cat([x, cond.spatial.to(x.dtype)], dim=1)
        x = F.pixel_unshuffle(F.pad(x, (0, -width % patch, 0, -height % patch)), patch)
        rows, columns = x.shape[2:]
        h = self.stem(x.flatten(2).mT) + positions(rows, columns, self.config.width, x.device).to(x.dtype)
        tokens = None if cond.tokens is None else cond.tokens.to(x.dtype)
        embedding = F.silu(self._embedding(level, cond, tokens, x.dtype))
        modulation = self.modulation(embedding)
        skips: list[Tensor] = []
        for n, block in enumerate(self.blocks):
            h = block(h, modulation, tokens, skips.pop() if block.join is not None else None)
            if self.config.long_skips and n < self.config.depth // 2:
                skips.append(h)
        scale, shift = self.final(embedding)[:, None].chunk(2, dim=-1)
        out = self.head(torch.addcmul(shift, self.norm(h), 1 + scale))
        return F.pixel_shuffle(out.mT.unflatten(2, (rows, columns)), patch)[:, :, :height, :width]

    def _embedding(self, level: Tensor, cond: Cond, tokens: Tensor | None, dtype: torch.dtype) -> Tensor:
        embedding = self.time(sinusoidal(level, self.config.width).to(dtype))
        if self.vector is not None and cond.vector is not None:
            embedding = embedding + self.vector(cond.vector.to(dtype))
        if self.pooled is not None and tokens is not None:
            embedding = embedding + self.pooled(mean_token(tokens))
        return embedding


class DiTBlock(nn.Module):
    """Self-attention, cross-attention to tokens where there are some, and a feed-forward of 4 times the width; the
    identity at the start."""

    def __init__(self, config: DiT, *, skip: bool) -> None:
        super().__init__()
        width, heads = config.width, config.width // config.head_channels
        self.table = nn.Parameter(torch.zeros(MODULATIONS * width))
        self.join = nn.Linear(2 * width, width) if skip else None
        self.norm_self = nn.LayerNorm(width, elementwise_affine=False)
        self.attend_self = Attention(width, width, heads)
        self.norm_cross = nn.LayerNorm(width) if config.token_channels else nn.Identity()
        self.attend_cross = Attention(width, config.token_channels, heads) if config.token_channels else None
        if self.attend_cross is not None:
            zero(self.attend_cross.proj)
        self.norm_feed = nn.LayerNorm(width, elementwise_affine=False)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(approximate="tanh"),
            Dropout(config.dropout),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor, modulation: Tensor, tokens: Tensor | None, skip: Tensor | None) -> Tensor:
        if self.join is not None and skip is not None:
            x = self.join(torch.cat([x, skip], dim=-1))
        scale, shift, gate, scale_feed, shift_feed, gate_feed = (modulation + self.table)[:, None].chunk(
            MODULATIONS, dim=-1
        )
        h = torch.addcmul(shift, self.norm_self(x), 1 + scale)
        x = torch.addcmul(x, gate, self.attend_self(h, h))
        if self.attend_cross is not None and tokens is not None:
            x = x + self.attend_cross(self.norm_cross(x), tokens)
        h = torch.addcmul(shift_feed, self.norm_feed(x), 1 + scale_feed)
        return torch.addcmul(x, gate_feed, self.feed(h))


def positions(rows: int, columns: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of the row and of the column of each patch, (rows columns, width)."""
    halves = [
        sinusoidal(torch.arange(n, device=device, dtype=torch.float32), width // 2, POSITION_PERIOD)
        for n in (rows, columns)
    ]
    grid = torch.cat([halves[0][:, None].expand(-1, columns, -1), halves[1][None].expand(rows, -1, -1)], dim=-1)
    return grid.flatten(0, 1)
