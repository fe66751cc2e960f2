"""A model or an autoencoder with its file, its provenance and its training run, for evaluations and reports."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch

from debruit.autoencoders.codec import CodecModule
from debruit.autoencoders.pixels import Pixels
from debruit.config import decode, encode
from debruit.data.source import Source, findable, of_record
from debruit.device import choose_device
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.config import FirstStageConfig, ModelConfig
from debruit.models.diffusion import Model, load
from debruit.models.model_file import LOG, RUN, digest, model_file, read

Held = TypeVar("Held", Model, FirstStage)


@dataclass(frozen=True, kw_only=True)
class Opened(Generic[Held]):
    """A loaded model file: `name` as the user gave it, the `model`, the `digest` of the file, and the `log` and
    `run.json` of its run folder, if any.

    `generates`: whether the model can sample images.
    """

    generates: ClassVar[bool]
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
        """Return the data source of the training: that of the run folder, or a built-in one named by the file; None if
        unknown or unreadable."""
        if self.run is None:
            source = self.recorded()
            return source if findable(source) else None
        try:
            return decode(json.loads(self.run.read_text())["source"], Source, where=str(self.run))
        except (ValueError, KeyError, TypeError):  # InputError is a ValueError
            return None

    def recorded(self) -> Any:
        """Return the data source as the file records it, a folder by its name only; None for files without a record."""
        return of_record(self.provenance)


@dataclass(frozen=True, kw_only=True)
class LoadedModel(Opened[Model]):
    """A diffusion model of pixels or of latents."""

    generates: ClassVar[bool] = True

    @classmethod
    def open(cls, name: str, device: str = "auto") -> Self:
        """Open a run folder or a model file.

        Raise InputError if there is no model, it is damaged, or it is an autoencoder.
        """
        return cls(model=load(name, device), **_origin(name))

    @property
    def codec(self) -> CodecModule:
        return self.model.codec

    @property
    def has_autoencoder(self) -> bool:
        """Whether the model works on latents."""
        return not isinstance(self.model.config.codec, Pixels)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names that the model is conditioned on; () without classes."""
        labelled = any(c.item == "label" for c in self.model.config.conditioners)
        return self.model.config.data.class_names if labelled else ()

    def check_data(self, spec: DataSpec) -> None:
        """Raise InputError if images of this spec cannot be compared with the model's samples."""
        check_shape(spec, self.data, "samples")

    def about(self) -> dict[str, Any]:
        """Return facts for a report, as JSON values."""
        config = self.model.config
        return {
            "name": self.name,
            "digest": self.digest,
            "network": type(config.network).__name__,
            "parameters": sum(p.numel() for p in self.model.backbone.parameters()),
            "process": type(config.process).__name__,
            "predicts": config.predicts,
            "codec": type(config.codec).__name__,
            "conditions": [c.name for c in config.conditioners],
            "sampling": encode(config.sampling),
            "evaluations": self.model.evaluations(self.model.settings(), self.model.conditioned()),
            "provenance": self.provenance,
            "config": encode(config),
        }


@dataclass(frozen=True, kw_only=True)
class LoadedAutoencoder(Opened[FirstStage]):
    """An autoencoder, the first stage of a latent diffusion model."""

    generates: ClassVar[bool] = False

    @classmethod
    def open(cls, name: str, device: str = "auto") -> Self:
        """Open a run folder or a file.

        Raise InputError if there is no autoencoder, it is damaged, or it is a diffusion model.
        """
        return cls(model=FirstStage.load(name, device), **_origin(name))

    @property
    def codec(self) -> CodecModule:
        return self.model.module

    @property
    def has_autoencoder(self) -> bool:
        return True

    def check_data(self, spec: DataSpec) -> None:
        """Raise InputError if images of this spec cannot be encoded. Height and width may be any multiples of the
        downsampling factor."""
        self.model.check_fits(spec)
        check_shape(spec, replace(self.data, height=spec.height, width=spec.width), "takes")

    def about(self) -> dict[str, Any]:
        """Return facts for a report, as JSON values."""
        codec, spec = self.model.config.codec, self.data
        return {
            "name": self.name,
            "digest": self.digest,
            "network": type(codec).__name__,
            "parameters": sum(p.numel() for p in self.model.module.parameters()),
            "bottleneck": type(codec.bottleneck).__name__,
            "factor": codec.factor,
            "latents": [codec.latent_channels(spec.channels), *codec.latent_size(*spec.sizes)],
            "provenance": self.provenance,
            "config": encode(self.model.config),
        }


def load_any(name: str | Path, device: str = "auto") -> Model | FirstStage:
    """Load the diffusion model or the autoencoder of a run folder or file, which is read once. InputError: nothing
    there, or a damaged file."""
    path = model_file(name)
    head, weights = read(path)
    config = decode(head["config"], ModelConfig | FirstStageConfig, where=str(path))
    chosen = choose_device(device)
    if isinstance(config, FirstStageConfig):
        return FirstStage.filled(config, weights, head["provenance"], path, chosen)
    return Model.filled(config, weights, head["provenance"], path, chosen)


def open_any(name: str, device: str = "auto") -> LoadedModel | LoadedAutoencoder:
    """Open the diffusion model or the autoencoder of a run folder or file, as in `load_any`."""
    model = load_any(name, device)
    if isinstance(model, FirstStage):
        return LoadedAutoencoder(model=model, **_origin(name))
    return LoadedModel(model=model, **_origin(name))


def check_shape(spec: DataSpec, own: DataSpec, verb: str) -> None:
    """Raise InputError unless images of `spec` have the size, channels and depth of the model's.

    `verb` says what the model does with images: "samples" or "takes".
    """
    if (spec.shape, spec.depth) == (own.shape, own.depth):
        return
    raise InputError(
        f"{spec.name} has images of {describe(spec)} and the model {verb} {describe(own)}: evaluate it on the data it "
        f"was trained on ({own.name}), or on images of that size, channels and depth"
    )


def describe(spec: DataSpec) -> str:
    """Return size, channels and depth of images as text: "8 x 8 pixels (grey, uint8)"."""
    channels = {1: "grey", 3: "RGB"}.get(spec.channels, f"{spec.channels} channels")
    return f"{spec.height} x {spec.width} pixels ({channels}, {spec.depth})"


def _origin(name: str) -> dict[str, Any]:
    folder = Path(name) if Path(name).is_dir() else None
    log, run = (folder / file if folder and (folder / file).exists() else None for file in (LOG, RUN))
    return {"name": name, "digest": digest(model_file(name)), "log": log, "run": run}
