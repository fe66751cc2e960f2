"""A new sampler, process, source, recipe or codec is one file: put into its folder it has a name, is used and is saved
like the others.

Each test writes the file into a temporary folder that its package looks into, too.
"""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

import debruit
from debruit.apps.cli import main
from debruit.autoencoders.codec import Codec
from debruit.data.find import find_source
from debruit.diffusion.process import Process
from debruit.models.diffusion import Model
from debruit.overrides import override
from debruit.sampling.sampler import Sampler
from debruit.seams import implementations, names

FILES = {
    "sampling/midpoint.py": '''
from dataclasses import dataclass
from typing import ClassVar

from debruit.sampling.sampler import Sampler, level


@dataclass(frozen=True, kw_only=True)
class Midpoint(Sampler):
    """The explicit midpoint rule on x = alpha x_0 + sigma eps."""

    order: ClassVar[int] = 2
    stochastic: ClassVar[bool] = False

    def evaluations(self, steps):
        return 2 * steps

    def step(self, denoise, process, x_t, t, s, state, noise):
        middle = (t + s) / 2
        estimate, at = denoise(x_t, t), level(process, middle)
        estimate, at_s = denoise(at.alpha * estimate.x0 + at.sigma * estimate.eps, middle), level(process, s)
        return at_s.alpha * estimate.x0 + at_s.sigma * estimate.eps, state
''',
    "diffusion/processes/quadratic.py": '''
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Quadratic:
    """alpha = 1 - t^2, sigma = t."""

    def alpha(self, t):
        return 1 - t * t

    def sigma(self, t):
        return t * 1
''',
    "data/sources/stripes.py": '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from debruit.data.ingest.cache import Item, Recording, stored
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec


@dataclass(frozen=True, kw_only=True)
class Stripes:
    """64 images of stripes, grey 8x8."""

    name: ClassVar[str] = "stripes"

    def build(self):
        return stored(make_key(self.name, "1"), self._recording)

    def check(self):
        return "64 images"

    def obtain(self):
        pass

    def _recording(self):
        spec = DataSpec(name="stripes", channels=1, height=8, width=8, depth="uint8", low=0, high=255, count=64)
        rows = np.arange(8)
        images = [np.broadcast_to(((rows + n) % 4 * 80).astype(np.uint8), (1, 8, 8)) for n in range(64)]
        items = (Item(f"stripes {n}", image) for n, image in enumerate(images))
        return Recording(spec=spec, items=items, total=64, origin="stripes")
''',
    "recipes/stripes.py": '''
from debruit.data.find import find_source
from debruit.diffusion.processes.flow import Flow
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.training.config import Run


def stripes_8() -> Run:
    """Stripes at 8 pixels. Cost: seconds. Score: none. debruit train stripes-8 --out runs/stripes"""
    spec = DataSpec(name="stripes", channels=1, height=8, width=8, depth="uint8", low=0, high=255, count=64)
    network = UNet(channels=8, multipliers=(1, 2), blocks=1, attention=(), middle_attention=False, groups=4)
    return Run(
        source=find_source("stripes"), model=ModelConfig(data=spec, process=Flow(), network=network), images=64,
        batch=16,
        validation_images=8,
    )
''',
    "autoencoders/folded.py": '''
from dataclasses import dataclass

import torch.nn.functional as F

from debruit.autoencoders.codec import CodecModule, Moments


@dataclass(frozen=True, kw_only=True)
class Folded:
    """2 x 2 pixels as channels: a codec without weights."""

    factor = 2

    def latent_channels(self, channels):
        return 4 * channels

    def latent_size(self, *sizes):
        return tuple(-(-size // 2) for size in sizes)

    def build(self, channels):
        return FoldedModule()


class FoldedModule(CodecModule):
    factor = 2

    def encode(self, images):
        return Moments(F.pixel_unshuffle(images, 2))

    def decode(self, latents, size):
        return F.pixel_shuffle(latents, 2)[..., : size[0], : size[1]]
''',
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    """place(NAME): that file of FILES in the folder of debruit that its path says, for this test."""
    placed = []

    def add(name: str) -> None:
        folder, _, file = name.rpartition("/")
        package = "debruit." + folder.replace("/", ".")
        directory = tmp_path / "placed" / folder
        directory.mkdir(parents=True)
        (directory / file).write_text(FILES[name])
        module = importlib.import_module(package)
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(directory)])
        importlib.invalidate_caches()
        placed.append(f"{package}.{Path(file).stem}")

    yield add
    for name in placed:
        sys.modules.pop(name, None)


def model(**changes) -> Model:
    """Tiny and untrained, its output not 0."""
    config = replace(tiny.run().model, **changes)
    torch.manual_seed(0)
    backbone = config.build()
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return Model(config, backbone, codec=config.codec.build(config.data.channels))


def test_a_sampler(place, tmp_path, capsys):
    place("sampling/midpoint.py")
    assert "midpoint" in names(Sampler)
    model().save(tmp_path / "m.safetensors")
    out = tmp_path / "x.png"
    assert (
        main(
            [
                "sample",
                str(tmp_path / "m.safetensors"),
                "-n",
                "2",
                "--sampler",
                "midpoint",
                "--steps",
                "3",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    assert out.is_file()
    capsys.readouterr()
    assert main(["list", "samplers"]) == 0
    assert "midpoint" in capsys.readouterr().out


def test_a_process(place, tmp_path):
    place("diffusion/processes/quadratic.py")
    assert "Quadratic" in implementations(Process)
    process = override(tiny.run(), "model.process=quadratic").model.process
    again_and_again(model(process=process), tmp_path)


def test_a_codec(place, tmp_path):
    place("autoencoders/folded.py")
    folded = implementations(Codec)["Folded"]()
    made = model(codec=folded)
    assert made.config.latent_shape == (4, 4, 4)
    images = made.config.data.from_model(torch.rand(2, 1, 8, 8) * 2 - 1)
    assert torch.equal(made.images(made.latents(images)), images)
    again_and_again(made, tmp_path)


def test_a_source_and_a_recipe(place, tmp_path, capsys):
    """Listed, trained on and sampled from the command line."""
    place("data/sources/stripes.py")
    assert find_source("stripes").build().spec.count == 64
    place("recipes/stripes.py")
    assert main(["list", "recipes"]) == 0
    assert "stripes-8" in capsys.readouterr().out
    out = tmp_path / "run"
    assert main(["train", "stripes-8", "--images", "32", "--device", "cpu", "--out", str(out)]) == 0
    assert debruit.load(out, device="cpu").generate(1, steps=2).shape == (1, 1, 8, 8)


def again_and_again(made: Model, folder: Path) -> None:
    """A model samples, is saved, and samples the same when it is loaded."""
    images = made.generate(2, steps=2)
    assert images.float().std() > 0
    made.save(folder / "m.safetensors")
    again = debruit.load(folder / "m.safetensors", device="cpu")
    assert again.config == made.config
    assert torch.equal(again.generate(2, steps=2), images)
