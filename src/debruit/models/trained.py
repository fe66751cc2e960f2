"""The base class of diffusion models and autoencoders: a configuration, weights in one file, a device."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from debruit.config import check
from debruit.device import choose_device
from debruit.models.config import FirstStageConfig, ModelConfig
from debruit.models.model_file import decoded, model_file, read, save

Config = TypeVar("Config", ModelConfig, FirstStageConfig)


class Trained(ABC, Generic[Config]):
    """A trained model with its configuration and its provenance."""

    kind: ClassVar[type]  # the class of its configuration
    what: ClassVar[str]  # the name of the model in messages

    def __init__(self, config: Config, provenance: Mapping[str, Any] | None = None) -> None:
        check(config, self.what)
        self.config: Config = config
        self.provenance: dict[str, Any] = dict(provenance or {})

    @property
    @abstractmethod
    def trained(self) -> nn.Module:
        """The trained module."""

    @abstractmethod
    def weights(self) -> Mapping[str, Tensor]:
        """Return all weights under the names of the model file."""

    @classmethod
    @abstractmethod
    def filled(
        cls,
        config: Config,
        weights: Mapping[str, Tensor],
        provenance: Mapping[str, Any],
        path: Path,
        device: torch.device,
    ) -> Self:
        """Return the model from the parts of its file.

        Raise InputError if the weights do not fit the configuration.
        """

    @property
    def device(self) -> torch.device:
        return next(self.trained.parameters()).device

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Self:
        """Load a model from a file or a run folder.

        Raise InputError if there is none, or it is damaged, has a newer format, or is of another kind.
        """
        path = model_file(path)
        header, weights = read(path)
        config: Any = decoded(header, cls.kind, path)
        return cls.filled(config, weights, header["provenance"], path, choose_device(device))

    def save(self, path: str | Path) -> None:
        """Write the model to one file, atomically."""
        save(path, self.config, self.weights(), self.provenance)
