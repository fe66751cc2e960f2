"""A condition is one file: a new one, in a package of its own, trains, samples and is evaluated without another
change."""

import numpy as np
import pytest
import tiny
import torch

import debruit
from debruit.apps.cli import main
from debruit.conditioning.batch import ConditionBatch
from debruit.errors import InputError
from documented import installed_condition


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder, trained on the command line with the condition of docs/conditions.md."""
    folder = tmp_path_factory.mktemp("plugin")
    with installed_condition(folder):
        small = [f"model.network.{key}" for key in ("channels=8", "head_channels=8", "groups=4")]
        flags = [part for change in [*small, "validation_images=20"] for part in ("--set", change)]
        length, out = ["--images", "128", "--batch", "32"], folder / "run"
        assert main(["train", "digits", "--condition", "brightness", *length, "--out", str(out), *flags]) == 0
        yield out


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
