"""The panels as matplotlib figures, for notebooks and slides: each function returns a figure that is neither shown nor
saved.

This module is public API (docs/explain.md); nothing else in the package imports it.

study = begin(debruit.load("runs/f"), "shoe.png") figures.forward_chain(forward(study)).savefig("forward.pdf")
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.lecture.forward import Forward
from debruit.lecture.guidance import Guidance
from debruit.lecture.latents import Latents
from debruit.lecture.reverse import Reverse
from debruit.lecture.samplers import SamplerTable
from debruit.lecture.schedules import Curve
from debruit.lecture.sprites import shown
from debruit.lecture.terms import Terms
from debruit.lecture.walk import Walk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, INK = "#2b6cb0", "#c2611f", "#22272e"
NOISE, LATENT = 3.0, 2.5  # values shown as white


def forward_chain(panel: Forward, *, columns: int = 6) -> "Figure":
    """Plot x_t, eps, eps_theta, x_0^ and mu~ at `columns` steps from clean to noise."""
    picks = _picks(len(panel.steps), columns)
    rows = [
        ("$x_t$", panel.x_t[picks], 1.0),
        (r"$\epsilon$", panel.eps.expand(len(picks), *panel.eps.shape), NOISE),
        (r"$\epsilon_\theta$", panel.eps_hat[picks], NOISE),
        (r"$\hat{x}_0$", panel.x0_hat[picks], 1.0),
        (r"$\tilde{\mu}_t$", panel.posterior[picks], 1.0),
    ]
    return _grid(rows, [f"t = {panel.steps[k]}" for k in picks])


def schedule_curves(curves: list[Curve]) -> "Figure":
    """Plot beta, abar, SNR and the signal left of every schedule; the thick line is the model's own."""
    figure = _figure(10, 6)
    axes = figure.subplots(2, 2, sharex=True).flatten()
    names = [
        r"$\beta_t$",
        r"$\bar{\alpha}_t$",
        r"$\mathrm{SNR} = \bar{\alpha}_t / (1 - \bar{\alpha}_t)$",
        r"$\sqrt{\bar{\alpha}_t}$",
    ]
    for curve in curves:
        values = [curve.beta, curve.abar, curve.snr, curve.signal]
        for axis, value in zip(axes, values, strict=True):
            finite = torch.where(value > 0, value, torch.nan) if axis in (axes[0], axes[2]) else value
            axis.plot(
                curve.t,
                finite,
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
    figure = _figure(2.4 * columns, 2.6)
    picks, started = _picks(len(panel.steps), columns), panel.started_at(x0)
    for axis, k in zip(np.atleast_1d(figure.subplots(1, columns)), picks, strict=True):
        mean, std = float(panel.mean[k]) * x0, float(panel.variance[k]) ** 0.5
        values = np.linspace(mean - 4 * std, mean + 4 * std, 200)
        axis.hist(started[k].numpy(), bins=40, range=(values[0], values[-1]), density=True, color=ORANGE, alpha=0.45)
        axis.plot(values, _density(values, mean, std), color=BLUE)
        axis.set_title(f"t = {panel.steps[k]}")
        axis.set_yticks([])
    return figure


def step_back(panel: Forward, *, row: int, column: int, channel: int = 0, columns: int = 4) -> "Figure":
    """Plot q(x_{t-1} | x_t, x_0) and p_theta(x_{t-1} | x_t) of one pixel, at steps above 1.

    InputError: a pixel outside the image.
    """
    shape = tuple(panel.x0.shape)
    if not all(0 <= v < most for v, most in zip((channel, row, column), shape, strict=True)):
        raise InputError(
            f"there is no pixel in channel {channel}, row {row}, column {column}: the image is {shape} (channels, "
            "height, width), counted from 0"
        )
    picks = [k for k in _picks(len(panel.steps), columns + 1) if panel.posterior_variance[k] > 0]
    figure = _figure(2.8 * len(picks), 2.6)
    for axis, k in zip(np.atleast_1d(figure.subplots(1, len(picks))), picks, strict=True):
        variance = panel.variance[k].expand(shape)[channel, row, column]
        posterior, mean = (float(x[k, channel, row, column]) for x in (panel.posterior, panel.mean))
        gaussians = [
            (posterior, float(panel.posterior_variance[k]) ** 0.5, BLUE, r"$q(x_{t-1}|x_t,x_0)$"),
            (mean, float(variance) ** 0.5, ORANGE, r"$p_\theta(x_{t-1}|x_t)$"),
        ]
        low, high = min(m - 4 * s for m, s, *_ in gaussians), max(m + 4 * s for m, s, *_ in gaussians)
        values = np.linspace(low, high, 300)
        for mean, std, ink, name in gaussians:
            axis.plot(values, _density(values, mean, std), color=ink, label=name)
            axis.fill_between(values, _density(values, mean, std), color=ink, alpha=0.12)
        axis.set_title(f"t = {panel.steps[k]}")
        axis.set_yticks([])
    axis.legend(frameon=False, fontsize=7)
    return figure


def bound_terms(panel: Terms) -> "Figure":
    """Plot L_{t-1} by t in bits/dim, and the weight and the squared error whose product it is."""
    figure = _figure(11, 3)
    bits, weight, simple = figure.subplots(1, 3)
    middle, width = (panel.first + panel.last) / 2, panel.counts
    unit = panel.dimensions * np.log(2)
    bits.bar(middle, panel.nats / unit, width, yerr=panel.error / unit, color=BLUE, ecolor=INK, error_kw={"lw": 0.8})
    bits.set_yscale("log")
    bits.set_title(f"$L_{{t-1}}$, bits/dim; in all {panel.bits(panel.total):.2f} ± {panel.bits(panel.total_error):.2f}")
    weight.semilogy(middle, panel.weight, color=BLUE)
    weight.set_title(r"weight $\beta_t^2 / (2 \sigma_t^2 \alpha_t (1 - \bar{\alpha}_t))$")
    simple.plot(middle, panel.simple, color=BLUE)
    simple.set_title(r"mean of $(\epsilon - \epsilon_\theta)^2$")
    for axis in (bits, weight, simple):
        axis.set_xlabel("t")
    return figure


def algorithm_2(panel: Reverse, *, columns: int = 6) -> "Figure":
    """Plot x_t, eps_theta, x_0^, mu_theta, sigma z and x_{t-1} at `columns` steps, from noise to image."""
    picks = _picks(len(panel.steps), columns)[::-1]
    rows = [
        ("$x_t$", panel.x_t[picks], 1.0),
        (r"$\epsilon_\theta$", panel.eps_hat[picks], NOISE),
        (r"$\hat{x}_0$", panel.x0_hat[picks], 1.0),
        (r"$\mu_\theta$", panel.mean[picks], 1.0),
        (r"$\sigma_t z$", panel.kick[picks], NOISE),
        ("$x_{t-1}$", panel.x_next[picks], 1.0),
    ]
    return _grid(rows, [f"t = {panel.steps[k]}" for k in picks])


def sampler_table(panel: SamplerTable, spec: DataSpec) -> "Figure":
    """Plot every sampler (rows) at every number of network evaluations (columns); `spec` is `model.config.data`."""
    rows = []
    for row in panel.rows:
        images = [torch.zeros_like(panel.solution) if cell is None else cell.image for cell in row.cells]
        rows.append((row.name, spec.to_model(torch.stack(images)), 1.0))
    return _grid(rows, [f"{budget} evaluations" for budget in panel.budgets])


def guidance_weights(panel: Guidance, spec: DataSpec) -> "Figure":
    """Plot one noise a row at each guidance weight (columns); `spec` is `model.config.data`."""
    rows = [(f"noise {n}", spec.to_model(images), 1.0) for n, images in enumerate(panel.images.transpose(0, 1))]
    return _grid(rows, [f"w = {weight:g}" for weight in panel.weights])


def latent_channels(panel: Latents, spec: DataSpec, *, columns: int = 6) -> "Figure":
    """Plot each channel of z_0^ at `columns` steps, and the image that it decodes to; `spec` is `model.config.data`."""
    picks = _picks(len(panel.steps), columns)
    rows = [(f"$\\hat{{z}}_0$, {c}", panel.z0_hat[picks][:, c : c + 1], LATENT) for c in range(panel.z0_hat.shape[1])]
    rows.append((r"$D(\hat{z}_0)$", spec.to_model(panel.decoded_z0_hat[picks]), 1.0))
    return _grid(rows, [f"t = {panel.steps[k]}" for k in picks])


def _grid(rows: list[tuple[str, Tensor, float]], titles: list[str]) -> "Figure":
    """Plot rows of images (K, C, H, W) with their symbol at the left and titles above."""
    figure = _figure(1.35 * len(titles) + 1.2, 1.3 * len(rows) + 0.3)
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


def _figure(width: float, height: float) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures are drawn with matplotlib, which is not installed: pip install 'debruit[plot]'"
        ) from None
    return Figure(figsize=(width, height), layout="constrained")


def _picks(count: int, picks: int) -> list[int]:
    """Return `picks` indices of 0..count - 1, including both ends."""
    return [round(k) for k in np.linspace(0, count - 1, min(picks, count))]


def _density(values: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.exp(-(((values - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))
