"""Figures of algorithms 1 and 2."""

from typing import TYPE_CHECKING

from debruit.errors import InputError
from debruit.lecture.figures.base import BLUE, ORANGE, grid, new_figure, picks
from debruit.lecture.forward import Forward
from debruit.lecture.reverse import Frames, Reverse
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


def algorithm_2(panel: Reverse, *, own: bool = False, columns: int = 6) -> "Figure":
    """Plot x_t, eps_theta, x_0^, mu_theta, sigma z and x_{t-1} at `columns` steps, from noise to image, as printed or
    with the model's `own` settings.

    InputError: `own` of a model whose settings change nothing.
    """
    run, chosen = _run(panel, own=own), picks(len(panel.steps), columns)[::-1]
    rows = [
        ("$x_t$", run.x_t[chosen], 1.0),
        (r"$\epsilon_\theta$", run.eps_hat[chosen], NOISE_SPAN),
        (r"$\hat{x}_0$", run.x0_hat[chosen], 1.0),
        (r"$\mu_\theta$", run.mean[chosen], 1.0),
        (r"$\sigma_t z$", run.kick[chosen], NOISE_SPAN),
        ("$x_{t-1}$", run.x_next[chosen], 1.0),
    ]
    return grid(rows, [f"t = {panel.steps[k]}" for k in chosen])


def both_runs(panel: Reverse) -> "Figure":
    """Plot every image along the chain, as printed and under it with the model's own settings."""
    rows = []
    for n, printed in enumerate(panel.printed.strip):
        rows.append((f"{n}, printed", printed, 1.0))
        if panel.own is not None:
            rows.append((f"{n}, own", panel.own.strip[n], 1.0))
    return grid(rows, [f"t = {i}" for i in panel.strip_steps])


def clipped_share(panel: Reverse) -> "Figure":
    """Plot the share of the values of x_0^ outside [-1, 1] by t, in both runs."""
    figure = new_figure(6, 3)
    axis = figure.subplots()
    axis.plot(panel.steps, panel.printed.outside, color=BLUE, label="as printed")
    if panel.own is not None:
        axis.plot(panel.steps, panel.own.outside, "--", color=ORANGE, label="own settings, before clipping")
    axis.set_title(r"share of $\hat{x}_0$ outside $[-1, 1]$")
    axis.set_xlabel("t")
    axis.legend(frameon=False, fontsize=8)
    return figure


def _run(panel: Reverse, *, own: bool) -> Frames:
    if own and panel.own is None:
        raise InputError("this model's own settings neither guide nor clip: there is one run, the printed one")
    return panel.own if own and panel.own is not None else panel.printed
