"""Figures of the chain as probability."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from debruit.lecture import mixture
from debruit.lecture.figures.base import BLUE, ORANGE, density, new_figure
from debruit.lecture.mixture import Mixture, posterior, reverse
from debruit.lecture.probability import Probability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMIT = 3.0  # of the values shown


def joint_density(data: Mixture, *, before: float, after: float, x_t: float, x_0: float = 0.5) -> "Figure":
    """Plot q(x_s, x_t) with its marginals, and next to it q(x_s | x_t) and q(x_s | x_t, x_0).

    `before` and `after` are abar_s and abar_t, with s < t.
    """
    figure = new_figure(9.5, 4.4)
    grid = figure.add_gridspec(2, 3, width_ratios=(4, 1, 4.6), height_ratios=(1, 4))
    joint, over, side = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 1])
    back, x = figure.add_subplot(grid[:, 2]), torch.linspace(-LIMIT, LIMIT, 301, dtype=torch.float64)
    values = mixture.joint_density(data, before, after, x[None], x[:, None])
    joint.imshow(values, origin="lower", extent=(-LIMIT, LIMIT, -LIMIT, LIMIT), cmap="Blues", aspect="auto")
    joint.axhline(x_t, color=ORANGE, lw=1)
    joint.set_xlabel("$x_s$")
    joint.set_ylabel("$x_t$")
    over.fill_between(x, data.noised(before).density(x), color=BLUE, alpha=0.25)
    over.set_title("$q(x_s)$", fontsize=9)
    side.fill_betweenx(x, data.noised(after).density(x), color=BLUE, alpha=0.25)
    side.set_title("$q(x_t)$", fontsize=9)
    exact = reverse(data, before, after, x_t)
    mean, variance = posterior(before, after, x_0, x_t)
    xs = exact.grid()
    back.plot(xs, exact.density(xs), color=BLUE, label="$q(x_s | x_t)$")
    if variance > 0:
        back.plot(xs, density(xs.numpy(), mean, np.sqrt(variance)), "--", color=ORANGE, label="$q(x_s | x_t, x_0)$")
    reach = 4 * exact.variances.sqrt()
    back.set_xlim(float((exact.means - reach).min()), float((exact.means + reach).max()))
    back.set_title(f"$x_t$ = {x_t:g}, $x_0$ = {x_0:g}", fontsize=9)
    back.legend(frameon=False, fontsize=8)
    for axis in (over, side, back):
        axis.set_yticks([])
    over.set_xticks([])
    side.set_xticks([])
    return figure


def reverse_paths(panel: Probability) -> "Figure":
    """Plot the trajectories of each distribution, with log p_theta(x_{0:T}) of the first."""
    figure = new_figure(5 * len(panel.toys), 3)
    axes = np.atleast_1d(figure.subplots(1, len(panel.toys), sharey=True))
    axes[0].set_ylabel("$x_t$")
    for axis, toy in zip(axes, panel.toys, strict=True):
        axis.plot([0, *panel.steps], toy.paths.numpy(), color=BLUE, lw=0.8, alpha=0.6)
        axis.get_lines()[0].set(color=ORANGE, lw=2, alpha=1)
        axis.set_xlabel("t")
        axis.set_title(rf"$\log p_\theta(x_{{0:T}})$ = {float(toy.log_joint[0, 0]):.2f}", fontsize=10)
    return figure
