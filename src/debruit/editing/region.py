"""The region of an image that is painted anew, True where it is: at the size of the latents, and the known pixels put
back."""

import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.errors import InputError


def as_region(region: Tensor, images: Tensor) -> Tensor:
    """(B, 1, H, W) bool from a region (H, W) or (B, H, W) of any dtype, non-zero where unknown. InputError: another
    size; nothing in it, or everything."""
    height, width = images.shape[2:]
    if (
        region.ndim not in (2, 3)
        or tuple(region.shape[-2:]) != (height, width)
        or len(images) % (region[None].shape[-3] or 1)
    ):
        raise InputError(
            f"a region of shape {tuple(region.shape)} for images of {height} x {width} pixels: give ({height}, "
            f"{width}), or one for each image"
        )
    region = (region != 0).reshape(-1, 1, height, width).expand(len(images), 1, height, width)
    share = region.flatten(1).float().mean(1)
    if (share == 0).any():
        raise InputError(
            "the mask marks nothing to paint: make white what is to be painted anew, and black what is kept"
        )
    if (share == 1).any():
        raise InputError(
            "the mask marks everything, so that nothing is kept: make black what is to stay, or draw a new image with "
            "`debruit sample`"
        )
    return region


def at_latents(region: Tensor, factor: int) -> Tensor:
    """The region (B, 1, H, W) at latents of a codec of this factor, (B, 1, ceil(H / factor), ceil(W / factor)): a place
    is unknown if any of its pixels is."""
    return F.max_pool2d(region.float(), factor, ceil_mode=True) > 0


def put_back(painted: Tensor, images: Tensor, region: Tensor) -> Tensor:
    """What was painted inside of the region, the images themselves outside, bit by bit. (B, C, H, W) at rest, the
    region (B, 1, H, W)."""
    kept, new = (
        x.view(torch.int16) if x.dtype == torch.uint16 else x for x in (images, painted)
    )  # torch moves no uint16
    return torch.where(region, new, kept).view(images.dtype)
