"""Figure of the family of models."""

from typing import TYPE_CHECKING

from debruit.lecture.family import PROCESSES, SPAN, Family, relative
from debruit.lecture.figures.base import BLUE, INK, ORANGE, new_figure, picks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "langevin": "score,\nLangevin",
    "ode": "score,\nODE",
    "flow": "flow,\nODE",
    "ddpm": "DDPM,\nalgorithm 2",
}


def family_trajectories(panel: Family, *, columns: int = 5, points: int = 300, paths: int = 5) -> "Figure":
    """Plot the point set of each process at `columns` positions from noise to data, over the arrows that move it, with
    the paths of a few points; in the last row the VAE's samples with the line and the ellipse of two standard
    deviations of its p(x), and the data.
    """
    figure = new_figure(2.1 * columns, 10.2)
    axes = figure.subplots(len(PROCESSES) + 1, columns, sharex=True, sharey=True)
    for line, name in zip(axes, PROCESSES, strict=False):
        part = panel.processes[name]
        line[0].set_ylabel(NAMES[name])
        for axis, k in zip(line, picks(len(part.points), columns), strict=True):
            axis.quiver(*panel.grid.T, *relative(part.field)[k].T, color=INK, alpha=0.5, scale=14)
            for n in range(paths):
                axis.plot(*part.points[: k + 1, n].T, color=BLUE, lw=0.5, alpha=0.6)
            axis.plot(*part.points[k, :points].T, ".", color=ORANGE, ms=2)
            axis.set_title(f"$\\sigma_t$ = {part.levels[k].sigma:.2f}", fontsize=8)
    _vae(axes[-1], panel, points)
    for axis in axes.flat:
        axis.set(xlim=(-SPAN, SPAN), ylim=(-SPAN, SPAN), xticks=[], yticks=[], aspect="equal")
    return figure


def _vae(line, panel: Family, points: int) -> None:
    """Draw the last row: data, reconstructions, samples; the rest is empty."""
    import torch

    vae = panel.vae
    ends = vae.decode(torch.tensor([-2.5, 2.5], dtype=torch.float64))
    angle = torch.linspace(0, 2 * torch.pi, 100, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    ellipse = vae.mean + 2 * circle @ torch.linalg.cholesky(vae.covariance).T
    line[0].set_ylabel("VAE,\none step")
    for axis in line[2:]:
        axis.set_axis_off()
    for axis, title, shown in ((line[0], "samples", panel.vae_sample), (line[1], "data", panel.data)):
        axis.plot(*shown[:points].T, ".", color=ORANGE, ms=2)
        axis.plot(*ends.T, "--", color=BLUE, lw=1)
        axis.plot(*ellipse.T, "--", color=BLUE, lw=1)
        axis.set_title(title, fontsize=8)
