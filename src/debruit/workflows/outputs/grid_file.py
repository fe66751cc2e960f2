"""Images that are kept in memory until the last one: a grid or an animation in one file, or no file at all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from debruit.errors import InputError
from debruit.images import figures
from debruit.images.animation import MOVING, save_animation
from debruit.images.spec import DataSpec
from debruit.workflows.outputs.manifest import count_text

GRID_PIXELS = 10**8  # of a grid: 300 MB in memory


class MemoryWriter:
    """Keeps all images in memory."""

    present = extra = 0
    resumable = False

    def __init__(self, count: int) -> None:
        self.count = count
        self._parts: list[Tensor] = []

    def missing(self) -> Iterator[range]:
        yield range(self.count)

    def add(self, first: int, images: Tensor) -> None:
        self._parts.append(images)

    def finish(self) -> None:
        """Nothing is left to do."""

    def status(self) -> str:
        return "nothing was written"

    def paths(self) -> tuple[Path, ...]:
        return ()

    def images(self) -> Tensor:
        """All of them, (N, C, H, W) at rest."""
        return torch.cat(self._parts)


class GridWriter(MemoryWriter):
    """One file of all images, which `save` writes at the end."""

    def __init__(self, out: Path, count: int, save: Callable[[Tensor], object]) -> None:
        super().__init__(count)
        self.out, self._save = out, save

    def finish(self) -> None:
        self._save(self.images())

    def status(self) -> str:
        one = f"{self.out} is one grid of {count_text(self.count)}"
        return f"nothing was written: {one}; --out FOLDER writes each image when it is ready"

    def paths(self) -> tuple[Path, ...]:
        return (self.out,)


def check_pixels(out: Path, count: int, shape: tuple[int, ...]) -> None:
    """InputError if a grid of `count` images (C, H, W) would have more than GRID_PIXELS."""
    scale = max(1, round(64 / max(shape[1:])))  # as figures.grid
    pixels = (shape[1] * scale + 2) * (shape[2] * scale + 2)
    if count * pixels > GRID_PIXELS:
        raise InputError(
            f"--out {out}: a grid of {count_text(count)} would have {count * pixels / 1e6:,.0f} million pixels, "
            f"and the limit is {GRID_PIXELS / 1e6:,.0f} million, {GRID_PIXELS // pixels:,} images: give a folder or "
            "FILE.npy, or a smaller -n"
        )


def save_images(images: Tensor, spec: DataSpec, out: Path, *, columns: int | None = None, rows: int = 1) -> None:
    """Images at rest, (N, C, H, W), in one file: .gif and .webp move, one image is written at its own size and depth,
    several are a grid, in rows of `columns`, or with image n in row n mod `rows`.
    """
    if out.suffix.lower() in MOVING:
        save_animation(figures.displayable(images, spec), out)
    elif len(images) == 1:
        figures.save_single(images[0], spec, out)
    else:
        figures.save_grid(images, spec, out, columns=columns, rows=rows)
