"""A caption as a condition: tokens of cross-attention from a frozen sentence encoder, whose weights are not in the
model's file.

"None" is one learned token, also for an empty caption.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.conditioning.base import Conditioner, DataContext
from debruit.conditioning.text import (
    NO_CAPTIONS,
    is_text,
    length_report,
    needed_length,
    parse_prompts,
    unique_captions,
)
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.ranges import Share
from debruit.text.wordpiece import BERT_WORDS, WordPiece


@dataclass(frozen=True, kw_only=True)
class Sentence(Conditioner):
    """Captions as numbers of BERT's word pieces (B, length) int64, cut at the encoder's `length`. Raise InputError for
    a tokenizer other than BERT's."""

    name: ClassVar[str] = "sentence"
    item: ClassVar[str] = "text"
    keyword: ClassVar[str] = "prompt"
    missing: ClassVar[str] = NO_CAPTIONS
    example: ClassVar[str] = '"..."'
    door: ClassVar[Literal["tokens"]] = "tokens"
    tokenizer: WordPiece
    encoder: SentenceEncoder
    drop: Share = 0.1

    def __post_init__(self) -> None:
        if len(self.tokenizer.vocabulary) != BERT_WORDS:
            raise InputError(
                f"the frozen sentence encoder reads BERT's {BERT_WORDS:,} pieces and the tokenizer has "
                f"{len(self.tokenizer.vocabulary):,}: take WordPiece.bert(), or the condition Text "
                "with an encoder that is trained"
            )

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        """Return the condition with the length that the captions need. Raise InputError if there is no caption, or the
        encoder's package is not installed."""
        tokenizer = WordPiece.bert()
        length = needed_length(tokenizer, unique_captions(context.captions))
        return cls(tokenizer=tokenizer, encoder=SentenceEncoder(length=length))

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        """Return the numbers of word pieces, (B, length) int64."""
        return self.tokenizer.encode([caption or "" for caption in items["text"]], self.encoder.length)

    def parse(self, value: str | Sequence[str], indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return one prompt for all images, or several in turn, (B, length) int64 (`parse_prompts`)."""
        return parse_prompts(self.tokenizer, self.encoder.length, value, indices, spec)

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        return self.tokenizer.empty(count, self.encoder.length)

    def present(self, values: Tensor) -> Tensor:
        return is_text(self.tokenizer, values)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.encoder.width

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return FrozenText(self)

    def describe(self, context: DataContext) -> list[str]:
        return [length_report(self.tokenizer, self.encoder.length, context)]


class FrozenText(nn.Module):
    """(ids (B, L) int64, keep (B,) bool) -> (B, L, 384). Captions that are empty or not kept are one learned token, L
    times. The module holds no weights of the encoder."""

    def __init__(self, config: Sentence) -> None:
        super().__init__()
        self.config = config
        self.none = nn.Parameter(torch.randn(config.encoder.width)) if config.drop > 0 else None

    def forward(self, ids: Tensor, keep: Tensor) -> Tensor:
        features = self.config.encoder.features(ids)
        if self.none is None:
            return features
        shown = keep & is_text(self.config.tokenizer, ids)
        return torch.where(shown[:, None, None], features, self.none)
