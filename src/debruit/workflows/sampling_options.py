"""Options of the verbs that sample (`sample`, `edit`, `upscale`): the model, its conditions, its guidance, its
sampler.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import InstanceOf

from debruit.errors import InputError
from debruit.models.diffusion import Model, load
from debruit.models.options import merged
from debruit.overrides import override
from debruit.ranges import LARGEST_BATCH, Seed, Steps
from debruit.sampling.config import SamplingConfig
from debruit.workflows.outputs.manifest import digests, model_digest
from debruit.workflows.request import Request

AnyModel = str | Path | InstanceOf[Model]


@dataclass(frozen=True)
class SamplingOptions(Request):
    """`model` is a run folder, a .safetensors file, the name of a model that comes with debruit, or a loaded model.

    `label`, `prompt` and `mask` are one condition for all images, or several in turn; None: not given. `conditions` are
    any others, by name. `guidance` is a
    weight, or one for each condition, "text=5,mask=2"; it is on between the times of `guidance_interval`, (0.1, 0.8) or
    "0.1,0.8", 0 being clean; `guidance_rescale` takes back that share of the contrast that it adds; `guide_model`
    replaces the unconditional prediction (autoguidance). None: as stored in the model. `set` has changes of sampling
    settings, {"grid": "Karras"} or "grid=Karras". `batch` images are generated at a time.
    """

    model: AnyModel
    _: KW_ONLY
    label: str | int | Sequence[str | int] | None = None
    prompt: str | Sequence[str] | None = None
    mask: Any = None
    conditions: Mapping[str, Any] | None = None
    guidance: str | float | Mapping[str, float] | None = None
    guidance_interval: str | tuple[float, float] | None = None
    guidance_rescale: float | None = None
    guide_model: AnyModel | None = None
    sampler: str | None = None
    steps: Steps | None = None
    seed: Seed = 0
    batch: Annotated[int, Ge(1), Le(LARGEST_BATCH)] = 64
    device: str = "auto"
    set: str | Sequence[str] | Mapping[str, Any] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The sampling settings that were given, by the names of `SamplingConfig`."""
        given = {
            "sampler": self.sampler,
            "steps": self.steps,
            "guidance": self.guidance,
            "interval": times(self.guidance_interval),
            "rescale": self.guidance_rescale,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def assignments(self) -> list[str]:
        """The changes of `set`, as KEY=VALUE."""
        if isinstance(self.set, Mapping):
            return [f"{name}={value}" for name, value in self.set.items()]
        return [self.set] if isinstance(self.set, str) else list(self.set)

    @property
    def given(self) -> dict[str, Any]:
        """The conditions that were given, by keyword or name."""
        return merged(self.conditions, label=self.label, prompt=self.prompt, mask=self.mask)

    @property
    def digest(self) -> dict[str, Any]:
        """Everything here that determines an image, as JSON: masks and models by their content."""
        flags = {name: getattr(self, name) for name in ("label", "prompt", "sampler", "steps", "seed")}
        interval = times(self.guidance_interval)
        weights = self.guidance if self.guidance is None or isinstance(self.guidance, str) else str(self.guidance)
        return {
            **flags,
            "mask": None if self.mask is None else digests(self.mask),
            "guidance": weights,
            "guidance_interval": None if interval is None else list(interval),
            "guidance_rescale": self.guidance_rescale,
            "guide_model": model_digest(self.guide_model),
            "set": self.assignments,
        } | ({"conditions": conditions_digest(self.conditions)} if self.conditions else {})


def open_model(model: AnyModel, device: str) -> Model:
    """The model itself, or loaded from its file. InputError: there is none, or it is an autoencoder."""
    return model if isinstance(model, Model) else load(model, device)


def sampling_config(model: Model, options: SamplingOptions) -> SamplingConfig:
    """The model's sampling settings with those that were given instead."""
    config = model.settings(**options.settings)
    for assignment in options.assignments:
        config = override(config, assignment)
    return config


def editing_options(model: Model, options: SamplingOptions) -> dict[str, Any]:
    """The options of the functions in `editing`: only what was given, since some edits have defaults of their own."""
    config = sampling_config(model, options)
    changed = {*options.settings, *(a.partition("=")[0].partition(".")[0].strip() for a in options.assignments)}
    known = {f.name for f in fields(SamplingConfig)}
    guide = None if options.guide_model is None else open_model(options.guide_model, options.device)
    return (
        {"conditions": options.given, "guide": guide}
        | {"seed": options.seed, "batch": options.batch}
        | {name: getattr(config, name) for name in changed & known}
    )


def conditions_digest(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Conditions as JSON, files by their content."""
    return {name: _digested(value) for name, value in sorted(conditions.items())}


def _digested(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_digested(each) for each in value]
    if isinstance(value, (str, Path)):
        return digests([value]) if Path(value).is_file() else str(value)
    return value if isinstance(value, (int, float, bool)) else repr(value)


def times(interval: str | tuple[float, float] | None) -> tuple[float, float] | None:
    """ "0.1,0.8" as (0.1, 0.8). InputError: anything but two numbers."""
    if interval is None or not isinstance(interval, str):
        return interval
    try:
        low, high = (float(part) for part in interval.split(","))
    except ValueError:
        raise InputError(
            f"--guidance-interval {interval}: give two times between 0 (clean) and 1 (noise), for example "
            "--guidance-interval 0.1,0.8"
        ) from None
    return low, high
