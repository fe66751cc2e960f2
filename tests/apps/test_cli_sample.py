"""`debruit sample` on models of text and masks: conditions in turn, guidance and its cost, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

import debruit
from debruit.apps.cli import main
from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.models.condition_images import condition_sheet
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model, load
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet
from debruit.sampling.config import SamplingConfig
from debruit.sampling.euler import Euler
from debruit.text.wordpiece import WordPiece


def written(path, channels: int = 8, **changes):
    """The file of an untrained model of texts and masks, 8 x 8."""
    torch.manual_seed(channels)
    words = WordPiece.train(["a black cat", "a white dog", "two owls"], 128)
    text = Text(tokenizer=words, encoder=TextTransformer(width=8, depth=1, heads=1, length=16))
    mask, names = Mask(), {"mask_names": ("none", "cat"), "palette": ((0, 0, 0), (255, 0, 0))}
    network = UNet(
        channels=channels,
        multipliers=(1, 2),
        attention=(2,),
        head_channels=8,
        groups=4,
        token_channels=8,
        transformer_depth=1,
        spatial_channels=mask.channels,
    )
    conditions = {
        "conditioners": (text, mask),
        "network": network,
        "sampling": SamplingConfig(sampler=Euler(), steps=4),
    } | changes
    config = ModelConfig(data=replace(tiny.run().model.data, **names), **conditions)
    model = Model(config, config.build(), {"images_seen": 0})
    for p in model.backbone.parameters():
        torch.nn.init.normal_(p, std=0.2)
    model.save(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return written(tmp_path_factory.mktemp("models") / "m.safetensors")


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    for k in range(2):
        pixels = np.zeros((8, 8), np.uint8)
        pixels[: 2 + 4 * k] = 1
        Image.fromarray(pixels).save(folder / f"{k}.png")
    return [str(folder / f"{k}.png") for k in range(2)]


def drawn(model, tmp_path, *arguments):
    out = tmp_path / "a.npy"
    assert main(["sample", str(model), "--out", str(out), *arguments]) == 0
    return torch.from_numpy(np.load(out))


def test_prompts_and_masks_are_taken_in_turn(model, masks, tmp_path, capsys):
    found = drawn(
        model,
        tmp_path,
        "-n",
        "4",
        "--prompt",
        "a black cat",
        "--prompt",
        "two owls",
        "--mask",
        masks[0],
        "--mask",
        masks[1],
        "--batch",
        "3",
    )
    wanted = debruit.load(model).generate(4, prompt=["a black cat", "two owls"], mask=masks)
    assert (found.int() - wanted.int()).abs().max() <= 1
    said = capsys.readouterr().out
    assert (
        f"4 images of 'a black cat', 'two owls' in turn on {masks[0]}, {masks[1]} in turn (euler, 4 steps, 4 network "
        "evaluations per image," in said
    )


def test_a_grid_has_a_group_for_each_prompt(model, tmp_path):
    """Five images of two prompts: groups of three and two under their captions, each image whole, in the order of their
    numbers."""
    out = tmp_path / "grid.png"
    prompts = ["--prompt", "a black cat", "--prompt", "two owls"]
    assert main(["sample", str(model), "-n", "5", "--out", str(out), *prompts]) == 0
    images, pixels = drawn(model, tmp_path, "-n", "5", *prompts), np.asarray(Image.open(out))
    config = load(model, "cpu").config
    asked = ConditionBatch.requested(config, range(5), {"text": [prompts[1], prompts[3]]})
    found = condition_sheet(images, config, asked, captions=[prompts[1], prompts[3]])
    assert (found.image.height, found.image.width) == pixels.shape[:2]
    for n, image in enumerate(images[:, 0]):
        left, top, right, bottom = found.boxes[n]
        step = (right - left) // 8
        assert np.abs(pixels[top:bottom:step, left:right:step, 0].astype(int) - image.numpy()).max() <= 1, n
    assert found.boxes[0][:2] != found.boxes[1][:2]


def test_guidance_its_interval_and_its_cost_are_reported(model, masks, tmp_path, capsys):
    common = ["-n", "1", "--prompt", "two owls", "--mask", masks[0]]
    cases = {
        ("--guidance", "3"): "8 network evaluations per image, guidance 3, seed",
        ("--guidance", "text=5,mask=2"): "12 network evaluations per image, guidance text=5, mask=2, seed",
        (
            "--guidance",
            "prompt=5",
            "--guidance-rescale",
            "0.7",
        ): "8 network evaluations per image, guidance prompt=5, rescaled by 0.7, seed",
        (
            "--guidance",
            "3",
            "--guidance-interval",
            "0.4,0.8",
        ): "6 network evaluations per image, guidance 3, between t = 0.4 and 0.8, seed",
        ("--guidance", "1"): "4 network evaluations per image, seed",
        (
            "--set",
            "guidance=text=5,mask=2",
            "--set",
            "interval=0.4,0.8",
        ): "8 network evaluations per image, guidance text=5, mask=2, between",
    }
    pictures = set()
    for arguments, sentence in cases.items():
        pictures.add(drawn(model, tmp_path, *common, *arguments).numpy().tobytes())
        assert sentence in capsys.readouterr().out, arguments
    assert len(pictures) == len(cases), "each does something"


@pytest.mark.parametrize("flag", ["--guide-model", "--weaker"])
def test_a_guide_model_guides(flag, model, tmp_path, capsys):
    guide = written(tmp_path / "guide.safetensors", channels=4)
    found = drawn(model, tmp_path, "-n", "1", "--prompt", "two owls", flag, str(guide), "--guidance", "2")
    assert f"8 network evaluations per image, guidance 2 with guide model {guide}" in capsys.readouterr().out
    wanted = debruit.load(model).generate(1, prompt="two owls", guide=debruit.load(guide), guidance=2.0)
    assert (found.int() - wanted.int()).abs().max() <= 1


def test_an_empty_prompt_is_none_and_guidance_without_a_condition_is_reported_to_do_nothing(model, tmp_path, capsys):
    nothing = drawn(model, tmp_path, "-n", "1")
    assert torch.equal(drawn(model, tmp_path, "-n", "1", "--prompt", ""), nothing)
    capsys.readouterr()
    assert torch.equal(drawn(model, tmp_path, "-n", "1", "--guidance", "3"), nothing)
    assert (
        "--guidance 3 has no effect: it needs both a conditional and an unconditional prediction"
        in capsys.readouterr().out
    )


def test_requests_that_are_refused(model, masks, tmp_path, capsys):
    out = tmp_path / "x.png"
    other = written(tmp_path / "other.safetensors", sampling=SamplingConfig(guidance=2.0), predicts="v", data_std=1.0)
    cases = {
        (
            "--label",
            "cat",
        ): "a label was given, but this model was trained with prompt, mask: leave --label out, or give --prompt or "
        "--mask instead",
        (
            "--guidance",
            "much",
        ): "--guidance much: give one weight, for example --guidance 3, or one for each condition, for example "
        "--guidance text=5,mask=2",
        ("--prompt", "two owls", "--guidance", "-1"): "a guidance weight of -1.0: it must be 0 or more, and finite",
        ("--prompt", "two owls", "--guidance", "nan"): "a guidance weight of nan",
        ("--prompt", "two owls", "--guidance", "inf"): "a guidance weight of inf",
        (
            "--prompt",
            "two owls",
            "--guidance",
            "text=2,mask=3",
        ): "guidance mask=3 was given without a mask: give --mask, or leave mask out of --guidance",
        (
            "--prompt",
            "two owls",
            "--guidance",
            "label=2",
        ): "guidance was given for 'label', but this model was trained with prompt, mask",
        (
            "--guidance-interval",
            "0.8,0.1",
        ): "a guidance interval from 0.8 to 0.1: give two times between 0 (clean) and 1 (noise)",
        (
            "--guidance-interval",
            "0.1",
        ): "--guidance-interval 0.1: give two times between 0 (clean) and 1 (noise), for example --guidance-interval "
        "0.1,0.8",
        ("--guidance-interval", "a,b"): "--guidance-interval a,b: give two times",
        ("--guidance-rescale", "2"): "a rescaling of guidance by 2: give 0 (none) to 1",
        ("--guide-model", str(tmp_path / "nowhere"), "--guidance", "2"): "there is no model at",
        (
            "--guide-model",
            str(other),
        ): "a guidance weight of 1 leaves the guide model out: give --guidance 2, say, or leave --guide-model out",
        ("--guide-model", str(other), "--guidance", "text=2"): "guidance text=2 with a guide model",
        ("--mask", str(tmp_path / "none.png")): "none.png",
    }
    for arguments, sentence in cases.items():
        assert main(["sample", str(model), "-n", "1", "--out", str(out), *arguments]) == 2, arguments
        said = capsys.readouterr().err
        assert sentence in said, arguments
        assert said.count("\n") == 1
    assert not out.exists()
