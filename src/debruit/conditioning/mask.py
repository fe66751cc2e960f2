"""A semantic mask at the latents' size, concatenated to x_t (Rombach et al. 2022, landscapes model).

one-hot (B, K, H, W) -> log2(factor) bilinear halvings -> 1x1 convolution without bias -> (B, channels, h, w)

Halving even sides is averaging 2 x 2 places, so that what reaches the convolution are the shares of the classes in each
place of the latents, which is how they are computed here, for any factor. Sides that the codec pads to its factor are
padded in the same way, by repeating the last pixel.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor, nn

from debruit.annotations.masks import cut
from debruit.annotations.palette import UNLABELLED, in_hex, read_numbers, read_picture
from debruit.conditioning.base import Conditioner, DataContext
from debruit.errors import InputError
from debruit.events import notice
from debruit.files.home import expanded
from debruit.images.grids import image_file
from debruit.images.pixels import JPEG, named, opened, orientation
from debruit.images.spec import DataSpec
from debruit.ranges import Share, Width

MOST_CHANNELS = 8  # of a conditioner made from data: as many as there are classes, and no more than this
EMPTY = "is {} x {} pixels, which is empty: give one that is not"


@dataclass(frozen=True, kw_only=True)
class Mask(Conditioner):
    """A class number for each pixel; the classes, their colours and what stands for them in the files are those of the
    data (DataSpec.mask_names, palette, mask_numbers). Where the mask is dropped, "none" is one class more."""

    name: ClassVar[str] = "mask"
    reads: ClassVar[str] = "mask"
    lacks: ClassVar[str] = (
        "it has no masks: put the images into images/ and their masks, by the same names, into masks/"
    )
    usual: ClassVar[bool] = True
    example: ClassVar[str] = "FILE"
    door: ClassVar[Literal["spatial"]] = "spatial"
    channels: Width = 3
    drop: Share = 0.1

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        return cls(channels=min(len(context.dataset.spec.mask_names), MOST_CHANNELS))

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        """(B, H, W) uint8. InputError where the data has more classes than the model."""
        masks = items["mask"]
        if masks.numel() and int(masks.max()) >= len(spec.mask_names):
            raise InputError(
                f"the masks hold the class {int(masks.max())}, and the model has names for 0 to "
                f"{len(spec.mask_names) - 1}: "
                "use data with the classes that it was made for"
            )
        return masks

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Masks, one or several in turn, as (B, H, W) uint8: files or Pillow's pictures, of class numbers or in the
        palette's colours (palette.py says which), or arrays of class numbers (H, W) or (N, H, W). Another size is
        cropped and resized by nearest as in training, with a notice."""
        given = value if isinstance(value, (list, tuple)) else [value]
        masks = [mask for one in several(given) for mask in _masks(one, spec)]
        if not masks:
            raise InputError("no mask was given: name at least one file")
        return torch.from_numpy(np.stack([masks[n % len(masks)] for n in indices]))

    def none(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, spec.height, spec.width), dtype=torch.uint8)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.channels

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        check_classes(spec)
        return MaskRescaler(self, len(spec.mask_names), factor)

    def picture(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return np.array(spec.palette, np.uint8)[values.cpu().numpy()]


def _masks(given: Any, spec: DataSpec) -> Iterator[np.ndarray]:
    if isinstance(given, (str, Path)):
        yield _from_file(expanded(given), spec)
    elif isinstance(given, Pillow.Image):
        if 0 in given.size:
            raise InputError(f"the mask {EMPTY.format(*given.size)}")
        yield _from_picture(given, "the mask", spec, lossy=getattr(given, "format", None) in JPEG)
    elif isinstance(given, (np.ndarray, Tensor)) and given.ndim in (2, 3):
        array = given.cpu().numpy() if isinstance(given, Tensor) else given
        found = read_numbers(array, spec.mask_names, spec.palette, spec.mask_numbers, what="the mask")
        yield from (_fitted(mask, "the mask", spec) for mask in (found if found.ndim == 3 else [found]))
    else:
        shape = f" of shape {tuple(given.shape)}" if isinstance(given, (np.ndarray, Tensor)) else ""
        raise InputError(
            f"a mask cannot be of type {type(given).__name__}{shape}: give a file, a picture, or class numbers as an "
            "array (H, W) or (N, H, W)"
        )


def _from_file(path: Path, spec: DataSpec) -> np.ndarray:
    file = image_file(path)
    with named(f"the mask {path}", "give the path of a PNG"), opened(file) as picture:
        picture.load()
        found, lossy = picture.copy(), picture.format in JPEG
    return _from_picture(found, str(path), spec, lossy=lossy)


def _from_picture(picture: Pillow.Image, what: str, spec: DataSpec, *, lossy: bool = False) -> np.ndarray:
    reading = read_picture(picture, spec.mask_names, spec.palette, spec.mask_numbers, what=what, lossy=lossy)
    if reading.approximate:
        notice(
            f"{what}: {reading.approximate:,} of {reading.numbers.size:,} pixels have no colour of the palette exactly "
            "and count as the nearest one"
        )
    if reading.transparent:
        notice(f"{what}: {reading.transparent:,} transparent pixels count as {spec.mask_names[0]}, the first class")
    if reading.strange:
        notice(
            f"{what}: {reading.strange:,} of {reading.numbers.size:,} pixels have no colour of the palette and count "
            f"as {UNLABELLED}, as in training"
        )
    if reading.twofold:
        notice(
            f"{what} is read by its numbers, as in training, and its colours would be another mask: save it as an "
            "8-bit grey PNG of numbers, or as RGB"
        )
    return _fitted(reading.numbers.astype(np.uint8), what, spec, orientation(picture))


def _fitted(mask: np.ndarray, what: str, spec: DataSpec, turn: int = 1) -> np.ndarray:
    """Cut as masks are in training. `turn` is the orientation of EXIF."""
    height, width = mask.shape if turn < 5 else mask.shape[::-1]
    if not mask.size:
        raise InputError(f"{what} {EMPTY.format(width, height)}")
    if (height, width) != (spec.height, spec.width):
        part = "it" if height * spec.width == width * spec.height else "its central part"
        notice(
            f"{what} is {width} x {height} pixels and the images {spec.width} x {spec.height}: {part} was resized by "
            "nearest"
        )
    return np.ascontiguousarray(cut(mask[..., None], spec, turn)[..., 0])


class MaskRescaler(nn.Module):
    """(masks (B, H, W) uint8, keep (B,) bool) -> (B, channels, ceil(H / factor), ceil(W / factor))."""

    def __init__(self, config: Mask, classes: int, factor: int) -> None:
        super().__init__()
        self.config, self.classes, self.factor = config, classes, factor
        self.conv = nn.Conv2d(classes + (config.drop > 0), config.channels, 1, bias=False)
        nn.init.normal_(self.conv.weight)  # each class a code of unit scale, as x_t is beside it

    def forward(self, masks: Tensor, keep: Tensor) -> Tensor:
        return self.conv(self.shares(masks, keep))

    def shares(self, masks: Tensor, keep: Tensor) -> Tensor:
        """How much of each place each class covers, (B, K, h, w): they sum to 1. "none", where there is one, is the
        last and covers all of what is dropped."""
        numbers, factor = masks.long(), self.factor
        if self.config.drop > 0:
            numbers = torch.where(keep[:, None, None], numbers, self.classes)
        height, width = numbers.shape[1:]
        padded = F.pad(
            numbers[:, None].float(), (0, -width % factor, 0, -height % factor), mode="replicate"
        )  # whole numbers below 2**24 are exact
        places = F.pixel_unshuffle(padded, factor).long()
        shares = places.new_zeros((len(places), self.conv.in_channels, *places.shape[2:]), dtype=self.conv.weight.dtype)
        return shares.scatter_add_(1, places, torch.full_like(places, 1 / factor**2, dtype=shares.dtype))


def check_classes(spec: DataSpec) -> None:
    """InputError unless every class of the masks has a name, a colour and, if any has, a number of its own."""
    names, numbers = spec.mask_names, spec.mask_numbers
    if not 1 <= len(names) <= 256:
        raise InputError(f"{spec.name} has masks of {len(names)} classes: give 1 to 256 classes a name and a colour")
    if numbers and (len(numbers) != len(names) or len(set(numbers)) < len(numbers)):
        raise InputError(
            f"the numbers {', '.join(map(str, numbers))} of {len(names)} classes of masks: give each class its own, or "
            "none at all"
        )
    for n, color in enumerate(spec.palette):
        if color in spec.palette[:n]:
            other = names[spec.palette.index(color)]
            raise InputError(
                f"the classes {other} and {names[n]} of the masks have the same colour {in_hex(color)}: give each its "
                "own"
            )


def several(given: Sequence[Any]) -> list[Any]:
    """The same things, but "a.png,b.png" is two files unless there is one of that name."""
    found = []
    for one in given:
        if isinstance(one, str) and "," in one and not expanded(one).exists():
            found += [part.strip() for part in one.split(",") if part.strip()]
        else:
            found.append(one)
    return found
