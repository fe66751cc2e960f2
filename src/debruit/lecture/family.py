"""The family of diffusion models, and a VAE, on points of the plane whose score is known exactly (moons.py).

    score      x <- x + e s + sqrt(2 e) z at falling noise           annealed Langevin dynamics, Song & Ermon 2019
    score      dx/dt = f x - g^2 s / 2                               probability-flow ODE, Song et al. 2021
    flow       dx/dt = v = eps^ - x_0^, alpha = 1 - t, sigma = t     straight paths, Lipman et al. 2023
    DDPM       x_{t-1} = mu_theta + sqrt(beta~_t) z                  ancestral sampling, Ho et al. 2020
    VAE        z ~ N(0, 1), x ~ N(W z + mu, sigma^2 I)               in one step (linear_vae.py)

One function knows them all: s = -eps^ / sigma,  v = alpha' x_0^ + sigma' eps^. The first four start from one noise.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from debruit.diffusion.chain import Chain
from debruit.diffusion.process import Process
from debruit.diffusion.processes.cosine import VPCosine
from debruit.diffusion.processes.flow import Flow
from debruit.lecture.linear_vae import LinearVae, fitted
from debruit.lecture.moons import Moons, moons
from debruit.rng import Purpose, Stream, stream
from debruit.sampling.heun import Heun
from debruit.sampling.loop import trajectory
from debruit.sampling.sampler import Level, level

POINTS = 1000  # of each point set
FRAMES = 33  # shown of each trajectory
CORRECTIONS = 10  # Langevin steps a level
STEP = 0.2  # e / sigma^2 of a Langevin step
LOWEST = 0.04  # sigma of the last level
SIDE, SPAN = 11, 2.6  # the grid of the arrows: its points a side, and half its width
LONGEST = 0.9  # share of the arrows that are shorter than the longest drawn
PROCESSES = ("langevin", "ode", "flow", "ddpm")


@dataclass(frozen=True, kw_only=True)
class Trajectories:
    """One process from noise to data at K positions: (alpha, sigma) there, the `points` (K, N, 2), and the `field` (K,
    G, 2) that moves them, at the points of `grid`: the score, -dx/dt, or mu_theta - x. `density` (K,) is
    the mean of log q(x) over the points, nats; `evaluations` are those of the network for each point.
    """

    name: str
    levels: list[Level]
    points: Tensor
    field: Tensor
    density: Tensor
    evaluations: int


@dataclass(frozen=True, kw_only=True)
class Family:
    """`data` (N, 2) is a sample of the mixture, `fresh` another, by which to judge the scores of the others: `scores`
    has (mean log q in nats, energy distance from `data`) by name. `same_end`: the median distance between the ends of
    the two ODEs, which start from the same points. `vae_sample` (N, 2) is decoded from the prior.
    """

    mixture: Moons
    data: Tensor
    fresh: Tensor
    grid: Tensor
    processes: dict[str, Trajectories]
    vae: LinearVae
    vae_sample: Tensor
    scores: dict[str, tuple[float, float]]
    same_end: float


@lru_cache(maxsize=4)
def family(seed: int = 0) -> Family:
    """Compute every point set of the panel; no network is needed."""
    mixture = moons()
    draw = lambda part: stream(Purpose.FAMILY, seed, part)  # noqa: E731
    data, fresh = mixture.sample(draw(0), POINTS), mixture.sample(draw(1), POINTS)
    noise = draw(2).normal((POINTS, 2)).double()
    processes = {
        "langevin": langevin(mixture, noise, draw(3)),
        "ode": solved(mixture, noise, "ode", VPCosine()),
        "flow": solved(mixture, noise, "flow", Flow()),
        "ddpm": ancestral(mixture, noise, draw(4)),
    }
    vae = fitted(mixture.mean, mixture.covariance)
    vae_sample = vae.sample(draw(5), POINTS)
    ends = {name: part.points[-1] for name, part in processes.items()} | {"vae": vae_sample, "data": fresh}
    scores = {name: (float(mixture.log_density(x).mean()), energy_distance(x, data)) for name, x in ends.items()}
    return Family(
        mixture=mixture,
        data=data,
        fresh=fresh,
        grid=grid(),
        processes=processes,
        vae=vae,
        vae_sample=vae_sample,
        scores=scores,
        same_end=float((ends["ode"] - ends["flow"]).norm(dim=1).median()),
    )


def langevin(mixture: Moons, x: Tensor, random: Stream) -> Trajectories:
    """Langevin steps of e = STEP sigma^2 at levels whose sigma falls geometrically from 1 to LOWEST."""
    sigmas = torch.logspace(0, math.log10(LOWEST), FRAMES - 1, dtype=torch.float64)
    levels = [Level((1 - sigma**2) ** 0.5, sigma) for sigma in sigmas.tolist()]
    frames, fields = [x], [mixture.score(grid(), levels[0])]
    for at in levels:
        e = STEP * at.sigma**2
        for _ in range(CORRECTIONS):
            x = x + e * mixture.score(x, at) + (2 * e) ** 0.5 * random.normal(x.shape).double()
        frames.append(x)
        fields.append(mixture.score(grid(), at))
    return _trajectories(mixture, "langevin", [levels[0], *levels], frames, fields, CORRECTIONS * len(levels))


def solved(mixture: Moons, x: Tensor, name: str, process: Process) -> Trajectories:
    """The probability-flow ODE of a process, by Heun's method."""
    times = torch.linspace(1, 0, FRAMES, dtype=torch.float64).tolist()
    steps = trajectory(mixture.denoiser(process), process, Heun(), x, times, _silent)
    frames, levels = [snapshot.x for snapshot in steps], [level(process, t) for t in times]
    fields = [-velocity(mixture, name, grid(), at) for at in (*levels[:-1], levels[-2])]  # at sigma = 0 it is undefined
    return _trajectories(mixture, name, levels, frames, fields, Heun().evaluations(FRAMES - 1))


