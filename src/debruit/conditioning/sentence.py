"""A caption as tokens of cross-attention through a frozen sentence encoder, which is not trained here and whose weights
are not in the model's file.

"None" is one learned token, which an empty caption means too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.conditioning.base import Conditioner, DataContext
from debruit.conditioning.text import LACKS, different, how_much_is_read, needed_length, parse_prompts, says_something
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.ranges import Share
from debruit.text.wordpiece import BERT_WORDS, WordPiece


@dataclass(frozen=True, kw_only=True)
class Sentence(Conditioner):
    """Captions longer than the encoder's `length` are cut. The encoder reads BERT's word pieces alone."""

    name: ClassVar[str] = "sentence"
    reads: ClassVar[str] = "text"
    keyword: ClassVar[str] = "prompt"
    lacks: ClassVar[str] = LACKS
    example: ClassVar[str] = '"..."'
    door: ClassVar[Literal["tokens"]] = "tokens"
    tokenizer: WordPiece
    encoder: SentenceEncoder
    drop: Share = 0.1

    def __post_init__(self) -> None:
        if len(self.tokenizer.vocabulary) != BERT_WORDS:
            raise InputError(
                f"the frozen sentence encoder reads BERT's {BERT_WORDS:,} pieces and the tokenizer has "
                f"{len(self.tokenizer.vocabulary):,}: "
                "take WordPiece.bert(), or the condition Text with an encoder that is trained"
            )

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        """As long as the captions need. InputError where there is no caption, or the encoder's package is not
        installed."""
        tokenizer = WordPiece.bert()
        length = needed_length(tokenizer, different(context.captions))
        return cls(tokenizer=tokenizer, encoder=SentenceEncoder(length=length))

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        """(B, length) int64: numbers of word pieces."""
        return self.tokenizer.encode([caption or "" for caption in items["text"]], self.encoder.length)

    def parse(self, value: str | Sequence[str], indices: Sequence[int], spec: DataSpec) -> Tensor:
        """One prompt for all images, or several in turn."""
        return parse_prompts(self.tokenizer, self.encoder.length, value, indices)

    def none(self, count: int, spec: DataSpec) -> Tensor:
        return self.tokenizer.empty(count, self.encoder.length)

    def present(self, values: Tensor) -> Tensor:
        return says_something(self.tokenizer, values)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.encoder.width

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return FrozenText(self)

    def describe(self, context: DataContext) -> list[str]:
        return [how_much_is_read(self.tokenizer, self.encoder.length, context)]


class FrozenText(nn.Module):
    """(ids (B, L) int64, keep (B,) bool) -> (B, L, 384), one learned token L times where it is not kept or empty. It
    holds no weights of the encoder."""

    def __init__(self, config: Sentence) -> None:
        super().__init__()
        self.config = config
        self.none = nn.Parameter(torch.randn(config.encoder.width)) if config.drop > 0 else None

    def forward(self, ids: Tensor, keep: Tensor) -> Tensor:
        features = self.config.encoder.features(ids)
        if self.none is None:
            return features
        shown = keep & says_something(self.config.tokenizer, ids)
        return torch.where(shown[:, None, None], features, self.none)
