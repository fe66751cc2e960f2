"""Autoencoders and latent models to evaluate: weights as they are drawn, latents measured, so that nothing needs
training. And a codec without loss."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import tiny
import torch
from torch.nn import functional

import tiny_latent
from debruit.autoencoders.autoencoder import Autoencoder, measured
from debruit.autoencoders.codec import CodecModule, Moments
from debruit.autoencoders.kl import KL
from debruit.data.sources.digits import Digits
from debruit.data.split import split
from debruit.diffusion.chain import Chain, Cosine
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.models.autoencoder import FirstStage
from debruit.models.config import FirstStageConfig
from debruit.models.diffusion import Model

HELD_OUT, SEED = 40, 3


def stage(bottleneck=None, held_out: int = HELD_OUT) -> FirstStage:
    """An autoencoder of the digits."""
    dataset = Digits().build()
    codec = Autoencoder(coder=tiny_latent.CODER, bottleneck=bottleneck or KL(channels=2))
    torch.manual_seed(0)
    module = codec.build(1).eval()
    pool, _ = split(len(dataset), held_out, SEED)
    codec = measured(codec, module, [dataset.spec.to_model(dataset.images_of(pool))])
    module.config = codec
    return FirstStage(FirstStageConfig(data=dataset.spec, codec=codec), module, provenance(held_out))


def latent_model(codec, module: CodecModule | None = None, *, chain: int | None = None) -> Model:
    """A diffusion model of the digits' latents; `chain` is the length of its chain, None for one in continuous time."""
    torch.manual_seed(1)
    changes = {"process": Tabulated(chain=Chain(schedule=Cosine(), steps=chain)), "predicts": "v"} if chain else {}
    config = replace(tiny.run().model, codec=codec, data_std=1.0, **changes)
    backbone = config.build()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return Model(config, backbone, provenance(), codec=module or codec.build(1))


def provenance(held_out: int = HELD_OUT) -> dict:
    return {
        "data": "digits",
        "data_fingerprint": Digits().build().spec.fingerprint,
        "seed": SEED,
        "held_out_images": held_out,
        "images_seen": 0,
    }


def saved(model: FirstStage | Model, folder: Path) -> str:
    """The name of a file that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.safetensors")
    return str(folder / "model.safetensors")


@dataclass(frozen=True, kw_only=True)
class Halved:
    """A codec without loss: each pixel is a latent, at half its value."""

    factor: ClassVar[int] = 1

    def latent_channels(self, channels: int) -> int:
        return channels

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def build(self, channels: int) -> "HalvedModule":
        return HalvedModule()


class HalvedModule(CodecModule):
    def encode(self, images: torch.Tensor) -> Moments:
        return Moments(images / 2)

    def decode(self, latents: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return functional.hardtanh(2 * latents)
