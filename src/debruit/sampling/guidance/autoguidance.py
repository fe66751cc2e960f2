"""Autoguidance: away from the estimate of a guide model, a smaller or less trained version of the model."""

from debruit.diffusion.prediction import Estimate
from debruit.sampling.guidance.classifier_free import Guided, alone
from debruit.sampling.sampler import Denoise


def autoguidance(main: Denoise, guide: Denoise, weight: float) -> Guided:
    """D_w + w (D - D_w) on x_0 and eps, both under the same condition; returned together with D. Karras et al. 2024
    (autoguidance), https://arxiv.org/abs/2406.02507

    w = 1 is the model itself and w = 0 the guide model; then the other is not evaluated. A learned variance is the
    model's own.
    """
    if weight in (0, 1):
        return alone(main if weight == 1 else guide)

    def guided(x, t) -> tuple[Estimate, Estimate]:
        good, bad = main(x, t), guide(x, t)
        x0, eps = (weight * ours + (1 - weight) * theirs for ours, theirs in ((good.x0, bad.x0), (good.eps, bad.eps)))
        return Estimate(x0, eps, good.fraction), good

    return guided
