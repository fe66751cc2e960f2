"""Reconstruction terms: how far the decoded image x^ is from the image x, a mean over the image's values.

    L1        |x - x^|                                            the reference's; sharper than L2
    L2        (x - x^)^2                                          the best PSNR
    Gaussian  (x - x^)^2 / (2 sigma^2) + log sigma + log(2 pi)/2  sigma = exp(s), s learned; Rybkin et al. 2021
    Laplace   |x - x^| / b + log(2 b)                             b = exp(s), s learned

The mean, not the sum, so that the weights of the other terms mean the same at any size of image. Gaussian and Laplace
are negative log-likelihoods in nats per value; at the optimum sigma^2 = mean (x - x^)^2 and b = mean |x - x^|. As the
scale falls to the error, the gradient towards x^ grows by 1 / sigma^2 or 1 / b against the other terms: with a KL
weight of 1 they make the bound of a VAE.

A new term is a frozen dataclass with these members, here or in a file of its own next to this one.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from debruit.autoencoders.losses.checks import check_weight


class ReconstructionModule(nn.Module):
    """(images, decoded), both (B, C, ...), -> (B,). Its parameters, if any, are trained with the autoencoder."""

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        raise NotImplementedError


@runtime_checkable
class Reconstruction(Protocol):
    """The configuration of a reconstruction term; `weight` is its factor in the sum, `learns_scale` whether its module
    has a parameter for the scale of the error."""

    learns_scale: ClassVar[bool]

    @property
    def weight(self) -> float: ...
    def build(self, channels: int) -> ReconstructionModule: ...


@dataclass(frozen=True, kw_only=True)
class L1:
    """Mean absolute error."""

    learns_scale: ClassVar[bool] = False
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "L1Module":
        return L1Module()


class L1Module(ReconstructionModule):
    """Without parameters."""

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        return (images - decoded).abs().flatten(1).mean(dim=1)


@dataclass(frozen=True, kw_only=True)
class L2:
    """Mean squared error."""

    learns_scale: ClassVar[bool] = False
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "L2Module":
        return L2Module()


class L2Module(ReconstructionModule):
    """Without parameters."""

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        return (images - decoded).square().flatten(1).mean(dim=1)


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A Gaussian likelihood with a learned scale. `log_scale` is s at the start: 0 is half of L2 up to a constant."""

    learns_scale: ClassVar[bool] = True
    weight: float = 1.0
    log_scale: float = 0.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "GaussianModule":
        return GaussianModule(self.log_scale)


class GaussianModule(ReconstructionModule):
    """One parameter, `log_scale`, ()."""

    def __init__(self, log_scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(log_scale))

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        error = (images - decoded).square().flatten(1).mean(dim=1)
        return error * torch.exp(-2 * self.log_scale) / 2 + self.log_scale + math.log(2 * math.pi) / 2


@dataclass(frozen=True, kw_only=True)
class Laplace:
    """A Laplace likelihood with a learned scale. `log_scale` is s at the start: 0 is L1 up to a constant."""

    learns_scale: ClassVar[bool] = True
    weight: float = 1.0
    log_scale: float = 0.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "LaplaceModule":
        return LaplaceModule(self.log_scale)


class LaplaceModule(ReconstructionModule):
    """One parameter, `log_scale`, ()."""

    def __init__(self, log_scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(log_scale))

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        error = (images - decoded).abs().flatten(1).mean(dim=1)
        return error * torch.exp(-self.log_scale) + self.log_scale + math.log(2)
