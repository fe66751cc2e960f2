"""Different samplers from the same noise, at equal numbers of network evaluations.

Deterministic samplers solve the probability-flow ODE, so from one noise they all converge to one image as the number of
steps grows; samplers that add noise converge to other images.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture.study import Study
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import UniformTime
from debruit.sampling.heun import Heun
from debruit.sampling.sampler import Sampler, name_of
from debruit.seams import with_defaults


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A sample (C, H, W) in the dtype of the data; `distance` is its root mean square difference from the ODE's
    solution, as a share of the data range.
    """

    steps: int
    evaluations: int
    image: Tensor
    distance: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sampler at each budget; a cell is None where one step already costs more."""

    name: str
    path: str
    order: int
    stochastic: bool
    cells: list[Cell | None]


@dataclass(frozen=True, kw_only=True)
class SamplerTable:
    """The rows, deterministic samplers first, and the ODE's solution from the same noise, (C, H, W)."""

    budgets: tuple[int, ...]
    rows: list[Row]
    solution: Tensor


def samplers(study: Study, *, budgets: tuple[int, ...] | None = None) -> SamplerTable:
    """Sample image 0 of the seed by every sampler with its defaults, with about `sum(budgets)` evaluations each.

    None: the budgets of `study.detail`.
    """
    budgets = budgets or study.detail.budgets
    known = sorted(with_defaults(Sampler).items(), key=lambda item: (item[1].stochastic, item[0]))
    solution = _sample(study, Heun(), study.detail.reference_steps)
    rows = [
        Row(
            name=name_of(sampler),
            path=f"{type(sampler).__module__}.{name}",
            order=sampler.order,
            stochastic=sampler.stochastic,
            cells=[_cell(study, sampler, budget, solution) for budget in budgets],
        )
        for name, sampler in known
    ]
    return SamplerTable(budgets=budgets, rows=rows, solution=solution)


def evaluations(study: Study) -> int:
    """Return the network evaluations of `samplers(study)`."""
    conditions = study.conditions(1)
    solution = study.model.evaluations(_settings(study, Heun(), study.detail.reference_steps), conditions)
    cells = (_affordable(study, s, b)[1] for s in with_defaults(Sampler).values() for b in study.detail.budgets)
    return solution + sum(cells)


def _affordable(study: Study, sampler: Sampler, budget: int) -> tuple[int, int]:
    """Return the most steps that the budget allows, and their evaluations; (0, 0) where one step costs more."""
    process, conditions = study.model.config.process, study.conditions(1)
    most = process.chain.steps if isinstance(process, Tabulated) and isinstance(sampler, Ancestral) else budget
    costs = (
        (s, study.model.evaluations(_settings(study, sampler, s), conditions)) for s in range(1, min(budget, most) + 1)
    )
    return max(((s, cost) for s, cost in costs if cost <= budget), default=(0, 0))


def _cell(study: Study, sampler: Sampler, budget: int, solution: Tensor) -> Cell | None:
    """Sample with as many steps as the budget allows."""
    steps, cost = _affordable(study, sampler, budget)
    if not steps:
        return None
    image, spec = _sample(study, sampler, steps), study.model.config.data
    distance = (spec.to_model(image) - spec.to_model(solution)).square().mean().sqrt() / 2
    return Cell(steps=steps, evaluations=cost, image=image, distance=float(distance))


def _settings(study: Study, sampler: Sampler, steps: int) -> SamplingConfig:
    # a chain model may use the grid of its chain, which only the ancestral sampler needs
    grid = None if isinstance(sampler, Ancestral) else UniformTime()
    return study.model.settings(sampler=sampler, steps=steps, grid=grid)


def _sample(study: Study, sampler: Sampler, steps: int) -> Tensor:
    settings = _settings(study, sampler, steps)
    last = study.model.job_under(study.conditions(1), settings, range(1), seed=study.seed).final()
    return study.model.images(torch.as_tensor(last.x))[0]
