"""Configuration of a diffusion model (process + prediction + network + conditioners + codec) or of an autoencoder, and
the modules that are trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.codec import Codec
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning import compatibility
from debruit.conditioning.base import Conditioner
from debruit.diffusion.denoiser import Denoiser
from debruit.diffusion.prediction import prediction
from debruit.diffusion.process import Process
from debruit.diffusion.processes.flow import Flow
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.networks.cond import Cond
from debruit.networks.network import Network
from debruit.networks.unet import UNet
from debruit.ranges import Positive
from debruit.sampling.config import SamplingConfig

CODEC = "codec."  # prefix of the names of the autoencoder's weights in a model's file


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything about a diffusion model except its weights.

    `data_std` is the standard deviation of the latents, which scales the network's input. `time_offset` is added to the
    time input of the network, 1000 t (-1 for networks that count the steps of DDPM from 0).
    """

    data: DataSpec
    process: Process = field(default_factory=Flow)
    predicts: str = "velocity"
    network: Network = field(default_factory=UNet)
    conditioners: tuple[Conditioner, ...] = ()
    codec: Codec = field(default_factory=Pixels)
    data_std: Positive = 0.5
    learned_variance: bool = False
    time_offset: float = 0.0
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        prediction(self.predicts)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the network's input without the batch: (c, h, w) for images, (c, f, h, w) for sequences."""
        return self.codec.latent_channels(self.data.channels), *self.codec.latent_size(*self.data.sizes)

    def check(self) -> None:
        """Raise InputError if the prediction carries no information at pure noise, where sampling starts."""
        ends_in_noise = float(self.process.alpha(torch.ones((), dtype=torch.float64))) == 0
        if ends_in_noise and self.predicts in ("eps", "score"):
            raise InputError(
                f"at t = 1 {type(self.process).__name__} leaves no signal, so a prediction of {self.predicts} says "
                "nothing about the image: set predicts=v, velocity or x0, or a process that does not end in pure noise"
            )

    def build(self) -> "Backbone":
        """Return the trainable modules, initialised from torch's global generator.

        Raise InputError if the network has no door for a condition.
        """
        compatibility.check(self.conditioners, self.network, self.data, self.codec.factor)
        return Backbone(self)


@dataclass(frozen=True, kw_only=True)
class FirstStageConfig:
    """Everything about an autoencoder except its weights; `data` is what it was trained on."""

    data: DataSpec
    codec: Autoencoder


class Backbone(nn.Module):
    """The trained modules: the network and its conditioners."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.latent_shape[0]
        self.config = config
        self.network = config.network.build(channels, channels * (2 if config.learned_variance else 1))
        self.conditioners = nn.ModuleDict(
            {c.name: c.build(config.data, config.codec.factor) for c in config.conditioners}
        )

    def cond(self, values: Mapping[str, Tensor], keep: Mapping[str, Tensor]) -> Cond:
        """Encode the conditions of a batch: `values` by the name of the condition, (B, ...), and which images `keep`
        it, (B,) bool."""
        cond = Cond()
        for c in self.config.conditioners:
            encoded = self.conditioners[c.name](values[c.name], keep[c.name])
            cond = cond.alongside(Cond(**{c.door: encoded}))
        return cond

    def forward(self, x: Tensor, noise_level: Tensor, cond: Cond | None = None) -> Tensor:
        """Return the network's output for scaled noisy latents x, (B, c, *S), at noise levels (B,)."""
        return self.network(x, noise_level, cond)

    def denoiser(self, network=None) -> Denoiser:
        """Return this backbone as a denoiser. `network` is called in its place, for example a compiled one."""
        c = self.config
        network = self if network is None else network
        return Denoiser(network, c.process, c.predicts, c.data_std, c.learned_variance, c.time_offset)


def named(backbone: nn.Module, codec: nn.Module | None) -> dict[str, Tensor]:
    """Return the weights of both modules under the names of a model file."""
    codec_weights = codec.state_dict() if codec is not None else {}
    return backbone.state_dict() | {CODEC + name: value for name, value in codec_weights.items()}
