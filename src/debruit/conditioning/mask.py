"""A semantic mask as a condition, at the size of the latents, concatenated to x_t (Rombach et al. 2022, landscapes
model).

    class of each pixel (B, H, W) -> fraction of each class in each latent position (B, K, h, w)
    -> 1x1 convolution without bias -> (B, channels, h, w)

The paper halves the one-hot mask log2(factor) times bilinearly. For even sides each halving is a mean over 2 x 2
pixels, so the result is the fraction of each class, computed directly here and for any factor. Masks are padded like
the images of the codec, by repeating the last pixel.
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
from debruit.images.orientation import orientation
from debruit.images.pixels import JPEG, named, opened
from debruit.images.spec import DataSpec
from debruit.ranges import Share, Width

MOST_CHANNELS = 8  # of a conditioner made from data, which has one channel per class up to this
EMPTY = "is {} x {} pixels, which is empty: give one that is not"


@dataclass(frozen=True, kw_only=True)
class Mask(Conditioner):
    """Class numbers as values (B, H, W) uint8. Names, colours and the numbers in files are those of the data
    (DataSpec.mask_names, palette, mask_numbers). If drop > 0, "none" is one more class."""

    name: ClassVar[str] = "mask"
    item: ClassVar[str] = "mask"
    missing: ClassVar[str] = (
        "it has no masks: put the images into images/ and their masks, by the same names, into masks/"
    )
    by_default: ClassVar[bool] = True
    example: ClassVar[str] = "FILE"
    door: ClassVar[Literal["spatial"]] = "spatial"
    channels: Width = 3
    drop: Share = 0.1

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        return cls(channels=min(len(context.dataset.spec.mask_names), MOST_CHANNELS))

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        """Return the masks (B, H, W) uint8. Raise InputError if the data has more classes than the model."""
        masks = items["mask"]
        if masks.numel() and int(masks.max()) >= len(spec.mask_names):
            raise InputError(
                f"the masks hold the class {int(masks.max())}, and the model has names for 0 to "
                f"{len(spec.mask_names) - 1}: use data with the classes that it was trained on"
            )
        return masks

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return one or several masks, in turn, (B, H, W) uint8.

        A mask is a file or Pillow image of class numbers or of the palette's colours (annotations/palette.py), or an
        array of class numbers (H, W) or (N, H, W). Masks of another size are centre-cropped and resized by nearest
        neighbour, as in training, with a notice. Raise InputError for anything else, and if there is none.
        """
        given = value if isinstance(value, (list, tuple)) else [value]
        masks = [mask for one in split_names(given) for mask in _masks(one, spec)]
        if not masks:
            raise InputError("no mask was given: name at least one file")
        return torch.from_numpy(np.stack([masks[n % len(masks)] for n in indices]))

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, spec.height, spec.width), dtype=torch.uint8)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.channels

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        check_classes(spec)
        return MaskRescaler(self, len(spec.mask_names), factor)

    def to_image(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return np.array(spec.palette, np.uint8)[values.cpu().numpy()]


def _masks(given: Any, spec: DataSpec) -> Iterator[np.ndarray]:
    """Yield the masks of one file, image or array, (H, W) uint8 at the size of the data."""
    if isinstance(given, (str, Path)):
        yield _from_file(expanded(given), spec)
    elif isinstance(given, Pillow.Image):
        if 0 in given.size:
            raise InputError(f"the mask {EMPTY.format(*given.size)}")
        yield _from_image(given, "the mask", spec, lossy=getattr(given, "format", None) in JPEG)
    elif isinstance(given, (np.ndarray, Tensor)) and given.ndim in (2, 3):
        array = given.cpu().numpy() if isinstance(given, Tensor) else given
        numbers = read_numbers(array, spec.mask_names, spec.palette, spec.mask_numbers, what="the mask")
        yield from (_fitted(mask, "the mask", spec) for mask in (numbers if numbers.ndim == 3 else [numbers]))
    else:
        shape = f" of shape {tuple(given.shape)}" if isinstance(given, (np.ndarray, Tensor)) else ""
        raise InputError(
            f"a mask cannot be of type {type(given).__name__}{shape}: give a file, a Pillow image, or class numbers "
            "as an array (H, W) or (N, H, W)"
        )


def _from_file(path: Path, spec: DataSpec) -> np.ndarray:
    file = image_file(path)
    with named(f"the mask {path}", "give the path of a PNG"), opened(file) as image:
        image.load()
        loaded, lossy = image.copy(), image.format in JPEG
    return _from_image(loaded, str(path), spec, lossy=lossy)


def _from_image(image: Pillow.Image, what: str, spec: DataSpec, *, lossy: bool = False) -> np.ndarray:
    reading = read_picture(image, spec.mask_names, spec.palette, spec.mask_numbers, what=what, lossy=lossy)
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
    return _fitted(reading.numbers.astype(np.uint8), what, spec, orientation(image))


def _fitted(mask: np.ndarray, what: str, spec: DataSpec, turn: int = 1) -> np.ndarray:
    """Crop and resize a mask as in training, with a notice. `turn` is its EXIF orientation."""
    height, width = mask.shape if turn < 5 else mask.shape[::-1]
    if not mask.size:
        raise InputError(f"{what} {EMPTY.format(width, height)}")
    if (height, width) != (spec.height, spec.width):
        part = "it" if height * spec.width == width * spec.height else "its central part"
        notice(
            f"{what} is {width} x {height} pixels and the images {spec.width} x {spec.height}: {part} was resized by "
            "nearest neighbour"
        )
    return np.ascontiguousarray(cut(mask[..., None], spec, turn)[..., 0])


class MaskRescaler(nn.Module):
    """(masks (B, H, W) uint8, keep (B,) bool) -> (B, channels, ceil(H / factor), ceil(W / factor)). Masks with keep =
    False are all of the class "none"."""

    def __init__(self, config: Mask, classes: int, factor: int) -> None:
        super().__init__()
        self.config, self.classes, self.factor = config, classes, factor
        self.conv = nn.Conv2d(classes + (config.drop > 0), config.channels, 1, bias=False)
        nn.init.normal_(self.conv.weight)  # unit scale for each class, like x_t

    def forward(self, masks: Tensor, keep: Tensor) -> Tensor:
        return self.conv(self.fractions(masks, keep))

    def fractions(self, masks: Tensor, keep: Tensor) -> Tensor:
        """Return the fraction of each latent position that each class covers, (B, K, h, w), with sum 1 over K. If
        drop > 0, "none" is the last class."""
        numbers, factor = masks.long(), self.factor
        if self.config.drop > 0:
            numbers = torch.where(keep[:, None, None], numbers, self.classes)
        height, width = numbers.shape[1:]
        padded = F.pad(
            numbers[:, None].float(), (0, -width % factor, 0, -height % factor), mode="replicate"
        )  # whole numbers below 2**24 are exact
        pixels = F.pixel_unshuffle(padded, factor).long()  # classes in each latent position, (B, factor^2, h, w)
        shape, dtype = (len(pixels), self.conv.in_channels, *pixels.shape[2:]), self.conv.weight.dtype
        one = torch.full_like(pixels, 1 / factor**2, dtype=dtype)
        return pixels.new_zeros(shape, dtype=dtype).scatter_add_(1, pixels, one)


def check_classes(spec: DataSpec) -> None:
    """Raise InputError unless there are 1 to 256 classes with different colours and, if they have numbers, different
    numbers."""
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


def split_names(given: Sequence[Any]) -> list[Any]:
    """Split "a.png,b.png" into two names, unless a file has that name; other values are unchanged."""
    separated = []
    for one in given:
        if isinstance(one, str) and "," in one and not expanded(one).exists():
            separated += [part.strip() for part in one.split(",") if part.strip()]
        else:
            separated.append(one)
    return separated
