"""The request of `debruit train` and `debruit.train`."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from debruit.data.find import Sources
from debruit.data.source import Source
from debruit.errors import InputError
from debruit.overrides import Assignments
from debruit.ranges import LARGEST_BATCH, LARGEST_SIDE, MOST_IMAGES, Seed
from debruit.workflows.request import Request

AnySource = Sources | Source
STAGES = ("autoencoder", "ldm")


@dataclass(frozen=True)
class TrainRequest(Request):
    """Train a model and keep everything in the run folder `out`.

    `source` is a folder of images, tar shards, Parquet files (or several of them), a built-in source or a `Source`; or
    a recipe, or "autoencoder" or "ldm" (latent diffusion), with the source in `on`. `resume` names a run folder to
    continue, instead; `data` then says where its data lies now. The rest are the options of `debruit train`, None where
    not given: `minutes` of wall-clock or `images` seen; `size` in pixels per side; `condition`, names "a,b" or "none";
    `set`, "KEY=VALUE" texts or a mapping {"optimiser.lr": 3e-4}. `started` (time.monotonic()) is when the minutes
    began.
    """

    source: AnySource | None = None
    on: AnySource | None = None
    _: KW_ONLY
    out: str | Path | None = None
    resume: str | Path | None = None
    data: str | Path | Sequence[str | Path] | None = None
    images: Annotated[int, Ge(1), Le(MOST_IMAGES)] | None = None
    minutes: Annotated[float, Gt(0)] | None = None
    batch: Annotated[int, Ge(1), Le(LARGEST_BATCH)] | None = None
    size: Annotated[int, Ge(1), Le(LARGEST_SIDE)] | None = None
    seed: Seed | None = None
    flip: bool | None = None
    device: str = "auto"
    set: str | Sequence[str] | Mapping[str, Any] = ()
    autoencoder: str | Path | None = None
    factor: int | None = None
    bottleneck: Literal["kl", "vq"] | None = None
    condition: str | None = None
    tokenizer: str | None = None
    group: str | None = None
    pixels: bool = False
    dry_run: bool = False
    started: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a run that were given, by their names in it."""
        own = {name: getattr(self, name) for name in ("images", "minutes", "batch", "seed", "flip")}
        return {name: value for name, value in own.items() if value is not None}

    @property
    def assignments(self) -> Assignments:
        return Assignments.parse(self.set)

    @property
    def folder(self) -> Path:
        """The run folder to make."""
        assert self.out is not None, "only a dry run has none"
        return Path(self.out)

    def given(self, *names: str) -> list[str]:
        """Return the given ones of these options, as flags."""
        flags = [f"--{name.replace('_', '-')}" for name in names]
        return [flag for flag, name in zip(flags, names, strict=True) if getattr(self, name) not in (None, False, ())]

    def refuse(self, *names: str, because: str) -> None:
        """InputError if one of these options was given."""
        if given := self.given(*names):
            raise InputError(f"{', '.join(given)}: {because}")

    def check(self, verb: str) -> None:
        """Raise InputError for a value that is not allowed, or options that do not go together."""
        super().check(verb)
        if self.images is not None and self.minutes is not None:
            raise InputError("--images and --minutes both set the length of the training: give one of them")
        if self.resume is not None:
            self._check_resume()
            return
        if self.data is not None:
            raise InputError(
                f"--data {shown(self.data)} is for --resume, when the data of a run was moved: name what to train on "
                "without a flag"
            )
        if not self.source:
            raise InputError(
                "name what to train on: a folder of images, a built-in source (debruit list data) or a recipe"
            )
        if self.out is None and not self.dry_run:
            raise InputError("name the run folder to make: --out runs/NAME")
        self._check_stage()

    def _check_stage(self) -> None:
        if self.source not in STAGES:
            self.refuse(
                "factor",
                "bottleneck",
                because="that is for `debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`",
            )
        elif self.on is None:
            raise InputError(
                f"name what to train on: debruit train {self.source} SOURCE (a folder of images, or a name from "
                "`debruit list data`)"
            )
        elif self.source == "autoencoder":
            self.refuse(
                "condition",
                "tokenizer",
                because="an autoencoder has no condition; give it to the diffusion of its latents",
            )
        own = self.source == "autoencoder" or (self.source == "ldm" and self.given("factor", "bottleneck"))
        if self.autoencoder is not None and own:
            raise InputError(
                "--autoencoder names a finished one, so `train autoencoder`, --factor and --bottleneck cannot be given "
                "with it"
            )

    def _check_resume(self) -> None:
        names = (
            "batch",
            "size",
            "seed",
            "flip",
            "autoencoder",
            "factor",
            "bottleneck",
            "condition",
            "tokenizer",
            "group",
            "pixels",
            "set",
            "dry_run",
        )
        given = self.given(*names) + ["SOURCE"] * bool(self.source) + ["--out"] * (self.out is not None)
        if given:
            raise InputError(
                f"--resume continues a run as its run.json says, so {', '.join(given)} cannot be given; only a "
                "length can"
            )


def shown(source: Any) -> str:
    """Return a source as it is typed."""
    return " ".join(map(str, source)) if isinstance(source, (list, tuple)) else str(source)
