"""Image files of more than 8 bits a value: recognising and decoding them.

Pillow has no colour mode of 16 bits: such a file is decoded twice, for its high and for its low bytes.
"""

import struct
import sys
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from debruit.files.blobs import Openable

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")


def identified(file: BinaryIO) -> ImageFile.ImageFile:
    """Return the image in a file, its pixels not yet decoded, as `PIL.Image.open` does for these formats.

    Pillow's limit on the number of pixels is one setting for the whole process, so it is neither used nor changed here:
    `room_for` in pixels.py has a limit of its own. UnidentifiedImageError: it is none of these formats.
    """
    file.seek(0)
    prefix = file.read(16)
    for name in FORMATS:
        if name not in Image.OPEN:
            Image.init()
        factory, accepts = Image.OPEN[name]
        if accepts is not None and accepts(prefix) is not True:
            continue
        file.seek(0)
        try:
            return factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # what Pillow takes for "not of this format"
            continue
    raise UnidentifiedImageError("none of the formats that are read")


class Unreadable(Exception):
    """Raised for a file that is no usable image; the message gives the reason."""


def deep_planes(image: ImageFile.ImageFile, file: Openable) -> tuple[np.ndarray, np.ndarray | None]:
    """Values as they are stored, (H, W, C) float32, and alpha (H, W, 1) in [0, 1] or None. Unreadable: stored as is
    not read."""
    raw = raw_mode(image)
    if image.mode not in ("RGB", "RGBA"):
        swapped = image.tile[0].codec_name == "libtiff" and sys.byteorder == "little" and "B" in raw
        image.load()  # libtiff has put the bytes in order already, and Pillow does it again
        return np.asarray(_reread(file, raw.replace("B", "")) if swapped else image, dtype=np.float32)[..., None], None
    if raw == "LA;16B":  # four bytes a pixel: grey high, grey low, alpha high, alpha low
        both = np.asarray(_reread(file, "RGBA"), dtype=np.float32)
        both = both[..., 0::2] * 256 + both[..., 1::2]
        return both[..., :1], both[..., 1:] / 65535
    if getattr(image, "tag_v2", {}).get(284, 1) != 1:
        raise Unreadable("16-bit colour TIFF stored plane by plane, which is not read: save it interleaved, or as PNG")
    image.load()
    big_endian = raw.endswith("B") or (raw.endswith("N") and sys.byteorder == "big")
    low = np.asarray(_reread(file, f"{image.mode};16{'L' if big_endian else 'B'}"), dtype=np.float32)
    both = np.asarray(image, dtype=np.float32) * 256 + low
    return (both[..., :3], both[..., 3:] / 65535) if image.mode == "RGBA" else (both, None)


def _reread(where: Openable, raw: str) -> Image.Image:
    """The file's pixels, unpacked as if they were stored in another raw mode of as many bits."""
    with where.open("rb") as file, identified(file) as image:
        image.tile = [
            tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw) for tile in image.tile
        ]
        image.load()
        return image.copy()


def raw_mode(image: ImageFile.ImageFile) -> str:
    """Return Pillow's name of how the values of a file are packed."""
    args = image.tile[0].args if image.tile else ""
    raw = args[0] if isinstance(args, tuple) and args else args
    return raw if isinstance(raw, str) else ""


def depth_of(image: ImageFile.ImageFile) -> str:
    """Return "uint8", "uint16" or "float32"."""
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        return "float32"
    bits = getattr(image, "tag_v2", {}).get(258, (8,))
    return "uint16" if image.mode.startswith("I") or ";16" in raw_mode(image) or max(bits) == 16 else "uint8"
