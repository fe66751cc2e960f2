"""Clipping the estimate to the range of the data."""

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.sampling.sampler import Denoise, level


def clip(denoise: Denoise, process: Process, low: float = -1.0, high: float = 1.0) -> Denoise:
    """x_0^ clamped to [low, high], and eps^ made consistent with it: eps = (x_t - alpha x_0) / sigma. As DDPM's sampler
    does for pixels."""

    def clipped(x, t) -> Estimate:
        found = denoise(x, t)
        x0 = found.x0.clamp(low, high)
        at = level(process, t)
        return Estimate(x0, (x - at.alpha * x0) / at.sigma, found.fraction)

    return clipped
