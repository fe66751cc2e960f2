"""The settings of a sampler sweep: every sampler with as many steps as each budget of network evaluations allows."""

from collections.abc import Callable, Sequence
from typing import Any

from debruit.errors import InputError
from debruit.evaluation.conditions import SampleConditions
from debruit.models.diffusion import Model
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import Sampler, name_of
from debruit.seams import with_defaults

Cost = Callable[[SamplingConfig], int]  # network evaluations per image


def candidates(model: Model, budgets: Sequence[int], cost: Cost) -> list[SamplingConfig]:
    """The model's own settings, then every sampler, with its defaults, with as many steps as each budget of evaluations
    allows."""
    settings = [model.settings()]
    samplers = with_defaults(Sampler)
    for name in sorted(samplers):
        for budget in budgets:
            one = affordable(model, samplers[name], budget, cost)
            if one is not None and one not in settings:
                settings.append(one)
    return settings


def affordable(model: Model, sampler: Any, budget: int, cost: Cost) -> SamplingConfig | None:
    """The model's settings with this sampler and the most steps within the budget; None if a single step costs more, or
    the model's process does not allow the grid."""
    for steps in range(budget, 0, -1):
        if sampler.evaluations(steps) <= budget:  # without guidance, which only adds
            settings = model.settings(sampler=sampler, steps=steps)
            if _allowed(model, settings) and cost(settings) <= budget:
                return settings
    return None


def describe(settings: SamplingConfig, cost: int) -> str:
    """Settings as text: "heun, 8 steps (15 evaluations) of UniformTime, guidance 1"; `cost` is that of an image."""
    return (
        f"{name_of(settings.sampler)}, {settings.steps} steps ({cost} evaluations) of {type(settings.grid).__name__}, "
        f"guidance {weights.describe(settings.guidance)}"
    )


def cost_of(model: Model, conditions: SampleConditions) -> Cost:
    """Network evaluations per image with these conditions, guidance included."""
    batch = conditions.batch(model, 0, 1)
    return lambda settings: model.evaluations(settings, batch)


def _allowed(model: Model, settings: SamplingConfig) -> bool:
    """Whether the model's process allows these times: a chain has no more steps than its own."""
    try:
        settings.grid.times(model.config.process, settings.steps)
    except InputError:
        return False
    return True
