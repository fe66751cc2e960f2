"""The options of sampling: conditions and their shorthand keywords, misspelt keywords, settings and their ranges."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from debruit.config import check
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError, nearest
from debruit.models.config import ModelConfig
from debruit.ranges import LARGEST_BATCH, MOST_SAMPLES
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import ChainSteps
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import Sampler
from debruit.seams import choose


def merged(conditions: Mapping[str, Any] | None, **shorthand: Any) -> dict[str, Any]:
    """Return one mapping of conditions by name or keyword, from `conditions` and from keywords (None if not given).

    Raise InputError if one is given twice.
    """
    values = {name: value for name, value in (conditions or {}).items() if value is not None}
    for name, value in shorthand.items():
        if value is not None and name in values:
            raise InputError(f"{name} was given twice, as a keyword and in conditions: give one of both")
    return values | {name: value for name, value in shorthand.items() if value is not None}


def refuse(misspelt: Collection[str], function: Callable[..., Any]) -> None:
    """Raise InputError, naming the nearest one, for keywords that a function does not take."""
    for name in misspelt:
        allowed = [p.name for p in inspect.signature(function).parameters.values() if p.kind == p.KEYWORD_ONLY]
        others = ", and any condition in conditions={...}" if "conditions" in allowed else ""
        hint = nearest(name, allowed) or f"; it takes {', '.join(allowed)}{others}"
        raise InputError(f"{getattr(function, '__name__', 'this')} takes no '{name}'{hint}")


def check_count(n: int) -> None:
    """Raise InputError for a number of images that cannot be sampled."""
    if n < 1:
        raise InputError(f"{n} images requested: give -n 1 or more")
    if n > MOST_SAMPLES:
        raise InputError(f"{n:,} images requested: give -n {MOST_SAMPLES:,} or less; several seeds give more")


def check_batch(batch: int) -> None:
    """Raise InputError for a batch size that is out of range."""
    if not 1 <= batch <= LARGEST_BATCH:
        raise InputError(f"a batch of {batch}: give 1 to {LARGEST_BATCH:,}")


def check_settings(config: ModelConfig, settings: SamplingConfig) -> None:
    """Raise InputError for sampling settings that are out of range or that the model cannot use."""
    if settings.steps < 1:
        raise InputError(f"{settings.steps} steps: at least 1 is needed")
    check(settings, "sampling")
    if getattr(settings.sampler, "variance", None) == "learned" and not config.learned_variance:
        raise InputError(
            "this model has not learned a variance: use the ancestral sampler with variance posterior or beta"
        )


def check_noisy(x_t: Tensor, config: ModelConfig) -> None:
    """Raise InputError unless x_t has the shape (B, *latent_shape)."""
    if tuple(x_t.shape[1:]) != config.latent_shape:
        raise InputError(
            f"x_t of shape {tuple(x_t.shape)}: the denoiser of this model takes (B, "
            f"{', '.join(map(str, config.latent_shape))})"
        )


def changed_settings(config: ModelConfig, *, sampler: Any, guidance: Any, grid: Any, **more: Any) -> SamplingConfig:
    """Return a model's sampling settings with those that are not None replaced.

    Ancestral sampling of a chain takes the chain's own steps unless a grid is given. Raise InputError for an unknown
    sampler or a guidance that cannot be read.
    """
    given = more | {
        "sampler": choose(Sampler, sampler, "sampler") if isinstance(sampler, str) else sampler,
        "guidance": None if guidance is None else weights.read(guidance),
        "grid": grid,
    }
    settings = replace(config.sampling, **{name: value for name, value in given.items() if value is not None})
    if grid is None and isinstance(settings.sampler, Ancestral) and isinstance(config.process, Tabulated):
        return replace(settings, grid=ChainSteps())
    return settings
