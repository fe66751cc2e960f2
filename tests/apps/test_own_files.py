"""Images of one folder are of the same files: a file is known by its content, however it is named."""

import numpy as np
import pytest
from PIL import Image

import painted
from debruit.apps.cli import main
from debruit.conditioning.mask import Mask
from debruit.errors import InputError
from debruit.images import figures
from debruit.workflows.outputs.manifest import digest, digests, model_digest

MASK = Mask()
SKY = {"mask_names": ("sky", "sea"), "palette": ((0, 0, 255), (0, 255, 0)), "mask_numbers": (0, 255)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder, the home of this test too, with a model of masks, two masks, and a grid of two photographs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    painted.model(conditioners=[MASK], has=SKY).save(tmp_path / "m.safetensors")
    draw(tmp_path, 0)
    figures.save_grid(painted.photos(2), painted.spec(), tmp_path / "g.png")
    return tmp_path


def draw(place, value):
    for name in ("a", "b"):
        mask = np.full((16, 16), value, np.uint8)
        mask[:4] = 255 * (name == "a")
        Image.fromarray(mask).save(place / f"{name}.png")


def another_grid(place):
    figures.save_grid(painted.photos(4)[2:], painted.spec(), place / "g.png")


def command(count: int, *more: str) -> int:
    return main(
        ["edit", "m.safetensors", "--strength", "0.5", "--steps", "2", "-n", str(count), "--out", "many", *more]
    )


@pytest.mark.parametrize(
    ("changed", "more"),
    [
        (another_grid, ("--image", "g.png#0", "--mask", "a.png")),
        (another_grid, ("--image", "~/g.png#0", "--mask", "a.png")),
        (lambda place: draw(place, 255), ("--image", "g.png#0", "--mask", "a.png,b.png")),
        (lambda place: draw(place, 255), ("--image", "g.png#0", "--mask", "a.png,~/b.png")),
    ],
)
def test_a_file_that_was_overwritten_is_another(place, capsys, changed, more):
    assert command(1, *more) == 0
    assert command(2, *more) == 0
    assert "1 image with these settings already exist" in capsys.readouterr().out
    changed(place)
    assert command(3, *more) == 2
    assert "--out many holds 2 images with other settings" in capsys.readouterr().err


def test_digests_are_of_contents(place):
    assert digest(None) is None
    assert digest("g.png#0") != digest("g.png#1")
    assert digest("g.png#1") == digest("~/g.png#1")
    assert digests(["a.png,~/b.png"]) == digests(["a.png", "b.png"])
    assert digests(None) == []
    assert model_digest(None) is None
    for missing in ("nowhere.png", "nowhere.png#1", "."):
        with pytest.raises(InputError, match="cannot be read"):
            digest(missing)
    with pytest.raises(InputError, match="is a grid of 2 images"):
        digest("g.png")
