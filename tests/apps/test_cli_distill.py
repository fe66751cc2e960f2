"""`debruit distill` on the command line, and what it refuses."""

import json
import re
import shutil
from pathlib import Path

import pytest
import tiny
import torch

import debruit
import painted
import tiny_latent
from debruit.apps.cli import main
from debruit.conditioning.low_res import LowRes
from debruit.models.diffusion import Model, load
from debruit.models.loaded import LoadedModel
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit
from debruit.workflows.distill_data import conditions_for
from debruit.workflows.distill_request import DistillRequest

CPU = torch.device("cpu")
SMALL = ["--images", "64", "--batch", "16", "--set", "reuse=2", "--set", "every.report_images=16"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run folder of the digits."""
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "digits", tiny.run(images=32))
    list(fit(folder, folder.run.source.build(), CPU))
    return folder.path


@pytest.fixture(scope="module")
def student(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("students") / "a"
    assert main(["distill", str(digits), "--evaluations", "2", "--out", str(out), *SMALL]) == 0
    return out


def refused(capsys, *arguments):
    """The one sentence of a command that must exit with 2."""
    capsys.readouterr()
    code = main(["distill", *map(str, arguments)])
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.count("\n") == 1, "one sentence"
    return captured.err


def test_a_student_is_an_ordinary_model(student, tmp_path, capsys):
    assert main(["sample", str(student), "-n", "4", "--out", str(tmp_path / "grid.png")]) == 0
    assert main(["train", "--resume", str(student), "--images", "96"]) == 0
    capsys.readouterr()
    model = load(student)
    assert model.evaluations(model.settings()) == 2
    facts = model.provenance
    assert facts["images_seen"] == 96
    assert facts["distilled"]["evaluations"] == 2
    assert facts["seed"] == 3, "the split is the teacher's"
    assert (student / "log.jsonl").exists()


def test_what_is_distilled_is_said(digits, tmp_path, capsys):
    assert main(["distill", str(digits), "--evaluations", "2", "--dry-run", "--minutes", "3"]) == 0
    said = capsys.readouterr().out
    for part in ("dpmpp_2m, 4 steps, guidance 1.5, 8 evaluations", "2 evaluations, one branch", "teacher (frozen)"):
        assert part in said
    assert not any(tmp_path.iterdir())


def test_a_sampler_that_draws_noise_is_replaced_and_that_is_said(tmp_path, capsys):
    model = painted.model(labels=True)
    model = Model(
        debruit.ModelConfig(**{**vars(model.config), "sampling": SamplingConfig(sampler=Ancestral(), steps=40)}),
        model.backbone,
    )
    model.save(tmp_path / "m.safetensors")
    options = ["--evaluations", "2", "--data", "own-samples", "--dry-run"]
    assert main(["distill", str(tmp_path / "m.safetensors"), *options]) == 0
    assert "unipc with 32 steps is distilled instead" in capsys.readouterr().out


def test_own_samples_need_no_data(tmp_path, capsys):
    painted.model(labels=True).save(tmp_path / "m.safetensors")
    work = debruit.distill(
        tmp_path / "m.safetensors",
        evaluations=2,
        data="own-samples",
        out=tmp_path / "a",
        images=32,
        batch=16,
        set={"reuse": 2},
    )
    result = work.result()
    assert load(result.model).provenance["distilled"]["teacher"].endswith("m.safetensors")
    capsys.readouterr()
    assert main(["train", "--resume", str(tmp_path / "a"), "--images", "48"]) == 0


def test_a_model_of_prompts_needs_some(tmp_path, capsys):
    sentence = refused(capsys, "openmoji-64", "--data", "own-samples", "--out", tmp_path / "a")
    assert "openmoji-64 draws what a prompt says: give --prompts FILE with one a line" in sentence
    (tmp_path / "none.txt").write_text("\n \n")
    sentence = refused(
        capsys, "openmoji-64", "--data", "own-samples", "--prompts", tmp_path / "none.txt", "--out", tmp_path / "a"
    )
    assert "there is no prompt in it; give one a line" in sentence
    sentence = refused(
        capsys, "openmoji-64", "--data", "own-samples", "--prompts", tmp_path / "no.txt", "--out", tmp_path / "a"
    )
    assert "the file cannot be read" in sentence
    (tmp_path / "two.txt").write_text("a cat\na dog\n")
    request = DistillRequest("openmoji-64", data="own-samples", prompts=tmp_path / "two.txt")
    _, dataset, _, record = conditions_for(request, LoadedModel.open("openmoji-64"))
    assert dataset.conditions([0, 1])["text"] == ["a cat", "a dog"]
    assert record["held_out_images"] == 123, "an evaluation finds the images that the teacher has not seen"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--evaluations", "0"], "a student makes 1 evaluation or more, for example 4"),
        (["--evaluations", "40"], "--evaluations 40: .* itself needs 6 for an image, guidance included; give fewer"),
        (["--prompts", "a.txt"], "--prompts are requests to a model without its training data"),
        (["--data", "own-samples", "--prompts", "a.txt"], "a.txt: the file cannot be read"),
        (["--data", "fashion-mnist"], "the training read digits and there is fashion-mnist"),
        (["--minutes", "1", "--images", "5"], "both set the length of the distillation"),
        (["--batch", "15"], "takes multiples of"),
        (["--set", "autoencoder.a=1"], "autoencoder"),
    ],
)
def test_bad_options(digits, tmp_path, capsys, options, sentence):
    assert re.search(sentence, refused(capsys, digits, "--out", tmp_path / "a", *options))
    assert not (tmp_path / "a").exists()


def test_no_folder_to_make(digits, capsys):
    assert "name the run folder to make: --out runs/NAME" in refused(capsys, digits)


def test_a_folder_in_use(digits, student, capsys):
    assert "already holds a run" in refused(capsys, digits, "--out", student)


def test_an_autoencoder(tmp_path, capsys):
    folder = RunFolder.create(tmp_path / "ae", tiny_latent.run(images=16))
    list(fit(folder, folder.run.source.build(), CPU))
    assert "is an autoencoder, which generates no images" in refused(capsys, tmp_path / "ae", "--out", tmp_path / "a")


def test_a_student_as_teacher(student, tmp_path, capsys):
    sentence = refused(capsys, student, "--evaluations", "1", "--out", tmp_path / "a")
    assert "is a student of 2 evaluations itself" in sentence
    assert "distil its teacher" in sentence


def test_data_that_is_not_at_hand(digits, tmp_path, capsys):
    shutil.copytree(digits, tmp_path / "run")
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    run["source"] = {"type": "Folder", "path": str(tmp_path / "gone")}
    (tmp_path / "run" / "run.json").write_text(json.dumps(run))
    sentence = refused(capsys, tmp_path / "run", "--out", tmp_path / "a")
    assert "is not available" in sentence
    assert "give --data SOURCE, where it lies now, or distil from the model's own samples" in sentence
    assert "--data own-samples" in sentence


def test_a_condition_that_comes_from_images_cannot_be_requested(tmp_path, capsys):
    painted.model(conditioners=[LowRes()]).save(tmp_path / "sr.safetensors")
    sentence = refused(capsys, tmp_path / "sr.safetensors", "--data", "own-samples", "--out", tmp_path / "a")
    assert "always needs its image, which comes from images" in sentence
    assert Path(tmp_path / "a").exists() is False


def test_prompts_for_a_model_that_reads_none(digits, tmp_path, capsys):
    (tmp_path / "p.txt").write_text("a cat\n")
    sentence = refused(
        capsys, digits, "--data", "own-samples", "--prompts", tmp_path / "p.txt", "--out", tmp_path / "a"
    )
    assert "reads no prompt; leave the flag out" in sentence


def test_a_student_has_no_likelihood(student, capsys):
    capsys.readouterr()
    assert main(["evaluate", str(student), "-n", "12", "--metrics", "likelihood"]) == 2
    assert "this is a student, whose estimates belong to its own few steps" in capsys.readouterr().err
