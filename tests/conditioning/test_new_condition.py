"""A condition is one file: a new one, in a package of its own, trains, samples and is evaluated without another change."""

import importlib
import sys

import numpy as np
import pytest
import tiny
import torch

import debruit
from debruit import seams
from debruit.apps.cli import main
from debruit.conditioning.batch import ConditionBatch
from debruit.errors import InputError

BRIGHTNESS = '''
from dataclasses import dataclass
from typing import ClassVar

import torch

import debruit
from debruit.conditioning.base import Conditioner
from debruit.errors import InputError


@debruit.register
@dataclass(frozen=True, kw_only=True)
class Brightness(Conditioner):
    """The mean of an image, from 0 to 1."""

    name: ClassVar[str] = "brightness"
    item: ClassVar[str] = "image"
    door: ClassVar[str] = "vector"
    drop: float = 0.1

    @classmethod
    def from_data(cls, context):
        return cls()

    def read(self, items, spec):
        return (spec.to_model(items["image"]).flatten(1).mean(1, keepdim=True) + 1) / 2

    def parse(self, value, indices, spec):
        values = value if isinstance(value, list) else [value]
        try:
            numbers = [float(each) for each in values]
        except ValueError:
            raise InputError(f"a brightness of {value}: give a number from 0 to 1") from None
        return torch.tensor([[numbers[n % len(numbers)]] for n in indices])

    def placeholder(self, count, spec):
        return torch.zeros(count, 1)

    def width(self, spec, factor):
        return 4

    def build(self, spec, factor):
        return Embedding()


class Embedding(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.none = torch.nn.Linear(1, 4), torch.nn.Parameter(torch.zeros(4))

    def forward(self, values, keep):
        return torch.where(keep[:, None], self.linear(values), self.none)
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder, trained by the command line under the new condition."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "brightness_plugin.py").write_text(BRIGHTNESS)
    sys.path.insert(0, str(folder))
    try:
        plugin = importlib.import_module("brightness_plugin")
        small = [f"model.network.{key}" for key in ("channels=8", "head_channels=8", "groups=4")]
        flags = [part for change in [*small, "validation_images=20"] for part in ("--set", change)]
        out = folder / "run"
        command = [
            "train",
            "digits",
            "--condition",
            "brightness",
            "--images",
            "128",
            "--batch",
            "32",
            "--out",
            str(out),
        ]
        assert main([*command, *flags]) == 0
        yield out
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("brightness_plugin", None)
        seams._PLUGINS.pop(plugin.Brightness, None)


def test_it_samples_from_python(run):
    model = debruit.load(run, device="cpu")
    assert [c.name for c in model.config.conditioners] == ["brightness"]
    dark, bright = (model.generate(2, conditions={"brightness": value}, steps=2, seed=1) for value in (0.0, 1.0))
    assert not torch.equal(dark, bright)
    with pytest.raises(InputError, match="there is no condition 'brightnes', did you mean 'brightness'"):
        model.generate(1, conditions={"brightnes": 0.3})
    with pytest.raises(InputError, match="a brightness of much: give a number"):
        model.generate(1, conditions={"brightness": "much"})


def test_it_samples_on_the_command_line(run, tmp_path):
    out = tmp_path / "x.npy"
    flags = ["--steps", "2", "--seed", "1", "--device", "cpu", "--condition", "brightness=0.3"]
    assert main(["sample", str(run), "-n", "2", "--out", str(out), *flags]) == 0
    model = debruit.load(run, device="cpu")
    expected = model.generate(2, conditions={"brightness": 0.3}, steps=2, seed=1)
    assert np.abs(np.load(out).astype(int) - expected.numpy().astype(int)).max() <= 1


def test_it_is_evaluated(run, tmp_path):
    out = tmp_path / "evaluation"
    flags = ["-n", "16", "--metrics", "colour", "--device", "cpu", "--out", str(out)]
    assert main(["evaluate", str(run), *flags]) == 0
    model, data = debruit.load(run, device="cpu"), tiny.run().source.build()
    batch = ConditionBatch.from_dataset(model.config, data, np.arange(5))
    assert batch.values["brightness"].shape == (5, 1)
    assert batch.keep["brightness"].all()
