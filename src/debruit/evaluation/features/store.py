"""Features of the data, computed once: <root>/features/<key>.safetensors, the key being that of the data, the network and the images.

They are kept in pieces of a few thousand images, each written as soon as it is complete, so that an interrupted computation goes on where it
was, and a damaged piece costs only itself.
"""

import time
from collections.abc import Sequence

import numpy as np

from debruit.data.dataset import Dataset, quiet
from debruit.data.keys import make_key, root
from debruit.errors import InputError
from debruit.evaluation.features.extractor import Extractor
from debruit.evaluation.features.stored import Say, kept

PIECE = 4096  # images
PROGRESS_SECONDS = 10


class _Progress:
    """A line every ten seconds: how far, how fast, how long still. Pieces that came from the disk count for nothing in the rate."""

    def __init__(self, total: int, label: str, say: Say) -> None:
        self.total, self.label, self.say = total, label, say
        self.done = self.computed = 0
        self.began = self.said = time.monotonic()

    def add(self, images: int, *, computed: bool) -> None:
        self.done += images
        self.computed += images if computed else 0
        now = time.monotonic()
        if computed and now - self.said > PROGRESS_SECONDS and self.done < self.total:
            self.said = now
            rate = self.computed / (now - self.began)
            self.say(
                f"{self.label} features of {self.done:,} of {self.total:,} images, {rate:,.0f} images/s, "
                f"{(self.total - self.done) / rate / 60:.1f} min left"
            )


def reference_features(
    dataset: Dataset, indices: Sequence[int] | np.ndarray, extractor: Extractor, say: Say = quiet, *, batch: int = 256
) -> np.ndarray:
    """The features (len(indices), D) float32 of these images of the data, in this order; from the cache where they are there.

    `batch` images are read at a time. Data without a fingerprint (made by hand) is not cached. InputError: no images, or an index that
    the data does not have.
    """
    indices = np.asarray(indices, dtype=np.int64)
    if indices.ndim != 1 or len(indices) == 0:
        raise InputError("features of no images were asked for: give at least one index of the data")
    odd = indices.min() if indices.min() < 0 else indices.max()
    if not 0 <= odd < len(dataset):
        raise InputError(f"image {odd} was asked for, and {dataset.spec.name} has 0 to {len(dataset) - 1}")
    progress = _Progress(len(indices), extractor.label, say)
    found = np.empty((len(indices), extractor.dimensions), np.float32)
    for start in range(0, len(indices), PIECE):
        piece = indices[start : start + PIECE]
        found[start : start + len(piece)] = _piece(dataset, piece, extractor, progress, batch)
    return found


def _piece(dataset: Dataset, piece: np.ndarray, extractor: Extractor, progress: _Progress, batch: int) -> np.ndarray:
    """The features of one piece, cached; a file of another shape counts as damaged through its digest or is made again."""
    computed = False

    def make():
        nonlocal computed
        computed = True
        parts = []
        for start in range(0, len(piece), batch):
            images = dataset.batch(piece[start : start + batch])["image"]
            parts.append(extractor(images, dataset.spec))
            progress.add(len(images), computed=True)
        return {"features": np.concatenate(parts)}, {}

    if not dataset.spec.fingerprint:
        return make()[0]["features"]
    key = make_key("features", dataset.spec.fingerprint, extractor.fingerprint, piece.tolist())
    arrays, _ = kept(root() / "features" / f"{key}.safetensors", make, progress.say)
    if not computed:
        progress.add(len(piece), computed=False)
    return arrays["features"]
