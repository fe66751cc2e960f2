"""Image files that keep the depth of the data."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from debruit.files.atomic import synchronise, temporary_of


def write_images(images: Mapping[Path, np.ndarray]) -> None:
    """Each image (C, H, W) under its name without suffix, in the format that keeps its depth: PNG, TIFF for grey float
    data, and an array for what neither holds. Each file is whole or not there.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for stem, image in images.items():
            target = stem.with_suffix(_suffix(image))
            temporary = temporary_of(target)
            written.append((temporary, target))
            _write(temporary, image)
            synchronise(temporary)
        for temporary, target in written:
            os.replace(temporary, target)
        if written:
            synchronise(written[0][1].parent)
    finally:
        for temporary, _ in written:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _suffix(image: np.ndarray) -> str:
    grey, depth = len(image) == 1, image.dtype.name
    if (depth == "uint8" and len(image) in (1, 3)) or (depth == "uint16" and grey):
        return ".png"
    return ".tiff" if depth == "float32" and grey else ".npy"


def _write(path: Path, image: np.ndarray) -> None:
    suffix = _suffix(image)
    with open(path, "wb") as file:
        if suffix == ".npy":
            np.save(file, image)
        else:
            pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
            Image.fromarray(pixels).save(file, format=suffix[1:].upper())
