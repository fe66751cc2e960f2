"""A caption as tokens of cross-attention: word pieces through a transformer that is trained with the denoiser (Rombach et al. 2022, text model), or
through a frozen sentence encoder.

"None" is the empty caption: for the trained encoder its encoding, as in the reference, which has no parameter for it; for the frozen one a learned
token. So a caption that is missing and a prompt that is empty mean "none" too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.events import notice
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.networks.pretrained.weights import is_shape_alone
from debruit.networks.pretrained.word_vectors import word_vectors
from debruit.networks.text_transformer import TextTransformer
from debruit.ranges import Share
from debruit.text.wordpiece import BERT_WORDS, PAD, WordPiece

MOST_WORDS, FEWEST_WORDS = 8_192, 512  # of a vocabulary made from captions: about as many as there are captions
LONGEST, SHORTEST = 77, 16  # pieces of a caption
SIZES = {20_000: (256, 4), 2_000: (192, 3), 0: (128, 2)}  # different captions, from which on: width and depth
HEAD_CHANNELS = 32


@dataclass(frozen=True, kw_only=True)
class Text:
    """`tokenizer` and `encoder` belong together: the frozen one reads BERT's pieces alone. Captions longer than the encoder's `length` are cut."""

    field: ClassVar[str] = "text"
    reads: ClassVar[str] = "text"
    door: ClassVar[str] = "tokens"
    tokenizer: WordPiece
    encoder: TextTransformer | SentenceEncoder
    drop: Share = 0.1

    def __post_init__(self) -> None:
        if isinstance(self.encoder, SentenceEncoder) and len(self.tokenizer.vocabulary) != BERT_WORDS:
            raise InputError(
                f"the frozen sentence encoder reads BERT's {BERT_WORDS:,} pieces and the tokenizer has {len(self.tokenizer.vocabulary):,}: "
                "take Text.frozen, or a TextTransformer as encoder"
            )

    @classmethod
    def suited(
        cls, captions: Sequence[str], *, tokenizer: WordPiece | None = None, words: Literal["trained", "minilm"] = "trained", drop: float = 0.1
    ) -> Self:  # fmt: skip
        """A vocabulary made of these captions, or a `tokenizer` that is there already; and an encoder trained with the denoiser that is as long and as
        large as they need, on words that are trained or, with BERT's tokenizer, MiniLM's. InputError where there is no caption."""
        different = _different(captions)
        tokenizer = tokenizer or WordPiece.train(captions, min(max(len(different), FEWEST_WORDS), MOST_WORDS))
        width, depth = next(size for least, size in SIZES.items() if len(different) >= least)
        length = _suited_length(tokenizer, different)
        encoder = TextTransformer(
            width=width, depth=depth, heads=width // HEAD_CHANNELS, length=length, words=words, padding="hidden"
        )
        return cls(tokenizer=tokenizer, encoder=encoder, drop=drop)

    @classmethod
    def frozen(cls, captions: Sequence[str], *, drop: float = 0.1) -> Self:
        """BERT's vocabulary and the frozen sentence encoder, as long as these captions need. InputError where its package is not installed."""
        tokenizer = WordPiece.bert()
        length = _suited_length(tokenizer, _different(captions))
        return cls(tokenizer=tokenizer, encoder=SentenceEncoder(length=length), drop=drop)

    @property
    def length(self) -> int:
        return self.encoder.length

    @property
    def channels(self) -> int:
        return self.encoder.width

    def truncated(self, captions: Sequence[str]) -> int:
        """How many of these captions are longer than `length`."""
        return sum(count > self.length for count in self.tokenizer.counts(captions))

    def read(self, items: Mapping[str, Any]) -> Tensor:
        """(B, length) int64: numbers of word pieces."""
        return self.tokenizer.encode([caption or "" for caption in items["text"]], self.length)

    def parse(self, value: str | Sequence[str], indices: Sequence[int]) -> Tensor:
        """One prompt for all images, or several in turn. Says what of a prompt is left out, or is not understood, where its first image is among these."""
        prompts = [value] if isinstance(value, str) else value
        if not isinstance(prompts, Sequence) or not all(isinstance(prompt, str) for prompt in prompts):
            raise InputError(f"the prompt {value!r} is no text: give a string, or a list of them to take in turn")
        if not prompts:
            raise InputError("no prompt was given: give at least one, or leave the prompt out")
        for prompt in dict.fromkeys(prompts):
            if prompts.index(prompt) in indices:
                self._say(prompt)
        ids = self.tokenizer.encode(prompts, self.length)
        return ids[[n % len(prompts) for n in indices]]

    def in_turn(self, indices: Sequence[int]) -> None:
        return None

    def blank(self, count: int) -> Tensor:
        """The empty caption."""
        return self.tokenizer.empty(count, self.length)

    def fitted(self, factor: int) -> Self:
        return self

    def build(self) -> nn.Module:
        return FrozenText(self) if isinstance(self.encoder, SentenceEncoder) else TrainedText(self)

    def _say(self, prompt: str) -> None:
        if rest := self.tokenizer.left_out(prompt, self.length):
            notice(
                f"the prompt '{_start(prompt)}' has {self.tokenizer.counts([prompt])[0]} tokens and this model reads {self.length}: "
                f"the rest is left out, '{_start(rest)}'"
            )
        if words := self.tokenizer.unknown(prompt):
            notice(
                f"this model has no word pieces for {', '.join(words)} in the prompt '{_start(prompt)}': taken as unknown"
            )


