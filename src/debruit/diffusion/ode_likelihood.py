"""The likelihood of images under the probability-flow ODE, for any process and any prediction (Song et al. 2021,
equation 39).

In flow coordinates z = x / (alpha + sigma), r = sigma / (alpha + sigma), every Gaussian process is the path z = (1 - r)
x_0 + r eps, and
    dz/dr = f(z, r) = eps^ - x_0^                                the ODE that samplers follow backwards
    log p(z_r0) = log N(z_r1; 0, r1^2 I) + integral of div f over r from r0 to r1
    div f = E_v[v^T (df/dz) v],  E[v v^T] = I                    Hutchinson's estimator, one or more fixed v an image
r1 is the process's end, where samplers start from N(0, sigma(1)^2 I). r0 > 0: the distribution has no density without
a little noise. The density given is that of x = z_r0 / (1 - r0), the model's image plus noise of standard deviation r0
/ (1 - r0).

The integral is made by the method of Dormand & Prince (order 5, with the embedded order 4 for its error; Dormand &
Prince 1980) on equal steps of w = r^(1/7), which are about equal in log r near the data and in r near the noise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process, time_of_log_snr

R0 = 1e-3  # an eighth of the distance of two 8-bit values
RHO = 7.0
NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
FOURTH = (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)
DIFFERENCE = tuple(fifth - fourth for fifth, fourth in zip((*STAGES[-1], 0.0), FOURTH, strict=True))


@dataclass(frozen=True)
class LogLikelihood:
    """The log-likelihood of each image, (B,), float64, in nats. log_density: log p(x_0), the sum of `prior` (the end's
    density), `divergence` (the integral) and the change of scale. error: the size of what the steps of the ODE cost in
    it, an estimate that is too small when the steps are few. noise: where the ODE takes the image, (B, ...), of unit
    variance under the model."""

    log_density: Tensor
    prior: Tensor
    divergence: Tensor
    error: Tensor
    noise: Tensor


def log_likelihood(
    denoise: Callable[[Tensor, float], Estimate],
    process: Process,
    x0: Tensor,
    probes: Tensor,
    *,
    steps: int = 20,
    r0: float = R0,
) -> LogLikelihood:
    """log p of images x0 (B, ...), with the probes v (P, B, ...): `evaluations(steps)` network evaluations with P
    gradients each.

    With `coordinates` for probes the divergence is exact. State and integral are float64; the network sees the dtype of
    x0. Gradients are taken inside, so this must not run in torch.inference_mode.
    """
    grid = _grid(process, steps, r0)
    z = x0.detach().double() * (1 - r0)
    divergence, error = torch.zeros(2, len(x0), dtype=torch.float64, device=x0.device)
    at = _slope(denoise, z, grid.point(0, 0), probes, x0.dtype)
    for step in range(steps):
        known, start = [at], z
        for stage, weights in enumerate(STAGES, start=1):
            z = start + grid.width * _weighted(weights, [k.slope for k in known])
            known.append(_slope(denoise, z, grid.point(step, stage), probes, x0.dtype))
        at = known[-1]
        divergence = divergence + grid.width * _weighted((*STAGES[-1], 0.0), [k.divergence for k in known])
        lost = grid.width * _weighted(DIFFERENCE, [k.divergence for k in known])
        moved = grid.width * _weighted(DIFFERENCE, [k.slope for k in known])
        error += (lost + (at.score * moved).flatten(1).sum(1)).abs()
    noise, dimensions = z / grid.end, x0[0].numel()
    scale = dimensions * math.log(2 * math.pi * grid.end**2)
    prior = -0.5 * (noise.square().flatten(1).sum(1) + scale)
    total = prior + divergence + dimensions * math.log1p(-r0)
    return LogLikelihood(total, prior, divergence, error, noise)


def evaluations(steps: int) -> int:
    """Network evaluations of `log_likelihood`: six a step and one more."""
    return 6 * steps + 1


def coordinates(x0: Tensor) -> Tensor:
    """Probes whose mean is the trace itself: sqrt(D) e_i for the D values of an image, (D, B, ...). For small
    images."""
    dimensions = x0[0].numel()
    basis = math.sqrt(dimensions) * torch.eye(dimensions, dtype=x0.dtype, device=x0.device)
    return basis.reshape(dimensions, 1, *x0.shape[1:]).expand(-1, *x0.shape)


def dequantised(x0: Tensor, uniform: Tensor, levels: int = 256) -> Tensor:
    """Integer data in [-1, 1] on `levels` values, each spread evenly over its bin by `uniform` in (0, 1): a density of
    these bounds the probability of the integers from below (Theis et al. 2016, section 3.1)."""
    return x0 + (uniform - 0.5) * (2 / (levels - 1))


def bits_per_dim(log_density: Tensor, dimensions: int, levels: int | None = 256) -> Tensor:
    """nats of a density over [-1, 1] -> bits for each value of integer data on `levels` values; None: of the density
    itself, where the unit of length is half of the range, and the value may be negative."""
    bits = -log_density / (dimensions * math.log(2))
    return bits if levels is None else bits - math.log2(2 / (levels - 1))


class _Point(NamedTuple):
    """A point of the path: r, t, alpha + sigma there, and dr/dw."""

    r: float
    t: float
    scale: float
    speed: float


class _Slope(NamedTuple):
    """dz/dw (B, ...), the divergence of it (B,), and the score of z, -eps^ / r."""

    slope: Tensor
    divergence: Tensor
    score: Tensor


@dataclass(frozen=True)
class _Grid:
    """The points of all stages of all steps, (steps, 7) of each number; `width` of a step in w, `end` the last r."""

    points: list[list[_Point]]
    width: float
    end: float

    def point(self, step: int, stage: int) -> _Point:
        return self.points[step][stage]


def _grid(process: Process, steps: int, r0: float) -> _Grid:
    last = torch.ones((), dtype=torch.float64)
    alpha, sigma = float(process.alpha(last)), float(process.sigma(last))
    end = sigma / (alpha + sigma)
    low, high = r0 ** (1 / RHO), end ** (1 / RHO)
    width = (high - low) / steps
    w = low + width * (torch.arange(steps, dtype=torch.float64)[:, None] + torch.tensor(NODES, dtype=torch.float64))
    r = (w**RHO).clamp(max=end)
    t = time_of_log_snr(process, 2 * (torch.log1p(-r) - r.log()))
    t[-1, -2:] = 1.0
    scale = process.alpha(t) + process.sigma(t)
    numbers = [x.tolist() for x in (r, t, scale, RHO * w ** (RHO - 1))]
    points = [[_Point(*values) for values in zip(*row, strict=True)] for row in zip(*numbers, strict=True)]
    return _Grid(points, width, end)


def _slope(denoise, z: Tensor, point: _Point, probes: Tensor, dtype: torch.dtype) -> _Slope:
    assert not torch.is_inference_mode_enabled(), "the divergence needs gradients"
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        estimate = denoise((point.scale * z).to(dtype), point.t)
        slope = (estimate.eps - estimate.x0).double()
        divergence = torch.zeros(len(z), dtype=torch.float64, device=z.device)
        for n, probe in enumerate(probes, start=1):
            v = probe.double()
            (pulled,) = torch.autograd.grad(slope, z, v, retain_graph=n < len(probes))
            divergence += (pulled * v).flatten(1).sum(1) / len(probes)
    score = -estimate.eps.detach().double() / point.r
    return _Slope(point.speed * slope.detach(), point.speed * divergence, score)


def _weighted(weights: tuple[float, ...], values: list[Tensor]) -> Tensor:
    return torch.stack([w * value for w, value in zip(weights, values, strict=True) if w], 0).sum(0)
