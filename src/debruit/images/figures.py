"""Figures: images as grids, and PNG files of them. Sheets with captions are in contact_sheet.py and row_sheet.py."""

import json
import math
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from debruit.events import notice
from debruit.files.atomic import write_atomically
from debruit.images.grids import KEY, Grid
from debruit.images.spec import DataSpec


def displayable(images: Tensor, spec: DataSpec) -> np.ndarray:
    """Images at rest, (N, C, H, W), as uint8 (N, H, W, 3): the data's range on 0..255; of other than 1 or 3 channels
    the first three (or the first, in grey)."""
    values = ((spec.to_model(images) + 1) * 127.5).round().clamp(0, 255).byte()
    values = values[:, :3] if spec.channels >= 3 else values[:, :1].expand(-1, 3, -1, -1)
    return values.permute(0, 2, 3, 1).numpy()


def grid(images: np.ndarray, *, columns: int | None = None, gap: int = 2, scale: int | None = None) -> Image.Image:
    """(N, H, W, 3) uint8 side by side, in rows of `columns` (as square as can be when None), enlarged `scale` times
    without smoothing (to at least 64 pixels an image when None)."""
    count, height, width, _ = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    scale = scale or max(1, round(64 / max(height, width)))
    cell_h, cell_w = height * scale + gap, width * scale + gap
    sheet = np.full((rows * cell_h + gap, columns * cell_w + gap, 3), 255, np.uint8)
    for n, image in enumerate(images):
        top, left = gap + n // columns * cell_h, gap + n % columns * cell_w
        sheet[top : top + height * scale, left : left + width * scale] = image.repeat(scale, 0).repeat(scale, 1)
    figure = Image.fromarray(sheet)
    layout = Grid(columns=columns, rows=rows, height=height, width=width, scale=scale, gap=gap, count=count)
    figure.info[KEY] = layout.text()
    return figure


def grid_by_row(images: np.ndarray, rows: int) -> Image.Image:
    """Draw a grid with image n in row n mod `rows`; missing images at the ends are white."""
    columns = math.ceil(len(images) / rows)
    cells = np.full((rows, columns, *images.shape[1:]), 255, np.uint8)
    for n, image in enumerate(images):
        cells[n % rows, n // rows] = image
    figure = grid(cells.reshape(-1, *images.shape[1:]), columns=columns)
    layout = replace(Grid(**json.loads(figure.info[KEY])), count=len(images), by_column=True)
    figure.info[KEY] = layout.text()
    return figure


def save(figure: Image.Image, path: Path) -> None:
    """Write a PNG atomically; the layout of a grid is stored in it (images/grids.py)."""
    text = PngInfo()
    if KEY in figure.info:
        text.add_text(KEY, figure.info[KEY])
    write_atomically(path, lambda temporary: figure.save(temporary, format="PNG", pnginfo=text))


def save_grid(images: Tensor, spec: DataSpec, path: Path, *, columns: int | None = None, rows: int = 1) -> None:
    """Write images at rest, (N, C, H, W), as a grid of 8 bits a value, in rows of `columns`, or with image n in row
    n mod `rows`. A notice reports a loss of depth."""
    if spec.depth != "uint8":
        notice(
            f"{path} is a grid of 8 bits a value and the model's images are {spec.depth}: FILE.npy or a folder keeps "
            "them exactly"
        )
    shown = displayable(images, spec)
    save(grid(shown, columns=columns) if rows == 1 else grid_by_row(shown, rows), path)


def save_single(image: Tensor, spec: DataSpec, path: Path) -> None:
    """Write one image at rest, (C, H, W), as a PNG of its size, channels and depth; if PNG has no such kind, in 8 bits
    a value, with a notice."""
    depth, pixels = str(image.dtype).removeprefix("torch."), image.numpy()
    if len(pixels) not in (1, 3) or depth not in ("uint8", "uint16"):
        notice(
            f"{path} holds 8 bits a value and at most three channels, the model's images are {len(pixels)} x {depth}: "
            "FILE.npy keeps them exactly"
        )
        save(Image.fromarray(displayable(image[None], spec)[0]), path)
    elif depth == "uint16" and len(pixels) == 3:
        data = _png_of_16_bits(pixels.transpose(1, 2, 0))
        write_atomically(path, lambda temporary: temporary.write_bytes(data))
    else:
        save(Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)), path)


def _png_of_16_bits(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint16 as a PNG, which Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, _ = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
