"""The judge of captions: features of images and vectors of captions, brought into one space by pairs of the data that it is not asked about.

image   -> features of a network -> head -,
                                           > cosine
caption -> vector of its words   -> head -'
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from debruit.files.keys import make_key, root
from debruit.judges.captions.correlation import Correlation, Head
from debruit.judges.captions.sentences import Sentences
from debruit.judges.features.stored import Arrays, Say, kept
from debruit.metrics.retrieval import caption_retrieval

AMONG = 20  # captions of which the right one is to be found
RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0)
CHOOSING = 0.2  # of the pairs choose the ridge
LEAST_PAIRS, MOST_PAIRS = 120, 20_000
VERSION = 1  # of the fit; part of the cache's key


@dataclass(frozen=True)
class Scorer:
    """`accuracy` is the share of the pairs that chose the `ridge`, and that the fit had not seen then, whose caption is found among 20; it was fitted to
    `pairs` of them in the end. `label` names both networks."""

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
        """N captions -> (N, K) float32, exactly the same of equal ones."""
        different, places = np.unique(np.asarray(texts), return_inverse=True)
        return self.caption(self.sentences.vectors(different.tolist())).astype(np.float32)[places]


def fitted(
    features: np.ndarray, captions: Sequence[str], sentences: Sentences, *, network: str, fingerprint: str, say: Say
) -> Scorer:
    """The scorer of these pairs, (N, D) features of the network of that label and fingerprint and N captions that are not empty; from the cache where
    it was fitted before."""
    key = make_key(
        "captions",
        VERSION,
        fingerprint,
        sentences.fingerprint,
        list(captions),
        features.astype(float).sum(axis=1).tolist(),
    )

    def make() -> tuple[Arrays, dict]:
        vectors = sentences.vectors(captions)
        ridge, accuracy = _chosen(features, vectors, len(captions))
        image, caption = Correlation(features, vectors).heads(ridge)
        arrays = {
            "image_mean": image.mean,
            "image": image.matrix,
            "caption_mean": caption.mean,
            "caption": caption.matrix,
        }
        return arrays, {"ridge": ridge, "accuracy": accuracy}

    arrays, facts = kept(root() / "captions" / f"{key}.safetensors", make, say)
    found = Scorer(
        label=f"CCA({network}, {sentences.label})", fingerprint=key, image=Head(arrays["image_mean"], arrays["image"]),
        caption=Head(arrays["caption_mean"], arrays["caption"]), sentences=sentences, pairs=len(captions), **facts,
    )  # fmt: skip
    say(_verdict(found))
    return found


def _chosen(features: np.ndarray, vectors: np.ndarray, count: int) -> tuple[float, float]:
    """The ridge that finds most captions of a fifth of the pairs after a fit to the others, and the share that it finds."""
    order = np.random.default_rng(0).permutation(count)
    unseen, seen = np.split(order, [max(round(CHOOSING * count), AMONG)])
    pairs = Correlation(features[seen], vectors[seen])
    among = min(AMONG, len(np.unique(vectors[unseen], axis=0)))

    def share(ridge: float) -> float:
        image, caption = pairs.heads(ridge)
        return caption_retrieval(image(features[unseen]), caption(vectors[unseen]), network="", among=among).value

    return max(((ridge, share(ridge)) for ridge in RIDGES), key=lambda pair: pair[1])


def _verdict(found: Scorer) -> str:
    return (
        f"{found.label} finds the caption of {found.accuracy:.1%} of images among {AMONG} ({1 / AMONG:.1%} at chance), on a part of {found.pairs:,} pairs of "
        "the data that it was not fitted to"
        + ("" if found.accuracy > 2 / AMONG else ": hardly better than guessing, so that scores by it say little")
    )
