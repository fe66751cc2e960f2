"""A semantic mask at the latents' size, concatenated to x_t (Rombach et al. 2022, landscapes model).

one-hot (B, K, H, W) -> log2(factor) bilinear halvings -> 1x1 convolution without bias -> (B, channels, h, w)

Halving even sides is averaging 2 x 2 places, so that what reaches the convolution are the shares of the classes in each place of the latents, which is how they
are computed here, for any factor. Sides that the codec pads to its factor are padded in the same way, by repeating the last pixel.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor, nn

from debruit.annotations.masks import cut
from debruit.annotations.palette import UNLABELLED, in_hex, read_numbers, read_picture
from debruit.errors import InputError
from debruit.events import notice
from debruit.files.home import expanded
from debruit.images.grids import picture as one_picture
from debruit.images.pixels import JPEG, named, opened, orientation
from debruit.ranges import Share, Width

if TYPE_CHECKING:
    from debruit.images.spec import DataSpec

MOST_CHANNELS = 8  # that a fitting conditioner has: as many as there are classes, and no more than this
EMPTY = "is {} x {} pixels, which is empty: give one that is not"


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A class number for each pixel of images of `height` x `width`; `names` and `palette` (R, G, B) are those of the classes in the order of their
    numbers, and `numbers` what stood for them in the files of the data (DataSpec.mask_numbers). Where it is dropped, "none" is one class more."""

    field: ClassVar[str] = "mask"
    reads: ClassVar[str] = "mask"
    door: ClassVar[Literal["spatial"]] = "spatial"
    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    numbers: tuple[int, ...] | None = None
    height: int
    width: int
    channels: Width = 3
    factor: int = 1
    drop: Share = 0.1

    def __post_init__(self) -> None:
        """InputError unless every class has a name, a colour and, if any has, a number of its own."""
        if not 1 <= len(self.names) <= 256 or len(self.palette) != len(self.names):
            raise InputError(
                f"{len(self.names)} names and {len(self.palette)} colours of a mask's classes: give each of 1 to 256 classes one of both"
            )
        if self.numbers and (len(self.numbers) != len(self.names) or len(set(self.numbers)) < len(self.numbers)):
            raise InputError(
                f"the numbers {', '.join(map(str, self.numbers))} of {len(self.names)} classes of masks: give each class its own, or none at all"
            )
        for n, color in enumerate(self.palette):
            if color in self.palette[:n]:
                other = self.names[self.palette.index(color)]
                raise InputError(
                    f"the classes {other} and {self.names[n]} of the masks have the same colour {in_hex(color)}: give each its own"
                )

    @classmethod
    def suited(cls, spec: "DataSpec") -> Self:
        """For the masks of this data. InputError where it has none."""
        if not spec.mask_names:
            raise InputError(f"{spec.name} has no masks: put the images into images/ and their masks into masks/")
        channels = min(len(spec.mask_names), MOST_CHANNELS)
        return cls(
            names=spec.mask_names, palette=spec.palette, numbers=spec.mask_numbers, height=spec.height, width=spec.width, channels=channels
        )  # fmt: skip

    def read(self, items: Mapping[str, Any]) -> Tensor:
        """(B, H, W) uint8. InputError where the data has more classes than the model."""
        masks = items["mask"]
        if masks.numel() and int(masks.max()) >= len(self.names):
            raise InputError(
                f"the masks hold the class {int(masks.max())}, and the model has names for 0 to {len(self.names) - 1}: "
                "use data with the classes that it was made for"
            )
        return masks

    def parse(self, value: Any, indices: Sequence[int]) -> Tensor:
        """Masks, one or several in turn, as (B, H, W) uint8: files or Pillow's pictures, of class numbers or in the palette's colours (palette.py says
        which), or arrays of class numbers (H, W) or (N, H, W). Another size is cut and resized by nearest as in training, and said."""
        given = value if isinstance(value, (list, tuple)) else [value]
        masks = [mask for one in several(given) for mask in self._masks(one)]
        if not masks:
            raise InputError("no mask was given: name at least one file")
        return torch.from_numpy(np.stack([masks[n % len(masks)] for n in indices]))

    def in_turn(self, indices: Sequence[int]) -> None:
        return None

    def blank(self, count: int) -> Tensor:
        return torch.zeros((count, self.height, self.width), dtype=torch.uint8)

    def fitted(self, factor: int) -> Self:
        return replace(self, factor=factor)

    def build(self) -> nn.Module:
        return MaskRescaler(self)

    def _masks(self, given: Any) -> Iterator[np.ndarray]:
        if isinstance(given, (str, Path)):
            yield self._from_file(expanded(given))
        elif isinstance(given, Pillow.Image):
            if 0 in given.size:
                raise InputError(f"the mask {EMPTY.format(*given.size)}")
            yield self._from_picture(given, "the mask", lossy=getattr(given, "format", None) in JPEG)
        elif isinstance(given, (np.ndarray, Tensor)) and given.ndim in (2, 3):
            array = given.cpu().numpy() if isinstance(given, Tensor) else given
            found = read_numbers(array, self.names, self.palette, self.numbers, what="the mask")
            yield from (self._fitted(mask, "the mask") for mask in (found if found.ndim == 3 else [found]))
        else:
            shape = f" of shape {tuple(given.shape)}" if isinstance(given, (np.ndarray, Tensor)) else ""
            raise InputError(
                f"a mask cannot be of type {type(given).__name__}{shape}: give a file, a picture, or class numbers as an array (H, W) or (N, H, W)"
            )

    def _from_file(self, path: Path) -> np.ndarray:
        file = one_picture(path)
        with named(f"the mask {path}", "give the path of a PNG"), opened(file) as picture:
            picture.load()
            found, lossy = picture.copy(), picture.format in JPEG
        return self._from_picture(found, str(path), lossy=lossy)

    def _from_picture(self, picture: Pillow.Image, what: str, *, lossy: bool = False) -> np.ndarray:
        reading = read_picture(picture, self.names, self.palette, self.numbers, what=what, lossy=lossy)
        if reading.approximate:
            notice(
                f"{what}: {reading.approximate:,} of {reading.numbers.size:,} pixels have no colour of the palette exactly and count as the nearest one"
            )
        if reading.transparent:
            notice(f"{what}: {reading.transparent:,} transparent pixels count as {self.names[0]}, the first class")
        if reading.strange:
            notice(
                f"{what}: {reading.strange:,} of {reading.numbers.size:,} pixels have no colour of the palette and count as {UNLABELLED}, as in training"
            )
        if reading.twofold:
            notice(
                f"{what} is read by its numbers, as in training, and its colours would be another mask: save it as an 8-bit grey PNG of numbers, or as RGB"
            )
        return self._fitted(reading.numbers.astype(np.uint8), what, orientation(picture))

    def _fitted(self, mask: np.ndarray, what: str, turn: int = 1) -> np.ndarray:
        """Cut as masks are in training. `turn` is the orientation of EXIF."""
        height, width = mask.shape if turn < 5 else mask.shape[::-1]
        if not mask.size:
            raise InputError(f"{what} {EMPTY.format(width, height)}")
        if (height, width) != (self.height, self.width):
            part = "it" if height * self.width == width * self.height else "its central part"
            notice(
                f"{what} is {width} x {height} pixels and the images {self.width} x {self.height}: {part} was resized by nearest"
            )
        return np.ascontiguousarray(cut(mask[..., None], self, turn)[..., 0])


