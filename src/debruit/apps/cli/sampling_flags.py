"""Sampling flags, shared by `sample`, `edit` and `upscale`."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from debruit.apps.cli.conditions import Conditions, named_values
from debruit.apps.cli.numbers import Batch, Rescale, Seed, Steps, Threads


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SamplingFlags:
    """Conditions, guidance, sampler, device.

    Parameters
    ----------
    label
        Class names or numbers, "a,b" in turn, for models trained with classes.
    prompt
        A text, for models trained with text. May be repeated: the images take them in turn, and a grid of samples has a
        group for each.
    mask
        A mask image, for models trained with masks. May be repeated, or "a.png,b.png": the images take them in turn.
    conditions
        Any condition by its name, NAME=VALUE: text='a red apple'. May be repeated; several of one name are taken in
        turn.
    guidance
        Guidance weight: 0 ignores the condition, 1 is no guidance, above 1 strengthens it; or one weight per condition,
        for example text=5,mask=2. Default: the weight stored in the model.
    guidance_interval
        The times between which guidance is on, 0 is clean and 1 is noise, for example 0.1,0.8; outside of it, guidance
        costs nothing.
    guidance_rescale
        How much of the contrast that guidance adds is taken back, from 0 to 1.
    guide_model
        An earlier or smaller model of the same kind that replaces the unconditional prediction in guidance
        (autoguidance).
    sampler
        A name from `debruit list samplers`. Default: the sampler stored in the model.
    steps
        Steps of the sampler. Default: the number stored in the model.
    seed
        Seed of the noise.
    batch
        Images per batch; guidance evaluates the network twice or more for each of them at once.
    device
        auto, cpu or cuda.
    threads
        CPU threads. Default: the number of cores of this process. Another number changes results by rounding only.
    set_
        Change one sampling setting: KEY=VALUE, for example sampler.eta=0.5 or grid=Karras. May be repeated.
    """

    label: str | None = None
    prompt: Annotated[list[str] | None, Parameter(negative="")] = None
    mask: Annotated[list[str] | None, Parameter(negative="")] = None
    conditions: Conditions = None
    guidance: str | None = None
    guidance_interval: str | None = None
    guidance_rescale: Rescale | None = None
    guide_model: str | None = None
    sampler: str | None = None
    steps: Steps | None = None
    seed: Seed = 0
    batch: Batch = 64
    device: str = "auto"
    threads: Threads = None
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of a request (workflows/sampling_options.py)."""
        given = asdict(self) | {"set": tuple(self.set_ or ())}
        given["conditions"] = named_values(self.conditions) or None
        return {name: value for name, value in given.items() if name not in ("threads", "set_")}


DEFAULTS = SamplingFlags()
