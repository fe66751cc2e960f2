"""Figures of the network: its U-Net, the time encoding, attention maps."""

from typing import TYPE_CHECKING

import numpy as np

from debruit.errors import InputError
from debruit.lecture.attention import AttentionMaps
from debruit.lecture.figures.base import BLUE, INK, ORANGE, new_figure
from debruit.lecture.network import Anatomy, Part
from debruit.lecture.time_encoding import TimeEncoding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGNS = {"residual": "R", "attention": "A", "transformer": "T"}


def network_diagram(panel: Anatomy) -> "Figure":
    """Plot the U-Net as a U: channels, sizes and layers of each part (R residual block, A self-attention, T transformer
    with cross-attention), skip connections dashed. InputError: a network that is no U-Net."""
    if panel.unet is None:
        raise InputError(f"{panel.name} is no U-Net: this figure has the levels of a U-Net")
    levels = len(panel.unet.multipliers)
    figure = new_figure(10, 1.1 * (levels + 2))
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set_xlim(0, 10)
    axis.set_ylim(-levels - 0.6, 1.4)
    at: dict[tuple[str, int], float] = {}
    for part in panel.parts:
        if part.side in ("down", "middle", "up"):
            inside = 0.5 * part.level
            x = {"down": 1.4 + inside, "middle": 5.0, "up": 8.6 - inside}[part.side]
            y = -part.level - (1 if part.side == "middle" else 0)
            at[part.side, part.level] = x
            _box(axis, x, y, _about(part))
    shape = " x ".join(map(str, panel.input))
    _box(axis, 1.4, 1, f"$x_t$  {shape}", INK)
    _box(axis, 8.6, 1, f"output  {' x '.join(map(str, panel.output))}", INK)
    _box(axis, 5.0, 1, f"$\\gamma(t)$  {panel.unet.channels}\nto every residual block", ORANGE)
    for level in range(levels):
        left, right = at["down", level], at["up", level]
        _arrow(axis, (left + 0.95, -level), (right - 0.95, -level), "--")
        if level + 1 < levels:
            _arrow(axis, (left + 0.25, -level - 0.25), (left + 0.25, -level - 0.75))
            _arrow(axis, (right - 0.25, -level - 0.75), (right - 0.25, -level - 0.25))
    _arrow(axis, (1.4, 0.8), (1.4, 0.25))
    _arrow(axis, (8.6, 0.25), (8.6, 0.8))
    bottom = levels - 1
    _arrow(axis, (at["down", bottom], -bottom - 0.25), (4.0, -levels))
    _arrow(axis, (6.0, -levels), (at["up", bottom], -bottom - 0.25))
    signs = "R residual block, A self-attention, T self- and cross-attention; dashed: skip connections"
    axis.text(5, -levels - 0.55, signs, ha="center", va="center", fontsize=8, color=INK)
    axis.set_title(f"{panel.name}, {panel.parameters:,} parameters, {panel.operations / 1e9:.3g} GFLOP an image")
    return figure


def _about(part: Part) -> str:
    """Two lines: channels and size, and the signs of the layers."""
    own = [layer for layer in part.layers if layer.kind in SIGNS]
    size = " x ".join(map(str, own[-1].size))
    return f"{own[-1].outputs} channels, {size}\n{' '.join(SIGNS[layer.kind] for layer in own)}"


def _box(axis: "Axes", x: float, y: float, text: str, ink: str = BLUE) -> None:
    style = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": ink}
    axis.text(x, y, text, ha="center", va="center", fontsize=9, bbox=style, zorder=3)


def _arrow(axis: "Axes", start: tuple[float, float], end: tuple[float, float], style: str = "-") -> None:
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "linestyle": style, "color": INK})


def time_encodings(panel: TimeEncoding) -> "Figure":
    """Plot the encoding of every step (rows are channels) and the similarity of each two steps."""
    figure = new_figure(11, 3.6)
    left, right = figure.subplots(1, 2)
    first, last = panel.steps[0] - 0.5, panel.steps[-1] + 0.5
    shown = {"cmap": "gray", "vmin": -1, "vmax": 1, "aspect": "auto", "interpolation": "nearest"}
    left.imshow(panel.curve.T.numpy(), extent=(first, last, panel.channels, 0), **shown)
    left.axhline(panel.half, color=ORANGE, lw=1)
    left.set_title(r"$\gamma$: cosines above, sines below the line")
    left.set_ylabel("channel")
    image = right.imshow(panel.similarity.numpy(), extent=(first, last, last, first), **shown)
    right.set_title(r"$\gamma(\tau) \cdot \gamma(\tau') / h$")
    figure.colorbar(image, ax=right)
    for axis in (left, right):
        axis.set_xlabel("t")
    return figure


def attention_map(panel: AttentionMaps, *, layer: int = 0, row: int = 0, column: int = 0) -> "Figure":
    """Plot what one position of an attention layer attends to at every time that is kept, as the mean of its heads;
    `row` and `column` count the layer's positions.

    InputError: there is no such layer or position.
    """
    if not 0 <= layer < len(panel.maps):
        raise InputError(f"there is no attention layer {layer}: the network has {len(panel.maps)}, counted from 0")
    maps = panel.maps[layer]
    grid = maps.layer.grid
    if not (0 <= row < grid[0] and 0 <= column < grid[1]):
        raise InputError(f"there is no position ({row}, {column}): the layer has {grid[0]} x {grid[1]}, counted from 0")
    r, c = (
        min(range(len(picked)), key=lambda n: abs(picked[n] - index))
        for picked, index in ((maps.rows, row), (maps.columns, column))
    )
    weights = maps.weights[:, 0, r, c].unflatten(-1, maps.keys)
    figure = new_figure(1.5 * len(panel.steps), 2.4 if maps.layer.cross else 2.0)
    for axis, step, values in zip(
        np.atleast_1d(figure.subplots(1, len(panel.steps))), panel.steps, weights, strict=True
    ):
        axis.imshow(values.numpy(), cmap="gray", vmin=0)
        axis.set_title(f"t = {step}", fontsize=9)
        axis.set_xticks(range(len(panel.tokens)) if maps.layer.cross else [])
        axis.set_yticks([])
        if maps.layer.cross:
            axis.set_xticklabels(panel.tokens, rotation=90, fontsize=7)
        else:
            block = (-(-grid[0] // maps.keys[0]), -(-grid[1] // maps.keys[1]))
            axis.plot(maps.columns[c] // block[1], maps.rows[r] // block[0], "s", mfc="none", mec=ORANGE, mew=2)
    figure.suptitle(f"{maps.layer.path}, position ({maps.rows[r]}, {maps.columns[c]})", fontsize=9)
    return figure
