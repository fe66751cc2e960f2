"""Rescaled guidance: the contrast that guidance adds is reduced."""

from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.sampling.guidance.classifier_free import Guided
from debruit.sampling.sampler import Denoise, level


def rescaled(guided: Guided, process: Process, share: float) -> Denoise:
    """x_0 (phi std(x_0 of the conditional) / std(x_0 guided) + 1 - phi), phi = `share`, and eps consistent with it: eps
    = (x_t - alpha x_0) / sigma. Lin et al. 2023 (common diffusion noise schedules are flawed), equations 15 and 16,
    https://arxiv.org/abs/2305.08891

    std is over all values of one image. The paper scales what the network predicts, v; here it is x_0, so that the
    result does not depend on the type of prediction: at the noise end, where guidance decides the contrast, v is -x_0
    and the two agree.
    """
    if share == 0:
        return lambda x, t: guided(x, t)[0]

    def denoise(x_t: Tensor, t: float) -> Estimate:
        estimate, conditional = guided(x_t, t)
        if estimate is conditional:
            return estimate
        std, target = _std(estimate.x0), _std(conditional.x0)
        x0 = estimate.x0 * (share * (target / std.clamp_min(1e-12)) + 1 - share)
        alpha, sigma = level(process, t)
        return Estimate(x0, (x_t - alpha * x0) / sigma, estimate.fraction)

    return denoise


def _std(x: Tensor) -> Tensor:
    """Return the standard deviation of each image, (B, 1, ...)."""
    return x.std(dim=tuple(range(1, x.ndim)), keepdim=True)
