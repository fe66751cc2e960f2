"""Autoguidance: away from what a weaker version of the model believes."""

from debruit.diffusion.prediction import Estimate
from debruit.sampling.guidance.classifier_free import Guided, alone
from debruit.sampling.sampler import Denoise


def autoguidance(strong: Denoise, weak: Denoise, weight: float) -> Guided:
    """D_w + w (D - D_w) on x_0 and eps, both under the same condition, and beside it D. Karras et al. 2024
    (autoguidance).

    w = 1 is the model itself and w = 0 the weaker one; then the other is not evaluated. A learned variance is the
    model's own.
    """
    if weight in (0, 1):
        return alone(strong if weight == 1 else weak)

    def guided(x, t) -> tuple[Estimate, Estimate]:
        good, bad = strong(x, t), weak(x, t)
        x0, eps = (weight * ours + (1 - weight) * theirs for ours, theirs in ((good.x0, bad.x0), (good.eps, bad.eps)))
        return Estimate(x0, eps, good.fraction), good

    return guided
