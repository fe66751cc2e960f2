"""The theorems of the lecture on data whose distribution is known (mixture.py), with both sides of each computed.

Bayes                      q(x_s | x_t) = q(x_t | x_s) q(x_s) / q(x_t)
marginal                   q(x_t) = integral of q(x_t | x_s) q(x_s) dx_s
conditional probabilities  q(x_s, x_t) = q(x_t | x_s) q(x_s)
Bayes with x_0, Markov     q(x_s | x_t, x_0) q(x_t | x_0) / q(x_s | x_0) = q(x_t | x_s, x_0) = q(x_t | x_s)
joint of the model         p_theta(x_{0:T}) = p(x_T) prod_t p_theta(x_{t-1} | x_t)

The chain is the model's, the data are two grey levels or the values of the image; no network is evaluated: the model of
the joint uses E[x_0 | x_t], which a network would have to learn.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.chain import Chain
from debruit.lecture.mixture import (
    Mixture,
    double,
    expected_clean,
    joint_density,
    log_normal,
    normal,
    posterior,
    reverse,
)
from debruit.lecture.study import Study
from debruit.rng import Purpose, Stream, stream

TRAJECTORIES = 12
BINS = 24  # of the values of an image
SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # of the chain, that a jump can have; also single steps
TWO_LEVELS = Mixture(
    weights=torch.tensor([0.3, 0.7], dtype=torch.float64),
    means=torch.tensor([-0.8, 0.5], dtype=torch.float64),
    variances=torch.tensor([0.01, 0.01], dtype=torch.float64),
)


@dataclass(frozen=True, kw_only=True)
class Theorems:
    """Each theorem as its two sides, which are computed in different ways.

    `markov` is (q(x_t | x_s, x_0) by Bayes with x_0, q(x_t | x_s)), None where s = 0: x_s is x_0 itself.
    """

    bayes: tuple[float, float]
    marginal: tuple[float, float]
    conditional: tuple[float, float]
    markov: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Toy:
    """A distribution of data, and trajectories of algorithm 2 with the exact E[x_0 | x_t].

    `paths` (K + 1, N) are x_0 and x_t at the steps shown; `log_joint` (K + 1, N) is log p_theta(x_{t:T}) of each, so
    that its first row is log p_theta(x_{0:T}), nats.
    """

    name: str
    data: Mixture
    paths: Tensor
    log_joint: Tensor


@dataclass(frozen=True, kw_only=True)
class Probability:
    """`abar` (K,) at the steps t; for each jump t - s of `jumps` the `earlier` step s, (K, J), and abar_s, `before`."""

    toys: list[Toy]
    steps: list[int]
    jumps: list[int]
    abar: Tensor
    earlier: Tensor
    before: Tensor


def theorems(data: Mixture, before: float, after: float, *, x_s: float, x_t: float, x_0: float) -> Theorems:
    """Evaluate both sides of each theorem at a point."""
    a, s, t = after / before, double(x_s), double(x_t)
    step = float(normal(t, math.sqrt(a) * s, double(1 - a)))
    q_s, q_t = float(data.noised(before).density(s)), float(data.noised(after).density(t))
    exact = reverse(data, before, after, x_t)
    grid = exact.grid()
    integrand = normal(t, math.sqrt(a) * grid, double(1 - a)) * data.noised(before).density(grid)
    return Theorems(
        bayes=(step * q_s / q_t, float(exact.density(s))),
        marginal=(float(torch.trapezoid(integrand, grid)), q_t),
        conditional=(float(joint_density(data, before, after, s, t)), step * q_s),
        markov=None if before == 1 else (_with_clean(before, after, s, t, x_0), step),
    )


def _with_clean(before: float, after: float, s: Tensor, t: Tensor, x_0: float) -> float:
    """Return q(x_t | x_s, x_0) as q(x_s | x_t, x_0) q(x_t | x_0) / q(x_s | x_0)."""
    mean, variance = posterior(before, after, x_0, float(t))
    back = log_normal(s, double(mean), double(variance))
    at_t, at_s = (
        log_normal(x, double(math.sqrt(abar) * x_0), double(1 - abar)) for x, abar in ((t, after), (s, before))
    )
    return float((back + at_t - at_s).exp())


def probability(study: Study) -> Probability:
    """Compute the panel, without network evaluations."""
    chain, steps = study.chain.chain, study.steps
    jumps = sorted({1, *(max(1, round(share * chain.steps)) for share in SHARES)})
    earlier = (torch.tensor(steps)[:, None] - torch.tensor(jumps)).clamp(min=0)
    image = Mixture(**_histogram(study.x0.flatten().double().cpu(), study.span))
    toys = []
    for n, (name, data) in enumerate((("levels", TWO_LEVELS), ("image", image))):
        paths, log_joint = trajectories(data, chain, steps, stream(Purpose.REVERSE_PATHS, study.seed, n))
        toys.append(Toy(name=name, data=data, paths=paths, log_joint=log_joint))
    return Probability(
        toys=toys, steps=steps, jumps=jumps, abar=chain.abar[steps], earlier=earlier, before=chain.abar[earlier]
    )


def trajectories(data: Mixture, chain: Chain, steps: list[int], noise: Stream) -> tuple[Tensor, Tensor]:
    """Sample `Toy.paths` and `Toy.log_joint`: p_theta of algorithm 2 with E[x_0 | x_t] in place of a network.

    x_T ~ N(0, 1); the variance is beta~_t, and at the last step beta~_2 (Chain.reverse_variance).
    """
    i, one = torch.arange(1, chain.steps + 1), torch.ones(chain.steps, 1, dtype=torch.float64)
    # the mean is a x_0^ + b x_t, and all coefficients are computed at once: a step at a time would take seconds
    a, b = chain.posterior(one, 0 * one, i).mean, chain.posterior(0 * one, one, i).mean
    std = chain.reverse_variance(i, one).expand(chain.steps, 1).sqrt()
    draws, abar = noise.normal((chain.steps + 1, TRAJECTORIES)).double(), chain.abar.tolist()
    x, total = draws[0], log_normal(draws[0], double(0), double(1))
    rows = {chain.steps: (x, total)}
    for t in range(chain.steps, 0, -1):
        z = draws[t]
        x = a[t - 1] * expected_clean(data, abar[t], x) + b[t - 1] * x + std[t - 1] * z
        total = total - (z**2 / 2 + std[t - 1].log() + 0.5 * math.log(2 * math.pi))
        rows[t - 1] = x, total
    chosen = [rows[i] for i in (0, *steps)]
    return torch.stack([x for x, _ in chosen]), torch.stack([total for _, total in chosen])


def _histogram(values: Tensor, span: float) -> dict[str, Tensor]:
    """Return the values of an image as a mixture: one Gaussian for each bin of -span..span that has values."""
    width = 2 * span / BINS
    counts = torch.histc(values.clamp(-span, span), BINS, -span, span)
    centres = torch.linspace(-span + width / 2, span - width / 2, BINS, dtype=torch.float64)
    filled = counts > 0
    return {
        "weights": counts[filled] / counts.sum(),
        "means": centres[filled],
        "variances": torch.full((int(filled.sum()),), (width / 2) ** 2, dtype=torch.float64),
    }
