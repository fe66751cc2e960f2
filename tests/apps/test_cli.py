"""The command line as a user meets it: exit codes and sentences."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from debruit.apps.cli import main

TINY = [
    "--set", "model.network.channels=8", "--set", "model.network.head_channels=8", "--set", "model.network.groups=4",
    "--set", "model.sampling.steps=3", "--set", "every.report_images=64", "--set", "every.save_images=64",
]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 30 small photographs in two classes, one file broken."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for kind in ("cats", "dogs"):
        (folder / kind).mkdir()
        for n in range(15):
            pixels = generator.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / kind / f"{n}.png")
    (folder / "cats" / "broken.jpg").write_bytes(b"\xff\xd8\xff no image")
    return folder


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """A run folder trained by the command line."""
    out = tmp_path_factory.mktemp("runs") / "a"
    assert main(["train", str(photos), "--out", str(out), "--images", "128", "--batch", "16", *TINY]) == 0
    return out


def refused(capsys, *arguments):
    """The one sentence of a command that must exit with 2."""
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.startswith("debruit: ")
    assert captured.err.count("\n") == 1, "one sentence"
    assert "Traceback" not in captured.err
    return captured.err


def test_train_says_what_it_does_and_what_is_next(photos, tmp_path, capsys):
    assert main(["train", str(photos), "--out", str(tmp_path / "a"), "--images", "64", "--batch", "16", *TINY]) == 0
    said = capsys.readouterr().out
    for part in (
        "2 classes",
        "M parameters",
        "images/s",
        "ETA",
        "broken.jpg",
        "validation",
        "debruit sample",
        "conditioned on label",
    ):
        assert part in said, part


def test_sample_writes_grids_arrays_and_folders(trained, tmp_path):
    assert main(["sample", str(trained), "-n", "5", "--steps", "2", "--out", str(tmp_path / "grid.png")]) == 0
    assert Image.open(tmp_path / "grid.png").mode == "RGB"
    assert (
        main(["sample", str(trained), "-n", "5", "--steps", "2", "--out", str(tmp_path / "a.npy"), "--batch", "2"]) == 0
    )
    array = np.load(tmp_path / "a.npy")
    assert array.shape == (5, 3, 20, 20)
    assert (
        main(["sample", str(trained / "model.safetensors"), "-n", "3", "--steps", "2", "--out", str(tmp_path / "many")])
        == 0
    )
    files = sorted((tmp_path / "many").iterdir())
    assert [f.name for f in files] == ["000000.png", "000001.png", "000002.png"]
    assert np.abs(np.asarray(Image.open(files[2])).astype(int) - array[2].transpose(1, 2, 0)).max() <= 1


def test_sample_takes_labels_samplers_and_settings(trained, tmp_path):
    common = ["sample", str(trained), "-n", "2", "--out", str(tmp_path / "x.png")]
    assert (
        main([*common, "--label", "dogs", "--sampler", "heun", "--steps", "3", "--guidance", "2", "--seed", "4"]) == 0
    )
    assert main([*common, "--sampler", "ddim", "--set", "sampler.eta=0.5", "--set", "grid=Karras"]) == 0


def test_resume_prolongs_a_finished_run(photos, tmp_path, capsys):
    out = tmp_path / "a"
    assert main(["train", str(photos), "--out", str(out), "--images", "64", "--batch", "16", *TINY]) == 0
    assert main(["train", "--resume", str(out), "--images", "128"]) == 0
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["images_seen"] for line in log] == [64, 128]
    assert "validation_loss_q4" in log[-1]


def test_dry_run_trains_nothing(photos, capsys):
    assert main(["train", str(photos), "--minutes", "5", "--dry-run"]) == 0
    assert "5 minutes" in capsys.readouterr().out


def test_doctor_and_lists(photos, capsys):
    assert main(["data", "doctor", str(photos)]) == 0
    said = capsys.readouterr().out
    for part in ("broken.jpg", "cats", "memory", "images/s"):
        assert part in said, part
    for what, expected in {"recipes": "ddpm-fashion-mnist-28", "samplers": "heun", "data": "openmoji"}.items():
        assert main(["list", what]) == 0
        assert expected in capsys.readouterr().out


def test_list_models_finds_run_folders(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained.parent)
    assert main(["list", "models"]) == 0
    named = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "images seen" in named["a"]
    assert "comes with debruit" in named["openmoji-64"]


@pytest.fixture
def no_training(monkeypatch):
    """A request that should have been refused fails at once, instead of training for its minutes."""
    from debruit.workflows import train

    monkeypatch.setattr(train, "run_training", lambda *a, **k: pytest.fail("it began to train"))


def test_bad_training_requests(photos, trained, tmp_path, capsys, no_training):
    new = tmp_path / "new"
    cases = {
        ("train", tmp_path / "nowhere", "--out", new): "there is no source and no folder",
        ("train", "fashionmnist", "--out", new): "did you mean 'fashion-mnist'?",
        ("train", "ddpm-fashion-mnist-29", "digits", "--out", new): "did you mean 'ddpm-fashion-mnist-28'?",
        ("train", photos, "--out", new, "--minutes", "0"): "--minutes 0: a training needs more than 0 minutes",
        ("train", photos, "--out", new, "--images", "0"): "--images 0: a training needs at least 1 image",
        ("train", photos, "--out", new, "--images", "9", "--minutes", "9"): "give one of them",
        ("train", photos, "--out", new, "--images", "ten"): "ten",
        ("train", photos): "name the run folder to make",
        ("train", "--out", new): "name what to train on",
        ("train", photos, "--out", new, "--batch", "0"): "a batch of 0",
        ("train", photos, "--out", new, "--set", "optimizer.lr=1"): "did you mean 'optimiser'?",
        ("train", photos, "--out", new, "--set", "optimiser.lr=fast"): "'fast' is not valid, expected float",
        ("train", photos, "--out", new, "--set", "model.process=Flo"): "did you mean 'Flow'?",
        ("train", photos, "--out", new, "--set", "seed"): "expected KEY=VALUE",
        ("train", "--resume", trained, "--batch", "8"): "--batch cannot be given; only a length can",
        ("train", "--resume", trained, "--images", "9", "--minutes", "9"): "give one of them",
        ("train", photos, "--out", new, "--set", "every.save_images=0"): "an interval is at least 1 image",
        ("train", photos, "--out", new, "--set", "optimiser.lr=-1"): "must be more than 0",
        ("train", "ddpm-fashion-mnist-29", "--out", new): "did you mean 'ddpm-fashion-mnist-28'?",
        ("train", photos, "--out", trained): "already holds a run: continue it with `debruit train --resume",
        ("train", photos, "--out", photos / "cats" / "0.png"): "is a file: give a folder",
        ("train", "--resume", tmp_path): "is no run folder",
        ("train", photos, "--out", new, "--device", "gpu"): "allowed are auto, cpu, cuda",
        ("train", photos, "--out", new, "--size", "1"): "at least 4 pixels",
        ("trian", photos): "trian",
    }
    for arguments, sentence in cases.items():
        assert sentence in refused(capsys, *arguments), arguments
        assert not new.exists(), arguments


def test_bad_folders(tmp_path, capsys, no_training):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is empty: put PNG, JPEG" in refused(capsys, "train", empty, "--out", tmp_path / "x")
    (empty / "a.png").write_bytes(b"")
    (empty / "b.jpg").write_bytes(b"\xff\xd8\xff")
    sentence = refused(capsys, "train", empty, "--out", tmp_path / "x")
    assert "a.png" in sentence or "2" in sentence
    assert not (tmp_path / "x").exists()


def test_bad_sampling_requests(trained, tmp_path, capsys):
    out = tmp_path / "x.png"
    cases = {
        ("sample", tmp_path / "nowhere", "--out", out): "there is no model at",
        ("sample", trained, "-n", "0", "--out", out): "-n 0: give 1 to 10,000,000; several seeds give more",
        ("sample", trained, "--batch", "0", "--out", out): "--batch 0: a batch of 0 images: give 1 to 1,048,576",
        ("sample", trained, "--sampler", "hein", "--out", out): "did you mean 'heun'?",
        ("sample", trained, "--label", "cat", "--out", out): "did you mean 'cats'?",
        ("sample", trained, "--prompt", "x", "--out", out): "a prompt was given, but this model was trained with label",
        ("sample", trained, "--steps", "0", "--out", out): "at least 1 is needed",
        ("sample", trained, "--out", tmp_path / "x.jpg"): "give FILE.png",
        ("sample", trained, "--guidance", "-1", "--out", out): "it must be 0 or more",
        ("data", "get", "fashion"): "fashion-mnist",
        ("list", "modles"): "modles",
    }
    for arguments, sentence in cases.items():
        assert sentence in refused(capsys, *arguments), arguments
    assert not out.exists()


@pytest.mark.parametrize(
    "verb", ["train", "sample", "edit", "upscale", "evaluate", "compare", "sweep-samplers", "explain"]
)
def test_help_flows(verb):
    """On a wide terminal each flag has one row: no line break of a docstring is left in it. In a process of its own,
    where no other test has registered anything."""
    command = [sys.executable, "-m", "debruit", verb, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "1000"})
    rows = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert len(rows) > 5
    continued = [row.rstrip(" │") for row in rows if not row[1:10].strip()]
    assert not continued, "a row without a name continues the one before"


def test_help_is_quick_and_torch_is_not_loaded():
    begin = time.perf_counter()
    result = subprocess.run([sys.executable, "-m", "debruit", "--help"], capture_output=True, text=True, check=True)
    print(f"--help took {time.perf_counter() - begin:.2f} s")  # a measurement, not an assertion
    assert "train" in result.stdout
    check = "import debruit, debruit.apps.cli, sys; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
    for verb in ("train", "sample", "data", "list"):
        check = (
            f"from debruit.apps.cli import main; import sys; main(['{verb}', '--help']); assert 'torch' not in "
            "sys.modules"
        )
        subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)


def test_a_defect_is_not_dressed_as_the_users_mistake(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("debruit.workflows.sample.write_samples", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["sample", str(trained), "--out", str(tmp_path / "x.png")])


def test_a_recipe_is_described_without_its_data(tmp_path, monkeypatch, capsys):
    """Every recipe that states what its data is; with the flags that a dry run takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("debruit.planning.throughput.throughput", lambda *arguments, **options: 1e12)
    assert main(["train", "ldm-faces-256", "--dry-run", "--batch", "24"]) == 0
    said = capsys.readouterr().out
    assert "there is no folder celeba_hq" in said
    assert "estimated for the 30,000 images of 3 x 256 x 256 that the recipe states" in said
    for part in ("274.06 M parameters", "batch 24", "GiB"):
        assert part in said, part
    assert not list(tmp_path.iterdir())
    assert main(["train", "ldm-faces-256", "nowhere", "--dry-run"]) == 2
    assert "there is no source and no folder 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["ddpm", "fashion-mnist"], "did you mean `debruit train ddpm-fashion-mnist-28`?"),
        (["ddpm", "fashion"], "did you mean `debruit train ddpm-fashion-mnist-28`?"),
        (["DDPM", "cifar10"], "did you mean `debruit train ddpm-cifar10-32`?"),
        (["ldm-imagenet"], "did you mean 'ldm-imagenet-f4-256' or 'ldm-imagenet-f8-256'?"),
        (["ddpm"], "did you mean 'ddpm-cifar10-32' or 'ddpm-fashion-mnist-28'?"),
        (["fashion"], "did you mean 'fashion-mnist' or 'ddpm-fashion-mnist-28'?"),
        (["mnist"], "'fashion-mnist'"),
        (["faces"], "did you mean 'ldm-faces-256'?"),
    ],
)
def test_first_guesses_find_their_name(words, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert named in refused(capsys, "train", *words, "--out", "r")
