"""Files for an edit: an image as the model's data has them, and the mask of what is to be painted anew.

Both are brought to the model's size as training brings its images there, by their largest central part, so that a mask
drawn on a photograph fits it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from debruit.annotations.masks import cut
from debruit.editing.marked import marked
from debruit.errors import InputError
from debruit.events import notice
from debruit.files.blobs import Openable
from debruit.images.colour_profiles import conversion_note
from debruit.images.grids import image_file
from debruit.images.pixels import FULL, WHITE, Header, Target, decode, named, read_header
from debruit.images.spec import DataSpec


def read_image(path: str | Path, spec: DataSpec, *, whole: bool = False) -> Tensor:
    """An image file as (C, H, W) at rest: of the data's size, which is said where it is not the file's, or `whole` at
    its own. Another depth keeps its share of the range. InputError: no image; more channels than pictures have; floats
    for a model of whole numbers."""
    if spec.channels not in (1, 3):
        raise InputError(
            f"the model's images have {spec.channels} channels, which no image file has: edit them from Python, as "
            "arrays"
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
    """A mask file as (H, W) bool at the data's size, by nearest: True where it is transparent, or, where nothing is,
    white (marked.py): that is painted anew. What was decided is said. InputError: no image, no mask; nothing that is
    painted anew, or nothing that is kept."""
    file, size = image_file(path), (spec.height, spec.width)
    header = _header(file, f"the mask {path}")
    with named(f"the mask {path}"):
        found = marked(file, header, str(path))
    for note in found.notes:
        notice(note)
    _tell_size(path, header, size)
    region = torch.from_numpy(np.ascontiguousarray(cut(found.region[..., None], spec)[..., 0]))
    if region.any() and not region.all():
        return region
    lost = "what it marks" if not region.any() else "what it keeps"
    raise InputError(
        f"{path}: {lost} lies outside of its central part, or is too small to be seen, in the model's {spec.width} x "
        f"{spec.height} pixels: "
        "draw it on an image of these proportions"
    )


def _header(file: Openable, what: str) -> Header:
    with named(what):
        return read_header(file)


def _decoded(file: Openable, what: str, header: Header, size: tuple[int, int], channels: int) -> np.ndarray:
    """(C, H, W) in the file's own depth."""
    target = Target(height=size[0], width=size[1], channels=channels, depth=header.depth, background=WHITE)
    with named(what):
        return decode(file, target)


def _tell_size(path: str | Path, header: Header, size: tuple[int, int]) -> None:
    if (header.height, header.width) == size:
        return
    same = header.height * size[1] == header.width * size[0]
    notice(
        f"{path} is {header.width} x {header.height} pixels and the model's images {size[1]} x {size[0]}: "
        f"{'it' if same else 'its central part'} was brought to that"
    )
