"""Figures of the bound, of samplers, of guidance and of latents."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from debruit.images.spec import DataSpec
from debruit.lecture.figures.base import BLUE, INK, grid, new_figure, picks
from debruit.lecture.guidance import Guidance
from debruit.lecture.latents import Latents
from debruit.lecture.samplers import SamplerTable
from debruit.lecture.sprites import LATENT_SPAN
from debruit.lecture.terms import Terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bound_terms(panel: Terms) -> "Figure":
    """Plot L_{t-1} by t in bits/dim, and the weight and the squared error whose product it is."""
    figure = new_figure(11, 3)
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


def sampler_table(panel: SamplerTable, spec: DataSpec) -> "Figure":
    """Plot every sampler (rows) at every number of network evaluations (columns); `spec` is `model.config.data`."""
    rows = []
    for row in panel.rows:
        images = [torch.zeros_like(panel.solution) if cell is None else cell.image for cell in row.cells]
        rows.append((row.name, spec.to_model(torch.stack(images)), 1.0))
    return grid(rows, [f"{budget} evaluations" for budget in panel.budgets])


def guidance_weights(panel: Guidance, spec: DataSpec) -> "Figure":
    """Plot one noise a row at each guidance weight (columns); `spec` is `model.config.data`."""
    rows = [(f"noise {n}", spec.to_model(images), 1.0) for n, images in enumerate(panel.images.transpose(0, 1))]
    return grid(rows, [f"w = {weight:g}" for weight in panel.weights])


def latent_channels(panel: Latents, spec: DataSpec, *, columns: int = 6) -> "Figure":
    """Plot each channel of z_0^ at `columns` steps, and the image that it decodes to; `spec` is `model.config.data`."""
    chosen = picks(len(panel.steps), columns)
    rows = [
        (f"$\\hat{{z}}_0$, {c}", panel.z0_hat[chosen][:, c : c + 1], LATENT_SPAN) for c in range(panel.z0_hat.shape[1])
    ]
    rows.append((r"$D(\hat{z}_0)$", spec.to_model(panel.decoded_z0_hat[chosen]), 1.0))
    return grid(rows, [f"t = {panel.steps[k]}" for k in chosen])
