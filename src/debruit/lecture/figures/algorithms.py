"""Figures of algorithms 1 and 2."""

from typing import TYPE_CHECKING

from debruit.lecture.figures.base import BLUE, ORANGE, grid, new_figure, picks
from debruit.lecture.forward import Forward
from debruit.lecture.reverse import Reverse
from debruit.lecture.sprites import NOISE_SPAN
from debruit.lecture.training import Iterations

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def algorithm_1(panel: Iterations, *, columns: int = 6) -> "Figure":
    """Plot eps, x_t, eps_theta and their difference in the first `columns` iterations."""
    chosen = range(min(columns, len(panel.steps)))
    first = slice(len(chosen))
    rows = [
        (r"$\epsilon$", panel.eps[first], NOISE_SPAN),
        ("$x_t$", panel.x_t[first], 1.0),
        (r"$\epsilon_\theta$", panel.eps_hat[first], NOISE_SPAN),
        (r"$\epsilon - \epsilon_\theta$", (panel.eps - panel.eps_hat)[first], NOISE_SPAN),
    ]
    return grid(rows, [f"t = {panel.steps[n]}\nloss {float(panel.loss[n]):.3g}" for n in chosen])


def losses_by_t(panel: Iterations, chain: Forward | None = None) -> "Figure":
    """Plot the loss of each iteration by its t, per value, over that of one noise at every t (`chain`)."""
    figure = new_figure(6, 3.4)
    axis = figure.subplots()
    if chain is not None:
        axis.plot(chain.steps, chain.simple_loss, "--", color=BLUE, label="one noise at every t")
    axis.plot(panel.steps, panel.mean_loss, "o", color=ORANGE, label="iterations of algorithm 1")
    axis.set_yscale("log")
    axis.set_title(r"mean of $(\epsilon - \epsilon_\theta)^2$")
    axis.set_xlabel("t")
    axis.legend(frameon=False, fontsize=8)
    return figure


def algorithm_2(panel: Reverse, *, columns: int = 6) -> "Figure":
    """Plot x_t, eps_theta, x_0^, mu_theta, sigma z and x_{t-1} at `columns` steps, from noise to image."""
    chosen = picks(len(panel.steps), columns)[::-1]
    rows = [
        ("$x_t$", panel.x_t[chosen], 1.0),
        (r"$\epsilon_\theta$", panel.eps_hat[chosen], NOISE_SPAN),
        (r"$\hat{x}_0$", panel.x0_hat[chosen], 1.0),
        (r"$\mu_\theta$", panel.mean[chosen], 1.0),
        (r"$\sigma_t z$", panel.kick[chosen], NOISE_SPAN),
        ("$x_{t-1}$", panel.x_next[chosen], 1.0),
    ]
    return grid(rows, [f"t = {panel.steps[k]}" for k in chosen])
