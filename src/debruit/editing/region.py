"""The region of an image to repaint: checked, at the size of the latents, and merged with the known pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.errors import InputError


def as_region(region: Tensor, images: Tensor) -> Tensor:
    """Return a region (H, W) or (B, H, W) of any dtype, non-zero where unknown, as (B, 1, H, W) bool for these images
    (B, C, H, W). Raise InputError for another size, and for a region that is empty or covers everything."""
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
        raise InputError("the mask marks nothing to repaint: paint white what to repaint, and black what to keep")
    if (share == 1).any():
        raise InputError(
            "the mask marks everything, so nothing is kept: paint black what to keep, or sample a new image with "
            "`debruit sample`"
        )
    return region


def at_latents(region: Tensor, factor: int) -> Tensor:
    """Reduce a region (B, 1, H, W) to the latents of a codec with this downsampling factor, (B, 1, ceil(H / factor),
    ceil(W / factor)): a position is unknown if any of its pixels is."""
    return F.max_pool2d(region.float(), factor, ceil_mode=True) > 0


def put_back(painted: Tensor, images: Tensor, region: Tensor) -> Tensor:
    """Return `painted` inside the region (B, 1, H, W) and `images`, unchanged to the bit, outside; both (B, C, H, W) in
    the dtype of the data."""
    # torch.where does not support uint16
    old, new = (x.view(torch.int16) if x.dtype == torch.uint16 else x for x in (images, painted))
    return torch.where(region, new, old).view(images.dtype)
