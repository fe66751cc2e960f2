"""The codebook of VQ-VAE (van den Oord et al. 2017) and VQGAN (Esser et al. 2021).

e = the code nearest to z;  forward e, backward as if it were z (straight-through);
penalty = mean ||sg[z] - e||^2 + beta ||z - sg[e]||^2   (the first moves codes, the second commits the encoder)

Diffusion runs on the continuous z before quantisation, and decoding quantises, as in the LDM.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.autoencoders.bottleneck import BottleneckModule, Passed, widened
from debruit.autoencoders.codec import Moments
from debruit.errors import InputError
from debruit.rng import Stream

DISTANCES = 2**24  # held at once by the search: 64 MiB
DEAD = 0.01  # of an even share: a code used less often is dead


@dataclass(frozen=True, kw_only=True)
class VQ:
    """`codes` vectors of `channels` channels. Their use is averaged over the last images, with a half-life of
    `usage_images`: from an even start and without use, a code is dead after 6.6 of them.

    `beta` weighs the commitment, as in the papers; the code of the released LDMs has it on the codebook's term.
    """

    channels: int = 3
    codes: int = 8192
    beta: float = 0.25
    usage_images: int = 256

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"bottleneck.channels={self.channels}: latents need at least 1 channel")
        if self.codes < 2 or self.usage_images < 1 or self.beta < 0:
            raise InputError(
                f"bottleneck.codes={self.codes}, usage_images={self.usage_images}, beta={self.beta:g}: a codebook "
                "needs at least 2 codes, "
                "a half-life of at least 1 image, and a beta of at least 0"
            )

    @property
    def encoded_channels(self) -> int:
        return self.channels

    def build(self) -> "VQModule":
        return VQModule(self)


class VQModule(BottleneckModule):
    """A 1x1 convolution on either side of the codebook, and a buffer with each code's share of what was quantised
    lately (sum 1)."""

    usage: Tensor

    def __init__(self, config: VQ) -> None:
        super().__init__()
        self.config = config
        self.quant = nn.Conv2d(config.channels, config.channels, 1)
        self.post = nn.Conv2d(config.channels, config.channels, 1)
        self.codebook = nn.Embedding(config.codes, config.channels)
        nn.init.uniform_(self.codebook.weight, -1 / config.codes, 1 / config.codes)
        self.register_buffer("usage", torch.full((config.codes,), 1 / config.codes))

    def moments(self, encoded: Tensor) -> Moments:
        return Moments(widened(self.quant(encoded)))

    def forward(self, moments: Moments, eps: Tensor | None) -> Passed:
        z = moments.mean
        codes = nearest(z, self.codebook.weight)
        if self.training:
            self._count(codes)
        e = self._look_up(codes)
        each = (z.detach() - e).square() + self.config.beta * (z - e.detach()).square()
        straight_through = z + (e - z).detach()
        return Passed(self.post(straight_through), each.flatten(1).mean(1), codes)

    def decode(self, latents: Tensor) -> Tensor:
        return self.post(self._look_up(nearest(latents, self.codebook.weight)))

    @property
    def perplexity(self) -> float:
        """exp of the entropy of the codes' use: how many codes used evenly would be as varied."""
        share = self.usage / self.usage.sum()
        return float(torch.special.entr(share.double()).sum().exp())

    @property
    def dead(self) -> Tensor:
        """Return which codes are hardly used, (codes,) bool."""
        return self.usage < DEAD / self.config.codes

    @torch.no_grad()
    def revive(self, latents: Tensor, stream: Stream) -> int:
        """Moves dead codes onto raw latents (B, c, h, w) of images, sampled by the stream; returns how many.

        A revived code starts with an even share, so that it has some half-lives to be used. Sampling is without
        repetition as long as there are enough latents (Dhariwal et al. 2020, Jukebox: random restarts).
        """
        dead = torch.nonzero(self.dead).flatten()
        rows = latents.permute(0, 2, 3, 1).flatten(0, 2)
        rounds = -(-len(dead) // len(rows)) or 1
        chosen = np.concatenate([stream.permutation(len(rows)) for _ in range(rounds)])[: len(dead)]
        self.codebook.weight[dead] = rows[torch.from_numpy(chosen).to(rows.device)].to(self.codebook.weight)
        self.usage[dead] = 1 / self.config.codes
        return len(dead)

    @torch.no_grad()
    def _count(self, codes: Tensor) -> None:
        share = torch.bincount(codes.flatten(), minlength=self.config.codes) / codes.numel()
        self.usage.lerp_(share.to(self.usage), 1 - 0.5 ** (len(codes) / self.config.usage_images))

    def _look_up(self, codes: Tensor) -> Tensor:
        return F.embedding(codes, self.codebook.weight).movedim(-1, 1)


@torch.no_grad()
def nearest(latents: Tensor, codebook: Tensor) -> Tensor:
    """Index (B, h, w) of the row of the codebook (N, c) nearest to each position of the latents (B, c, h, w).

    ||z - e||^2 = ||z||^2 - 2 z.e + ||e||^2, of which the first term is the same for all codes and only costs precision.
    """
    rows = latents.float().permute(0, 2, 3, 1).flatten(0, 2)
    codebook = codebook.float()
    squares = codebook.square().sum(1)
    with torch.autocast(latents.device.type, enabled=False):
        parts = [
            torch.addmm(squares, part, codebook.T, alpha=-2).argmin(1)
            for part in rows.split(max(DISTANCES // len(codebook), 1))
        ]
    return torch.cat(parts).unflatten(0, (len(latents), *latents.shape[2:]))
