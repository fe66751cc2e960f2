"""Masks on the command line: several, of any size, and what is said of them, once."""

import numpy as np
import pytest
from PIL import Image

import painted
from debruit.apps.cli import main
from debruit.conditioning.mask import Mask

MASK = Mask()
SKY = {"mask_names": ("sky", "sea"), "palette": ((0, 0, 255), (0, 255, 0)), "mask_numbers": (0, 255)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model of masks, another one, and masks of 16 and other sizes."""
    folder = tmp_path_factory.mktemp("masks")
    painted.model(conditioners=[MASK], has=SKY).save(folder / "m.safetensors")
    painted.model(conditioners=[MASK], has=SKY, data_std=0.4).save(folder / "weaker.safetensors")
    left = np.zeros((16, 16), np.uint8)
    left[:, :8] = 255
    for name, mask in {"left": left, "right": left[:, ::-1], "wide": np.pad(left, ((0, 0), (9, 9)), "edge")}.items():
        Image.fromarray(mask).save(folder / f"{name}.png")
    Image.fromarray(left).resize((64, 64), Image.Resampling.NEAREST).save(folder / "large.png")
    return folder


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)


def drawn(*arguments: str) -> np.ndarray:
    assert main(["sample", "m.safetensors", "--steps", "1", "--out", "x.npy", *arguments]) == 0
    return np.load("x.npy").astype(int)


def same(a, b) -> bool:
    return abs(a - b).max() <= 1


def test_several_files_by_commas_or_by_flags(capsys):
    both = drawn("-n", "3", "--mask", "left.png,right.png")
    assert "on left.png, right.png in turn" in capsys.readouterr().out
    assert same(both, drawn("-n", "3", "--mask", "left.png", "--mask", "right.png"))
    left, right = drawn("-n", "3", "--mask", "left.png"), drawn("-n", "3", "--mask", "right.png")
    assert same(both, np.stack([left[0], right[1], left[2]]))
    assert not same(left, right)
    command = ["sample", "m.safetensors", "--steps", "1", "-n", "6", "--mask", "left.png,right.png", "--out", "x.png"]
    assert main(command) == 0
    width, height = Image.open("x.png").size
    assert width > height, "a row for each mask"


def test_of_another_shape_it_is_the_central_part(capsys):
    found = drawn("-n", "1", "--mask", "wide.png")
    assert "wide.png is 34 x 16 pixels and the images 16 x 16: its central part was resized" in capsys.readouterr().out
    assert same(found, drawn("-n", "1", "--mask", "left.png"))


@pytest.mark.parametrize("guide", [[], ["--guide-model", "weaker.safetensors", "--guidance", "2"]])
def test_what_is_done_otherwise_is_reported_once_a_command(guide, capsys):
    for _ in range(2):
        drawn("-n", "5", "--batch", "2", "--mask", "large.png", *guide)
        assert capsys.readouterr().out.count("large.png is 64 x 64 pixels") == 1
