"""Figures of the forward process and of single steps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from debruit.errors import InputError
from debruit.lecture.figures.base import BLUE, ORANGE, density, grid, new_figure, picks
from debruit.lecture.forward import Forward
from debruit.lecture.schedules import Curve
from debruit.lecture.sprites import NOISE_SPAN
from debruit.lecture.walk import Walk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))  # of the schedules


def forward_chain(panel: Forward, *, columns: int = 6) -> "Figure":
    """Plot x_t, eps, eps_theta, x_0^ and mu~ at `columns` steps from clean to noise."""
    chosen = picks(len(panel.steps), columns)
    rows = [
        ("$x_t$", panel.x_t[chosen], 1.0),
        (r"$\epsilon$", panel.eps.expand(len(chosen), *panel.eps.shape), NOISE_SPAN),
        (r"$\epsilon_\theta$", panel.eps_hat[chosen], NOISE_SPAN),
        (r"$\hat{x}_0$", panel.x0_hat[chosen], 1.0),
        (r"$\tilde{\mu}_t$", panel.posterior[chosen], 1.0),
    ]
    return grid(rows, [f"t = {panel.steps[k]}" for k in chosen])


def schedule_curves(curves: list[Curve]) -> "Figure":
    """Plot beta, abar, SNR and the signal left of every schedule; the thick line is the model's own."""
    figure = new_figure(10, 6)
    axes = figure.subplots(2, 2, sharex=True).flatten()
    names = [
        r"$\beta_t$",
        r"$\bar{\alpha}_t$",
        r"$\mathrm{SNR} = \bar{\alpha}_t / (1 - \bar{\alpha}_t)$",
        r"$\sqrt{\bar{\alpha}_t}$",
    ]
    for n, curve in enumerate(curves):
        values = [curve.beta, curve.abar, curve.snr, curve.signal]
        for axis, value in zip(axes, values, strict=True):
            finite = torch.where(value > 0, value, torch.nan) if axis in (axes[0], axes[2]) else value
            axis.plot(
                curve.t,
                finite,
                linestyle=STYLES[n % len(STYLES)],
                lw=3 if curve.model else 1.3,
                label=curve.name + (" (this model)" if curve.model else ""),
            )
    for axis, name in zip(axes, names, strict=True):
        axis.set_title(name)
    for axis, low, high in ((axes[0], 1e-5, 1), (axes[2], 1e-4, 1e4)):
        axis.set_yscale("log")
        axis.set_ylim(low, high)
    axes[2].set_xlabel("t / T")
    axes[3].set_xlabel("t / T")
    axes[1].legend(frameon=False, fontsize=8)
    return figure


def walk_histograms(panel: Walk, *, x0: float = 0.8, columns: int = 5) -> "Figure":
    """Plot the walkers of a pixel of value x0 as histograms, and the closed form as curves."""
    figure = new_figure(2.4 * columns, 2.6)
    chosen, started = picks(len(panel.steps), columns), panel.started_at(x0)
    for axis, k in zip(np.atleast_1d(figure.subplots(1, columns)), chosen, strict=True):
        mean, std = float(panel.mean[k]) * x0, float(panel.variance[k]) ** 0.5
        values = np.linspace(mean - 4 * std, mean + 4 * std, 200)
        axis.hist(started[k].numpy(), bins=40, range=(values[0], values[-1]), density=True, color=ORANGE, alpha=0.45)
        axis.plot(values, density(values, mean, std), color=BLUE)
        axis.set_title(f"t = {panel.steps[k]}")
        axis.set_yticks([])
    return figure


def step_back(
    panel: Forward, *, row: int, column: int, channel: int = 0, columns: int = 4, frames: Sequence[int] | None = None
) -> "Figure":
    """Plot q(x_{t-1} | x_t, x_0) and p_theta(x_{t-1} | x_t) of one pixel, at `columns` steps above 1, or at those of
    the `frames`, indices of `panel.steps`.

    InputError: a pixel outside the image.
    """
    shape = tuple(panel.x0.shape)
    if not all(0 <= v < most for v, most in zip((channel, row, column), shape, strict=True)):
        raise InputError(
            f"there is no pixel in channel {channel}, row {row}, column {column}: the image is {shape} (channels, "
            "height, width), counted from 0"
        )
    shown = picks(len(panel.steps), columns + 1) if frames is None else frames
    chosen = [k for k in shown if panel.posterior_variance[k] > 0]
    figure = new_figure(2.8 * len(chosen), 2.9)
    for axis, k in zip(np.atleast_1d(figure.subplots(1, len(chosen))), chosen, strict=True):
        variance = panel.variance[k].expand(shape)[channel, row, column]
        posterior, mean = (float(x[k, channel, row, column]) for x in (panel.posterior, panel.mean))
        gaussians = [
            (posterior, float(panel.posterior_variance[k]) ** 0.5, BLUE, "-", r"$q(x_{t-1}|x_t,x_0)$"),
            (mean, float(variance) ** 0.5, ORANGE, "--", r"$p_\theta(x_{t-1}|x_t)$"),
        ]
        low, high = min(m - 4 * s for m, s, *_ in gaussians), max(m + 4 * s for m, s, *_ in gaussians)
        values = np.linspace(low, high, 300)
        for mean, std, ink, style, name in gaussians:
            axis.plot(values, density(values, mean, std), style, color=ink, label=name)
            axis.fill_between(values, density(values, mean, std), color=ink, alpha=0.12)
        axis.set_title(f"t = {panel.steps[k]}")
        axis.set_yticks([])
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure
