"""Files for an edit: an image in the form of the model's data, and the mask of the region to repaint.

Both are centre-cropped and resized to the model's size like training images, so that a mask painted on a photograph
fits it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from debruit.annotations.masks import cut
from debruit.editing.mask_file import read_mask_region
from debruit.errors import InputError
from debruit.events import notice
from debruit.files.blobs import Openable
from debruit.images.colour_profiles import conversion_note
from debruit.images.grids import image_file
from debruit.images.pixels import FULL, WHITE, Header, Target, decode, named, read_header
from debruit.images.spec import DataSpec


def read_image(path: str | Path, spec: DataSpec, *, whole: bool = False) -> Tensor:
    """Read an image file as (C, H, W) in the dtype of the data, centre-cropped and resized to its size with a notice,
    or `whole` at its own size. Values of another depth are mapped to the range of the data.

    Raise InputError for a file that is no image, for a model with other than 1 or 3 channels, and for floats if the
    model has integers.
    """
    if spec.channels not in (1, 3):
        raise InputError(
            f"the model's images have {spec.channels} channels, which no image file has: edit arrays from Python"
        )
    file, size = image_file(path), (spec.height, spec.width)
    header = _header(file, f"the image {path}")
    if header.depth == "float32" and spec.depth != "float32":
        raise InputError(f"{path} holds floating-point values and the model's images are {spec.depth}: save it as PNG")
    if note := conversion_note(str(path), header.profile):
        notice(note)
    if not whole:
        _tell_size(path, header, size)
    pixels = _decoded(file, str(path), header, (header.height, header.width) if whole else size, spec.channels)
    if header.depth == spec.depth:
        return torch.from_numpy(pixels.copy())
    if header.depth == "uint16" and spec.depth == "uint8":
        notice(f"{path} has 16 bits a value and the model's images 8: it was rounded")
    values = spec.low + torch.from_numpy(pixels.astype(np.float32)) / FULL[header.depth] * (spec.high - spec.low)
    return values if spec.depth == "float32" else values.round().to(getattr(torch, spec.depth))


def read_region(path: str | Path, spec: DataSpec) -> Tensor:
    """Read the region to repaint from a mask file: (H, W) bool, centre-cropped and resized to the size of the data by
    nearest neighbour. It is transparent, or white if nothing is transparent (mask_file.py); notices report how the file
    was read.

    Raise InputError for a file that is no image or no mask, and for a region that is empty or covers everything.
    """
    file, size = image_file(path), (spec.height, spec.width)
    header = _header(file, f"the mask {path}")
    with named(f"the mask {path}"):
        marked = read_mask_region(file, header, str(path))
    for note in marked.notes:
        notice(note)
    _tell_size(path, header, size)
    region = torch.from_numpy(np.ascontiguousarray(cut(marked.region[..., None], spec)[..., 0]))
    if region.any() and not region.all():
        return region
    lost = "what it marks" if not region.any() else "what it keeps"
    raise InputError(
        f"{path}: {lost} lies outside of the central part, or is lost at the model's {spec.width} x {spec.height} "
        "pixels: paint the mask on an image of these proportions"
    )


def _header(file: Openable, what: str) -> Header:
    with named(what):
        return read_header(file)


def _decoded(file: Openable, what: str, header: Header, size: tuple[int, int], channels: int) -> np.ndarray:
    """Decode a file as (C, H, W) in its own depth."""
    target = Target(height=size[0], width=size[1], channels=channels, depth=header.depth, background=WHITE)
    with named(what):
        return decode(file, target)


def _tell_size(path: str | Path, header: Header, size: tuple[int, int]) -> None:
    if (header.height, header.width) == size:
        return
    same = header.height * size[1] == header.width * size[0]
    notice(
        f"{path} is {header.width} x {header.height} pixels and the model's images {size[1]} x {size[0]}: "
        f"{'it' if same else 'its central part'} was resized"
    )
