"""The adversarial term: what a patch discriminator says of the decoded images. Esser et al. 2021 (VQGAN), section 3.1.

hinge            L_D = mean [max(0, 1 - D(x)) + max(0, 1 + D(x^))] / 2          L_G = - mean D(x^)
non-saturating   L_D = mean [softplus(-D(x)) + softplus(D(x^))] / 2             L_G = mean softplus(-D(x^))
R1               gamma / 2  |grad_x mean D(x)|^2  on real images (Mescheder et al. 2018)
adaptive weight  lambda = |grad_w L_n| / (|grad_w L_G| + 1e-4), at most `adaptive_max`;  w the weight of the decoder's
last convolution (eq. 7)

L_n = reconstruction + perceptual. Means are over an image's patches. The discriminator enters after a while and ramps
up: its entry is what most often ruins a good autoencoder. The gradients of L_n and of L_G with respect to x^ are each
taken once; those with respect to w follow from them without another pass through the perceptual network or the
discriminator (`combined_gradient`).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.autoencoders.losses.checks import check_weight
from debruit.errors import InputError
from debruit.networks.discriminator import Norm, PatchDiscriminator

GanLoss = Literal["hinge", "non-saturating"]
SMALL = 1e-4
ADAPTIVE_MAX = 1e4


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    """`weight` is b3, multiplied by lambda where `adaptive`. `r1` is gamma. The discriminator enters at `begins_images`
    images seen, or when the reconstruction has flattened (None), and reaches its weight `ramp_images` later. It has
    `channels` filters at first, `layers` of stride 2, and is trained by Adam with `lr` and `betas`. A batch norm is the
    reference's; "group" suits small batches.

    The reference bounds lambda by 1e4: for its VQ models on gradients of means, as here, for its KL models on those of
    a sum over the image's values, which in terms of our means is `kl.per_value(1e4, ...)`, 0.05 at 256 x 256 x 3.
    """

    weight: float = 0.5
    loss: GanLoss = "hinge"
    adaptive: bool = True
    adaptive_max: float = ADAPTIVE_MAX
    r1: float = 0.0
    begins_images: int | None = None
    ramp_images: int = 10_000
    channels: int = 64
    layers: int = 3
    norm: Norm = "batch"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.9)

    def __post_init__(self) -> None:
        check_weight("adversarial.weight", self.weight)
        check_weight("adversarial.r1", self.r1)
        for name, least in (("channels", 1), ("layers", 1), ("ramp_images", 0), ("begins_images", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"adversarial.{name}={value}: give {least} or more")
        for name in ("adaptive_max", "lr"):
            if not getattr(self, name) > 0:
                raise InputError(f"adversarial.{name}={getattr(self, name):g}: give more than 0")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"adversarial.betas={self.betas}: each must be at least 0 and below 1")
        if self.r1 and self.norm == "batch":
            raise InputError(
                f"adversarial.r1={self.r1:g} needs the gradient of each image by itself, which a batch norm mixes: set "
                "adversarial.norm=group"
            )

    def build(self, channels: int) -> PatchDiscriminator:
        return PatchDiscriminator(channels, width=self.channels, layers=self.layers, norm=self.norm)

    def ramp(self, images_since_entry: int) -> float:
        """The share of the weight, in [0, 1], so many images after the discriminator's entry: linear. 0 before it."""
        if images_since_entry < 0:
            return 0.0
        return min(1.0, images_since_entry / self.ramp_images) if self.ramp_images else 1.0

    def generator_loss(self, fake: Tensor) -> Tensor:
        """L_G (B,) of the logits (B, 1, h, w) of decoded images."""
        each = -fake if self.loss == "hinge" else F.softplus(-fake)
        return each.flatten(1).mean(dim=1)

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """L_D (B,) of the logits (B, 1, h, w) of images and of decoded ones; without R1."""
        both = F.relu(1 - real) + F.relu(1 + fake) if self.loss == "hinge" else F.softplus(-real) + F.softplus(fake)
        return both.flatten(1).mean(dim=1) / 2

    def combine(
        self, decoded: Tensor, reconstruction_grad: Tensor, generator_grad: Tensor, *, last: Tensor, strength: float
    ) -> tuple[Tensor, Tensor]:
        """The gradient to pass backward from `decoded`, and the factor of the generator's in it, (): `strength` (the
        ramp) times b3 and, where adaptive, lambda. As `combined_gradient`."""
        weight = strength * self.weight
        if not self.adaptive:
            return reconstruction_grad + weight * generator_grad, reconstruction_grad.new_tensor(weight)
        return combined_gradient(
            decoded, reconstruction_grad, generator_grad, last=last, weight=weight, maximum=self.adaptive_max
        )


def r1_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """|grad_x mean D(x)|^2 / 2, (B,), of the logits of real `images` that required their gradient; differentiable, for
    a discriminator in which images do not mix."""
    (gradient,) = torch.autograd.grad(logits.flatten(1).mean(dim=1).sum(), images, create_graph=True)
    return gradient.flatten(1).square().sum(dim=1) / 2


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Return the share of patches that the discriminator classifies correctly, (B,): 1/2 is chance; near 1 its gradient
    carries little information."""
    right = (real > 0).float() + (fake < 0).float()
    return right.flatten(1).mean(dim=1) / 2


def adaptive_weight(reconstruction: Tensor, generator: Tensor, *, maximum: float = ADAPTIVE_MAX) -> Tensor:
    """lambda (), from the two losses' gradients with respect to the last convolution's weight."""
    return (reconstruction.norm() / (generator.norm() + SMALL)).clamp(0, maximum).detach()


def combined_gradient(
    decoded: Tensor,
    reconstruction_grad: Tensor,
    generator_grad: Tensor,
    *,
    last: Tensor,
    weight: float,
    maximum: float = ADAPTIVE_MAX,
) -> tuple[Tensor, Tensor]:
    """g_n + weight lambda g_G, and weight lambda ().

    `decoded` (B, C, H, W) carries the decoder's graph, which is kept; both gradients are with respect to it, of means
    over the batch; `last` is the weight of the decoder's last convolution. lambda costs that convolution's part of a
    backward pass, twice. Passing the result backward from `decoded` is descending L_n + weight lambda L_G.
    """
    g_n, g_g = (
        torch.autograd.grad(decoded, last, g.to(decoded.dtype), retain_graph=True)[0]
        for g in (reconstruction_grad, generator_grad)
    )
    factor = weight * adaptive_weight(g_n, g_g, maximum=maximum)
    return reconstruction_grad + factor * generator_grad, factor
