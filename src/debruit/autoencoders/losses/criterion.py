"""Everything of an autoencoder's loss: L = L_recons + b1 L_KL + b2 L_perceptual + b3 L_adversarial. Rombach et al.
2022, appendix G.

A weight of 0 leaves its term out: its network is not even built. Values are per image, (B,); the trainer takes their
mean. With a discriminator:

    g_n = gradient of mean L_n at x^              `total(image_terms(x, x^))`; scales get theirs, too
    g_G = gradient of mean L_G at x^              `adversarial.generator_loss`
    x^.backward(adversarial.combine(g_n, g_G))    one pass through the decoder, besides that of b1 L_KL
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.checks import check_weight
from debruit.autoencoders.losses.kl import kl_per_value
from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.autoencoders.losses.reconstruction import L1, Reconstruction
from debruit.errors import InputError
from debruit.networks.discriminator import PatchDiscriminator

Penalty = Literal["kl", "codebook"]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """`kl_weight` is b1 (kl.py says relative to which sums), `codebook_weight` its counterpart for VQ; the bottleneck
    that the autoencoder does not have costs nothing. None is a term with weight 0."""

    reconstruction: Reconstruction = field(default_factory=L1)
    kl_weight: float = 1e-6
    codebook_weight: float = 1.0
    perceptual: Perceptual | None = field(default_factory=Perceptual)
    adversarial: Adversarial | None = field(default_factory=Adversarial)

    def __post_init__(self) -> None:
        check_weight("kl_weight", self.kl_weight)
        check_weight("codebook_weight", self.codebook_weight)
        if not self.reconstruction.weight and not (self.perceptual and self.perceptual.weight):
            raise InputError(
                "reconstruction.weight=0 without a perceptual term: nothing would tell the decoder what to decode, "
                "set reconstruction.weight or perceptual.weight"
            )

    def build(self, channels: int) -> "CriterionModule":
        """The terms that compare images. InputError: perceptual weights that are missing or of another network."""
        return CriterionModule(self, channels)

    def discriminator(self, channels: int) -> PatchDiscriminator | None:
        """None where the adversarial term has no weight."""
        return self.adversarial.build(channels) if self.adversarial and self.adversarial.weight else None


class CriterionModule(nn.Module):
    """The criterion as a module. Its parameters are the learned scales of the reconstruction, if any; the perceptual
    network is none of them. `weights` are the factors of the terms."""

    def __init__(self, config: Criterion, channels: int) -> None:
        super().__init__()
        self.weights = {
            "reconstruction": config.reconstruction.weight,
            "perceptual": config.perceptual.weight if config.perceptual else 0.0,
            "kl": config.kl_weight,
            "codebook": config.codebook_weight,
        }
        self.reconstruction = config.reconstruction.build(channels) if config.reconstruction.weight else None
        self.perceptual = config.perceptual.build(channels) if config.perceptual and config.perceptual.weight else None

    def image_terms(self, images: Tensor, decoded: Tensor) -> dict[str, Tensor]:
        """Each term (B,) between images (B, C, H, W) and what became of them, without its weight."""
        terms = {"reconstruction": self.reconstruction, "perceptual": self.perceptual}
        return {name: term(images, decoded) for name, term in terms.items() if term is not None}

    def latent_terms(self, penalty: Tensor, images: Tensor, kind: Penalty) -> dict[str, Tensor]:
        """The bottleneck's penalty (B,) as a term without its weight: KL in nats summed over the latent of `images`,
        which becomes nats per value of the image, or the codebook loss, a mean over the latent already."""
        return {kind: kl_per_value(penalty, images) if kind == "kl" else penalty}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of these terms, (B,)."""
        return torch.stack([self.weights[name] * term for name, term in terms.items()]).sum(dim=0)