def velocity(mixture: Moons, name: str, x: Tensor, at: Level) -> Tensor:
    """dx/dt = alpha' x_0^ + sigma' eps^ at points x (N, 2), (N, 2): of "flow" (1 - t, t), or of "ode" (cos, sin of
    pi t / 2), where it is pi / 2 times the v of Salimans & Ho 2022.
    """
    estimate = mixture.estimate(x, at)
    if name == "flow":
        return estimate.eps - estimate.x0
    return math.pi / 2 * (at.alpha * estimate.eps - at.sigma * estimate.x0)


def ancestral(mixture: Moons, x: Tensor, random: Stream, chain: Chain | None = None) -> Trajectories:
    """Algorithm 2 of a chain; by default the lecture's, T = 1000 with beta linear from 1e-4 to 0.02."""
    chain = chain or Chain()
    shown = sorted(set(torch.linspace(chain.steps, 0, FRAMES).round().long().tolist()), reverse=True)
    levels = [Level(abar**0.5, (1 - abar) ** 0.5) for abar in chain.abar.tolist()]
    frames = [x]
    for i in range(chain.steps, 0, -1):
        p = chain.reverse(mixture.estimate(x, levels[i]).x0, x, i, variance="posterior")
        x = p.sample(random.normal(x.shape).double()) if i > 1 else p.mean
        if i - 1 in shown:
            frames.append(x)
    fields = [drift(mixture, chain, grid(), max(i, 1)) for i in shown]
    return _trajectories(mixture, "ddpm", [levels[i] for i in shown], frames, fields, chain.steps)


def drift(mixture: Moons, chain: Chain, x: Tensor, i: int) -> Tensor:
    """mu_theta(x, i) - x, the mean of a step of algorithm 2 at points x (N, 2), (N, 2)."""
    abar = float(chain.abar[i])
    x0 = mixture.estimate(x, Level(abar**0.5, (1 - abar) ** 0.5)).x0
    return chain.reverse(x0, x, i, variance="posterior").mean - x


def energy_distance(x: Tensor, y: Tensor) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| of two point sets (N, 2), (M, 2), over all pairs: 0 for equal sets. Székely &
    Rizzo 2013.
    """
    a, b = x.numpy(), y.numpy()
    return float(2 * _distance(a, b) - _distance(a, a) - _distance(b, b))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """The mean of |a_i - b_j| over all pairs."""
    return np.sqrt(sum((a[:, None, c] - b[None, :, c]) ** 2 for c in range(2))).mean()


def grid() -> Tensor:
    """The points of the arrows, (SIDE^2, 2)."""
    line = torch.linspace(-SPAN, SPAN, SIDE, dtype=torch.float64)
    return torch.cartesian_prod(line, line)


def relative(field: Tensor) -> Tensor:
    """Return arrows (K, G, 2) in units of a long one of their position, none longer than that; a field that is
    0 but for rounding has none."""
    length = field.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    long = torch.quantile(length, LONGEST, dim=1, keepdim=True).clamp(min=1e-6)
    return field / length * (length / long).clamp(max=1)


def path_lengths(part: Trajectories) -> tuple[Tensor, Tensor]:
    """Return the length of each path and the distance between its ends, (N,) each: equal for a straight one."""
    length = sum(((b - a).norm(dim=1) for a, b in pairwise(part.points)), torch.zeros(part.points.shape[1]))
    return length, (part.points[-1] - part.points[0]).norm(dim=1)


def _trajectories(
    mixture: Moons, name: str, levels: list[Level], points: list[Tensor], field: list[Tensor], count: int
) -> Trajectories:
    assert len(levels) == len(points) == len(field)
    return Trajectories(
        name=name,
        levels=levels,
        points=torch.stack(points),
        field=torch.stack(field),
        density=torch.stack([mixture.log_density(x).mean() for x in points]),
        evaluations=count,
    )


def _silent() -> Tensor:
    raise AssertionError("a deterministic sampler draws no noise")
