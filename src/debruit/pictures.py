"""Images as pictures to look at: grids, strips, PNG files."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from debruit.data.dataset import DataSpec
from debruit.files import write_atomically

CAPTION_WIDTH, CAPTION_LETTERS, CAPTION_SIZE = 170, 24, 13  # pixels, letters a line, points


def displayable(images: Tensor, spec: DataSpec) -> np.ndarray:
    """Images at rest, (N, C, H, W), as uint8 (N, H, W, 3): the data's range on 0..255; of other than 1 or 3 channels the first three
    (or the first, in grey)."""
    values = ((spec.to_model(images) + 1) * 127.5).round().clamp(0, 255).byte()
    values = values[:, :3] if spec.channels >= 3 else values[:, :1].expand(-1, 3, -1, -1)
    return values.permute(0, 2, 3, 1).numpy()


def grid(pictures: np.ndarray, *, columns: int | None = None, gap: int = 2, scale: int | None = None) -> Image.Image:
    """(N, H, W, 3) uint8 side by side, in rows of `columns` (as square as can be when None), enlarged `scale` times without smoothing
    (so that a picture has at least 64 pixels when None)."""
    count, height, width, _ = pictures.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    scale = scale or max(1, round(64 / max(height, width)))
    cell_h, cell_w = height * scale + gap, width * scale + gap
    sheet = np.full((rows * cell_h + gap, columns * cell_w + gap, 3), 255, np.uint8)
    for n, picture in enumerate(pictures):
        top, left = gap + n // columns * cell_h, gap + n % columns * cell_w
        sheet[top : top + height * scale, left : left + width * scale] = picture.repeat(scale, 0).repeat(scale, 1)
    return Image.fromarray(sheet)


def captioned(
    rows: Sequence[tuple[str, np.ndarray]], *, heads: Sequence[str] = (), scale: int = 1, gap: int = 6
) -> Image.Image:
    """Rows of pictures, each (n, H, W, 3) uint8, with their captions to the left, broken into lines; `heads` stand above the columns."""
    height, width = rows[0][1].shape[1] * scale, rows[0][1].shape[2] * scale
    columns, margin, top = max(len(pictures) for _, pictures in rows), CAPTION_WIDTH, 20 if heads else gap
    sheet = Image.new("RGB", (margin + columns * (width + gap), top + len(rows) * (height + gap)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(CAPTION_SIZE)
    for column, head in enumerate(heads):
        pen.text((margin + column * (width + gap), 2), head, fill="gray", font=font)
    for row, (caption, pictures) in enumerate(rows):
        y = top + row * (height + gap)
        pen.multiline_text((gap, y + gap), textwrap.fill(caption, CAPTION_LETTERS), fill="black", font=font)
        for column, picture in enumerate(pictures):
            image = Image.fromarray(picture.repeat(scale, 0).repeat(scale, 1))
            sheet.paste(image, (margin + column * (width + gap), y))
    return sheet


def grid_by_row(pictures: np.ndarray, rows: int) -> Image.Image:
    """Such a grid with picture n in row n mod `rows`; what is missing at the ends is white."""
    columns = math.ceil(len(pictures) / rows)
    places = np.full((rows, columns, *pictures.shape[1:]), 255, np.uint8)
    for n, picture in enumerate(pictures):
        places[n % rows, n // rows] = picture
    return grid(places.reshape(-1, *pictures.shape[1:]), columns=columns)


def save(picture: Image.Image, path: Path) -> None:
    """A PNG, written atomically."""
    write_atomically(path, lambda temporary: picture.save(temporary, format="PNG"))
