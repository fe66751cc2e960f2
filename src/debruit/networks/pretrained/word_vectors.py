"""Word vectors for an encoder that is trained on few captions: the word embeddings of MiniLM.

Words that mean nearly the same have nearly the same vector. So an encoder on them understands a word that no caption of
its training has, by its neighbours, where a table that is trained with it knows nothing of that word.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from debruit.errors import InputError
from debruit.networks.pretrained.weights import read_weights
from debruit.text.wordpiece import WordPiece, bert_folder


def word_vectors(pieces: Sequence[str]) -> Tensor:
    """(V, 384) float32, a row for each of these pieces of BERT's, with mean square 1. InputError: one that is not
    BERT's, or the package that has the table is not installed."""
    number = {piece: n for n, piece in enumerate(WordPiece.bert().vocabulary)}
    if foreign := [piece for piece in pieces if piece not in number]:
        raise InputError(
            f"MiniLM has no vector for {len(foreign):,} of the vocabulary's {len(pieces):,} pieces, '{foreign[0]}' "
            "first: take WordPiece.bert() or "
            "some of its pieces, or words that are trained (encoder.words=trained)"
        )
    with torch.inference_mode(False), torch.no_grad():
        table = read_weights(bert_folder() / "model.safetensors")["embeddings.word_embeddings.weight"].float()
        used = torch.tensor([not piece.startswith("[unused") for piece in number])
        vectors = (table - table[used].mean(dim=0))[[number[piece] for piece in pieces]]
        return vectors / vectors.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-9)
