"""From a folder with classes, masks and captions to images under them, as a user types it; and the sentences for what cannot be done."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from debruit.apps.cli import main

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}
CAPTIONS = {"red": "a red square", "blue": "un carré bleu"}
SMALL = [
    "--set", "model.network.channels=8", "--set", "model.network.head_channels=8", "--set", "model.network.groups=4", "--set",
    "model.network.dropout=0", "--set", "every.save_images=1000",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 squares of two colours in subfolders, with masks of where they are and captions."""
    root = tmp_path_factory.mktemp("squares")
    generator = np.random.default_rng(0)
    for n in range(40):
        name = ("red", "blue")[n % 2]
        top, left = generator.integers(0, 8, 2)
        picture, mask = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16), np.uint8)
        picture[top : top + 8, left : left + 8], mask[top : top + 8, left : left + 8] = COLOURS[name], 1
        for kind, array in (("images", picture), ("masks", mask)):
            (root / kind / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(root / kind / name / f"{n}.png")
        (root / "images" / name / f"{n}.txt").write_text(CAPTIONS[name])
    (root / "classes.json").write_text(json.dumps([{"id": 0, "name": "ground"}, {"id": 1, "name": "square"}]))
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A model conditioned on all three, trained as a user would."""
    out = tmp_path_factory.mktemp("runs") / "o"
    command = [
        "train",
        str(folder),
        "--out",
        str(out),
        "--images",
        "320",
        "--batch",
        "8",
        "--device",
        "cpu",
        "--condition",
        "text,mask,label",
    ]
    assert main([*command, *SMALL]) == 0
    return out


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def drawn(run, *arguments):
    assert main(["sample", str(run), "-n", "2", "--steps", "2", "--out", "x.npy", *map(str, arguments)]) == 0
    return torch.from_numpy(np.load("x.npy")).float()


def refused(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.count("\n") == 1, "one sentence"
    return captured.err


def test_what_lies_beside_the_images_is_found_and_said(folder, capsys):
    assert main(["train", str(folder), "--images", "64", "--dry-run"]) == 0
    said = capsys.readouterr().out
    for condition in ("label", "mask", "text"):
        assert f"conditioned on {condition}" in said
    assert "word pieces" in said
    assert "none of the 40 is cut" in said


def test_each_condition_changes_the_image_and_its_absence_too(folder, run):
    mask = folder / "masks" / "red" / "0.png"
    plain = drawn(run, "--prompt", "", "--guidance", "1")
    found = [
        drawn(run, "--prompt", CAPTIONS["red"]), drawn(run, "--prompt", CAPTIONS["blue"]), drawn(run, "--label", "red"), drawn(run, "--mask", mask),
        drawn(run, "--mask", mask, "--prompt", CAPTIONS["red"], "--label", "red", "--guidance", "text=2,mask=1.5,label=1"),
    ]  # fmt: skip
    for k, one in enumerate([plain, *found]):
        assert one.shape == (2, 3, 16, 16)
        assert all(not torch.equal(one, other) for other in found[k:])


def test_an_empty_prompt_means_none(run):
    nothing = drawn(run, "--label", "red", "--guidance", "0")
    assert torch.equal(drawn(run, "--prompt", ""), nothing), "w = 0 is the model without any condition"


def test_training_under_several_conditions_resumes_to_the_bit(folder, tmp_path):
    command = ["train", str(folder), "--batch", "8", "--device", "cpu", "--condition", "text,mask", *SMALL]
    assert main([*command, "--out", "whole", "--images", "96"]) == 0
    assert main([*command, "--out", "parts", "--images", "96", "--set", "every.save_images=48"]) == 0
    for name in (tmp_path / "parts" / "state").glob("*"):
        if "48" not in name.name:
            name.unlink()
    assert main(["train", "--resume", "parts"]) == 0
    whole, parts = (np.load(f"{name}.npy") for name in map(sampled, ("whole", "parts")))
    assert (whole == parts).all()


def sampled(name):
    assert main(["sample", name, "-n", "2", "--steps", "2", "--out", f"{name}.npy"]) == 0
    return name


def test_a_small_image_is_a_condition_too(folder, run, capsys):
    command = [
        "train",
        str(folder),
        "--batch",
        "8",
        "--images",
        "64",
        "--device",
        "cpu",
        "--condition",
        "image",
        "--out",
        "sr",
        *SMALL,
    ]
    assert main(command) == 0
    Image.open(folder / "images" / "red" / "0.png").resize((4, 4)).save("small.png")
    assert main(["upscale", "sr", "--image", "small.png", "--out", "large.png", "--steps", "2"]) == 0
    assert Image.open("large.png").size == (16, 16)
    assert "image" in refused(capsys, "sample", "sr", "-n", "1", "--out", "x.png")
    assert "without its image" in refused(capsys, "sample", "sr", "-n", "1", "--out", "x.png")
    assert "image" in refused(capsys, "upscale", run, "--image", "small.png")


def test_what_is_done_otherwise_is_said(folder, run, capsys):
    Image.open(folder / "masks" / "red" / "0.png").resize((32, 32), Image.Resampling.NEAREST).save("large.png")
    drawn(run, "--mask", "large.png", "--prompt", "a red square " * 60)
    said = capsys.readouterr().out
    assert "32 x 32" in said
    assert "tokens and this model reads" in said


def test_sentences(folder, run, capsys):
    odd = np.zeros((16, 16), np.uint8)
    odd[:2] = 7
    Image.fromarray(odd).save("odd.png")
    sample = ["sample", run, "-n", "1", "--out", "x.png"]
    cases = {
        ("--label", "rde"): "did you mean 'red'?",
        ("--mask", "odd.png"): "7",
        ("--mask", "nowhere.png"): "nowhere.png",
        ("--label", "red", "--guidance", "-1"): "0 or more",
        ("--label", "red", "--guidance", "nan"): "nan",
        ("--image", "odd.png"): "label",
    }
    for arguments, part in cases.items():
        assert part in refused(capsys, *sample, *arguments), arguments


def test_sentences_of_training(folder, capsys):
    train = ["train", folder, "--out", "o", "--images", "64"]
    assert "did you mean 'mask'?" in refused(capsys, *train, "--condition", "msak")
    assert "one of them" in refused(capsys, *train, "--condition", "image,edges")
    assert "by itself" in refused(capsys, *train, "--condition", "none,text")
    assert "has no masks" in refused(
        capsys, "train", folder / "images", "--out", "o", "--images", "64", "--condition", "mask"
    )
    assert "has no captions" in refused(
        capsys, "train", folder / "masks", "--out", "o", "--images", "64", "--condition", "text"
    )
    assert "recipe" in refused(capsys, "train", "ddpm-fashion-mnist-28", "--out", "o", "--condition", "label")
    assert "an autoencoder has no condition" in refused(
        capsys, "train", "autoencoder", folder, "--out", "o", "--condition", "mask"
    )


def test_no_condition_when_none_is_asked_for(folder, capsys):
    assert main(["train", str(folder), "--images", "64", "--dry-run", "--condition", "none"]) == 0
    assert "conditioned on" not in capsys.readouterr().out
