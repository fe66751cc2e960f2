"""The models that come with debruit: small, in half precision, with their licence, and found by name."""

import pytest
import torch
from safetensors.torch import load_file

import debruit
from debruit.apps.cli import main
from debruit.diffusion.chain import Chain, Linear
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.models.model_file import model_file, save, shipped
from debruit.recipes import recipes
from debruit.sampling.ancestral import Ancestral

MOST_BYTES = {"openmoji-64": 25_000_000, "ddpm-fashion": 2_000_000}


def test_they_are_small_and_their_licence_lies_beside_them():
    assert set(shipped()) == set(MOST_BYTES)
    licences = {"openmoji-64": "CC BY-SA 4.0", "ddpm-fashion": "MIT"}
    for name, path in shipped().items():
        assert path.stat().st_size <= MOST_BYTES[name]
        about = (path.parent / "README.md").read_text().split(f"**{name}**")[1].split("\n**")[0]
        assert licences[name] in about


def test_the_ddpm_is_the_lectures():
    """A chain of 1000 steps, linear beta, eps predicted, no condition, algorithm 2; the network of its recipe."""
    config, recipe = debruit.load("ddpm-fashion", "cpu").config, recipes()["ddpm-fashion-mnist-28"]().model
    assert config.process == Tabulated(chain=Chain(schedule=Linear(start=1e-4, end=0.02), steps=1000))
    assert config.predicts == "eps"
    assert not config.conditioners
    assert config.sampling.sampler == Ancestral(variance="posterior")
    assert config.sampling.steps == 1000
    assert config.network == recipe.network
    assert config.sampling == recipe.sampling


def test_one_draws_by_its_name_under_a_prompt_and_a_mask():
    model = debruit.load("openmoji-64", "cpu")
    assert {p.dtype for p in model.backbone.parameters()} == {torch.float32}
    assert torch.float16 in {w.dtype for w in load_file(shipped()["openmoji-64"]).values()}
    spec = model.config.data
    mask = torch.full((spec.height, spec.width), spec.mask_names.index("red"), dtype=torch.uint8)
    plain, red = (model.generate(1, prompt="face", steps=2, seed=0, **given) for given in ({}, {"mask": mask}))
    assert plain.shape == red.shape == (1, 3, 64, 64)
    redness = lambda images: (images[:, 0].float() - images[:, 2].float()).mean()  # noqa: E731
    assert redness(red) > redness(plain) + 30, "a red mask gives a red image"


def test_they_are_listed_and_a_near_name_is_suggested(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["list", "models"]) == 0
    assert "openmoji-64" in capsys.readouterr().out
    with pytest.raises(InputError, match="did you mean 'openmoji-64'"):
        model_file("openmoji-46")


def test_half_precision_takes_half_of_the_bytes_and_is_close(tmp_path):
    model = debruit.load("openmoji-64", "cpu")
    weights = model.backbone.state_dict() | {f"codec.{k}": v for k, v in model.codec.state_dict().items()}
    exact = {name: w * 1.0001 if w.is_floating_point() else w for name, w in weights.items()}
    for name, half in (("whole", False), ("half", True)):
        save(tmp_path / f"{name}.safetensors", model.config, exact, model.provenance, half=half)
    whole, half = (tmp_path / f"{name}.safetensors" for name in ("whole", "half"))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    read = debruit.load(half, "cpu").backbone.state_dict()
    for name, weight in read.items():
        assert torch.allclose(weight.float(), exact[name].float(), rtol=1e-3, atol=1e-6), name
