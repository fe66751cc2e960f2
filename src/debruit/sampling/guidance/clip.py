"""Clipping the estimate to the range of the data."""

from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.sampling.sampler import Denoise, level


def clip(denoise: Denoise, process: Process, low: float = -1.0, high: float = 1.0) -> Denoise:
    """x_0^ clamped to [low, high], and eps^ made consistent with it: eps = (x_t - alpha x_0) / sigma. As DDPM's sampler
    does for pixels."""

    def clipped(x_t: Tensor, t: float) -> Estimate:
        estimate = denoise(x_t, t)
        x0 = estimate.x0.clamp(low, high)
        alpha, sigma = level(process, t)
        return Estimate(x0, (x_t - alpha * x0) / sigma, estimate.fraction)

    return clipped
