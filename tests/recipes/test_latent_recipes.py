"""The two stages of a reference model from the command line: what is refused, what a dry run says, and the commands of
docs/reference-models.md, with small networks."""

import re
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import debruit
from debruit.apps.cli import main
from debruit.autoencoders.autoencoder import Autoencoder, measured
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.config import FirstStageConfig
from debruit.planning import measure, throughput
from debruit.recipes import recipes
from debruit.workflows.train_recipe import first_stage_for, on_autoencoder

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference-models.md"
SMALL_NETWORK = ["multipliers=1,1", "blocks=1", "attention=2", "channels=8", "groups=4", "head_channels=8"]
SMALL_CODER = ["channels=8", "groups=4", "blocks=1"]


@pytest.fixture(scope="module")
def look_alike(tmp_path_factory):
    """A folder in the layout of CelebA-HQ, of 4 images."""
    folder = tmp_path_factory.mktemp("data") / "celeba_hq"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for n in range(4):
        pixels = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((260, 256)).save(folder / f"{n:05d}.jpg")
    return folder


@pytest.fixture
def no_training(monkeypatch):
    from debruit.workflows import train

    monkeypatch.setattr(train, "run_training", lambda *a, **k: pytest.fail("it began to train"))


def first_stage(path: Path, *, factor: int = 4, latent_channels: int = 3, channels: int = 3) -> Path:
    """The file of an untrained autoencoder, its latents measured."""
    coder = Coder(channels=8, multipliers=(1,), blocks=1, groups=4, patch=factor, middle_attention=False)
    codec = Autoencoder(coder=coder, bottleneck=KL(channels=latent_channels))
    module = codec.build(channels).eval()
    codec = measured(codec, module, [torch.rand(2, channels, 64, 64) * 2 - 1])
    spec = DataSpec(name="faces", channels=channels, height=64, width=64, depth="uint8", low=0, high=255, count=2)
    FirstStage(FirstStageConfig(data=spec, codec=codec), module).save(path)
    return path


