"""The request of `debruit distill` and `debruit.distill`."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le

from debruit.data.find import Sources
from debruit.data.source import Source
from debruit.data.sources.own_samples import OwnSamples
from debruit.errors import InputError
from debruit.ranges import LARGEST_BATCH, MOST_IMAGES, MOST_STEPS
from debruit.workflows.request import Request

OWN_SAMPLES = OwnSamples.name


@dataclass(frozen=True)
class DistillRequest(Request):
    """Distil `model`, a run folder, a .safetensors file or the name of a model that comes with debruit, into a student
    of `evaluations` network evaluations, and keep everything in the run folder `out`.

    `data` is where the training data lies now, if the model does not say, or "own-samples": no data, but `prompts`, the
    path of a text file with one a line, or texts; a model of classes takes them in turn. The rest are the options of
    `debruit distill`, None where not given: `minutes` of wall-clock or `images`, the examples seen; `set`, "KEY=VALUE"
    texts or a mapping {"optimiser.lr": 3e-4}. `started` (time.monotonic()) is when the minutes began.
    """

    model: str | Path
    _: KW_ONLY
    evaluations: Annotated[int, Ge(1), Le(MOST_STEPS)] = 4
    out: str | Path | None = None
    minutes: Annotated[float, Gt(0)] | None = None
    images: Annotated[int, Ge(1), Le(MOST_IMAGES)] | None = None
    data: Sources | Source | None = None
    prompts: str | Path | Sequence[str] | None = None
    batch: Annotated[int, Ge(1), Le(LARGEST_BATCH)] | None = None
    device: str = "auto"
    set: str | Sequence[str] | Mapping[str, Any] = ()
    dry_run: bool = False
    started: float | None = None

    @property
    def own_samples(self) -> bool:
        return self.data in (OWN_SAMPLES, [OWN_SAMPLES], (OWN_SAMPLES,))

    def check(self, verb: str) -> None:
        """Raise InputError for a value that is not allowed, or options that do not go together."""
        super().check(verb)
        if self.images is not None and self.minutes is not None:
            raise InputError("--images and --minutes both set the length of the distillation: give one of them")
        if self.out is None and not self.dry_run:
            raise InputError("name the run folder to make: --out runs/NAME")
        if self.prompts is not None and not self.own_samples:
            raise InputError(
                "--prompts are requests to a model without its training data: give them with "
                f"--data {OWN_SAMPLES}, or leave them out"
            )

    @property
    def texts(self) -> tuple[str, ...]:
        """The prompts. InputError: a file that cannot be read, or none in it."""
        if self.prompts is None:
            return ()
        if not isinstance(self.prompts, (str, Path)):
            lines = list(self.prompts)
        else:
            try:
                lines = Path(self.prompts).read_text("utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(
                    f"--prompts {self.prompts}: the file cannot be read ({error}); give a text file with one prompt a "
                    "line"
                ) from None
        if texts := tuple(line.strip() for line in lines if line.strip()):
            return texts
        raise InputError(f"--prompts {self.prompts}: there is no prompt in it; give one a line")
