"""The encoder of captions that is trained with the denoiser (Rombach et al. 2022, text model): a plain transformer on
word pieces.

    x = word + position;   depth times  x += attention(norm(x)),  x += feed(norm(x));   norm(x)

Attention has no biases but in its output. In the reference every piece sees every other, the padding too, and [PAD] is
a word like others.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.networks.attention import Attention
from debruit.networks.layers import zero
from debruit.networks.pretrained.minilm import WIDTH
from debruit.ranges import Repeats, Width

DEVIATION = 0.02  # of the embeddings at the start


@dataclass(frozen=True, kw_only=True)
class TextTransformer:
    """`heads` of `head_channels` each, by default width / heads; `length` pieces a caption. `words` are "trained" with
    all the rest, or those of "minilm", which stay as they are, 384 numbers each (word_vectors.py), before a trained
    projection. Padding that is "hidden" is seen by no piece and comes out as zeros. The release of the reference
    carries an output layer over the vocabulary, which nothing uses: `vocabulary_head` builds it, for its exact number
    of parameters."""

    width: Width = 128
    depth: Repeats = 2
    heads: Width = 4
    head_channels: Width | None = None
    length: Width = 77
    words: Literal["trained", "minilm"] = "trained"
    padding: Literal["seen", "hidden"] = "seen"
    vocabulary_head: bool = False

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.heads, self.head_channels or 1) < 1 or self.length < 3:
            raise InputError(
                f"a text encoder of width {self.width}, depth {self.depth}, {self.heads} heads and length "
                f"{self.length}: each is at least 1, "
                "and the length at least 3, since [CLS] and [SEP] take two positions"
            )
        if self.head_channels is None and self.width % self.heads:
            raise InputError(
                f"{self.heads} heads do not divide a text encoder's width of {self.width}: set encoder.heads or "
                "encoder.head_channels"
            )

    def build(self, vocabulary: int, pad: int = 0) -> "TextTransformerModule":
        """For so many different pieces, of which number `pad` is the padding. The words of MiniLM are still to be given
        to `word_embedding`."""
        return TextTransformerModule(self, vocabulary, pad)


class TextTransformerModule(nn.Module):
    """(ids (B, L) int64) -> (B, L, width)."""

    def __init__(self, config: TextTransformer, vocabulary: int, pad: int) -> None:
        super().__init__()
        self.pad = pad if config.padding == "hidden" else None
        width, inner = config.width, config.heads * (config.head_channels or config.width // config.heads)
        given = config.words == "minilm"
        self.word_embedding = nn.Embedding(vocabulary, WIDTH if given else width).requires_grad_(not given)
        self.word_projection = nn.Linear(WIDTH, width, bias=False) if given else nn.Identity()
        self.position_embedding = nn.Parameter(torch.empty(config.length, width))
        nn.init.normal_(self.word_embedding.weight, std=DEVIATION)
        nn.init.normal_(self.position_embedding, std=DEVIATION)
        self.blocks = nn.ModuleList(EncoderBlock(width, config.heads, inner) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.vocabulary_head = nn.Linear(width, vocabulary) if config.vocabulary_head else None

    def forward(self, ids: Tensor) -> Tensor:
        seen = None if self.pad is None else ids != self.pad
        x = self.word_projection(self.word_embedding(ids)) + self.position_embedding[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, seen)
        x = self.norm(x)
        return x if seen is None else x * seen[..., None]


class EncoderBlock(nn.Module):
    """Pre-norm attention and a GELU feed-forward of 4 times the width, each residual and zero at the start."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm_attend, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = Attention(width, width, heads, inner=inner)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), zero(nn.Linear(4 * width, width)))
        zero(self.attend.proj)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        h = self.norm_attend(x)
        x = x + self.attend(h, h, seen)
        return x + self.feed(self.norm_feed(x))
