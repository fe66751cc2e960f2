"""Layout, colours and densities that the figures share."""

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from debruit.errors import InputError
from debruit.lecture.sprites import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, INK = "#2b6cb0", "#c2611f", "#22272e"


def grid(rows: list[tuple[str, Tensor, float]], titles: list[str]) -> "Figure":
    """Plot rows of images (K, C, H, W) with their symbol at the left and titles above."""
    figure = new_figure(1.35 * len(titles) + 1.2, 1.3 * len(rows) + 0.3)
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    for line, (name, values, span) in zip(axes, rows, strict=True):
        for axis, image in zip(line, shown(values, span), strict=True):
            axis.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    return figure


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of this size in inches. InputError: matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures are drawn with matplotlib, which is not installed: pip install 'debruit[plot]'"
        ) from None
    return Figure(figsize=(width, height), layout="constrained")


def picks(count: int, number: int) -> list[int]:
    """Return `number` indices of 0..count - 1, including both ends."""
    return [round(k) for k in np.linspace(0, count - 1, min(number, count))]


def density(values: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Return the density of N(mean, std^2) at `values`."""
    return np.exp(-(((values - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))
