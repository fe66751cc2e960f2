"""The model under evaluation, with where it came from."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debruit.config import decode, encode
from debruit.model import Model, load
from debruit.model_files import model_file
from debruit.training.folder import LOG, RUN


@dataclass(frozen=True)
class Subject:
    """`name` as the user gave it, `digest` of the model's file, `log` of its training where the name is a run folder."""

    name: str
    model: Model
    digest: str
    log: Path | None = None
    run: Path | None = None

    @classmethod
    def open(cls, name: str, device: str = "auto") -> "Subject":
        """A run folder or a model file. InputError: no model there, or a damaged one."""
        path = model_file(name)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        folder = Path(name) if Path(name).is_dir() else None
        beside = lambda file: folder / file if folder and (folder / file).exists() else None  # noqa: E731
        return cls(name, load(path, device), digest, beside(LOG), beside(RUN))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that can be asked of the model; () where there are none."""
        return next((getattr(c, "names", ()) for c in self.model.config.conditioners if c.field == "label"), ())

    def source(self) -> Any:
        """The data source of the run, None where the subject is no run folder or its run.json is not readable."""
        if self.run is None:
            return None
        try:
            return decode(json.loads(self.run.read_text())["source"], where=str(self.run))
        except (ValueError, KeyError, TypeError):  # InputError is a ValueError
            return None

    def about(self) -> dict[str, Any]:
        """What a report says of it, for JSON."""
        config = self.model.config
        return {
            "name": self.name,
            "digest": self.digest,
            "network": type(config.network).__name__,
            "parameters": sum(p.numel() for p in self.model.backbone.parameters()),
            "process": type(config.process).__name__,
            "predicts": config.predicts,
            "conditions": [c.field for c in config.conditioners],
            "sampling": encode(config.sampling),
            "evaluations": config.sampling.sampler.evaluations(self.model.settings().steps),
            "provenance": self.model.provenance,
            "config": encode(config),
        }
