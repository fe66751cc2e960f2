"""Grids of images: each file of a grid that debruit writes holds its layout, so that a single image of it is read by
FILE#NUMBER, counted from 0.

A file whose name really ends in "#2" is that file.
"""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from debruit.errors import InputError
from debruit.files.blobs import Blob
from debruit.files.home import expanded

KEY = "debruit-grid"  # of the text chunk in a PNG


@dataclass(frozen=True, kw_only=True)
class Grid:
    """`count` images of `height` x `width` pixels, each enlarged `scale` times, in `columns` and `rows` with `gap`
    pixels around each. Image n is in row n div columns; with `by_column` in row n mod rows."""

    columns: int
    rows: int
    height: int
    width: int
    scale: int = 1
    gap: int = 0
    count: int
    by_column: bool = False

    @property
    def order(self) -> str:
        """The order in which the images are numbered."""
        return "column by column" if self.by_column else "row by row"

    def text(self) -> str:
        """Return the text that is stored in the file."""
        return json.dumps(asdict(self))

    def box(self, n: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of image n."""
        row, column = (n % self.rows, n // self.rows) if self.by_column else divmod(n, self.columns)
        left = self.gap + column * (self.width * self.scale + self.gap)
        top = self.gap + row * (self.height * self.scale + self.gap)
        return left, top, left + self.width * self.scale, top + self.height * self.scale


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Images anywhere in a larger image, each enlarged `scale` times: `boxes` are left, top, right and bottom of each.
    They are numbered `by_row`, or in the order of sampling, where those of one condition form a block."""

    boxes: tuple[tuple[int, int, int, int], ...]
    scale: int = 1
    by_row: bool = False

    @property
    def count(self) -> int:
        return len(self.boxes)

    @property
    def order(self) -> str:
        """The order in which the images are numbered."""
        return "row by row" if self.by_row else "in the order of sampling, those of one condition in a block"

    def text(self) -> str:
        """Return the text that is stored in the file."""
        return json.dumps(asdict(self))

    def box(self, n: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of image n."""
        return self.boxes[n]


def _read(text: str) -> Grid | Cells:
    fields = json.loads(text)
    if "boxes" not in fields:
        return Grid(**fields)
    boxes = tuple((left, top, right, bottom) for left, top, right, bottom in fields["boxes"])
    return Cells(boxes=boxes, scale=fields["scale"], by_row=fields["by_row"])


def grid_in(path: Path) -> Grid | Cells | None:
    """Return the grid that a file describes; None if it describes none, or is no image."""
    try:
        with open(path, "rb") as file, Image.open(file, formats=("PNG",)) as image:
            grid = _read(image.info[KEY])
            boxes = [grid.box(n) for n in range(grid.count)]
            fits = boxes and max(b[2] for b in boxes) <= image.width and max(b[3] for b in boxes) <= image.height
            return grid if fits else None  # a grid that was cut or made smaller since
    except Exception:  # whatever a foreign file holds: reading it as an image will report the problem
        return None


def image_file(given: str | Path) -> Path | Blob:
    """Return the file, or the single image of a grid that FILE#NUMBER names. InputError: a grid without a number; a
    number out of range; a number of a file that is no grid."""
    path = expanded(given)
    if path.exists():
        return _of_one(path)
    base, mark, number = str(path).rpartition("#")
    if not mark or not Path(base).is_file():
        return path
    grid = grid_in(Path(base))
    if grid is None:
        raise InputError(
            f"{path}: {base} is no grid that debruit wrote, so that it has no image {number}: leave #{number} out"
        )
    if not (number.isdecimal() and number.isascii() and int(number) < grid.count):
        raise InputError(f"{path}: {base} is a grid of {grid.count} images, {_ways(base, grid)}")
    return _cell(Path(base), grid, int(number))


def images_in(given: str | Path) -> list[str]:
    """Return the names of all images that a file holds: FILE#0, FILE#1, ... of a grid, else the name itself."""
    path = expanded(given)
    grid = grid_in(path) if path.is_file() else None
    return [str(given)] if grid is None else [f"{given}#{n}" for n in range(grid.count)]


def _of_one(path: Path) -> Path | Blob:
    grid = grid_in(path) if path.is_file() else None
    if grid is None:
        return path
    if grid.count == 1:
        return _cell(path, grid, 0)
    shape = f" ({grid.columns} x {grid.rows})" if isinstance(grid, Grid) else ""
    raise InputError(f"{path} is a grid of {grid.count} images{shape}: say which, {_ways(path, grid)}")


def _ways(base: str | Path, grid: Grid | Cells) -> str:
    return f"{base}#0 to {base}#{grid.count - 1}, {grid.order}"


def _cell(path: Path, grid: Grid | Cells, n: int) -> Blob:
    """Return image n as a file of its own, in its original size."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").crop(grid.box(n)))[:: grid.scale, :: grid.scale]
    grey = bool((pixels == pixels[..., :1]).all())
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels)).save(file, "PNG")
    return Blob(file.getvalue())
