"""Captions as vectors: by the sentence encoder MiniLM where its package is installed, else by the words and the pieces
of words that are in them."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from debruit.errors import InputError

HASHED = 1024  # dimensions
PIECES = (3, 4)  # letters


@dataclass(frozen=True)
class Sentences:
    """`vectors`: N captions -> (N, D) float32, of length 1. `fingerprint` says which network and version."""

    label: str
    fingerprint: str
    vectors: Callable[[Sequence[str]], np.ndarray]


def find_sentences() -> Sentences:
    """The best that is installed."""
    from debruit.networks.pretrained.minilm import fingerprint, sentence_vectors

    try:
        return Sentences("MiniLM", fingerprint(), lambda texts: sentence_vectors(texts).numpy())
    except InputError:
        return Sentences("words", f"words {HASHED} {PIECES}", hashed)


def hashed(texts: Sequence[str]) -> np.ndarray:
    """Each word, and each 3 or 4 letters of one, adds 1 or -1 at the index of its checksum (Weinberger et al.
    2009); the counts enter by their root, so that no repetition drowns the others. (N, 1024)."""
    vectors = np.zeros((len(texts), HASHED), np.float32)
    for n, text in enumerate(texts):
        for word in text.lower().split():
            for piece in (word, *_pieces(f"<{word}>")):
                checksum = zlib.crc32(piece.encode())
                vectors[n, checksum % HASHED] += 1 if checksum >> 31 else -1
    vectors = np.sign(vectors) * np.sqrt(np.abs(vectors))
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _pieces(word: str) -> list[str]:
    return [word[k : k + length] for length in PIECES for k in range(len(word) - length + 1)]
