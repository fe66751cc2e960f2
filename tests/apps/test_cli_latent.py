"""`train autoencoder` and `train ldm` as a user meets them: what they say, how they go on after an interruption, and
what they refuse."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from debruit.apps.cli import main
from debruit.autoencoders.autoencoder import fingerprint
from debruit.files.keys import root
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import load
from debruit.planning import two_stage
from debruit.training import supervisor
from debruit.training.run_folder import RunFolder

AE = [
    "--set",
    "model.codec.coder.channels=8",
    "--set",
    "model.codec.coder.groups=4",
    "--set",
    "criterion.perceptual=null",
]
UNET = [
    "--set", "model.network.channels=8", "--set", "model.network.head_channels=8", "--set", "model.network.groups=4",
    "--set", "model.sampling.steps=3",
]  # fmt: skip
OFTEN = ["--set", "every.report_images=64", "--set", "autoencoder.every.report_images=64"]
BOTH = [
    *UNET,
    *(
        part.replace("criterion", "autoencoder.criterion").replace("model.codec", "autoencoder.model.codec")
        for part in AE
    ),
]


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "ae"
    assert main(["train", "autoencoder", "digits", "--out", str(out), "--images", "320", *AE]) == 0
    return out


@pytest.fixture(scope="module")
def ldm(autoencoder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "ldm"
    command = ["train", "ldm", "digits", "--autoencoder", str(autoencoder), "--out", str(out), "--images", "320", *UNET]
    assert main(command) == 0
    return out


def refused(capsys, *arguments):
    """The one sentence of a command that must exit with 2."""
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def test_the_settings_of_an_autoencoder_are_reported(tmp_path, capsys):
    assert main(["train", "autoencoder", "digits", "--out", str(tmp_path / "a"), "--images", "64", *AE]) == 0
    said = capsys.readouterr().out
    for part in (
        "KL autoencoder with",
        "factor 2, latents 4 x 4 x 4",
        "L1 + KL 0.001",
        "PSNR",
        "train ldm SOURCE --autoencoder",
    ):
        assert part in said, part


def test_a_factor_and_a_codebook_can_be_requested(tmp_path):
    command = [
        "train",
        "autoencoder",
        "digits",
        "--out",
        str(tmp_path / "a"),
        "--images",
        "64",
        "--factor",
        "4",
        "--bottleneck",
        "vq",
        *AE,
    ]
    assert main(command) == 0
    codec = FirstStage.load(tmp_path / "a", "cpu").config.codec
    assert (codec.factor, type(codec.bottleneck).__name__) == (4, "VQ")


def test_the_model_contains_its_autoencoder(ldm, autoencoder, tmp_path):
    alone = tmp_path / "m.safetensors"
    alone.write_bytes((ldm / "model.safetensors").read_bytes())
    model, stage = load(alone, "cpu"), FirstStage.load(autoencoder, "cpu")
    assert model.config.codec == stage.config.codec
    assert model.config.codec.fingerprint
    inside = {n.removeprefix("codec."): w for n, w in load_file(alone).items() if n.startswith("codec.")}
    assert all(torch.equal(w, inside[n]) for n, w in stage.module.state_dict().items())
    assert main(["sample", str(alone), "-n", "4", "--out", str(tmp_path / "g.png")]) == 0
    assert model.generate(2).shape == (2, 1, 8, 8)
    images = torch.randint(0, 17, (3, 1, 8, 8)).to(torch.uint8)
    back = model.images(model.latents(images))
    assert torch.equal(back, stage.reconstruct(images))


def test_both_stages_in_one_command(tmp_path, capsys):
    out = tmp_path / "ldm"
    assert main(["train", "ldm", "digits", "--out", str(out), "--images", "1000", "--batch", "16", *BOTH]) == 0
    said = capsys.readouterr().out
    assert "stage 1   an autoencoder" in said
    assert "the autoencoder is ready" in said
    model = load(out, "cpu")
    assert model.config.network.channels == 8
    assert model.config.codec.coder.channels == 8
    first = load_dict(out / "autoencoder" / "run.json")
    second = load_dict(out / "run.json")
    assert first["images"] + second["images"] == 1000
    assert first["criterion"]["perceptual"] is None


def load_dict(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("stage", [1, 2])
def test_an_interruption_in_either_stage_goes_on_where_it_was(tmp_path, capsys, monkeypatch, stage):
    """Weights as of a training that was never interrupted, of both stages."""
    command = ["train", "ldm", "digits", "--images", "600", "--batch", "16", *BOTH, *OFTEN]
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    honest, made = supervisor.open_task, []

    def interrupting(*arguments):
        task = honest(*arguments)
        train = task.train
        made.append(task)

        def interrupted(state, pool, length):
            for report in train(state, pool, length):
                state.stop_requested = len(made) == stage
                yield report

        task.train = interrupted
        return task

    monkeypatch.setattr(supervisor, "open_task", interrupting)
    assert main([*command, "--out", str(tmp_path / "run")]) == 130
    assert f"debruit train --resume {tmp_path / 'run'}" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0
    mine, other = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    assert mine.keys() == other.keys()
    for name, value in other.items():
        assert torch.equal(value, mine[name]), name


def test_the_minutes_are_for_both_stages(tmp_path, capsys):
    out = tmp_path / "ldm"
    assert main(["train", "ldm", "digits", "--out", str(out), "--minutes", "0.3", *BOTH]) == 0
    plan = two_stage.decode(load_dict(out / "stages.json"), two_stage.TwoStagePlan)
    first, second = RunFolder.open(out / "autoencoder").run, RunFolder.open(out).run
    assert first.minutes == pytest.approx(0.3 * two_stage.FIRST_SHARE)
    assert second.minutes == pytest.approx(plan.minutes - two_stage.spent(out) / 60, abs=1e-6)


def test_latents_are_cached_and_computed_anew_for_a_changed_autoencoder(autoencoder, tmp_path, capsys):
    def trained(first_stage, out):
        command = ["train", "ldm", "digits", "--autoencoder", str(first_stage), "--images", "32", *UNET]
        assert main([*command, "--out", str(tmp_path / out)]) == 0
        return {*(root() / "latents").iterdir()}

    before = trained(autoencoder, "a")
    assert trained(autoencoder, "b") == before, "those of the same autoencoder are there already"
    other = tmp_path / "other"
    assert main(["train", "autoencoder", "digits", "--out", str(other), "--images", "64", "--seed", "9", *AE]) == 0
    assert len(trained(other, "c") - before) == 1


def test_a_cut_cache_is_noticed_and_made_again(ldm, autoencoder, tmp_path, capsys):
    for entry in (root() / "latents").glob("*/latents.bin"):
        entry.write_bytes(entry.read_bytes()[:-7])
    capsys.readouterr()
    command = ["train", "ldm", "digits", "--autoencoder", str(autoencoder), "--images", "32", *UNET]
    assert main([*command, "--out", str(tmp_path / "a")]) == 0
    assert "is damaged" in capsys.readouterr().out


def test_another_autoencoder_is_refused_at_resume(ldm, tmp_path, capsys):
    import shutil

    folder = tmp_path / "ldm"
    shutil.copytree(ldm, folder)
    stage = FirstStage.load(folder / "autoencoder.safetensors", "cpu")
    with torch.no_grad():
        next(stage.module.parameters()).add_(1.0)
    stage.save(folder / "autoencoder.safetensors")  # other weights under the old description
    said = refused(capsys, "train", "--resume", folder, "--images", "400")
    assert "are not those that its latents were measured with" in said
    codec = replace(stage.config.codec, fingerprint=fingerprint(stage.module))
    FirstStage(replace(stage.config, codec=codec), stage.module).save(folder / "autoencoder.safetensors")
    said = refused(capsys, "train", "--resume", folder, "--images", "400")
    assert (
        f"holds another autoencoder (fingerprint {codec.fingerprint:.8}) than the one this model was trained on" in said
    )
    (folder / "autoencoder.safetensors").unlink()
    assert "there is no model at" in refused(capsys, "train", "--resume", folder, "--images", "400")


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colours")
    g = np.random.default_rng(0)
    for n in range(20):
        Image.fromarray(g.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / f"{n}.png")
    return folder


def test_bad_input_gets_one_sentence(autoencoder, ldm, colours, tmp_path, capsys, monkeypatch):
    new = ["--out", tmp_path / "x"]
    said = refused(capsys, "train", "ldm", colours, "--autoencoder", autoencoder, *new)
    assert "the autoencoder was trained on images of 1 channels (digits)" in said
    assert "has 3: train one on this data with `debruit train autoencoder`" in said
    said = refused(capsys, "train", "autoencoder", "digits", "--factor", "16", *new)
    assert "images of 8 x 8 pixels are smaller than the factor 16 of the autoencoder" in said
    assert "a factor of 3: it must be a power of 2" in refused(
        capsys, "train", "autoencoder", "digits", "--factor", "3", *new
    )
    assert "name what to train on: debruit train autoencoder SOURCE" in refused(capsys, "train", "autoencoder", *new)
    assert "cannot be given with it" in refused(
        capsys, "train", "ldm", "digits", "--autoencoder", autoencoder, "--factor", "4", *new
    )
    assert "cannot be given with it" in refused(
        capsys, "train", "autoencoder", "digits", "--autoencoder", autoencoder, *new
    )
    assert "--factor: that is for `debruit train autoencoder SOURCE`" in refused(
        capsys, "train", "digits", "--factor", "4", *new
    )
    said = refused(capsys, "train", "ldm", "digits", "--autoencoder", ldm, *new)
    assert "holds a diffusion model" in said
    assert "needs an autoencoder (`debruit train autoencoder SOURCE`)" in said
    assert "is an autoencoder, which generates no images" in refused(
        capsys, "sample", autoencoder, "-n", "2", "--out", tmp_path / "g.png"
    )
    assert not (tmp_path / "x").exists()


def test_perceptual_weights_that_are_missing_or_of_another_network(tmp_path, capsys):
    new = ["train", "autoencoder", "digits", "--images", "32", "--out", tmp_path / "x"]
    said = refused(capsys, *new, "--set", f"criterion.perceptual.network={tmp_path / 'vgg.pth'}")
    assert "perceptual.weight=0" in said
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    said = refused(capsys, *new, "--set", f"criterion.perceptual.network={tmp_path / 'other.pth'}")
    assert "VGG16" in said


def test_a_folder_in_its_first_stage(tmp_path, capsys):
    out = tmp_path / "ldm"
    command = ["train", "ldm", "digits", "--out", str(out), "--images", "320", *BOTH]
    assert main(command) == 0
    (out / "run.json").unlink()  # as if it had been killed between the stages
    assert "already holds a run" in refused(capsys, *command)
    assert "is still in its first stage" in refused(capsys, "train", "--resume", out, "--minutes", "1")
    (out / "stages.json").write_text("{")
    assert "stages.json is damaged" in refused(capsys, "train", "--resume", out)


def test_minutes_choose_latents_where_they_are_better(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(two_stage, "suits", lambda spec, minutes, device: minutes == 0.2)
    out = tmp_path / "a"
    assert main(["train", "digits", "--minutes", "0.2", "--out", str(out), *BOTH]) == 0
    assert (
        "8x8 images train better as latents in 0.2 minutes; use --pixels to train on pixels" in capsys.readouterr().out
    )
    assert load(out, "cpu").config.codec.fingerprint
    for name, more in (("b", ["--minutes", "0.1"]), ("c", ["--minutes", "0.2", "--pixels"]), ("d", ["--images", "32"])):
        assert main(["train", "digits", "--out", str(tmp_path / name), *more, *UNET]) == 0
        assert "train better" not in capsys.readouterr().out
        assert not (tmp_path / name / "autoencoder").exists()


def test_latents_suit_large_images_on_a_machine_that_is_fast_enough(monkeypatch):
    device = torch.device("cpu")
    spec = DataSpec(name="x", channels=3, height=64, width=80, depth="uint8", low=0, high=255, count=1000)
    monkeypatch.setattr(two_stage.throughput, "throughput", lambda device, **_: 5e10)
    assert two_stage.suits(spec, 10.0, device)
    assert not two_stage.suits(spec, 0.5, device), "the autoencoder would see too few images"
    assert not two_stage.suits(replace(spec, height=28, width=28), 10.0, device)
    monkeypatch.setattr(two_stage, "PERCEPTUAL_PACKAGE", "a_package_that_is_not_there")
    assert not two_stage.suits(spec, 10.0, device)


def test_a_mistake_in_the_second_stages_settings_shows_before_the_first(tmp_path, capsys):
    said = refused(
        capsys, "train", "ldm", "digits", "--out", tmp_path / "a", "--images", "64", "--set", "model.netwrok.channels=8"
    )
    assert "did you mean 'network'" in said
    assert not (tmp_path / "a").exists()


def test_both_stages_hold_out_the_same_images_and_intervals_can_be_set(tmp_path):
    out = tmp_path / "a"
    command = ["train", "ldm", "digits", "--out", str(out), "--images", "320", *BOTH]
    assert main([*command, "--set", "validation_images=40", "--set", "seed=5", "--set", "every.save_images=77"]) == 0
    first, second = load_dict(out / "autoencoder" / "run.json"), load_dict(out / "run.json")
    assert first["validation_images"] == second["validation_images"] == 40
    assert first["seed"] == second["seed"] == 5
    assert second["every"]["save_images"] == 77
    assert first["every"]["save_images"] != 77


def test_a_kill_before_the_first_folder_was_made(tmp_path):
    import shutil

    out = tmp_path / "a"
    assert main(["train", "ldm", "digits", "--out", str(out), "--images", "160", *BOTH]) == 0
    shutil.rmtree(out / "autoencoder")
    (out / "run.json").unlink()
    assert main(["train", "--resume", str(out)]) == 0
    assert load(out, "cpu").config.codec.fingerprint
