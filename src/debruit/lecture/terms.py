"""The bound of one image, term by term (diffusion/bound.py), from a few sampled steps instead of all T.

The steps 2..T are cut into strata of neighbours, shorter where the terms change faster, near the image; in each, steps
are sampled at random with a fresh noise each, so that

    sum_{i=2..T} L_{i-1}  ~  sum_strata (steps in it) mean(L_{i-1} of its samples)

without bias, and the variance within a stratum gives the standard error. L_T is exact; L_0 is defined for 8-bit pixels
only.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from debruit.diffusion.bound import prior_term, step_term
from debruit.lecture.study import Study
from debruit.rng import Purpose, stream


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Terms of the bound in nats per image.

    `first`, `last` (S,) are the steps of the strata; `nats` (S,) is the mean of L_{i-1} in each, with its standard
    `error`; `simple` (S,) the mean of (eps - eps_theta)^2 per value; `weight` (S,) the factor of ||eps - eps_theta||^2
    in L_{i-1} (Chain.loss_weight). `decoder` is L_0 and its error, None where the data are no 8-bit pixels.
    """

    first: Tensor
    last: Tensor
    nats: Tensor
    error: Tensor
    simple: Tensor
    weight: Tensor
    prior: float
    decoder: tuple[float, float] | None
    dimensions: int

    @property
    def counts(self) -> Tensor:
        """The number of steps of each stratum, (S,)."""
        return self.last - self.first + 1

    @property
    def total(self) -> float:
        """The bound L in nats, without L_0 where that is not defined."""
        return self.prior + float((self.counts * self.nats).sum()) + (self.decoder[0] if self.decoder else 0.0)

    @property
    def total_error(self) -> float:
        """The standard error of `total`, nats."""
        variance = float((self.counts**2 * self.error**2).sum()) + (self.decoder[1] ** 2 if self.decoder else 0.0)
        return math.sqrt(variance)

    def bits(self, nats: float) -> float:
        """Convert nats per image to bits/dim."""
        return nats / (self.dimensions * math.log(2))


@torch.inference_mode()
def terms(study: Study, *, strata: int | None = None, draws: int | None = None) -> Terms:
    """Estimate the terms with `draws` network evaluations for each stratum and for L_0 (None: as in `study.detail`)."""
    strata, draws = strata or study.detail.strata, draws or study.detail.draws
    chain, x0 = study.chain.chain, study.x0
    random, noise = stream(Purpose.BOUND_TERMS, study.seed), study.noise(draws, purpose=Purpose.BOUND_NOISE)
    groups = strata_of(chain.steps, strata)
    rows = []
    for group in groups:
        i = group[random.integers(len(group), (draws,))]
        nats, simple = _draws(study, i, noise())
        weight = chain.loss_weight(i, variance="posterior").mean()
        rows.append((nats.mean(), nats.std() / math.sqrt(draws), simple.mean(), weight))
    columns = [torch.stack(column) for column in zip(*rows, strict=True)] if rows else [torch.zeros(0)] * 4
    decoder = None
    if has_decoder(study):
        nats, _ = _draws(study, torch.ones(draws, dtype=torch.long), noise())
        decoder = float(nats.mean()), float(nats.std() / math.sqrt(draws))
    return Terms(
        first=torch.tensor([int(g[0]) for g in groups]),
        last=torch.tensor([int(g[-1]) for g in groups]),
        nats=columns[0],
        error=columns[1],
        simple=columns[2],
        weight=columns[3],
        prior=float(prior_term(chain, x0).sum()),
        decoder=decoder,
        dimensions=x0[0].numel(),
    )


def has_decoder(study: Study) -> bool:
    """Return whether L_0 is defined: for 8-bit pixels only."""
    return not study.latent and study.model.config.data.depth == "uint8"


def strata_of(steps: int, count: int) -> list[Tensor]:
    """Split 2..T into at most `count` strata whose ends are spaced like the squares of equidistant numbers."""
    squares = (torch.linspace(0, 1, count + 1, dtype=torch.float64) ** 2).tolist()
    ends = sorted({round(1 + (steps - 1) * s) for s in squares}) if steps - 1 > count else range(1, steps + 1)
    return [torch.arange(a + 1, b + 1) for a, b in pairwise(ends)]


def _draws(study: Study, i: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return L_{i-1} in nats and the mean of (eps - eps_theta)^2, (B,) each, at the steps i (all 1, or all above 1)."""
    chain, i = study.chain.chain, i.to(study.x0.device)
    x0 = study.x0.expand(len(i), *study.x0.shape[1:])
    x_t = chain.q(x0, i).sample(noise)
    estimate = study.estimate(x_t, i)
    variance = study.last_variance if (i == 1).all() else study.variance
    nats = step_term(chain, x0, x_t, i, estimate.x0, variance=variance, fraction=estimate.fraction)
    return nats.flatten(1).sum(1).cpu(), ((noise - estimate.eps) ** 2).double().flatten(1).mean(1).cpu()
