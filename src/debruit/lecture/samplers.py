"""Different samplers from the same noise, at equal numbers of network evaluations.

Samplers without noise of their own solve the probability-flow ODE, so from one noise they all end at one image as their steps grow;
samplers that add noise end at images of their own.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture.study import Study
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import UniformTime
from debruit.sampling.heun import Heun
from debruit.sampling.sampler import Sampler, name_of
from debruit.seams import implementations

BUDGETS = (4, 8, 16, 32)  # network evaluations
REFERENCE_STEPS = 64  # of Heun, for what the ODE's solution is taken to be


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A sample (C, H, W) at rest; `distance` is its root mean square difference from the ODE's solution, in units of the data's range."""

    steps: int
    evaluations: int
    image: Tensor
    distance: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sampler at each budget; None where even one step costs more."""

    name: str
    path: str
    order: int
    stochastic: bool
    cells: list[Cell | None]


@dataclass(frozen=True, kw_only=True)
class SamplerTable:
    """The rows, deterministic samplers first, and the ODE's solution from the same noise (C, H, W), at rest."""

    budgets: tuple[int, ...]
    rows: list[Row]
    solution: Tensor


def samplers(study: Study, *, budgets: tuple[int, ...] | None = None) -> SamplerTable:
    """Every sampler of the package with its defaults, image 0 of the seed. About `sum(budgets)` evaluations each."""
    budgets = budgets or BUDGETS
    classes: dict[str, Any] = implementations(Sampler)
    known = sorted(((name, cls()) for name, cls in classes.items()), key=lambda item: (item[1].stochastic, item[0]))
    solution = _draw(study, Heun(), REFERENCE_STEPS)
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


def _cell(study: Study, sampler: Sampler, budget: int, solution: Tensor) -> Cell | None:
    """The sampler with as many steps as the budget allows."""
    process, asked = study.model.config.process, study.asked(1)
    most = process.chain.steps if isinstance(process, Tabulated) and isinstance(sampler, Ancestral) else budget
    costs = {s: study.model.evaluations(_settings(study, sampler, s), asked) for s in range(1, min(budget, most) + 1)}
    steps = max((s for s, cost in costs.items() if cost <= budget), default=0)
    if not steps:
        return None
    image, spec = _draw(study, sampler, steps), study.model.config.data
    distance = (spec.to_model(image) - spec.to_model(solution)).square().mean().sqrt() / 2
    return Cell(steps=steps, evaluations=costs[steps], image=image, distance=float(distance))


def _settings(study: Study, sampler: Sampler, steps: int) -> SamplingConfig:
    # a chain's model may name the chain's own steps, which samplers other than the ancestral need not walk
    grid = None if isinstance(sampler, Ancestral) else UniformTime()
    return study.model.settings(sampler=sampler, steps=steps, grid=grid)


def _draw(study: Study, sampler: Sampler, steps: int) -> Tensor:
    settings, last = _settings(study, sampler, steps), None
    for last in study.model.drawing_of(study.asked(1), settings, range(1), seed=study.seed).run():
        pass
    assert last is not None
    return study.model.images(torch.as_tensor(last.x))[0]