class MaskRescaler(nn.Module):
    """(masks (B, H, W) uint8, keep (B,) bool) -> (B, channels, ceil(H / factor), ceil(W / factor))."""

    def __init__(self, config: Mask) -> None:
        super().__init__()
        self.config = config
        self.conv = nn.Conv2d(len(config.names) + (config.drop > 0), config.channels, 1, bias=False)
        nn.init.normal_(self.conv.weight)  # each class a code of unit scale, as x_t is beside it

    def forward(self, masks: Tensor, keep: Tensor) -> Tensor:
        return self.conv(self.shares(masks, keep))

    def shares(self, masks: Tensor, keep: Tensor) -> Tensor:
        """How much of each place each class covers, (B, K, h, w): they sum to 1. "none", where there is one, is the last and covers all of what is dropped."""
        numbers, factor = masks.long(), self.config.factor
        if self.config.drop > 0:
            numbers = torch.where(keep[:, None, None], numbers, len(self.config.names))
        height, width = numbers.shape[1:]
        padded = F.pad(
            numbers[:, None].float(), (0, -width % factor, 0, -height % factor), mode="replicate"
        )  # whole numbers below 2**24 are exact
        places = F.pixel_unshuffle(padded, factor).long()
        shares = places.new_zeros((len(places), self.conv.in_channels, *places.shape[2:]), dtype=self.conv.weight.dtype)
        return shares.scatter_add_(1, places, torch.full_like(places, 1 / factor**2, dtype=shares.dtype))


def several(given: Sequence[Any]) -> list[Any]:
    """The same things, but "a.png,b.png" is two files unless there is one of that name."""
    found = []
    for one in given:
        if isinstance(one, str) and "," in one and not expanded(one).exists():
            found += [part.strip() for part in one.split(",") if part.strip()]
        else:
            found.append(one)
    return found
