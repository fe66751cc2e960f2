"""Figure of an autoencoder's losses."""

from typing import TYPE_CHECKING

from debruit.lecture.figures.base import BLUE, new_figure
from debruit.lecture.first_stage import WEIGHTS, FirstStageFigures
from debruit.lecture.sprites import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "reconstruction": r"$\mathcal{L}_{recons}$",
    "kl": r"$\mathcal{L}_{KLD}$",
    "codebook": "codebook",
    "perceptual": r"$\mathcal{L}_{perceptual}$",
}


def four_losses(panel: FirstStageFigures, *, weights: dict[str, float] | None = None) -> "Figure":
    """Plot the image, what it decodes to and their difference (four times), and each known loss times its weight; the
    adversarial loss has no value, since no discriminator is stored.
    """
    weights = WEIGHTS | (weights or {})
    figure = new_figure(11, 2.6)
    axes = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.7))
    difference = panel.decoded - panel.x
    images = (("$x$", panel.x, 1.0), ("$D(E(x))$", panel.decoded, 1.0), ("difference, x 4", difference, 0.25))
    for axis, (name, values, span) in zip(axes, images, strict=False):
        image = shown(values[None], span)[0]
        axis.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axis.set(xticks=[], yticks=[], title=name)
    names = list(panel.terms)
    products = [weights[name] * panel.terms[name] for name in names]
    axes[3].barh([NAMES[name] for name in names], products, color=BLUE)
    for n, (name, product) in enumerate(zip(names, products, strict=True)):
        axes[3].annotate(f" {weights[name]:g} x {panel.terms[name]:.3g}", (product, n), va="center", fontsize=8)
    axes[3].invert_yaxis()
    axes[3].margins(x=0.35)
    axes[3].set_title("weight x loss")
    return figure
