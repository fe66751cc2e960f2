"""Figures of the derivation of the bound."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from debruit.lecture.figures.base import BLUE, INK, ORANGE, new_figure
from debruit.lecture.objective import TwoSteps, jensen

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bound_waterfall(toy: TwoSteps) -> "Figure":
    """Plot H(q, p_theta) = H(q) + KL, the gap of the bound, and L_VUB = L_0 + L_1 + L_T, in nats."""
    d = toy.derivation
    rows = [
        ("$H(q)$", 0.0, d.entropy),
        (r"$D_{KL}(q \parallel p_\theta)$", d.entropy, d.cross_entropy),
        (r"$H(q, p_\theta)$", 0.0, d.cross_entropy),
        (r"$\mathcal{L}_{VUB} - H$", d.cross_entropy, d.jensen),
        (r"$\mathcal{L}_{VUB}$", 0.0, d.jensen),
        (r"$\mathcal{L}_0$", 0.0, d.decoder),
        (r"$\mathcal{L}_1$", d.decoder, d.decoder + d.step),
        (r"$\mathcal{L}_T$", d.decoder + d.step, d.bound),
    ]
    figure = new_figure(6.5, 3.4)
    axis = figure.subplots()
    for n, (_, start, end) in enumerate(rows):
        total = n in (2, 4)
        axis.barh(n, end - start, 0.6, left=start, color="none" if total else BLUE, edgecolor=INK if total else BLUE)
        axis.text(max(start, end), n, f"  {end - start:.4f}", va="center", fontsize=9)
    axis.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axis.invert_yaxis()
    axis.axvline(0, color=INK, lw=0.8, ls=":")
    axis.margins(x=0.15)
    axis.set_xlabel("nats")
    return figure


def weight_histogram(toy: TwoSteps, noise: torch.Tensor, *, x0: float = 0.5) -> "Figure":
    """Plot the log of the weight p_theta / q on trajectories from x0, its mean, and log p_theta(x0)."""
    logs = toy.log_weights(x0, noise).numpy()
    figure = new_figure(6, 3)
    axis = figure.subplots()
    axis.hist(logs, bins=60, color=BLUE, alpha=0.35)
    axis.axvline(logs.mean(), color=ORANGE, ls="--", label=r"$\mathbb{E}[\log W]$")
    axis.axvline(np.log(np.exp(logs).mean()), color=BLUE, label=r"$\log \mathbb{E}[W]$")
    axis.axvline(toy.log_likelihood(x0), color=INK, ls=":", label=r"$\log p_\theta(x_0)$")
    axis.set_xlabel(r"$\log W = \log p_\theta(x_{0:2}) / q(x_{1:2} | x_0)$")
    axis.set_yticks([])
    axis.legend(frameon=False, fontsize=8)
    return figure


def jensen_gap(x1: float = 0.35, x2: float = 2.8, weight: float = 0.5) -> "Figure":
    """Plot -log, its chord between x1 and x2, and the gap E[phi(X)] - phi(E[X])."""
    j, x = jensen(x1, x2, weight), np.linspace(min(x1, x2) / 2, 1.2 * max(x1, x2), 200)
    figure = new_figure(5, 3.4)
    axis = figure.subplots()
    axis.plot(x, -np.log(x), color=BLUE, label=r"$\phi = -\log$")
    axis.plot([x1, x2], [-np.log(x1), -np.log(x2)], "o--", color=INK)
    axis.plot([j.mean, j.mean], [j.curve, j.chord], color=ORANGE, lw=3, label=f"gap {j.gap:.4f}")
    axis.legend(frameon=False)
    axis.set_xlabel("X")
    axis.set_ylabel(r"$\phi(X)$")
    return figure
