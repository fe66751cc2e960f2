"""Windows of images at random positions: what is trained on in place of whole images, where the network takes any size.

The position of each window is determined by (seed, position in the training), whatever the batch or the device.
"""

from typing import TYPE_CHECKING

import numpy as np

from debruit.rng import Purpose, stream

if TYPE_CHECKING:
    import torch


def windows(images: "torch.Tensor", side: int, seed: int, first: int, *, purpose: Purpose) -> "torch.Tensor":
    """Return the windows (B, C, side, side) of the images (B, C, H, W) at positions first..first + B - 1 of a training;
    all positions in an image are equally likely. `side` is at most H and W."""
    import torch

    height, width = images.shape[2:]
    u = stream(purpose, seed).uniform_rows(first, len(images), 2).numpy()
    corners = np.floor(u * (height - side + 1, width - side + 1)).astype(int)
    return torch.stack(
        [image[:, top : top + side, left : left + side] for image, (top, left) in zip(images, corners, strict=True)]
    )
