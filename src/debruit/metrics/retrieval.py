"""Caption alignment: the share of images whose caption is nearer than k - 1 others, by an encoder of both.

R-precision of text-to-image models (Xu et al. 2018, k = 100): at chance it is 1 / k.

Which captions an image's own is compared with is a choice: other captions of the same images, or candidates of other
images; never a caption of the same thing, such as the same animal in another style; and where classes give captions
away, as styles do, only captions of the image's class.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from debruit.errors import InputError
from debruit.metrics.checks import check_features, check_widths
from debruit.metrics.score import Score, bootstrap
from debruit.rng import Purpose, stream


@dataclass(frozen=True)
class Candidates:
    """Captions that may be compared with: features (M, D), the thing of each by number (M,), and its class by number
    (M,)."""

    captions: np.ndarray
    things: np.ndarray
    classes: np.ndarray


def caption_retrieval(
    images: np.ndarray,
    captions: np.ndarray,
    *,
    network: str,
    among: int = 100,
    seed: int = 0,
    things: np.ndarray | None = None,
) -> Score | None:
    """From features (N, D) of images and of their captions, by cosine. The other captions are sampled by the seed from
    those that differ from the image's own, and are of another of the `things` (N,) if they are given; where m of them
    are exactly as near as it, it counts 1 / (m + 1). An image with fewer than `among` - 1 others does not count; None
    if none does.

    InputError: other shapes, or fewer than `among` different captions.
    """
    _check(images, captions)
    different, first, own = np.unique(captions, axis=0, return_index=True, return_inverse=True)
    own = own.ravel()
    if not 2 <= among <= len(different):
        raise InputError(
            f"retrieval among {among} of {len(different)} different captions: give between 2 and {len(different)}, or "
            "more captions"
        )
    numbers = np.arange(len(different))
    other = (numbers != k for k in own)
    if things is not None:
        other = (apart & (things[first] != thing) for apart, thing in zip(other, things, strict=True))
    hits = _hits(_unit(images), _unit(captions), _unit(different), other, among, seed)
    return _score(hits, name="caption-retrieval", label=f"R@1 of {among}-{network}", among=among)


def retrieval_in_class(
    images: np.ndarray,
    captions: np.ndarray,
    candidates: Candidates,
    *,
    things: np.ndarray,
    classes: np.ndarray,
    network: str,
    among: int = 100,
    seed: int = 0,
) -> Score | None:
    """As `caption_retrieval`, among candidates of the image's own class that show another thing; None if no image has
    `among` - 1 of them. `things` and `classes` (N,) are of the images.

    InputError: other shapes.
    """
    _check(images, captions)
    check_features(candidates.captions, "candidates")
    check_widths(images.shape[1], candidates.captions.shape[1])
    rows = np.unique(np.column_stack([candidates.captions, candidates.classes]), axis=0, return_index=True)[1]
    others, their_things, their_classes = (x[np.sort(rows)] for x in vars(candidates).values())
    of_images = zip(things, classes, strict=True)
    allowed = ((their_things != thing) & (their_classes == of_class) for thing, of_class in of_images)
    hits = _hits(_unit(images), _unit(captions), _unit(others), allowed, among, seed)
    return _score(hits, name="caption-retrieval-in-class", label=f"R@1 of {among} in class-{network}", among=among)


def _check(images: np.ndarray, captions: np.ndarray) -> None:
    check_features(images, "images")
    check_features(captions, "captions")
    check_widths(images.shape[1], captions.shape[1])
    if len(images) != len(captions):
        raise InputError(f"{len(images)} images and {len(captions)} captions: give one caption an image")


def _hits(
    images: np.ndarray,
    captions: np.ndarray,
    others: np.ndarray,
    allowed: Iterator[np.ndarray],
    among: int,
    seed: int,
) -> np.ndarray:
    """(N,) in [0, 1]: whether the own caption is nearer than `among` - 1 sampled from the `others` (M, D) that are
    `allowed`, an array (M,) bool for each image; NaN where those are fewer."""
    rng, hits = stream(Purpose.RETRIEVAL, seed).numpy(), np.full(len(images), np.nan)
    for n, (image, caption, mask) in enumerate(zip(images, captions, allowed, strict=True)):
        pool = np.flatnonzero(mask)
        if len(pool) < among - 1:
            continue
        sampled = pool[rng.choice(len(pool), among - 1, replace=False)]
        near, right = others[sampled] @ image, caption @ image
        hits[n] = 0.0 if near.max() > right else 1 / (1 + (near == right).sum())
    return hits


def _score(hits: np.ndarray, *, name: str, label: str, among: int) -> Score | None:
    """The mean of the hits of images that count, with its interval; None if none does."""
    hits = hits[~np.isnan(hits)]
    if not len(hits):
        return None
    value = float(hits.mean())
    low, high = bootstrap(lambda i: float(hits[i].mean()), len(hits), value=value)
    return Score(
        name=name,
        label=label,
        value=value,
        low=max(low, 0.0),
        high=min(high, 1.0),
        count=len(hits),
        better="high",
        note=f"{1 / among:.3f} at chance",
    )


def _unit(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
