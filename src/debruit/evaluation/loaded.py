"""What is under evaluation, with where it came from: a diffusion model, or an autoencoder by itself."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import torch

from debruit.autoencoders.codec import CodecModule
from debruit.config import decode, encode
from debruit.data.source import Source, findable, of_record
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.config import FirstStageConfig, ModelConfig
from debruit.models.diffusion import Model, load
from debruit.models.model_file import header, model_file
from debruit.training.run_folder import LOG, RUN

Held = TypeVar("Held", Model, FirstStage)


@dataclass(frozen=True, kw_only=True)
class Opened(Generic[Held]):
    """A model's file: the `model` it holds, `name` as the user gave it, `digest` of the file, `log` and `run` of its training where that is a run folder."""

    name: str
    model: Held
    digest: str
    log: Path | None = None
    run: Path | None = None

    @property
    def data(self) -> DataSpec:
        return self.model.config.data

    @property
    def provenance(self) -> dict[str, Any]:
        return self.model.provenance

    @property
    def device(self) -> torch.device:
        return self.model.device

    def source(self) -> Any:
        """The data source of the run, or without a run folder the built-in one that the model's file says; None where that is not known, or run.json is
        not readable."""
        if self.run is None:
            source = self.recorded()
            return source if findable(source) else None
        try:
            return decode(json.loads(self.run.read_text())["source"], Source, where=str(self.run))
        except (ValueError, KeyError, TypeError):  # InputError is a ValueError
            return None

    def recorded(self) -> Any:
        """The data source that the model's file says, a folder of the user's by its name alone; None for files that say none."""
        return of_record(self.provenance)


@dataclass(frozen=True, kw_only=True)
class LoadedModel(Opened[Model]):
    """A diffusion model, on pixels or on latents."""

    @classmethod
    def open(cls, name: str, device: str = "auto") -> Self:
        """A run folder or a model file. InputError: no model there, a damaged one, or an autoencoder."""
        return cls(model=load(name, device), **_origin(name))

    @property
    def codec(self) -> CodecModule:
        return self.model.codec

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that can be asked of the model; () where there are none."""
        return next((getattr(c, "names", ()) for c in self.model.config.conditioners if c.field == "label"), ())

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
            "codec": type(config.codec).__name__,
            "conditions": [c.field for c in config.conditioners],
            "sampling": encode(config.sampling),
            "evaluations": self.model.evaluations(self.model.settings(), self.model.conditioned()),
            "provenance": self.provenance,
            "config": encode(config),
        }


@dataclass(frozen=True, kw_only=True)
class LoadedAutoencoder(Opened[FirstStage]):
    """An autoencoder by itself, which draws nothing."""

    @classmethod
    def open(cls, name: str, device: str = "auto") -> Self:
        """A run folder or a file. InputError: none there, a damaged one, or a diffusion model."""
        return cls(model=FirstStage.load(name, device), **_origin(name))

    @property
    def codec(self) -> CodecModule:
        return self.model.module

    def about(self) -> dict[str, Any]:
        """What a report says of it, for JSON."""
        codec, spec = self.model.config.codec, self.data
        return {
            "name": self.name,
            "digest": self.digest,
            "network": type(codec).__name__,
            "parameters": sum(p.numel() for p in self.model.module.parameters()),
            "bottleneck": type(codec.bottleneck).__name__,
            "factor": codec.factor,
            "latents": [codec.latent_channels(spec.channels), *codec.latent_size(spec.height, spec.width)],
            "provenance": self.provenance,
            "config": encode(self.model.config),
        }


def is_autoencoder(name: str) -> bool:
    """Whether a run folder or file holds an autoencoder by itself. InputError: nothing there, or a damaged file."""
    path = model_file(name)
    return isinstance(decode(header(path)["config"], ModelConfig | FirstStageConfig, where=str(path)), FirstStageConfig)


def open_any(name: str, device: str = "auto") -> LoadedModel | LoadedAutoencoder:
    """Whatever a run folder or a file holds."""
    kind = LoadedAutoencoder if is_autoencoder(name) else LoadedModel
    return kind.open(name, device)


def _origin(name: str) -> dict[str, Any]:
    with open(model_file(name), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    folder = Path(name) if Path(name).is_dir() else None
    beside = lambda file: folder / file if folder and (folder / file).exists() else None  # noqa: E731
    return {"name": name, "digest": digest, "log": beside(LOG), "run": beside(RUN)}
