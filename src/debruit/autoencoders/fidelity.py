"""How faithful one image is to another: PSNR, and structural similarity.

    PSNR = 10 log10(L^2 / MSE)  dB

Structural similarity (Wang et al. 2004): luminance, contrast and structure compared under a window that slides over two
images.

    SSIM = (2 mu_a mu_b + C1) (2 s_ab + C2) / ((mu_a^2 + mu_b^2 + C1) (s_a^2 + s_b^2 + C2))
    C1 = (0.01 L)^2, C2 = (0.03 L)^2

with means, variances and covariance weighted by a Gaussian of deviation 1.5 in a window of 11 x 11, averaged over all
windows that lie inside the image and over channels. Values lie in [0, L]: shifted ones have another SSIM, since the
first factor is not one of differences. 1 for equal images, 0 for unrelated ones, below it for opposites.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, DEVIATION = 11, 1.5
K1, K2 = 0.01, 0.03


def psnr(a: Tensor, b: Tensor, *, value_range: float) -> Tensor:
    """(N,) float64, decibels, for images (N, C, H, W); infinite where they are equal."""
    error = (a.double() - b.double()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(value_range**2 / error)


def ssim(a: Tensor, b: Tensor, *, value_range: float) -> Tensor:
    """(N,) float64 for images (N, C, H, W) of any real type, with values from 0 to `value_range`. An image smaller than
    the window gets the largest odd window that fits."""
    assert a.shape == b.shape, (a.shape, b.shape)
    count, channels = a.shape[:2]
    a, b = (x.double().flatten(0, 1)[:, None] for x in (a, b))
    rows, columns = (gaussian(side).to(a.device) for side in a.shape[2:])
    blur = lambda x: F.conv2d(F.conv2d(x, rows[None, None, :, None]), columns[None, None, None, :])  # noqa: E731
    mean_a, mean_b = blur(a), blur(b)
    c1, c2 = (K1 * value_range) ** 2, (K2 * value_range) ** 2
    variances = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    ratio = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    ratio = ratio / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))
    return ratio.mean(dim=(1, 2, 3)).view(count, channels).mean(dim=1)


def gaussian(side: int) -> Tensor:
    """The window's weights along one side of an image of `side` pixels, summing to 1."""
    reach = min(WINDOW // 2, (side - 1) // 2)
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    return weights / weights.sum()
