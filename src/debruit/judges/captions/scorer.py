"""The caption scorer: features of images and embeddings of captions in one space, fitted to pairs of the data that are
not scored.

image   -> features of a network -> head -,
                                           > cosine
caption -> vector of its words   -> head -'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from debruit import events
from debruit.files.keys import make_key, root
from debruit.files.store import Store
from debruit.judges.captions.correlation import Correlation, Head
from debruit.judges.captions.sentences import Sentences
from debruit.metrics.retrieval import caption_retrieval
from debruit.rng import Purpose, stream

AMONG = 20  # captions, among which the right one is to be found
RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0)
CHOOSING = 0.2  # share of the pairs that chooses the ridge
LEAST_PAIRS, MOST_PAIRS = 120, 30_000
VERSION = 2  # of the fit; part of the cache's key


@dataclass(frozen=True)
class Scorer:
    """`accuracy` is the share of held-out pairs, which chose the `ridge`, whose caption is found among 20; the final
    fit is to all `pairs`. `label` names both networks."""

    label: str
    fingerprint: str
    image: Head
    caption: Head
    sentences: Sentences
    ridge: float
    accuracy: float
    pairs: int

    def images(self, features: np.ndarray) -> np.ndarray:
        """Features (N, D) of its network -> (N, K) float32."""
        return self.image(features).astype(np.float32)

    def captions(self, texts: Sequence[str]) -> np.ndarray:
        """N captions -> (N, K) float32, identical for equal captions. Their vectors are kept in the cache."""
        different, rows = np.unique(np.asarray(texts), return_inverse=True)
        key = make_key("sentences", self.sentences.fingerprint, different.tolist())
        make = lambda: {"vectors": self.sentences.vectors(different.tolist())}  # noqa: E731
        vectors = Store(root() / "judges").get_or_make(f"sentences-{key}", make)["vectors"]
        return self.caption(vectors).astype(np.float32)[rows]


def fitted(
    features: np.ndarray, captions: Sequence[str], sentences: Sentences, *, network: str, fingerprint: str
) -> Scorer:
    """The scorer fitted to pairs of image features (N, D) and N captions that are not empty, or read from the cache.
    `network` and `fingerprint` are those of the feature network."""
    totals = features.astype(float).sum(axis=1).tolist()
    key = make_key("captions", VERSION, fingerprint, sentences.fingerprint, list(captions), totals)

    def make() -> dict[str, Any]:
        vectors = sentences.vectors(captions)
        ridge, accuracy = _choose_ridge(features, vectors, len(captions))
        image, caption = Correlation(features, vectors).heads(ridge)
        return {"image": vars(image), "caption": vars(caption), "ridge": ridge, "accuracy": accuracy}

    saved = Store(root() / "judges").get_or_make(f"captions-{key}", make)
    scorer = Scorer(
        label=f"CCA({network}, {sentences.label})",
        fingerprint=key,
        image=Head(**saved["image"]),
        caption=Head(**saved["caption"]),
        sentences=sentences,
        ridge=saved["ridge"],
        accuracy=saved["accuracy"],
        pairs=len(captions),
    )
    events.say(_verdict(scorer))
    return scorer


def _choose_ridge(features: np.ndarray, vectors: np.ndarray, count: int) -> tuple[float, float]:
    """The ridge that finds most captions of a fifth of the pairs after a fit to the others, and the share that it
    finds."""
    order = stream(Purpose.CAPTION_FOLDS, 0).permutation(count)
    unseen, known = np.split(order, [max(round(CHOOSING * count), AMONG)])
    pairs = Correlation(features[known], vectors[known])
    among = min(AMONG, len(np.unique(vectors[unseen], axis=0)))

    def share(ridge: float) -> float:
        image, caption = pairs.heads(ridge)
        score = caption_retrieval(image(features[unseen]), caption(vectors[unseen]), network="", among=among)
        return 0.0 if score is None else score.value

    return max(((ridge, share(ridge)) for ridge in RIDGES), key=lambda pair: pair[1])


def _verdict(scorer: Scorer) -> str:
    return (
        f"{scorer.label} finds the caption of {scorer.accuracy:.1%} of images among {AMONG} ({1 / AMONG:.1%} at "
        f"chance), on held-out ones of {scorer.pairs:,} pairs of the data"
        + ("" if scorer.accuracy > 2 / AMONG else ": hardly better than guessing, so scores by it mean little")
    )
