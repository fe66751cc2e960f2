"""Nothing between a network and `generate` knows how many dimensions an item has: here a clip, (C, F, H, W)."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import tiny
import torch
from torch import Tensor, nn

import debruit
from debruit import seams
from debruit.diffusion.process import expand
from debruit.models.diffusion import Model
from debruit.networks.cond import Cond
from debruit.sampling.sampler import Sampler

CLIP = (1, 3, 8, 6)


@dataclass(frozen=True, kw_only=True)
class Convolution3D:
    """A network of other code: one convolution over frames, height and width, shifted by the condition."""

    doors: ClassVar[tuple[str, ...]] = ("vector",)
    vector_channels: int = 4
    stride: ClassVar[int] = 1

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return _Convolution3D(in_channels, out_channels, self.vector_channels)


class _Convolution3D(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, vector_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.shift = nn.Linear(vector_channels + 1, out_channels)

    def forward(self, x: Tensor, noise_level: Tensor, cond: Cond | None) -> Tensor:
        assert cond is not None
        assert cond.vector is not None
        shift = self.shift(torch.cat([cond.vector, noise_level[:, None] / 1000], dim=1))
        return self.convolution(x) + expand(shift, x)


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(seams, "_PLUGINS", {})
    debruit.register(Convolution3D)
    config = tiny.run().model
    data = replace(config.data, channels=CLIP[0], frames=CLIP[1], height=CLIP[2], width=CLIP[3])
    config = replace(config, data=data, network=Convolution3D())
    torch.manual_seed(0)
    return Model(config, config.build())


@pytest.mark.parametrize("sampler", sorted(seams.implementations(Sampler)))
def test_clips_are_sampled(model, sampler):
    clips = model.generate(3, sampler=sampler, steps=4, seed=1)
    assert clips.shape == (3, *CLIP)
    assert clips.dtype == torch.uint8
    alone = model.generate(1, first=2, label=[2], sampler=sampler, steps=4, seed=1)
    assert (alone[0].int() - clips[2].int()).abs().max() <= 1, "clip 2 is of class 2, in any batch"


def test_frames_have_noise_of_their_own(model):
    first = next(iter(model.trajectory(2, steps=4))).x
    assert first.shape == (2, *CLIP)
    assert not torch.equal(first[:, :, 0], first[:, :, 1])


def test_a_model_of_clips_is_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "clips.safetensors")
    again = debruit.load(tmp_path / "clips.safetensors", device="cpu")
    assert again.config == model.config
    assert torch.equal(again.generate(2, steps=3), model.generate(2, steps=3))


def test_clips_are_encoded_and_decoded(model):
    clips = torch.randint(256, (2, *CLIP), dtype=torch.uint8)
    latents = model.latents(clips)
    assert latents.shape == (2, *CLIP)
    assert torch.equal(model.images(latents), clips)


def test_the_denoiser_is_called_on_clips(model):
    x_t = torch.randn(2, *CLIP, generator=torch.Generator().manual_seed(0))
    estimate = model.denoise(x_t, 0.5, conditions={"label": [0, 1]})
    alpha, sigma = (float(f(torch.tensor(0.5))) for f in (model.config.process.alpha, model.config.process.sigma))
    assert torch.allclose(alpha * estimate.x0 + sigma * estimate.eps, x_t, atol=1e-5)
