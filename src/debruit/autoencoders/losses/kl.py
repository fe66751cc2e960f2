"""b1: how strongly the latents are held to N(0, I), and to which sums that weight belongs.

Our terms are means over the C H W values of an image, so that weights do not change their meaning with its size. The KL
of an image in nats, summed over its latent, is divided by that number of values too:

    L = (1 / CHW) sum -log p(x | x^)  +  b1 (1 / CHW) KL(q(z|x) || N(0, I))

With a Laplace or Gaussian likelihood, b1 = 1 is the negative bound of a VAE (Kingma & Welling 2014) in nats per value;
less is a beta-VAE.

The reference adds 1e-6 times the summed KL to a reconstruction summed over the image's values. That is CHW times the
expression above, so that its 1e-6 is b1 = 1e-6 here, at any size; as a factor of the summed KL next to a mean
reconstruction it is 1e-6 / CHW (5.1e-12 at 256 x 256 x 3). Other factors of the reference's that meet a summed gradient
are translated by `per_value`.
"""

from torch import Tensor


def kl_per_value(nats: Tensor, images: Tensor) -> Tensor:
    """KL (B,) summed over the latents of `images` (B, C, H, W) -> (B,), nats per value of the image."""
    return nats / images[0].numel()


def per_value(factor: float, *, channels: int, height: int, width: int) -> float:
    """Translate a factor that meets a sum over an image's values into the one that meets their mean."""
    return factor / (channels * height * width)
