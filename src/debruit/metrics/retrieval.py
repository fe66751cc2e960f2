"""Caption alignment: the share of images whose caption is nearer than k - 1 others, by an encoder of both.

R-precision of text-to-image models (Xu et al. 2018, k = 100): at chance it is 1 / k.
"""

import numpy as np

from debruit.errors import InputError
from debruit.metrics.checks import check_features, check_widths
from debruit.metrics.score import Score, bootstrap
from debruit.rng import Purpose, stream


def caption_retrieval(
    images: np.ndarray, captions: np.ndarray, *, network: str, among: int = 100, seed: int = 0
) -> Score:
    """From features (N, D) of images and of their captions, by cosine. The other captions are sampled by the seed from
    those that differ from the image's own; where m of them are exactly as near as it, it counts 1 / (m + 1).

    InputError: other shapes, or fewer than `among` different captions.
    """
    check_features(images, "images")
    check_features(captions, "captions")
    check_widths(images.shape[1], captions.shape[1])
    if len(images) != len(captions):
        raise InputError(f"{len(images)} images and {len(captions)} captions: give one caption an image")
    different, own = np.unique(captions, axis=0, return_inverse=True)
    own = own.ravel()
    if not 2 <= among <= len(different):
        raise InputError(
            f"retrieval among {among} of {len(different)} different captions: give between 2 and {len(different)}, or "
            "more captions"
        )
    hits = _hits(_unit(images), _unit(different), own, among, stream(Purpose.RETRIEVAL, seed).numpy())
    value = float(hits.mean())
    low, high = bootstrap(lambda i: float(hits[i].mean()), len(hits), value=value)
    return Score(
        name="caption-retrieval",
        label=f"R@1 of {among}-{network}",
        value=value,
        low=max(low, 0.0),
        high=min(high, 1.0),
        count=len(hits),
        better="high",
        note=f"{1 / among:.3f} at chance",
    )


def _hits(
    images: np.ndarray, captions: np.ndarray, own: np.ndarray, among: int, rng: np.random.Generator
) -> np.ndarray:
    """(N,) in [0, 1]: whether the own caption is the nearest of those sampled."""
    hits = np.empty(len(images))
    for n, image in enumerate(images):
        sampled = rng.choice(len(captions) - 1, among - 1, replace=False)
        sampled += sampled >= own[n]  # any but its own
        others, right = captions[sampled] @ image, captions[own[n]] @ image
        hits[n] = 0.0 if others.max() > right else 1 / (1 + (others == right).sum())
    return hits


def _unit(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
