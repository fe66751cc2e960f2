"""How much each time counts. A weighting W(t) multiplies ||x_0 - x_0^||^2; in the space of another prediction the same
loss has the weight W (sigma / det)^2 (prediction.py), so a weighting is stated once and holds for every network."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from debruit.diffusion.prediction import determinant, prediction
from debruit.diffusion.process import Coefficients, derivative
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.ranges import Positive


@runtime_checkable
class Weighting(Protocol):
    """weight(c): W(t), of the shape of c.t."""

    def weight(self, c: Coefficients) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Simple:
    """Weight 1 in the space of a prediction: L_simple of the DDPM paper for "eps", flow matching for "velocity"."""

    space: str = "eps"

    def weight(self, c: Coefficients) -> Tensor:
        return (determinant(prediction(self.space), c) / c.sigma) ** 2


@dataclass(frozen=True, kw_only=True)
class MinSNR:
    """min(SNR, gamma). Hang et al. 2023."""

    gamma: Positive = 5.0

    def weight(self, c: Coefficients) -> Tensor:
        return c.snr.clamp(max=self.gamma)


@dataclass(frozen=True, kw_only=True)
class EDM:
    """(s^2 + data_std^2) / (s data_std)^2 with s = sigma / alpha: weight 1 in the space of the `edm` prediction. Karras
    et al. 2022."""

    def weight(self, c: Coefficients) -> Tensor:
        return (c.sigma**2 + (c.alpha * c.data_std) ** 2) / (c.sigma * c.data_std) ** 2  # finite where alpha = 0


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The variational bound's own weight, for t uniform, in nats.

    For a chain the sum over i = 1..T, T (SNR_{i-1} - SNR_i) / 2 with variance beta~ (SNR_0 is infinite: the first step,
    which L_0 replaces, takes the second's ratio); in continuous time -SNR'(t) / 2 (Kingma et al. 2021, equations 13 and
    17).
    """

    def weight(self, c: Coefficients) -> Tensor:
        if not isinstance(c.process, Tabulated):
            return -0.5 * derivative(lambda t: Coefficients(c.process, t).snr, c.t)
        chain = c.process.chain
        i = (c.t * chain.steps).round().long().clamp(1, chain.steps)
        return chain.steps * chain.clean_weight(i)