class TrainedText(nn.Module):
    """(ids (B, L) int64, keep (B,) bool) -> (B, L, width), the empty caption's encoding where it is not kept. InputError: the words of MiniLM, which is
    not installed, for an encoder that is to be trained (one from a model's file has them)."""

    def __init__(self, config: Text) -> None:
        super().__init__()
        assert isinstance(config.encoder, TextTransformer)
        self.config = config
        pieces = config.tokenizer.vocabulary
        self.encoder = config.encoder.build(len(pieces), pieces.index(PAD))
        table = self.encoder.word_embedding.weight
        if config.encoder.words == "minilm" and not is_shape_alone(table):
            table.copy_(word_vectors(pieces))

    def forward(self, ids: Tensor, keep: Tensor) -> Tensor:
        if self.config.drop == 0:
            return self.encoder(ids)
        encoded = self.encoder(torch.cat([ids, self.config.blank(1).to(ids.device)]))
        return torch.where(keep[:, None, None], encoded[:-1], encoded[-1:])


class FrozenText(nn.Module):
    """(ids (B, L) int64, keep (B,) bool) -> (B, L, 384), one learned token L times where it is not kept or empty. It holds no weights of the encoder."""

    def __init__(self, config: Text) -> None:
        super().__init__()
        self.config = config
        self.none = nn.Parameter(torch.randn(config.channels)) if config.drop > 0 else None

    def forward(self, ids: Tensor, keep: Tensor) -> Tensor:
        assert isinstance(self.config.encoder, SentenceEncoder)
        features = self.config.encoder.features(ids)
        if self.none is None:
            return features
        shown = keep & (ids != self.config.blank(1).to(ids.device)).any(dim=1)
        return torch.where(shown[:, None, None], features, self.none)


def _different(captions: Sequence[str]) -> list[str]:
    """Each caption once; InputError where there is none."""
    different = [caption for caption in dict.fromkeys(captions) if caption.strip()]
    if not different:
        raise InputError("there is no caption to condition on: every one is missing or empty")
    return different


def _suited_length(tokenizer: WordPiece, captions: Sequence[str]) -> int:
    """That of the longest caption, rounded up to a multiple of 8, between SHORTEST and LONGEST."""
    longest = max(tokenizer.counts(captions))
    return min(max(-(-longest // 8) * 8, SHORTEST), LONGEST)


def _start(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 4].rstrip() + " ..."
