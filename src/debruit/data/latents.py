"""The latents of a data set under one frozen autoencoder: encoded once, then mapped into memory.

images at rest -> x in [-1, 1] -> encode -> q(z|x) = N(mean, std^2), z of unit scale per channel -> float16 on the disk

    <root>/latents/<key>/latents.bin    (N, planes, c, *s) float16 without a header; s is (h, w), of sequences (f, h, w)
                         meta.json      data, autoencoder and settings of the latents, size and probe of latents.bin

The planes of an image are its mean, its std where the encoder has one, and with flips the same of the mirrored image:
an encoder is not equivariant, so the latents of a mirrored image are not the mirrored latents.

The key is a hash of all that the latents depend on: the data's fingerprint, the autoencoder's configuration with the
fingerprint of its weights, flips and precision. A changed data set or autoencoder finds another entry, or none.

Why float16 suffices: it keeps 11 bits of a value, so |z| < 4 is stored within 2^-10 < 0.001. That is an eighth of the
step between two grey levels where a latent spans what a pixel does, and training adds noise to it. A std below 2^-25
becomes 0.
"""

import math
import mmap
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from debruit import config, events
from debruit.data.dataset import FAULT_BYTES, RELEASE_BYTES, Dataset
from debruit.data.latent_encoding import LATENTS, Encoding, write_latents
from debruit.files.keys import make_key, root, storage
from debruit.files.store import META, find_folder, read_meta, write_folder
from debruit.text.wording import counted

if TYPE_CHECKING:  # as in dataset.py: the sources are listed without waiting for torch
    import torch

    from debruit.autoencoders.codec import CodecModule, Moments

FORMAT = 1  # of an entry: part of its key
UNUSED_DAYS = 30


class TrainedCodec(Protocol):
    """The configuration of an autoencoder that has been trained: a dataclass that knows the fingerprint of its
    weights."""

    @property
    def fingerprint(self) -> str: ...
    def latent_channels(self, channels: int) -> int: ...
    def latent_size(self, *sizes: int) -> tuple[int, ...]: ...


class LatentCache:
    """The latents of N images or sequences. `latents` is the mapped file as (N, sides, moments, c, *s), with any number
    of spatial dimensions: sides are the image and, with flips, its mirror image; moments are the mean and, where the
    encoder has one, the std."""

    def __init__(self, latents: np.ndarray, *, meta: dict[str, Any], mapping: mmap.mmap, folder: Path):
        self.latents, self.meta, self.folder = latents, meta, folder
        self._mapping, self._resident = mapping, 0

    @classmethod
    def load(cls, folder: Path) -> "LatentCache":
        """Map an entry. OSError, ValueError, KeyError or TypeError mean that it is not whole."""
        meta = read_meta(folder, LATENTS)
        if meta["format"] != FORMAT:
            raise ValueError(f"format {meta['format']} instead of {FORMAT}")
        with open(folder / LATENTS, "rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        latents = np.frombuffer(mapping, dtype=np.float16).reshape(meta["shape"])
        if latents.ndim < 5:
            raise ValueError(f"shape {latents.shape} instead of (N, sides, moments, c, *s)")
        return cls(latents, meta=meta, mapping=mapping, folder=folder)

    def __len__(self) -> int:
        return len(self.latents)

    def batch(self, indices: Sequence[int] | np.ndarray, mirrored: np.ndarray | None = None) -> "Moments":
        """Return the distribution of the latents of these images, (B, c, *s) float32; of the mirrored images where
        `mirrored` (B,) is true. Only these rows are read."""
        import torch

        from debruit.autoencoders.codec import Moments

        rows = np.asarray(indices, dtype=np.int64)
        side = np.zeros(len(rows), np.int64) if mirrored is None else np.asarray(mirrored, dtype=np.int64)
        assert side.shape == rows.shape, (side.shape, rows.shape)
        assert self.latents.shape[1] == 2 or not side.any(), "these latents were made without flips"
        moments = [self.latents[rows, side, n] for n in range(self.latents.shape[2])]
        self._resident += len(rows) * max(self.latents[0].nbytes, FAULT_BYTES)
        if self._resident > RELEASE_BYTES and hasattr(mmap, "MADV_DONTNEED"):  # as in dataset.py
            self._resident = 0
            self._mapping.madvise(mmap.MADV_DONTNEED)
        return Moments(*(torch.from_numpy(moment).float() for moment in moments))


def latent_cache(
    dataset: Dataset,
    codec: TrainedCodec,
    module: "CodecModule",
    *,
    flip: bool,
    device: "torch.device | str",
    batch: int = 64,
    autocast: bool = False,
) -> LatentCache:
    """Return the latents of all images of a data set: mapped if they are in the cache and whole, otherwise computed
    first.

    `module` is the codec's, built, filled and frozen, on `device`; its latents are normalised. `flip` adds the mirror
    images, `autocast` encodes in bfloat16, `batch` images at a time. Progress, and what a new entry takes on the disk,
    are reported.

    InputError: latents that are not finite, a disk without room.
    """
    import torch

    assert not module.training, "the autoencoder is frozen: call eval() first"
    assert getattr(module, "config", codec) == codec, (
        "the module was built from another configuration, it may shift and scale otherwise"
    )
    meaning = _meaning(dataset, codec, flip=flip, autocast=autocast)
    folder = root() / "latents" / make_key(meaning)
    cache = find_folder(folder, lambda entry: _load(entry, meaning))
    if cache is None:
        shape = codec.latent_channels(dataset.spec.channels), *codec.latent_size(*dataset.spec.sizes)
        encoding = Encoding(
            dataset=dataset, module=module, flip=flip, device=torch.device(device), batch=batch, autocast=autocast
        )
        with storage():
            write_folder(folder, lambda part: write_latents(part, encoding, shape=shape, meta=meaning))
            cache = _load(folder, meaning)
        events.say(f"latents of {counted(len(cache))}: {_megabytes(cache.latents.nbytes)} in the cache")
        _report_unused(folder.parent)
    with suppress(OSError):  # a cache that can only be read serves as well
        os.utime(folder / META)
    return cache


def _meaning(dataset: Dataset, codec: TrainedCodec, *, flip: bool, autocast: bool) -> dict[str, Any]:
    """Return all that latents depend on."""
    assert codec.fingerprint, "latents of an autoencoder without a fingerprint cannot be found again"
    assert dataset.spec.fingerprint, "latents of data without a fingerprint cannot be found again"
    return {
        "format": FORMAT,
        "data": dataset.spec.fingerprint,
        "codec_fingerprint": codec.fingerprint,
        "codec": config.encode(codec),
        "flip": flip,
        "precision": "bfloat16" if autocast else "float32",
    }


def _load(folder: Path, meaning: dict[str, Any]) -> LatentCache:
    cache = LatentCache.load(folder)
    for name, value in meaning.items():
        if cache.meta[name] != value:
            raise ValueError(f"its '{name}' is that of other latents")
    return cache


def _report_unused(folder: Path) -> None:
    """Report how much of the disk old entries take; nothing is deleted."""
    sizes = []
    for entry in folder.iterdir():
        with suppress(OSError):
            if time.time() - (entry / META).stat().st_mtime > UNUSED_DAYS * 86_400:
                sizes.append((entry / LATENTS).stat().st_size)
    if sizes:
        events.say(
            f"latents that were not used for {UNUSED_DAYS} days take {_megabytes(sum(sizes))} in {folder} "
            f"({counted(len(sizes), 'folder')}): "
            "delete them if you need the space"
        )


def _megabytes(size: int) -> str:
    return f"{math.ceil(size / 1e6):,} MB"
