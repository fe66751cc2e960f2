"""Attention over the positions of a feature map (B, C, H, W), and from them to the tokens of a condition."""

import contextlib

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.networks.layers import norm, zero


class SelfAttention(nn.Module):
    """x + proj(attention(norm(x))) among all positions: the attention block of ADM and of the LDM's unconditional
    models."""

    def __init__(self, channels: int, heads: int, *, groups: int = 32) -> None:
        super().__init__()
        self.heads = heads
        self.norm = norm(channels, groups)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = zero(nn.Linear(channels, channels))

    def forward(self, x: Tensor, tokens: Tensor | None = None) -> Tensor:
        positions = _positions(self.norm(x))
        q, k, v = self.qkv(positions).chunk(3, dim=-1)
        return x + _feature_map(self.proj(_attend(q, k, v, self.heads)), x)


class SpatialTransformer(nn.Module):
    """x + out(blocks(in(norm(x)))): the transformer of the LDM's conditional models, with cross-attention to `tokens`
    (B, L, D)."""

    def __init__(
        self, channels: int, heads: int, context_channels: int | None, *, depth: int = 1, groups: int = 32
    ) -> None:
        super().__init__()
        self.norm = norm(channels, groups, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.blocks = nn.ModuleList(TransformerBlock(channels, heads, context_channels) for _ in range(depth))
        self.proj_out = zero(nn.Linear(channels, channels))

    def forward(self, x: Tensor, tokens: Tensor | None = None) -> Tensor:
        positions = self.proj_in(_positions(self.norm(x)))
        for block in self.blocks:
            positions = block(positions, tokens)
        return x + _feature_map(self.proj_out(positions), x)


class TransformerBlock(nn.Module):
    """Pre-norm self-attention, cross-attention (to itself where there are no tokens) and a gated feed-forward, each
    residual."""

    def __init__(self, channels: int, heads: int, context_channels: int | None) -> None:
        super().__init__()
        self.norm_self, self.norm_cross, self.norm_feed = (nn.LayerNorm(channels) for _ in range(3))
        self.attend_self = Attention(channels, channels, heads)
        self.attend_cross = Attention(channels, context_channels or channels, heads)
        self.feed = GatedFeedForward(channels)

    def forward(self, x: Tensor, tokens: Tensor | None) -> Tensor:
        h = self.norm_self(x)
        x = x + self.attend_self(h, h)
        h = self.norm_cross(x)
        x = x + self.attend_cross(h, h if tokens is None else tokens)
        return x + self.feed(self.norm_feed(x))


class Attention(nn.Module):
    """Queries from x (B, N, C), keys and values from context (B, L, D), of which only what is `seen` (B, L) is attended
    to; the heads are `inner` wide together, by default as wide as x."""

    def __init__(self, channels: int, context_channels: int, heads: int, *, inner: int | None = None) -> None:
        super().__init__()
        self.heads, inner = heads, inner or channels
        self.q = nn.Linear(channels, inner, bias=False)
        self.k = nn.Linear(context_channels, inner, bias=False)
        self.v = nn.Linear(context_channels, inner, bias=False)
        self.proj = nn.Linear(inner, channels)

    def forward(self, x: Tensor, context: Tensor, seen: Tensor | None = None) -> Tensor:
        return self.proj(_attend(self.q(x), self.k(context), self.v(context), self.heads, seen))


class GatedFeedForward(nn.Module):
    """GEGLU (Shazeer 2020): 4 times the width, gated by GELU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Linear(channels, 8 * channels)
        self.outer = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.inner(x).chunk(2, dim=-1)
        return self.outer(value * F.gelu(gate))


def _attend(q: Tensor, k: Tensor, v: Tensor, heads: int, seen: Tensor | None = None) -> Tensor:
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    mask = None if seen is None else seen[:, None, None]
    # on a CPU torch's backward pass takes five times as long in bfloat16 as in float32
    present, slow = q.dtype, q.device.type == "cpu" and q.dtype == torch.bfloat16
    with torch.autocast("cpu", enabled=False) if slow else contextlib.nullcontext():
        q, k, v = (x.float() if slow else x for x in (q, k, v))
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return attended.to(present).transpose(1, 2).flatten(2)


def _positions(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H W, C): a view where channels are last in memory."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _feature_map(positions: Tensor, like: Tensor) -> Tensor:
    """(B, H W, C) -> (B, C, H, W), channels last in memory."""
    return positions.unflatten(1, like.shape[2:]).permute(0, 3, 1, 2)
