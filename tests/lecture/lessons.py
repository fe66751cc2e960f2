"""Models to explain that need no training."""

import dataclasses
import importlib
from dataclasses import dataclass
from typing import Any, ClassVar

import tiny
import torch
from torch.nn import functional

from debruit.autoencoders.codec import CodecModule, Moments
from debruit.conditioning.label import Label
from debruit.diffusion.chain import Chain, Cosine
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.sampling.config import SamplingConfig


def fresh(**changes) -> Model:
    """An untrained model of the digits whose last layer is not zero, so that its estimates are not either."""
    torch.manual_seed(0)
    config: ModelConfig = dataclasses.replace(tiny.run().model, **changes)
    model = Model(config, config.build(), codec=config.codec.build(config.data.channels))
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def chained(steps: int = 12, **changes) -> Model:
    """A model of a chain."""
    process = Tabulated(chain=Chain(schedule=Cosine(), steps=steps))
    return fresh(**{"process": process, "predicts": "v"} | changes)


def unconditional(**changes) -> Model:
    """A model that was trained unconditionally."""
    network = dataclasses.replace(tiny.NETWORK, vector_channels=0)
    return fresh(conditioners=(), network=network, sampling=SamplingConfig(steps=3), **changes)


def labelled(drop: float) -> tuple[Label, ...]:
    return (Label(channels=4, drop=drop),)


@dataclass(frozen=True, kw_only=True)
class Unshuffled:
    """A codec without loss: 2 x 2 pixels become four channels, at half their values."""

    factor: ClassVar[int] = 2

    def latent_channels(self, channels: int) -> int:
        return 4 * channels

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        return height // 2, width // 2

    def build(self, channels: int) -> "UnshuffledModule":
        return UnshuffledModule()


class UnshuffledModule(CodecModule):
    def encode(self, images: torch.Tensor) -> Moments:
        return Moments(functional.pixel_unshuffle(images, 2) / 2)

    def decode(self, latents: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return functional.pixel_shuffle(latents * 2, 2)


def resolved(name: str) -> Any:
    """The object at an import path below debruit, such as "diffusion.chain.Chain.q"."""
    parts = ["debruit", *name.split(".")]
    for cut in range(len(parts), 0, -1):
        try:
            item = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            item = getattr(item, attribute)
        return item
    raise ModuleNotFoundError(name)
