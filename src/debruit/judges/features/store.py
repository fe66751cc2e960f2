"""Features of the data, each image's computed once: the files of <root>/features/<key>/, the key being that of the data and the network.

Each file is a piece: up to a thousand indices (n,), rising, and their features (n, D). An image that is asked for is looked up in all
pieces, whatever it was computed for; those that are in none are computed, and are a new piece as soon as it is complete. So an interrupted
computation goes on where it was, and a damaged piece costs only itself.
"""

import time
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.files.keys import make_key, root
from debruit.judges.features.extractor import Extractor
from debruit.judges.features.stored import DAMAGE, Say, peek, read, write

PIECE = 1024  # images: what an interruption costs at most
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
    dataset: Dataset,
    indices: Sequence[int] | np.ndarray,
    extractor: Extractor,
    say: Say = events.say,
    *,
    batch: int = 256,
) -> np.ndarray:
    """The features (len(indices), D) float32 of these images of the data, in this order; from the cache where they are there.

    InputError as `features_of`, whose progress is said in a line every ten seconds.
    """
    progress = None
    work = features_of(dataset, indices, extractor, say, batch=batch)
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            return end.value
        if progress is None:  # the first says what was known
            progress = _Progress(len(np.unique(indices)), extractor.label, say)
            progress.add(int(done), computed=False)
        else:
            progress.add(int(done) - progress.done, computed=True)


def features_of(
    dataset: Dataset,
    indices: Sequence[int] | np.ndarray,
    extractor: Extractor,
    say: Say = events.say,
    *,
    batch: int = 256,
) -> Generator[float, None, np.ndarray]:
    """Yields how many different images are done, first those that were known; returns the features (len(indices), D) float32.

    `batch` images are read at a time; beside the result, one piece is in memory. Data without a fingerprint (made by hand) is not cached.
    InputError: no images, or an index that the data does not have.
    """
    indices = np.asarray(indices, dtype=np.int64)
    if indices.ndim != 1 or len(indices) == 0:
        raise InputError("features of no images were asked for: give at least one index of the data")
    odd = indices.min() if indices.min() < 0 else indices.max()
    if not 0 <= odd < len(dataset):
        raise InputError(f"image {odd} was asked for, and {dataset.spec.name} has 0 to {len(dataset) - 1}")
    wanted, places = np.unique(indices, return_inverse=True)
    found = np.empty((len(wanted), extractor.dimensions), np.float32)
    folder = _folder(dataset, extractor)
    missing = np.arange(len(wanted)) if folder is None else _take_known(folder, wanted, found, say)
    done = len(wanted) - len(missing)
    yield done
    for start in range(0, len(missing), PIECE):
        rows = missing[start : start + PIECE]
        for first in range(0, len(rows), batch):
            part = rows[first : first + batch]
            found[part] = extractor(dataset.images_of(wanted[part]), dataset.spec)
            done += len(part)
            yield done
        if folder is not None:
            _keep(folder, wanted[rows], found[rows], say)
    return found[places]


def unknown_count(dataset: Dataset, indices: np.ndarray, extractor: Extractor) -> int:
    """How many of these images, each counted once, have no features in the cache. Only the indices of the pieces are read."""
    wanted, folder = np.unique(indices), _folder(dataset, extractor)
    missing = np.ones(len(wanted), dtype=bool)
    for path in () if folder is None else sorted(folder.glob("*.safetensors")):
        try:
            missing &= ~np.isin(wanted, peek(path, "indices"))
        except DAMAGE:
            continue  # said when it is read
    return int(missing.sum())


def _folder(dataset: Dataset, extractor: Extractor) -> Path | None:
    """Where features of this data by this network are kept; None for data without a fingerprint."""
    data = dataset.spec.fingerprint
    return root() / "features" / make_key("features", data, extractor.fingerprint) if data else None


def _take_known(folder: Path, wanted: np.ndarray, found: np.ndarray, say: Say) -> np.ndarray:
    """Fills the rows of `found` (N, D) whose images, of the rising `wanted` (N,), are in a piece; returns the other rows. Of a piece that has
    none of them only the indices are read. A damaged piece is said and removed."""
    missing = np.ones(len(wanted), dtype=bool)
    for path in sorted(folder.glob("*.safetensors")):
        try:
            if not np.isin(wanted[missing], peek(path, "indices")).any():
                continue
            arrays, _ = read(path)
            held, features = arrays["indices"], arrays["features"]
            if features.shape != (len(held), found.shape[1]):
                raise ValueError(f"features of shape {features.shape} for {len(held)} images")
        except DAMAGE as error:
            say(f"the cached file {path} is damaged ({error}): dropping it, and making again what is needed of it")
            _drop(path, say)
            continue
        _, ours, theirs = np.intersect1d(wanted, held, assume_unique=True, return_indices=True)
        found[ours] = features[theirs]
        missing[ours] = False
    return np.flatnonzero(missing)


def _keep(folder: Path, indices: np.ndarray, features: np.ndarray, say: Say) -> None:
    """Writes a piece, named by its images; where the cache cannot be written that is said, and nothing else happens."""
    try:
        write(folder / f"{make_key(indices.tolist())}.safetensors", {"indices": indices, "features": features}, {})
    except (InputError, OSError) as error:
        say(f"not kept for the next time: {error}")


def _drop(path: Path, say: Say) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        say(f"{path} cannot be removed ({error.strerror}): remove it by hand")
