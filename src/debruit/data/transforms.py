"""Augmentation that cannot hurt: a horizontal flip, by choice, decided for each item from (seed, epoch, index).

The decision does not depend on the batch, the order or the device, so a resumed training sees what it would have seen.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def flips(seed: int, epochs: int | np.ndarray, indices: Sequence[int] | np.ndarray) -> np.ndarray:
    """Whether each item is mirrored: (B,) booleans, true for half of all (seed, epoch, index). Epochs: one or (B,)."""
    state = _mixed(np.array([seed % 2**64], np.uint64))
    state = _mixed(state ^ np.atleast_1d(epochs).astype(np.uint64))
    return (_mixed(state ^ np.asarray(indices).astype(np.uint64)) >> np.uint64(63)).astype(bool)


def flip(images: "torch.Tensor", mirrored: np.ndarray | None) -> "torch.Tensor":
    """Images (B, ..., W), of any dtype, with those that are true in `mirrored` (B,) mirrored; None mirrors none."""
    import torch

    if mirrored is None:
        return images
    chosen = torch.from_numpy(mirrored).to(images.device)
    columns = torch.arange(images.shape[-1], device=images.device)
    columns = torch.where(chosen[:, None], columns.flip(0), columns)
    shape = (len(images), *[1] * (images.ndim - 2), images.shape[-1])
    bits = images.view(torch.int16) if images.dtype == torch.uint16 else images  # torch moves no uint16
    return bits.gather(-1, columns.view(shape).expand(images.shape)).view(images.dtype)


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64's output function (Steele, Lea & Flood 2014): every bit depends on every bit of x."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
