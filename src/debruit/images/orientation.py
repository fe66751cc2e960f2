"""The orientation of an image by its EXIF metadata, and pixels turned upright by it."""

import numpy as np
from PIL import Image

from debruit.images.png_chunks import png_chunk

ORIENTATION = 0x0112


def turned_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, C) as EXIF says that it is to be seen."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    rows, columns = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(orientation, (1, 1))
    return pixels[::rows, ::columns]


def orientation(image: Image.Image) -> int:
    """How EXIF says that the image is to be seen, 1 to 8; from 5 on rows and columns are swapped."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # broken metadata is no reason to lose the image
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def orientation_ahead(image: Image.Image) -> int:
    """The orientation, of a PNG before its pixels are decoded: it may stand behind them."""
    if image.format != "PNG" or "exif" in image.info:
        return orientation(image)
    exif = Image.Exif()
    try:
        exif.load(png_chunk(getattr(image, "fp", None), b"eXIf"))
    except Exception:  # as above
        return 1
    value = exif.get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
