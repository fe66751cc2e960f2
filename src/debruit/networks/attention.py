"""Attention over the positions of a feature map (B, C, H, W), and from them to the tokens of a condition."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.networks.layers import norm, zero

MOST_SCORES = 512 * 512  # of a head that plain attention keeps for the backward pass


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
        q, k, v = self._projected(x)
        return x + _feature_map(self.proj(_attend(q, k, v, self.heads)), x)

    def weights(self, x: Tensor, queries: Tensor | None = None) -> Tensor:
        """Return what each position attends to, (B, heads, N, N) or (B, heads, Q, N) for the positions `queries` (Q,);
        N = H W in row-major order, and rows sum to 1."""
        q, k, _ = self._projected(x)
        return _weights(q, k, self.heads, queries)

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The queries, keys and values of a feature map, (B, H W, C) each."""
        q, k, v = self.qkv(_positions(self.norm(x))).chunk(3, dim=-1)
        return q, k, v


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

    def weights(
        self, x: Tensor, context: Tensor, seen: Tensor | None = None, *, queries: Tensor | None = None
    ) -> Tensor:
        """Return what each position of x attends to, (B, heads, N, L) or (B, heads, Q, L) for the positions `queries`
        (Q,); rows sum to 1."""
        return _weights(self.q(x), self.k(context), self.heads, queries, seen)


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
    # on a CPU torch's backward pass takes 4 to 8 times as long in bfloat16 as plain products do; its forward pass is
    # the fastest
    if q.is_cpu and q.dtype == torch.bfloat16 and torch.is_grad_enabled():
        return _trainable(q, k, v, mask).transpose(1, 2).flatten(2)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def _trainable(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Attention in bfloat16 with a fast backward pass on a CPU, (B, heads, N, d): plain products, or float32 where the
    scores would take much memory."""
    if q.shape[2] * k.shape[2] > MOST_SCORES:
        with torch.autocast("cpu", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask).to(q.dtype)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1) @ v


def _weights(q: Tensor, k: Tensor, heads: int, queries: Tensor | None, seen: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(d)) of each head, d channels wide: what `_attend` averages the values with, float32. Vaswani
    et al. 2017, equation 1."""
    q = q if queries is None else q[:, queries]
    q, k = (x.float().unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if seen is not None:
        scores = scores.masked_fill(~seen[:, None, None], -math.inf)
    return scores.softmax(dim=-1)


def mean_token(tokens: Tensor) -> Tensor:
    """(B, L, D) -> (B, D), over the tokens that are not zero throughout: padding is."""
    count = (tokens != 0).any(dim=2).sum(dim=1, keepdim=True).clamp(min=1)
    return tokens.sum(dim=1) / count


def _positions(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H W, C): a view where channels are last in memory."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _feature_map(positions: Tensor, like: Tensor) -> Tensor:
    """(B, H W, C) -> (B, C, H, W), channels last in memory."""
    return positions.unflatten(1, like.shape[2:]).permute(0, 3, 1, 2)
