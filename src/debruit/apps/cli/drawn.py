"""The flags of how something is drawn, which `debruit edit` and `debruit upscale` share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, Seed, Steps, Threads


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Under which conditions, by which sampler, where.

    Parameters
    ----------
    label
        Class names or numbers, "a,b" in turn, for models trained with classes; without it, none.
    prompt
        Text, for models trained with text.
    mask
        A semantic mask, for models trained with masks.
    guidance
        Weight of guidance, or one for each condition, for example text=5,mask=2; without it, the model's own.
    sampler
        A name from `debruit list samplers`; without it, the model's own.
    steps
        Steps of the sampler; without it, the model's own.
    seed
        Decides the noise.
    batch
        Images drawn at a time.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; another number changes results by rounding alone.
    set_
        Change one sampling setting: KEY=VALUE, for example grid=Karras. May be repeated.
    """

    label: str | None = None
    prompt: str | None = None
    mask: str | None = None
    guidance: str | None = None
    sampler: str | None = None
    steps: Steps | None = None
    seed: Seed = 0
    batch: Batch = 64
    device: str = "auto"
    threads: Threads = None
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None

    @property
    def assignments(self) -> list[str]:
        """Those of --set."""
        return self.set_ or []

    @property
    def flags(self) -> Mapping[str, Any]:
        """The options of an edit by name, None where not given: all but where it is drawn and --set."""
        return {name: value for name, value in asdict(self).items() if name not in ("device", "threads", "set_")}

    @property
    def named(self) -> dict[str, Any]:
        """What of this determines the images, as JSON: of a mask its content."""
        from debruit.workflows.manifest import digests

        flags = {name: value for name, value in self.flags.items() if name not in ("batch", "mask")}
        return {**flags, "mask": None if self.mask is None else digests([self.mask]), "set": list(self.assignments)}


USUAL = Drawn()