def refused(capsys, *arguments) -> str:
    assert main([str(a) for a in arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_it_says_how_to_train_the_autoencoder_that_is_missing(look_alike, tmp_path, capsys, no_training):
    assert (
        "ldm-faces-256 needs a trained autoencoder of factor 4 and 3 latent channels: train it first with "
        f"`debruit train vq-f4-256 {look_alike} --out runs/vq`, then give --autoencoder runs/vq"
    ) in refused(capsys, "train", "ldm-faces-256", look_alike, "--out", tmp_path / "a")
    said = refused(capsys, "train", "ldm-faces-256", "--out", tmp_path / "a")
    assert "`debruit train vq-f4-256 ./celeba_hq --out runs/vq`" in said
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(("factor", "latent_channels"), [(8, 3), (4, 4)])
def test_another_autoencoder_is_refused(factor, latent_channels, look_alike, tmp_path, capsys, no_training):
    path = first_stage(tmp_path / "ae.safetensors", factor=factor, latent_channels=latent_channels)
    said = refused(capsys, "train", "ldm-faces-256", look_alike, "--autoencoder", path, "--out", tmp_path / "a")
    assert "needs an autoencoder of factor 4 and 3 latent channels" in said
    assert f"has factor {factor} and {latent_channels}: train the right one with `debruit train vq-f4-256" in said
    assert f"`debruit train ldm SOURCE --autoencoder {path}`" in said


def test_an_autoencoder_of_grey_images_is_refused(look_alike, tmp_path, capsys, no_training):
    path = first_stage(tmp_path / "ae.safetensors", channels=1)
    said = refused(capsys, "train", "ldm-faces-256", look_alike, "--autoencoder", path, "--out", tmp_path / "a")
    assert "was trained on images of 1 channels" in said


def test_what_is_not_trained_on_latents_takes_no_autoencoder(tmp_path, capsys, no_training):
    path = first_stage(tmp_path / "ae.safetensors")
    for what in ("ddpm-fashion-mnist-28", "vq-f4-256", "digits"):
        said = refused(capsys, "train", what, "--autoencoder", path, "--out", tmp_path / "a")
        assert f"'{what}' is no recipe on latents; an autoencoder is for those" in said
    said = refused(capsys, "train", "ldm-face-256", "--autoencoder", path, "--out", tmp_path / "a")
    assert "did you mean 'ldm-faces-256'?" in said


def test_a_folder_of_another_kind_is_refused(tmp_path, capsys, no_training):
    folder = tmp_path / "grey"
    folder.mkdir()
    Image.new("L", (256, 256), 100).save(folder / "a.png")
    said = refused(capsys, "train", "vq-f4-256", folder, "--out", tmp_path / "a")
    assert "the recipe is for images of (3, 256, 256) (channels, height, width) and grey gives (1, 256, 256)" in said


def test_the_trained_codec_takes_the_recipes_place(tmp_path):
    stage = first_stage_for("ldm-faces-256", None, first_stage(tmp_path / "ae.safetensors"))
    run = recipes()["ldm-faces-256"]()
    found = on_autoencoder(run, stage)
    assert found.model.codec == stage.config.codec
    assert found.model.codec.fingerprint
    assert len(found.model.codec.scale) == 3
    assert replace(found, model=replace(found.model, codec=run.model.codec)) == run, "and nothing else changes"


def test_a_dry_run_prices_the_latent_recipe_without_its_autoencoder(look_alike, capsys, monkeypatch, no_training):
    """With a narrow network; the numbers of the real one are below."""
    monkeypatch.setattr(throughput, "throughput", lambda device, **_: 1e7)
    monkeypatch.setattr(throughput, "QUICK_FLOPS", 0)
    monkeypatch.setattr(measure, "measure", lambda *a, **k: pytest.fail("it measured"))
    small = [f"--set=model.network.{setting}" for setting in SMALL_NETWORK]
    assert main(["train", "ldm-faces-256", str(look_alike), "--dry-run", *small]) == 0
    said = capsys.readouterr().out
    for part in (
        "4 images, 3 x 256 x 256",
        "19,680,000 images",
        "images/s (estimated from its FLOPs)",
        "days",
        "network ",
        "autoencoder (frozen) 55.32 M",
        "weights",
        "gradients",
        "optimiser's moments",
        "average of the weights",
        "activations of",
        "not measured on a GPU",
        "GPU of",
    ):
        assert part in said, part


def test_a_dry_run_prices_a_first_stage(look_alike, capsys, monkeypatch, no_training):
    monkeypatch.setattr(throughput, "throughput", lambda device, **_: 1e7)
    monkeypatch.setattr(throughput, "QUICK_FLOPS", 0)
    monkeypatch.setattr(measure, "measure", lambda *a, **k: pytest.fail("it measured"))
    small = [f"--set=model.codec.coder.{setting}" for setting in SMALL_CODER]
    assert main(["train", "vq-f4-256", str(look_alike), "--dry-run", *small]) == 0
    said = capsys.readouterr().out
    for part in (
        "factor 4, latents 3 x 64 x 64",
        "codebook 1",
        "adversarial 0.5",
        "autoencoder ",
        "discriminator 2.77 M",
        "perceptual network (frozen)",
        "best weights so far",
        "discriminator, gradients, moments",
        "the batch of 12 fits",
    ):
        assert part in said, part


@pytest.mark.slow
def test_a_dry_run_prices_both_stages(capsys, no_training):
    assert main(["train", "ldm", "digits", "--dry-run", "--images", "2000", "--set", "autoencoder.seed=3"]) == 0
    said = capsys.readouterr().out
    assert said.count("parameters  ") == 2
    assert "1,400 images (" in said, "what the first stage leaves"
    assert "autoencoder (frozen)" in said.split("stage 2")[-1]


@pytest.mark.slow
def test_where_the_faces_model_fits(look_alike, capsys, no_training):
    """REFERENCE's model at its batch of 48: documented in docs/reference-models.md."""
    assert main(["train", "ldm-faces-256", str(look_alike), "--dry-run"]) == 0
    said = capsys.readouterr().out
    for part in (
        "network 274.06 M",
        "GPU of 8 GiB: enough for training steps, too small for previews",
        "GPU of 12 GiB: with --set microbatch=12",
        "GPU of 16, 24 GiB: with --set microbatch=24",
        "GPU of 40, 80 GiB: the batch of 48 fits",
    ):
        assert part in said, part


@pytest.mark.slow
def test_the_documented_commands_run(look_alike, tmp_path, monkeypatch):
    """Both stages and sampling, each command of the document with a small network and 4 images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "celeba_hq").symlink_to(look_alike)
    run_all(documented("## Both stages", 4))
    model = debruit.load("runs/faces")
    codec = FirstStage.load("runs/vq").config.codec
    assert model.config.codec == codec
    assert codec.fingerprint
    assert model.generate(2, steps=2).shape == (2, 3, 256, 256)


@pytest.mark.slow
def test_the_documented_commands_of_conditional_models_run(look_alike, tmp_path, monkeypatch):
    """On a look-alike of each layout: folders for classes, masks beside images, a caption beside each image."""
    monkeypatch.chdir(tmp_path)
    for n, path in enumerate(sorted(look_alike.iterdir())):
        classed = Path("imagenet") / ("n01440764", "n01443537")[n % 2]
        for folder in (classed, Path("landscapes/images"), Path("landscapes/masks"), Path("captioned")):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (classed, Path("landscapes/images"), Path("captioned")):
            (folder / f"{n}.jpg").symlink_to(path)
        Image.fromarray(np.full((256, 260), n % 2, np.uint8)).save(f"landscapes/masks/{n}.png")
        (Path("captioned") / f"{n}.txt").write_text(f"a picture of {n} apples")
    Path("landscapes/classes.json").write_text('["sky", "sea"]')
    run_all(documented("## With a condition", 12))
    configs = {name: debruit.load(f"runs/{name}").config for name in ("classes", "masks", "text")}
    assert configs["classes"].data.class_names == ("n01440764", "n01443537")
    assert configs["masks"].data.mask_names == ("sky", "sea")
    assert configs["text"].conditioners[0].length == 77


def documented(section: str, count: int) -> list[str]:
    """The commands of a section of the document, in its blocks of text; one may go on in lines that follow a
    backslash."""
    text = DOCUMENT.read_text().split(section + "\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    commands = [line for line in lines if line.startswith("debruit ")]
    assert len(commands) == count
    return commands


def run_all(commands: list[str]) -> None:
    for line in commands:
        arguments = without_length(shlex.split(line)[1:])
        assert main([*arguments, *shrunk(arguments)]) == 0, line


def without_length(arguments: list[str]) -> list[str]:
    """They are given a shorter one."""
    own = ("--images", "--batch")
    return [a for before, a in pairwise(["", *arguments]) if a not in own and before not in own]


def shrunk(arguments: list[str]) -> list[str]:
    if arguments[0] == "sample":
        return ["--steps", "2"]
    settings = [f"model.network.{setting}" for setting in SMALL_NETWORK] + ["model.sampling.steps=2"]
    if "imagenet" in arguments[1]:
        settings += ["model.network.heads=1", "model.network.token_channels=8", "model.conditioners.0.channels=8"]
    if "text" in arguments[1]:
        encoder = ("width=8", "head_channels=4", "heads=2", "depth=1")
        settings += [
            "model.network.token_channels=8",
            *(f"model.conditioners.0.encoder.{setting}" for setting in encoder),
        ]
    if arguments[1].startswith(("vq", "kl")):
        settings = [f"model.codec.coder.{setting}" for setting in SMALL_CODER]
        settings += ["criterion.adversarial.channels=8", "criterion.adversarial.begins_images=2"]
    if arguments[1].startswith("vq"):
        settings += ["model.codec.bottleneck.codes=64"]
    length = [] if "--dry-run" in arguments else ["--images", "4", "--batch", "2"]
    return [*length, *(f"--set={setting}" for setting in settings)]
