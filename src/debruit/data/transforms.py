"""Augmentation: a horizontal flip, by choice, decided for each example of a training from (seed, position in the
training).

The decision does not depend on the batch or the device, so a resumed training sees what it would have seen.
"""

from typing import TYPE_CHECKING

import numpy as np

from debruit.rng import Purpose, stream

if TYPE_CHECKING:
    import torch


def flips(seed: int, first: int, count: int, *, purpose: Purpose = Purpose.FLIP) -> np.ndarray:
    """Whether the examples at positions first..first + count - 1 of a training are mirrored, (count,) bool: half of
    them are."""
    return (stream(purpose, seed).word_rows(first, count)[:, 0] >> np.uint64(63)).astype(bool)


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
