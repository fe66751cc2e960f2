"""An image as the condition of another, concatenated to x_t (Saharia et al. 2022, SR3; Rombach et al. 2022, super-resolution): a small one that is to be
enlarged, outlines that are to be filled, or the first frame of the clip that it is from.

image at rest -> means over scale x scale pixels, outlines, or itself -> values in [-1, 1] -> the latents' grid -> (B, channels, h, w)

The grid of the latents has places of factor x factor pixels. A condition that is finer is folded into channels (pixel-unshuffle), a coarser one enlarged
bilinearly: nothing of it is lost, and nothing is learned but the "none".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor, nn

from debruit.conditioning.edges import is_drawing, lines, outlines
from debruit.errors import InputError
from debruit.events import notice
from debruit.files.home import expanded
from debruit.images.colour_profiles import in_srgb, profile_of, said
from debruit.images.grids import picture as one_picture
from debruit.images.pixels import WHITE, Target, decode, named, orientation, read_header, turned_upright
from debruit.ranges import Share

if TYPE_CHECKING:
    from debruit.images.spec import DataSpec

DROP = 0.1  # of outlines and of first frames

Kind = Literal["low", "edges", "first"]


@dataclass(frozen=True, kw_only=True)
class Image:
    """`kind` "low": the image reduced by `scale`; "edges": its outlines; "first": the first frame of its clip. `of`, `height`, `width`, `depth`, `low` and
    `high` are the channels, the size and the range of the images (DataSpec). Its values are float32 in [-1, 1], (B, of, ceil(height / scale),
    ceil(width / scale)), and (B, 1, height, width) for outlines."""

    field: ClassVar[str] = "image"
    door: ClassVar[Literal["spatial"]] = "spatial"
    kind: Kind = "low"
    scale: int = 4
    of: int = 3
    height: int
    width: int
    depth: str = "uint8"
    low: float = 0
    high: float = 255
    factor: int = 1
    drop: Share = 0.0

    def __post_init__(self) -> None:
        """InputError where so small an image would have no pixels."""
        if not 1 <= self.scale <= min(self.height, self.width):
            raise InputError(
                f"scale={self.scale} of a condition on images of {self.width} x {self.height} pixels: give 1 to {min(self.height, self.width)}"
            )

    @classmethod
    def suited(cls, spec: "DataSpec", kind: Kind = "low", scale: int = 4) -> Self:
        """For the images of this data. A small image is never dropped, since enlarging needs one; outlines and first frames are."""
        return cls(
            kind=kind, scale=scale if kind == "low" else 1, of=spec.channels, height=spec.height, width=spec.width,
            depth=spec.depth, low=spec.low, high=spec.high, drop=0.0 if kind == "low" else DROP,
        )  # fmt: skip

    @property
    def reads(self) -> str:
        """The item of the data that it is made of."""
        return "first" if self.kind == "first" else "image"

    @property
    def step(self) -> int:
        """Pixels of the image to a pixel of the condition, each way."""
        return self.scale if self.kind == "low" else 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the condition."""
        return -(-self.height // self.step), -(-self.width // self.step)

    @property
    def fold(self) -> int:
        """Places of the condition that are folded into one of the latents, each way."""
        return max(1, -(-self.factor // self.step))

    @property
    def channels(self) -> int:
        return self.planes * self.fold**2

    @property
    def planes(self) -> int:
        """Channels of the condition: those of the images, or one of outlines."""
        return 1 if self.kind == "edges" else self.of

    def read(self, items: Mapping[str, Any]) -> Tensor:
        """The condition that is in the images themselves, or in the first frames of their clips, (B, C, H, W) at rest."""
        return self._made(items[self.reads].to(torch.float32))

    def parse(self, value: Any, indices: Sequence[int]) -> Tensor:
        """Images, one or several in turn: files or Pillow's pictures, or arrays at rest (C, H, W) or (N, C, H, W). A small image of exactly the condition's
        size is taken as it is; any other is cropped to the proportions and resized, and said. For "edges" a picture in black and white is lines
        already (of its rarer colour), and of any other the outlines are taken."""
        given = [value] if isinstance(value, (str, Path)) or not isinstance(value, (list, tuple)) else list(value)
        values = [one for each in given for one in self._parsed(each)]
        if not values:
            raise InputError("no image was given: name at least one file")
        return torch.stack([values[n % len(values)] for n in indices])

    def in_turn(self, indices: Sequence[int]) -> None:
        return None

    def blank(self, count: int) -> Tensor:
        return torch.zeros((count, self.planes, *self.size))

    def fitted(self, factor: int) -> Self:
        return replace(self, factor=factor)

    def build(self) -> nn.Module:
        return ImageRescaler(self)

    def _made(self, images: Tensor) -> Tensor:
        """The condition of images of the full size, float32 at rest: rounded where the data is whole numbers, as a small image is that comes from a file."""
        if self.kind == "edges":
            return 2 * outlines(self._share(images)) - 1
        if self.step > 1:
            padded = F.pad(images, (0, -self.width % self.step, 0, -self.height % self.step), mode="replicate")
            images = F.avg_pool2d(padded, self.step)
        return 2 * self._share(images if self.depth == "float32" else images.round()) - 1

    def _share(self, x: Tensor) -> Tensor:
        """Values at rest as shares of the range, in [0, 1]."""
        return ((x - self.low) / (self.high - self.low)).clamp(0, 1)

    def _parsed(self, given: Any) -> Tensor:
        """(N, C, h, w), the conditions of what was given at once."""
        what = str(given) if isinstance(given, (str, Path)) else "the image"
        images = self._opened(given, what)
        if not images.isfinite().all():
            raise InputError(f"{what} holds values that are NaN or infinite")
        size, full = (images.shape[2], images.shape[3]), (self.height, self.width)
        if self.kind == "edges":
            _tell_size(what, size, full)
            return torch.cat([self._outlined(image[None]) for image in images])
        if size == self.size:
            return 2 * self._share(images) - 1
        _tell_size(what, size, self.size)
        return self._made(images) if size == full else 2 * self._share(_resized(images, self.size)) - 1

    def _outlined(self, image: Tensor) -> Tensor:
        """The lines of a drawing, or the outlines of another image, (1, C, H, W) at rest of any size."""
        share = self._share(image)[0]
        if is_drawing(share):
            return 2 * lines(_cropped(share[None], self.size)[0], *self.size)[None] - 1
        return self._made(_resized(image, self.size))

    def _opened(self, given: Any, what: str) -> Tensor:
        """(N, C, H, W) float32 at rest."""
        if isinstance(given, (np.ndarray, Tensor)):
            return self._array(given)
        if isinstance(given, (str, Path)):
            pixels = self._decoded(expanded(given))
        elif isinstance(given, Pillow.Image):
            if 0 in given.size:
                raise InputError(
                    f"{what} is {given.width} x {given.height} pixels, which is empty: give one that is not"
                )
            pixels = self._pixels(given)
        else:
            raise InputError(
                f"an image cannot be of type {type(given).__name__}: give a file, a picture, or an array at rest (C, H, W) or (N, C, H, W)"
            )
        x = torch.from_numpy(pixels.astype(np.float32))[None]
        if pixels.dtype == np.uint8 and self.depth != "uint8":  # a picture in 8 bits of data with more
            return self.low + x / 255 * (self.high - self.low)
        return x

    def _array(self, given: np.ndarray | Tensor) -> Tensor:
        array = torch.as_tensor(given).detach().cpu()
        if array.ndim not in (3, 4) or array.shape[-3] != self.of or not array.numel():
            raise InputError(
                f"an image of shape {tuple(array.shape)}: give ({self.of}, H, W) or (N, {self.of}, H, W), "
                f"with the data's values of {self.low:g} to {self.high:g}"
            )
        return array.reshape(-1, *array.shape[-3:]).to(torch.float32)

    def _decoded(self, path: Path) -> np.ndarray:
        """A file, (C, H, W) in its own depth."""
        self._check_pictures()
        file = one_picture(path)
        with named(f"the image {path}", "give the path of a PNG or JPEG, or another that Pillow reads"):
            header = read_header(file)
            target = Target(
                height=header.height, width=header.width, channels=self.of, depth=header.depth, background=WHITE
            )
            pixels = decode(file, target)
        if note := said(str(path), header.profile):
            notice(note)
        return pixels

    def _pixels(self, picture: Pillow.Image) -> np.ndarray:
        """(C, H, W) of one of Pillow's pictures, 8 bits unless it has more."""
        self._check_pictures()
        turn, profile = orientation(picture), profile_of(picture)
        if picture.mode == "F" or picture.mode.startswith("I"):
            return np.repeat(turned_upright(np.asarray(picture)[..., None], turn).transpose(2, 0, 1), self.of, axis=0)
        if note := said("the image", profile):
            notice(note)
        if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
            whole = in_srgb(picture.convert("RGBA"), profile)
            picture = Pillow.alpha_composite(Pillow.new("RGBA", whole.size, (*WHITE, 255)), whole)
        else:
            plain = picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB")
            picture = in_srgb(plain, profile)
        pixels = np.asarray(picture.convert("L" if self.of == 1 else "RGB"))
        return np.moveaxis(turned_upright(pixels.reshape(*pixels.shape[:2], -1), turn), 2, 0)

    def _check_pictures(self) -> None:
        if self.of not in (1, 3):
            raise InputError(
                f"the images of this model have {self.of} channels, which no picture has: give an array ({self.of}, H, W)"
            )


class ImageRescaler(nn.Module):
    """(values (B, c, h', w'), keep (B,) bool) -> (B, channels, ceil(H / factor), ceil(W / factor))."""

    def __init__(self, config: Image) -> None:
        super().__init__()
        self.config = config
        self.none = nn.Parameter(torch.zeros(config.channels)) if config.drop > 0 else None

    def forward(self, values: Tensor, keep: Tensor) -> Tensor:
        config = self.config
        finer = config.step * config.fold / config.factor
        if finer != 1:
            values = F.interpolate(values, scale_factor=finer, mode="bilinear", recompute_scale_factor=False)
        rows, columns = (config.fold * -(-side // config.factor) for side in (config.height, config.width))
        values = values[..., :rows, :columns]
        missing = (0, columns - values.shape[3], 0, rows - values.shape[2])
        values = F.pixel_unshuffle(F.pad(values, missing, mode="replicate"), config.fold)
        return values if self.none is None else torch.where(keep[:, None, None, None], values, self.none[:, None, None])


def _cropped(images: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest central part of these proportions, to the pixel."""
    height, width = images.shape[2:]
    scale = min(height / size[0], width / size[1])
    rows, columns = max(1, round(scale * size[0])), max(1, round(scale * size[1]))
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[..., top : top + rows, left : left + columns]


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Cropped to the proportions and resized: by the mean over what a pixel covers where they are larger, bilinearly where smaller."""
    images = _cropped(images, size)
    if images.shape[2] >= size[0] and images.shape[3] >= size[1]:
        return F.interpolate(images, size=size, mode="area")
    return F.interpolate(images, size=size, mode="bilinear")


def _tell_size(what: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    """Says that something is resized, where it is."""
    if size == wanted:
        return
    cropped = "cropped and " if size[0] * wanted[1] != size[1] * wanted[0] else ""
    notice(
        f"{what} is {size[1]} x {size[0]} pixels and the model's condition {wanted[1]} x {wanted[0]}: it was {cropped}resized"
    )
