"""`--enlarge` of `debruit sample` and `debruit edit`, and grids that `debruit upscale` enlarges."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import debruit
import painted
from debruit.apps.cli import main, optional_values
from debruit.conditioning.low_res import LowRes
from debruit.editing.upscaling import upscale
from debruit.images.grids import images_in
from debruit.models import model_file
from debruit.models.diffusion import load
from debruit.workflows import enlarging

LARGE = {"height": 64, "width": 64}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model of 16 pixels, enlargers that fit it and that do not, and an image."""
    folder = tmp_path_factory.mktemp("enlarge")
    painted.model(labels=True).save(folder / "c.safetensors")
    painted.model(conditioners=[LowRes()], has=LARGE).save(folder / "sr.safetensors")
    painted.model(conditioners=[LowRes(scale=2)], has=LARGE).save(folder / "other-size.safetensors")
    painted.model(conditioners=[LowRes()], channels=1, has=LARGE).save(folder / "grey.safetensors")
    painted.model(conditioners=[LowRes()], depth="uint16", has=LARGE).save(folder / "deep.safetensors")
    Image.fromarray(painted.photos(1)[0].permute(1, 2, 0).numpy()).save(folder / "0.png")
    return folder


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def ran(line):
    assert main(line.split()) == 0


def refused(capsys, line):
    code = main(line.split())
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.count("\n") == 1, "one sentence"
    return captured.err


def test_samples_are_those_of_the_model_enlarged_with_the_noise_of_their_number(capsys):
    ran("sample c.safetensors -n 3 --batch 2 --steps 2 --seed 5 --label cats --enlarge sr.safetensors --out a.npy")
    assert "enlarged by sr.safetensors" in capsys.readouterr().out
    small = load("c.safetensors").generate(3, label="cats", steps=2, seed=5, batch=2)
    wanted = upscale(load("sr.safetensors"), small, seed=5, batch=2).int().numpy()
    found = np.load("a.npy")
    assert found.shape == (3, 3, 64, 64)
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_a_grid_and_a_folder_hold_the_large_images(capsys):
    ran("sample c.safetensors -n 2 --steps 2 --enlarge sr.safetensors --out grid.png")
    assert Image.open("grid.png").width > 2 * 64
    ran("sample c.safetensors -n 2 --steps 2 --enlarge sr.safetensors --out many")
    before = pixels("many/000001.png")
    assert before.shape == (64, 64, 3)
    Path("many/000000.png").unlink()
    ran("sample c.safetensors -n 2 --steps 2 --enlarge sr.safetensors --out many")
    assert Path("many/000000.png").exists(), "the same command continues"
    assert (pixels("many/000001.png") == before).all()
    capsys.readouterr()
    said = refused(capsys, "sample c.safetensors -n 2 --steps 2 --out many")
    assert "with other settings (enlarge" in said, "small and large images do not mix"


def test_edits_are_enlarged():
    ran("edit c.safetensors --image 0.png --strength 0.5 --steps 2 --enlarge sr.safetensors --out e.png")
    assert pixels("e.png").shape == (64, 64, 3)
    ran("edit c.safetensors --image 0.png --outpaint 2,0,0,0 --resamplings 1 --enlarge sr.safetensors --out o.npy")
    assert np.load("o.npy").shape == (1, 3, 64, 72)


def test_alone_it_means_the_shipped_enlarger_that_fits(monkeypatch, place, capsys):
    names = ("c", "grey", "sr")
    monkeypatch.setattr(enlarging, "shipped", lambda: {name: place / f"{name}.safetensors" for name in names})
    monkeypatch.setattr(model_file, "shipped", lambda: {"sr": place / "sr.safetensors"})
    ran("sample c.safetensors -n 1 --steps 2 --out one.png --enlarge")
    assert pixels("one.png").shape == (64, 64, 3)
    assert "enlarged by sr" in capsys.readouterr().out
    result = debruit.sample("c.safetensors", n=1, steps=2, enlarge="auto").result()
    assert result.images.shape == (1, 3, 64, 64)
    said = refused(capsys, "sample other-size.safetensors -n 1 --image 0.png --enlarge --out x.png")
    assert "no enlarger of images of 64 x 64 pixels (RGB, uint8) with values of 0 to 255 comes with debruit" in said
    assert "sr (images of 16 x 16 pixels (RGB, uint8)" in said


def test_a_flag_alone_gets_its_value():
    given = ["sample", "m", "--enlarge", "--out", "a", "--enlarge", "x", "--enlarge"]
    wanted = ["sample", "m", "--enlarge=auto", "--out", "a", "--enlarge", "x", "--enlarge=auto"]
    assert optional_values.with_values(given) == wanted
    assert optional_values.with_values([]) == []


def test_bad_requests(capsys):
    sample = "sample c.safetensors -n 1 --out x.png --enlarge "
    cases = {
        sample + "c.safetensors": "--enlarge c.safetensors: this model enlarges no images, since it was trained with",
        sample + "other-size.safetensors": "it enlarges images of 32 x 32 pixels (RGB, uint8) with values of 0 to 255, "
        "and this model's are of 16 x 16 pixels",
        sample + "grey.safetensors": "it enlarges images of 16 x 16 pixels (grey, uint8)",
        sample + "deep.safetensors": "it enlarges images of 16 x 16 pixels (RGB, uint16)",
        sample + "nowhere": "there is no model at nowhere",
        "edit c.safetensors --image 0.png --invert --enlarge sr.safetensors": "--enlarge does not go with --invert",
    }
    for line, sentence in cases.items():
        assert sentence in refused(capsys, line), line
    assert not Path("x.png").exists()


def test_all_images_of_a_grid_are_enlarged():
    ran("sample c.safetensors -n 3 --steps 2 --out three.png")
    assert images_in("three.png") == ["three.png#0", "three.png#1", "three.png#2"]
    assert images_in("0.png") == ["0.png"]
    ran("upscale sr.safetensors --image three.png --seed 2 --out all.npy")
    ran("upscale sr.safetensors --image three.png#0 --seed 2 --out first.npy")
    found = np.load("all.npy")
    assert found.shape == (3, 3, 64, 64)
    assert np.abs(found[0].astype(int) - np.load("first.npy")[0]).max() <= 1
    assert (found[0] != found[1]).any()
    ran("upscale sr.safetensors --image three.png -n 2 --out twice.npy")
    assert len(np.load("twice.npy")) == 6
