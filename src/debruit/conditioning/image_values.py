"""Images as values of a condition: read from a file, a Pillow image or an array, resized, and concatenated to x_t.

    image in the range of the data -> values in [-1, 1], (B, planes, H', W') -> the grid of the latents,
    (B, channels, h, w)

A latent position covers factor x factor pixels. A finer condition is folded into channels (pixel-unshuffle), a coarser
one is enlarged bilinearly, so that nothing is lost. Only the encoding of "none" is learned (SR3, Saharia et al. 2022;
Rombach et al. 2022, super-resolution).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.events import notice
from debruit.files.home import expanded
from debruit.images.colour_profiles import conversion_note, in_srgb, profile_of
from debruit.images.grids import image_file
from debruit.images.orientation import orientation, turned_upright
from debruit.images.pixels import WHITE, Target, decode, named, read_header
from debruit.images.spec import DataSpec

Size = tuple[int, int]
DROP = 0.1  # default of edges and first frames


def fold(step: int, factor: int) -> int:
    """Return how many pixels of a condition, each way, are folded into one latent position. One pixel of the condition
    covers `step` pixels of the image, and one latent position `factor`."""
    return max(1, -(-factor // step))


def unit_range(x: Tensor, spec: DataSpec) -> Tensor:
    """Map values from the range of the data to [0, 1], float32."""
    return ((x.to(torch.float32) - spec.low) / (spec.high - spec.low)).clamp(0, 1)


def given_images(value: Any, spec: DataSpec) -> Iterator[tuple[str, Tensor]]:
    """Read one or several images from a user: files, Pillow images, or arrays (C, H, W) or (N, C, H, W) in the range of
    the data. Yield a name for messages and the images, (N, C, H, W) float32 of any size.

    Raise InputError for a value that is no image, is empty, or has NaN or infinite pixels.
    """
    given = [value] if isinstance(value, (str, Path)) or not isinstance(value, (list, tuple)) else list(value)
    for each in given:
        what = str(each) if isinstance(each, (str, Path)) else "the image"
        images = _opened(each, what, spec)
        if not images.isfinite().all():
            raise InputError(f"{what} holds values that are NaN or infinite")
        yield what, images


def in_turn(values: list[Tensor], indices: Sequence[int]) -> Tensor:
    """Stack the values of the images with these indices, (B, ...): image k takes value k modulo their number. Raise
    InputError if there is no value."""
    if not values:
        raise InputError("no image was given: name at least one file")
    return torch.stack([values[n % len(values)] for n in indices])


def cropped(images: Tensor, size: Size) -> Tensor:
    """Crop images (N, C, H, W) to their largest central part with the proportions of `size`."""
    height, width = images.shape[2:]
    scale = min(height / size[0], width / size[1])
    rows, columns = max(1, round(scale * size[0])), max(1, round(scale * size[1]))
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[..., top : top + rows, left : left + columns]


def resized(images: Tensor, size: Size) -> Tensor:
    """Crop images (N, C, H, W) to the proportions of `size` and resize them: by area means if they are larger,
    bilinearly if they are smaller."""
    images = cropped(images, size)
    if images.shape[2] >= size[0] and images.shape[3] >= size[1]:
        return F.interpolate(images, size=size, mode="area")
    return F.interpolate(images, size=size, mode="bilinear")


def notice_size(what: str, size: Size, expected: Size) -> None:
    """Send a notice if an image of `size` has to be cropped or resized to `expected`, (height, width) each."""
    if size == expected:
        return
    first = "cropped and " if size[0] * expected[1] != size[1] * expected[0] else ""
    notice(
        f"{what} is {size[1]} x {size[0]} pixels and the model's condition {expected[1]} x {expected[0]}: it was "
        f"{first}resized"
    )


def rgb_image(values: Tensor) -> np.ndarray:
    """Convert values (C, h, w) in [-1, 1] to an image (h, w, 3) uint8, grey if C < 3."""
    values = values.cpu()
    values = values[:3] if len(values) >= 3 else values[:1].expand(3, -1, -1)
    return ((values + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


class ImageRescaler(nn.Module):
    """(values (B, planes, H', W'), keep (B,) bool) -> (B, planes fold^2, ceil(H / factor), ceil(W / factor)).

    `size` is (H, W), and `step` as in `fold`. Values of fewer positions are those of a window of step H' x step W'
    pixels, and give the positions of that window. With `none` the encoding of a dropped condition is learned, one
    number per channel.
    """

    def __init__(self, size: Size, planes: int, *, step: int, factor: int, none: bool) -> None:
        super().__init__()
        self.size, self.step, self.factor, self.fold = size, step, factor, fold(step, factor)
        self.none = nn.Parameter(torch.zeros(planes * self.fold**2)) if none else None

    def forward(self, values: Tensor, keep: Tensor) -> Tensor:
        size = [min(side, self.step * count) for side, count in zip(self.size, values.shape[2:], strict=True)]
        finer = self.step * self.fold / self.factor
        if finer != 1:
            values = F.interpolate(values, scale_factor=finer, mode="bilinear", recompute_scale_factor=False)
        rows, columns = (self.fold * -(-side // self.factor) for side in size)
        values = values[..., :rows, :columns]
        missing = (0, columns - values.shape[3], 0, rows - values.shape[2])
        values = F.pixel_unshuffle(F.pad(values, missing, mode="replicate"), self.fold)
        return values if self.none is None else torch.where(keep[:, None, None, None], values, self.none[:, None, None])


def _opened(given: Any, what: str, spec: DataSpec) -> Tensor:
    """Read one image, or an array of several, as (N, C, H, W) float32 in the range of the data."""
    if isinstance(given, (np.ndarray, Tensor)):
        return _array(given, spec)
    if isinstance(given, (str, Path)):
        pixels = _decoded(expanded(given), spec)
    elif isinstance(given, Pillow.Image):
        if 0 in given.size:
            raise InputError(f"{what} is {given.width} x {given.height} pixels, which is empty: give one that is not")
        pixels = _pixels(given, spec)
    else:
        raise InputError(
            f"an image cannot be of type {type(given).__name__}: give a file, a Pillow image, or an array (C, H, W) or "
            "(N, C, H, W) in the range of the data"
        )
    x = torch.from_numpy(pixels.astype(np.float32))[None]
    if pixels.dtype == np.uint8 and spec.depth != "uint8":  # an image of 8 bits for data of another depth
        return spec.low + x / 255 * (spec.high - spec.low)
    return x


def _array(given: np.ndarray | Tensor, spec: DataSpec) -> Tensor:
    array = torch.as_tensor(given).detach().cpu()
    if array.ndim not in (3, 4) or array.shape[-3] != spec.channels or not array.numel():
        raise InputError(
            f"an image of shape {tuple(array.shape)}: give ({spec.channels}, H, W) or (N, {spec.channels}, H, W), "
            f"with the data's values of {spec.low:g} to {spec.high:g}"
        )
    return array.reshape(-1, *array.shape[-3:]).to(torch.float32)


def _decoded(path: Path, spec: DataSpec) -> np.ndarray:
    """Decode a file as (C, H, W) in its own depth."""
    _check_channels(spec)
    file = image_file(path)
    with named(f"the image {path}", "give the path of a PNG or JPEG, or another that Pillow reads"):
        header = read_header(file)
        target = Target(
            height=header.height, width=header.width, channels=spec.channels, depth=header.depth, background=WHITE
        )
        pixels = decode(file, target)
    if note := conversion_note(str(path), header.profile):
        notice(note)
    return pixels


def _pixels(image: Pillow.Image, spec: DataSpec) -> np.ndarray:
    """Convert a Pillow image to (C, H, W), upright and in sRGB; uint8 unless its mode has more bits."""
    _check_channels(spec)
    turn, profile = orientation(image), profile_of(image)
    if image.mode == "F" or image.mode.startswith("I"):
        grey = turned_upright(np.asarray(image)[..., None], turn).transpose(2, 0, 1)
        return np.repeat(grey, spec.channels, axis=0)
    if note := conversion_note("the image", profile):
        notice(note)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        whole = in_srgb(image.convert("RGBA"), profile)
        image = Pillow.alpha_composite(Pillow.new("RGBA", whole.size, (*WHITE, 255)), whole)
    else:
        plain = image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
        image = in_srgb(plain, profile)
    pixels = np.asarray(image.convert("L" if spec.channels == 1 else "RGB"))
    return np.moveaxis(turned_upright(pixels.reshape(*pixels.shape[:2], -1), turn), 2, 0)


def _check_channels(spec: DataSpec) -> None:
    if spec.channels not in (1, 3):
        raise InputError(
            f"the images of this model have {spec.channels} channels, which no image file has: give an array "
            f"({spec.channels}, H, W)"
        )
