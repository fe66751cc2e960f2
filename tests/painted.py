"""Models and sampling jobs to test edits with: models with random weights, and a Gaussian whose denoiser is exact."""

from dataclasses import dataclass, replace

import torch
from oracles import F64
from torch import Tensor

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.kl import KL
from debruit.conditioning.compatibility import widths
from debruit.conditioning.label import Label
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.networks.unet import UNet
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import UniformTime
from debruit.sampling.heun import Heun
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import last
from debruit.sampling.sampler import Sampler, level
from tiny_latent import CODER

SIDE = 16
NETWORK = UNet(channels=8, multipliers=(1, 2), blocks=1, attention=(2,), head_channels=8, groups=4)
DEPTHS = {"uint8": 255, "uint16": 4095, "float32": 1.0}


def spec(depth: str = "uint8", channels: int = 3, **changes) -> DataSpec:
    found = DataSpec(
        name="photos", channels=channels, height=SIDE, width=SIDE, depth=depth, low=0, high=DEPTHS[depth], count=9
    )
    return replace(found, **changes)


def model(
    *,
    depth: str = "uint8",
    channels: int = 3,
    latent: bool = False,
    labels: bool = False,
    conditioners=(),
    has=None,
    **changes,
) -> Model:
    """A model of 16-pixel photographs, of pixels or of 8-pixel latents, whose network does something at every t. `has`
    are class names, or mask names and their palette."""
    torch.manual_seed(0)
    codec = {"codec": Autoencoder(coder=CODER, bottleneck=KL(channels=2))} if latent else {}
    conditioners = (*conditioners, *([Label(channels=4)] if labels else []))
    names = {"class_names": ("cats", "dogs")} if labels else {}
    data = spec(depth, channels, **names, **(has or {}))
    spatial = widths(conditioners, data, 2 if latent else 1)["spatial"]
    network = replace(NETWORK, vector_channels=4 if labels else 0, spatial_channels=spatial)
    config = ModelConfig(
        data=data,
        network=network,
        conditioners=conditioners,
        sampling=SamplingConfig(sampler=Heun(), steps=3),
        **codec,
        **changes,
    )
    backbone = config.build()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return Model(config, backbone, codec=config.codec.build(channels) if latent else None)


def photos(count: int = 3, depth: str = "uint8", channels: int = 3, side: int = SIDE) -> Tensor:
    """Images at rest, smooth enough to be photographs."""
    coarse = torch.rand(count, channels, 4, 4, generator=torch.Generator().manual_seed(5))
    values = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear") * DEPTHS[depth]
    return values if depth == "float32" else values.round().to(getattr(torch, depth))


@dataclass(frozen=True)
class Pair:
    """The exact denoiser of x (B, 1, 1, 2) ~ N(mean, std^2 [[1, rho], [rho, 1]])."""

    process: Process
    mean: float = 0.2
    std: float = 0.5
    rho: float = 0.8

    @property
    def covariance(self) -> Tensor:
        return self.std**2 * torch.tensor([[1, self.rho], [self.rho, 1]], dtype=F64)

    def __call__(self, x: Tensor, t: float) -> Estimate:
        at = level(self.process, t)
        away = x - at.alpha * self.mean
        inverse = torch.linalg.inv(at.alpha**2 * self.covariance + at.sigma**2 * torch.eye(2, dtype=F64))
        return Estimate(self.mean + at.alpha * away @ (inverse @ self.covariance), at.sigma * away @ inverse)


@dataclass
class Normal:
    """noise() of a whole batch from one stream, for averages over many images."""

    shape: tuple[int, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)

    def __call__(self) -> Tensor:
        return torch.randn(self.shape, generator=self.generator, dtype=F64)


def job(denoise, process: Process, sampler: Sampler, steps: int, noise, grid=None) -> SamplingJob:
    settings = SamplingConfig(sampler=sampler, grid=grid or UniformTime(), steps=steps)
    return SamplingJob(denoise=denoise, process=process, settings=settings, noise=noise, device=torch.device("cpu"))


def end(snapshots) -> Tensor:
    return last(snapshots).x
