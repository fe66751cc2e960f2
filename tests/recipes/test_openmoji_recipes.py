"""The recipes on OpenMoji: what they are, which autoencoder they want, and, slowly, that they train and sample from the
command line."""

import re
from dataclasses import replace

import pytest
import torch
from PIL import Image

import debruit
from debruit.apps.cli import main
from debruit.autoencoders.autoencoder import measured
from debruit.errors import InputError
from debruit.models.autoencoder import FirstStage
from debruit.models.config import FirstStageConfig
from debruit.planning.counting import parameters
from debruit.recipes import recipes
from debruit.text.wordpiece import WordPiece
from debruit.workflows.train_recipe import first_stage_for

DRAWS, ENLARGES = recipes()["openmoji-text-mask-64"](), recipes()["upscale-openmoji-64"]()
MOST_BYTES = 25e6  # of the model in the repository, in half precision


def test_it_draws_under_text_and_mask_each_dropped_by_itself():
    model = DRAWS.model
    assert {c.name: c.drop > 0 for c in model.conditioners} == {"text": True, "mask": True}
    assert (model.latent_shape, model.predicts, DRAWS.optimiser.kind) == ((4, 16, 16), "velocity", "muon")
    assert (DRAWS.source.masks, DRAWS.source.languages, DRAWS.source.size) == (True, ("en", "fr"), 64)
    assert len(model.data.mask_names) == len(model.data.palette) > 1


def test_it_fits_into_the_repository():
    """With as many of BERT's word pieces as bench/shipped.py leaves it."""
    text, mask = DRAWS.model.conditioners
    words = WordPiece(text.tokenizer.vocabulary[:14_000])
    with torch.device("meta"):
        backbone = replace(DRAWS.model, conditioners=(replace(text, tokenizer=words), mask)).build()
        codec = DRAWS.model.codec.build(3)
    assert 2 * (parameters(backbone) + parameters(codec)) < 0.97 * MOST_BYTES
    assert f"a U-Net of {parameters(backbone.network) / 1e6:.1f} M" in recipes()["openmoji-text-mask-64"].__doc__


def test_it_enlarges_from_16_to_64_pixels():
    (image,) = ENLARGES.model.conditioners
    assert (image.name, image.size(ENLARGES.data), image.drop) == ("low-res", (16, 16), 0)
    assert ENLARGES.model.sampling.guidance == 1, "what is never dropped cannot be guided"
    with torch.device("meta"):
        backbone = ENLARGES.model.build()
    assert f"a U-Net of {parameters(backbone) / 1e6:.2f} M" in recipes()["upscale-openmoji-64"].__doc__


def test_an_autoencoder_without_a_recipe_is_trained_by_its_size_and_factor():
    with pytest.raises(
        InputError,
        match=re.escape(
            "openmoji-text-mask-64 needs a trained autoencoder of factor 4 and 4 latent channels: train it first with "
            "`debruit train autoencoder openmoji --size 64 --factor 4 --out runs/ae`, then give --autoencoder runs/ae"
        ),
    ):
        first_stage_for("openmoji-text-mask-64", None, None)
    with pytest.raises(InputError, match="`debruit train autoencoder ./mine --size 64 --factor 4 --out runs/ae`"):
        first_stage_for("openmoji-text-mask-64", "./mine", None)


@pytest.fixture
def autoencoder(tmp_path):
    """An untrained one, its latents measured on noise."""
    codec = DRAWS.model.codec
    torch.manual_seed(0)
    module = codec.build(3).eval()
    codec = measured(codec, module, [torch.rand(2, 3, 64, 64) * 2 - 1])
    FirstStage(FirstStageConfig(data=DRAWS.data, codec=codec), module).save(tmp_path / "ae.safetensors")
    return tmp_path / "ae.safetensors"


@pytest.mark.slow
def test_it_trains_and_samples_as_requested(autoencoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--autoencoder", str(autoencoder), "--images", "8", "--batch", "4", "--out", "o"]
    assert main(["train", "openmoji-text-mask-64", *arguments]) == 0
    model = debruit.load("o")
    text, mask = model.config.conditioners
    assert len(text.tokenizer.vocabulary) > 2000, "pieces of the names in both languages"
    Image.new("P", (64, 64)).save("mask.png")
    asked = [["--prompt", "un chien"], ["--mask", "mask.png"], ["--prompt", "red apple", "--mask", "mask.png"], []]
    for given in asked:
        assert main(["sample", "o", "-n", "2", "--steps", "2", "--out", "a.png", *given]) == 0
    assert mask.name == "mask"
    assert model.config.data.mask_names == DRAWS.data.mask_names


@pytest.mark.slow
def test_it_trains_and_enlarges(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "upscale-openmoji-64", "--images", "8", "--batch", "4", "--out", "sr"]) == 0
    Image.new("RGB", (16, 16), (200, 30, 30)).save("small.png")
    image = debruit.load("sr").generate(1, image="small.png", steps=2)
    assert image.shape == (1, 3, 64, 64)
