"""Models whose law is known: the exact denoiser of a mixture of equal Gaussians about given images. About one image it
is a Gaussian; about all training images, narrow, it is what a network that has memorised them computes."""

from dataclasses import dataclass, field, replace

import numpy as np
import tiny
import torch

from debruit.data.dataset import Dataset
from debruit.diffusion.process import Process
from debruit.diffusion.processes.flow import Flow
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.sampling.config import SamplingConfig
from debruit.sampling.heun import Heun


@dataclass(frozen=True, kw_only=True)
class Exact:
    """A network's config: `images` (N, C, H, W) in [-1, 1], each the centre of a Gaussian of standard deviation
    `std`."""

    images: torch.Tensor
    std: float
    process: Process = field(default_factory=Flow)
    data_std: float = 0.5

    def build(self, channels: int, out: int) -> torch.nn.Module:
        return _Exact(self)


class _Exact(torch.nn.Module):
    """Predicts x_0: sum over i of w_i (centre_i + alpha std^2 / V (x_t - alpha centre_i)), w_i the posterior of the
    centres."""

    def __init__(self, config: Exact) -> None:
        super().__init__()
        self.config = config
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, noise_level, cond=None):
        c = self.config
        t = noise_level.double() / 1000
        alpha, sigma = (v.to(x.dtype)[:, None] for v in (c.process.alpha(t), c.process.sigma(t)))
        x_t = x.flatten(1) * (alpha**2 * c.data_std**2 + sigma**2).sqrt()
        centres = c.images.flatten(1).to(x.dtype)
        variance = alpha**2 * c.std**2 + sigma**2
        away = (
            x_t.square().sum(1, keepdim=True) - 2 * alpha * x_t @ centres.T + alpha**2 * centres.square().sum(1)
        ) / variance
        centre = torch.softmax(-0.5 * away, 1) @ centres
        found = centre + alpha * c.std**2 / variance * (x_t - alpha * centre)
        return found.reshape(x.shape)


def model(spec: DataSpec, images: torch.Tensor, std: float, process: Process | None = None) -> Model:
    """An unconditional model of these centres, images in [-1, 1]."""
    process = process or Flow()
    config = ModelConfig(
        data=spec,
        process=process,
        predicts="x0",
        network=Exact(images=images, std=std, process=process),  # ty: ignore
        sampling=SamplingConfig(sampler=Heun(), steps=20),
    )
    return Model(config, config.build())


def remembering(dataset: Dataset, indices: np.ndarray, std: float = 0.03) -> Model:
    """A model that has memorised these images of the data, up to noise."""
    return model(dataset.spec, dataset.spec.to_model(dataset.batch(indices)["image"]), std)


def remembering_run(indices: np.ndarray, **changes):
    """A tiny run whose model is that one, whatever is trained."""
    run = tiny.run(**changes)
    return replace(run, model=remembering(run.source.build(), indices).config)


def gaussian_data(count: int, mean: float, std: float, seed: int = 0) -> Dataset:
    """8-bit images of 2 x 2 independent Gaussian values."""
    x = mean + std * torch.randn(count, 1, 2, 2, generator=torch.Generator().manual_seed(seed))
    pixels = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    spec = DataSpec(
        name="gauss", channels=1, height=2, width=2, depth="uint8", low=0, high=255, count=count, fingerprint="g"
    )
    return Dataset(spec, pixels, paths=[str(n) for n in range(count)])
