"""One image file -> one array. PNG, JPEG, WebP, TIFF, BMP and GIF (first frame), as Pillow reads them.

    file -> header (size, channels, depth, colours) -> pixels -> centre crop and resize -> sRGB -> onto the background
         -> (C, H, W)

Every way in which a file can be broken ends in `Unreadable`, whose message is the reason.
"""

import contextlib
import os
import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageColor, ImageFile, UnidentifiedImageError

from debruit.errors import InputError, nearest
from debruit.files.blobs import Openable
from debruit.images.colour_profiles import Profile, deep_in_srgb, in_srgb, profile_of
from debruit.images.deep_files import Unreadable, deep_planes, depth_of, identified, raw_mode
from debruit.images.orientation import orientation, orientation_ahead, turned_upright

JPEG = ("JPEG", "MPO")  # MPO: what many phones write into a .jpg
EXTENSIONS = {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif"}
MAX_PIXELS = 100_000_000  # more would take gigabytes to decode
LARGE_PIXELS = 16_000_000  # decoded one at a time
DEPTHS = ("uint8", "uint16", "float32")  # in the order in which one contains the other
FULL = {"uint8": 255, "uint16": 65535, "float32": 1.0}  # the value of white in a file of each depth
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
_one_large_image = threading.Lock()


class Sized(Protocol):
    """Anything with the size of an image."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Header:
    """The properties of an image file, read before its pixels are decoded. The size is the one after rotation.
    `profile` is the colour space that is converted to sRGB, None where there is nothing to convert."""

    name: str
    format: str
    height: int
    width: int
    channels: int
    depth: str
    alpha: bool
    animated: bool
    profile: Profile | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """The format to which every image of a data set is converted."""

    height: int
    width: int
    channels: int
    depth: str
    background: tuple[int, int, int]


def parse_color(name: str) -> tuple[int, int, int]:
    """A colour's name or #rrggbb -> red, green, blue."""
    try:
        return ImageColor.getrgb(name)[:3]
    except ValueError:
        hint = nearest(name, ImageColor.colormap) or ";"
        raise InputError(f"unknown background colour '{name}'{hint} give a name such as white, or #rrggbb") from None


def read_header(file: Openable, *, name: str = "") -> Header:
    """Reads the header alone. Unreadable when there is none."""
    with opened(file) as image:
        raw, deep = raw_mode(image), depth_of(image)
        height, width = image.height, image.width
        # Pillow turns a TIFF's size itself
        if image.format in (*JPEG, "WEBP", "PNG") and orientation_ahead(image) >= 5:
            height, width = width, height
        grey = image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;") or raw.startswith("LA;16")
        if image.mode in ("P", "PA"):
            grey = _grey_palette(image)
        alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or ("transparency" in image.info and deep == "uint8")
        animated = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        return Header(
            name=name,
            format="JPEG" if image.format == "MPO" else str(image.format),
            height=height,
            width=width,
            channels=1 if grey else 3,
            depth=deep,
            alpha=alpha,
            animated=animated,
            profile=_profile(image, deep),
        )


def _profile(image: ImageFile.ImageFile, depth: str) -> Profile | None:
    """Floats are left as they are: they count something, or are light, and no profile says which."""
    profile = profile_of(image)
    if profile is None or profile.problem or depth != "float32":
        return profile
    return Profile(profile.name, problem="its values are floating-point")


def decode(file: Openable, target: Target) -> np.ndarray:
    """The image as (C, H, W) of the target's depth. Unreadable says why it cannot be had."""
    with opened(file) as image:
        if image.format in JPEG:  # decoded at 1/2, 1/4 or 1/8 where that is still twice the target
            side = 2 * max(target.width, target.height)
            image.draft(image.mode, (side, side))
        with room_for(image):
            depth = depth_of(image)
            pixels = _eight_bit(image, target) if depth == "uint8" else _deep(image, file, target)
    if target.channels == 3 and pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(_converted(pixels, depth, target.depth).transpose(2, 0, 1))


def room_for(image: Image.Image) -> contextlib.AbstractContextManager:
    """Within it an image may be decoded: large ones wait for each other. Unreadable: it is too large."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise Unreadable(
            f"{image.width:,} x {image.height:,} pixels, more than the {MAX_PIXELS // 10**6} million that "
            "are decoded: make it smaller first"
        )
    return _one_large_image if pixels > LARGE_PIXELS else contextlib.nullcontext()


@contextlib.contextmanager
def named(what: str, fix: str = "give a PNG, or another that Pillow reads") -> Generator[None, None, None]:
    """Inside, a file is read that the user named: Unreadable becomes an InputError of one sentence."""
    try:
        yield
    except Unreadable as reason:
        raise InputError(f"{what} cannot be read: {reason}; {fix}") from None


@contextlib.contextmanager
def opened(where: Openable) -> Generator[ImageFile.ImageFile, None, None]:
    """Open a file as Pillow's image, not yet decoded. Unreadable: it is no image, or something goes wrong while it
    is open."""
    try:
        # by its path Pillow would map the file, and then forget to turn a TIFF
        with where.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                raise Unreadable("zero bytes")
            with identified(file) as image:
                yield image
    except (Unreadable, InputError):
        raise
    except MemoryError:
        raise Unreadable("not enough memory to decode it") from None
    except UnidentifiedImageError:
        raise Unreadable("damaged, or not a PNG, JPEG, WebP, TIFF, BMP or GIF of a kind that Pillow reads") from None
    except FileNotFoundError:
        raise Unreadable("no such file, or a link to nowhere") from None
    except Exception as error:  # the decoders raise whatever a broken file makes them stumble over
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreadable(" ".join(text.split())[:120]) from None


def _eight_bit(image: ImageFile.ImageFile, target: Target) -> np.ndarray:
    profile = profile_of(image)
    image.load()
    turn = orientation(image)
    alpha = "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    grey = target.channels == 1 and image.mode in ("1", "L", "LA")
    mode = ("LA" if grey else "RGBA") if alpha else ("L" if grey else "RGB")
    mode = "CMYK" if profile is not None and profile.space == "CMYK" else mode
    seen = _resized(image if image.mode == mode else image.convert(mode), target, turned=turn >= 5)
    seen = in_srgb(seen, profile)
    if alpha:
        ground = Image.new("RGBA", seen.size, (*target.background, 255))
        seen = Image.alpha_composite(ground, seen.convert("RGBA"))
    pixels = np.asarray(seen.convert("L" if target.channels == 1 else "RGB"))
    return turned_upright(pixels.reshape(*pixels.shape[:2], -1), turn)


def _deep(image: ImageFile.ImageFile, file: Openable, target: Target) -> np.ndarray:
    """16 bits or floats, (H, W, C). Resized as float, clipped to the values that were there before."""
    profile = _profile(image, depth_of(image))
    planes, alpha = deep_planes(image, file)
    planes = deep_in_srgb(planes, profile, FULL["uint16"])
    if not np.isfinite(planes).all():
        raise Unreadable("holds values that are NaN or infinite")
    low, high = planes.min(), planes.max()
    turn = orientation(image)
    if alpha is not None:
        planes = np.repeat(planes, target.channels // planes.shape[2], axis=2)
        ground = np.array(target.background[: planes.shape[2]], np.float32) * 257
        planes = alpha * planes + (1 - alpha) * ground
        low, high = planes.min(), planes.max()
    channels = [Image.fromarray(np.ascontiguousarray(planes[..., c])) for c in range(planes.shape[2])]
    pixels = np.stack([np.asarray(_resized(c, target, turned=turn >= 5)) for c in channels], axis=2).clip(low, high)
    pixels = pixels if depth_of(image) == "float32" else np.rint(pixels).astype(np.uint16)
    return turned_upright(pixels, turn)


def _resized(image: Image.Image, target: Target, *, turned: bool) -> Image.Image:
    size, box = central_part(image.size, target, turned=turned)
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def central_part(
    full: tuple[int, int], target: Sized, *, turned: bool
) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    """The target's (width, height), and the box of the largest central part of these proportions in an image of
    `full` (width, height). `turned`: rows and columns are swapped."""
    width, height = (target.height, target.width) if turned else (target.width, target.height)
    scale = min(full[0] / width, full[1] / height)
    left, top = (full[0] - scale * width) / 2, (full[1] - scale * height) / 2
    box = (max(left, 0), max(top, 0), min(left + scale * width, full[0]), min(top + scale * height, full[1]))
    return (width, height), box


def _converted(pixels: np.ndarray, depth: str, target_depth: str) -> np.ndarray:
    """Integers keep their share of the range: 255 becomes 65535, and 1.0 among floats."""
    if depth == target_depth:
        return pixels
    if target_depth == "uint16":
        return pixels.astype(np.uint16) * np.uint16(257)
    return pixels.astype(np.float32) / FULL[depth]


def _grey_palette(image: Image.Image) -> bool:
    if image.palette is None:
        return False
    entry = len(image.palette.rawmode or image.palette.mode)
    table = np.frombuffer(bytes(image.palette.palette), dtype=np.uint8)
    table = table[: len(table) // entry * entry].reshape(-1, entry)[:, :3]
    return bool((table == table[:, :1]).all())
