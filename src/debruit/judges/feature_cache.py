"""Cached features of a data set: those of each image are computed once.

A file in <cache>/features/<key of data and network>/ holds up to a thousand image indices (n,), rising, and their
features (n, D). An image is looked up in all files, whatever request they were computed for; images in none of them are
computed and written as soon as a file is complete. An interrupted computation resumes, and a damaged file costs only
itself.
"""

import time
from collections.abc import Generator, Sequence

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.files.keys import make_key, root
from debruit.files.store import Store
from debruit.judges.extractor import Extractor

PIECE = 1024  # images per file: what an interruption costs at most
FORMAT = 2  # part of the key
PROGRESS_SECONDS = 10


def reference_features(
    dataset: Dataset, indices: Sequence[int] | np.ndarray, extractor: Extractor, *, batch: int = 256
) -> np.ndarray:
    """The features (len(indices), D) float32 of these images, in this order; progress is reported every ten seconds.

    InputError as `features_of`.
    """
    progress = None
    work = features_of(dataset, indices, extractor, batch=batch)
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            return end.value
        if progress is None:  # the first is the number of cached ones
            progress = _ProgressLines(len(np.unique(indices)), int(done), extractor.label)
        else:
            progress.report(int(done))


def features_of(
    dataset: Dataset, indices: Sequence[int] | np.ndarray, extractor: Extractor, *, batch: int = 256
) -> Generator[float, None, np.ndarray]:
    """Yields how many different images are done, first the cached ones; returns the features (len(indices), D) float32.

    `batch` images are read at a time. Data without a fingerprint (made in memory) is not cached. InputError: no images,
    or an index outside of the data.
    """
    indices = np.asarray(indices, dtype=np.int64)
    if indices.ndim != 1 or len(indices) == 0:
        raise InputError("features of no images were requested: give at least one index of the data")
    odd = indices.min() if indices.min() < 0 else indices.max()
    if not 0 <= odd < len(dataset):
        raise InputError(f"image {odd} was requested, and {dataset.spec.name} has 0 to {len(dataset) - 1}")
    images, rows = np.unique(indices, return_inverse=True)
    features = np.empty((len(images), extractor.dimensions), np.float32)
    store = _store(dataset, extractor)
    missing = np.arange(len(images)) if store is None else _read_cached(store, images, features)
    done = len(images) - len(missing)
    yield done
    for start in range(0, len(missing), PIECE):
        piece = missing[start : start + PIECE]
        for first in range(0, len(piece), batch):
            part = piece[first : first + batch]
            features[part] = extractor(dataset.images_of(images[part]), dataset.spec)
            done += len(part)
            yield done
        if store is not None:
            value = {"indices": images[piece], "features": features[piece]}
            store.keep(make_key(images[piece].tolist()), value)
    return features[rows]


def unknown_count(dataset: Dataset, indices: np.ndarray, extractor: Extractor) -> int:
    """The number of different images among these that have no cached features. Only indices are read."""
    images, store = np.unique(indices), _store(dataset, extractor)
    missing = np.ones(len(images), dtype=bool)
    for name in () if store is None else store.names():
        cached = store.peek(name, "indices") if store is not None else None
        if cached is not None:
            missing &= ~np.isin(images, cached)
    return int(missing.sum())


class _ProgressLines:
    """A line every ten seconds: images done, speed and remaining time. Cached images do not count for the speed."""

    def __init__(self, total: int, cached: int, label: str) -> None:
        self.total, self.cached, self.label = total, cached, label
        self.began = self.reported = time.monotonic()

    def report(self, done: int) -> None:
        events.check_cancelled()
        now = time.monotonic()
        if now - self.reported > PROGRESS_SECONDS and done < self.total:
            self.reported = now
            rate = (done - self.cached) / (now - self.began)
            minutes = (self.total - done) / rate / 60
            counts = f"{done:,} of {self.total:,} images"
            events.say(f"{self.label} features of {counts}, {rate:,.0f} images/s, {minutes:.1f} min left")


def _store(dataset: Dataset, extractor: Extractor) -> Store | None:
    """The features of this data by this network; None for data without a fingerprint."""
    data = dataset.spec.fingerprint
    return Store(root() / "features" / make_key("features", FORMAT, data, extractor.fingerprint)) if data else None


def _read_cached(store: Store, images: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Fill the rows of `features` (N, D) of cached images, of the rising indices `images` (N,); return the other rows.
    Files that hold none of them are not read whole, damaged ones are removed with a notice."""
    missing = np.ones(len(images), dtype=bool)
    for name in list(store.names()):
        indices = store.peek(name, "indices")
        if indices is not None and not np.isin(images[missing], indices).any():
            continue
        piece = store.get(name)
        if piece is None:
            continue
        if piece["features"].shape != (len(piece["indices"]), features.shape[1]):
            store.drop(name, f"damaged (features of shape {piece['features'].shape})")
            continue
        _, ours, theirs = np.intersect1d(images, piece["indices"], assume_unique=True, return_indices=True)
        features[ours] = piece["features"][theirs]
        missing[ours] = False
    return np.flatnonzero(missing)
