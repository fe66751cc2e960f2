"""What the user asked `debruit train` for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debruit.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments and flags as they were given, None where they were not; several sources are a tuple. `condition` names conditions, () none of them, `words`
    the words of captions and `group` which images are held out together; the last three are of the stages of latent diffusion."""

    what: str | tuple[str, ...]
    on: str | tuple[str, ...] | None = None
    out: Path | None = None
    images: int | None = None
    minutes: float | None = None
    batch: int | None = None
    size: int | None = None
    seed: int | None = None
    flip: bool | None = None
    condition: tuple[str, ...] | None = None
    words: str | None = None
    group: str | None = None
    assignments: tuple[str, ...] = ()
    dry_run: bool = False
    autoencoder: Path | None = None
    factor: int | None = None
    bottleneck: str | None = None
    started: float | None = None  # when the minutes began, by time.monotonic(); now, if None

    @property
    def settings(self) -> dict[str, Any]:
        """What was given of a run's own settings, by their names."""
        own = {name: getattr(self, name) for name in ("images", "minutes", "batch", "seed", "flip")}
        return {name: value for name, value in own.items() if value is not None}

    @property
    def folder(self) -> Path:
        """The run folder to make."""
        assert self.out is not None, "only a dry run has none"
        return self.out

    def flags(self, *names: str) -> list[str]:
        """Those of these flags that were given, as they are typed."""
        return [f"--{name}" for name in names if getattr(self, name) is not None]

    def refuse(self, *names: str, because: str) -> None:
        """InputError if one of these was given."""
        if given := self.flags(*names):
            raise InputError(f"{', '.join(given)}: {because}")
