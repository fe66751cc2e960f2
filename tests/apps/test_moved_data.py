"""The data of a run lies elsewhere now: its content says that it is the same."""

import shutil
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from debruit.apps.cli import main
from debruit.files.store import read_value
from debruit.training import supervisor
from debruit.training.run_folder import RunFolder

SMALL = [
    "--set", "model.network.channels=8", "--set", "model.network.head_channels=8", "--set", "model.network.groups=4",
    "--set", "model.sampling.steps=2",
]  # fmt: skip
AE = ["model.codec.coder.channels=8", "model.codec.coder.groups=4", "criterion.perceptual=null"]
OFTEN = ["--set", "every.report_images=32", "--batch", "16", "--images", "128"]
COMMANDS = {
    "pixels": ["train", "DATA", "--pixels", *SMALL, *OFTEN],
    "autoencoder": ["train", "autoencoder", "DATA", *OFTEN, *(part for one in AE for part in ("--set", one))],
    "both stages": [
        "train", "ldm", "DATA", *SMALL, *OFTEN, *(part for one in [*AE,
        "every.report_images=32"] for part in ("--set", f"autoencoder.{one}")),
    ],
}  # fmt: skip


@pytest.fixture
def photos(tmp_path):
    """40 images of 8 x 8 in two classes, in a folder that can be moved."""
    place = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for kind in ("cats", "dogs"):
        (place / kind).mkdir(parents=True)
        for n in range(20):
            Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(place / kind / f"{n}.png")
    return place


def interrupted_in(stage: int, monkeypatch):
    """The training of this number is interrupted after its first report."""
    honest, made = supervisor.open_task, []

    def interrupting(*arguments):
        task = honest(*arguments)
        train = task.train
        made.append(task)

        def some(state, pool, length):
            for report in train(state, pool, length):
                state.stop_requested = len(made) == stage
                yield report

        task.train = some
        return task

    monkeypatch.setattr(supervisor, "open_task", interrupting)


@pytest.mark.parametrize(("kind", "stage"), [("pixels", 1), ("autoencoder", 1), ("both stages", 1), ("both stages", 2)])
def test_a_run_goes_on_where_its_data_lies_now(kind, stage, photos, tmp_path, monkeypatch, capsys):
    """With the weights of a training that was never interrupted, and every file names the new place."""
    command = [str(photos) if word == "DATA" else word for word in COMMANDS[kind]]
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    interrupted_in(stage, monkeypatch)
    out = tmp_path / "run"
    assert main([*command, "--out", str(out)]) == 130
    monkeypatch.undo()
    photos.rename(tmp_path / "elsewhere")
    capsys.readouterr()
    assert main(["train", "--resume", str(out)]) == 2
    assert f"If the data of this run was moved: debruit train --resume {out} --data PATH" in capsys.readouterr().err
    assert main(["train", "--resume", str(out), "--data", str(tmp_path / "elsewhere")]) == 0
    mine, other = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    for name, value in other.items():
        assert torch.equal(value, mine[name]), name
    for file in (*out.glob("**/run.json"), *out.glob("stages.json")):
        text = file.read_text()
        assert str(tmp_path / "elsewhere") in text, file
        assert str(photos) not in text, file
    digests = {RunFolder.open(tmp_path / name).fingerprint for name in ("run", "whole")}
    assert len(digests) == 1


def test_other_data_is_refused_and_nothing_changes(photos, tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*(str(photos) if word == "DATA" else word for word in COMMANDS["pixels"]), "--out", str(out)]) == 0
    before = (out / "run.json").read_bytes()
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    Image.new("RGB", (8, 8)).save(other / "cats" / "0.png")
    capsys.readouterr()
    for place, words in (
        (other, "is not the data of this training (40 images of fingerprint"),
        ("digits", "the training read a folder of images and there is digits"),
        (tmp_path / "nowhere", "there is no source and no folder"),
    ):
        assert main(["train", "--resume", str(out), "--images", "256", "--data", str(place)]) == 2
        assert words in capsys.readouterr().err
    assert (out / "run.json").read_bytes() == before
    assert main(["train", str(photos), "--data", str(photos), "--out", str(tmp_path / "new")]) == 2
    assert "is for --resume" in capsys.readouterr().err


def test_data_that_moves_twice(photos, tmp_path):
    out = tmp_path / "run"
    command = [str(photos) if word == "DATA" else word for word in COMMANDS["pixels"]]
    assert main([*command, "--out", str(out)]) == 0
    first = load_state(out)
    for name in ("second", "third"):
        photos = photos.rename(tmp_path / name)
        assert main(["train", "--resume", str(out), "--data", str(photos)]) == 0
    assert main(["train", "--resume", str(out), "--images", "160"]) == 0
    assert load_state(out) == first, "the place of the data is no part of what determines the weights"


def load_state(out) -> str:
    """The digest of the run in the newest state."""
    return read_value(max((out / "state").glob("*.safetensors")), framework="pt")["run"]


def test_reports_take_moved_data_for_the_training_data(photos, tmp_path, monkeypatch, capsys):
    from debruit.evaluation.splits import split_for_evaluation
    from debruit.models.loaded import LoadedModel
    from debruit.workflows.evaluation_data import find_data

    out = tmp_path / "run"
    command = [str(photos) if word == "DATA" else word for word in COMMANDS["pixels"]]
    assert main([*command, "--set", "source.labelled=false", "--out", str(out)]) == 0
    moved = photos.rename(tmp_path / "elsewhere")
    for name in (out, out / "model.safetensors"):
        subject = LoadedModel.open(str(name), "cpu")
        dataset = find_data(str(moved), subject)
        assert dataset.spec.fingerprint == subject.provenance["data_fingerprint"]
        assert split_for_evaluation(subject.model, dataset, 8).own
    asked = ["explain", str(out), "--out", str(tmp_path / "page"), "--device", "cpu"]
    assert main([*asked, "--data", str(moved)]) == 0
    assert "image: a held-out image of the training data" in capsys.readouterr().out
    (moved / "cats" / "0.png").unlink()
    assert main([*asked, "--data", str(moved)]) == 2
    assert "is not the data of this training" in capsys.readouterr().err


def test_data_on_the_command_line_is_a_list_of_one(photos, tmp_path):
    """Moved, and read in another way than by default."""
    from debruit.evaluation.splits import split_for_evaluation
    from debruit.models.loaded import LoadedModel
    from debruit.workflows.evaluation_data import find_data

    out = tmp_path / "run"
    command = [str(photos) if word == "DATA" else word for word in COMMANDS["pixels"]]
    assert main([*command, "--set", "source.background=black", "--out", str(out)]) == 0
    moved = photos.rename(tmp_path / "elsewhere")
    for name in (out, out / "model.safetensors"):
        subject = LoadedModel.open(str(name), "cpu")
        assert split_for_evaluation(subject.model, find_data([str(moved)], subject), 8).own


def test_several_shards_that_were_moved(photos, tmp_path, capsys):
    """A run goes on, and is explained and evaluated, with each of its shards named at its new place."""
    from debruit.models.loaded import LoadedModel
    from debruit.workflows.evaluation_data import find_data

    (tmp_path / "here").mkdir()
    for name in ("a", "b"):
        with tarfile.open(tmp_path / "here" / f"{name}.tar", "w") as tar:
            for file in sorted((photos / "cats").iterdir()):
                tar.add(file, f"{name}{file.name}")
    shards = [str(tmp_path / "here" / f"{name}.tar") for name in ("a", "b")]
    out = tmp_path / "run"
    assert main(["train", *shards, "--pixels", *SMALL, *OFTEN, "--out", str(out)]) == 0
    (tmp_path / "here").rename(tmp_path / "there")
    there = [shard.replace("/here/", "/there/") for shard in shards]
    subject = LoadedModel.open(str(out / "model.safetensors"), "cpu")
    assert find_data(there, subject).spec.fingerprint == subject.provenance["data_fingerprint"]
    assert main(["explain", str(out), "--out", str(tmp_path / "page"), "--device", "cpu", "--data", *there]) == 0
    assert "image: a held-out image of the training data" in capsys.readouterr().out
    assert main(["train", "--resume", str(out), "--images", "160", "--data", *there]) == 0
    assert str(tmp_path / "there") in (out / "run.json").read_text()


def test_models_after_sources_are_refused_with_the_way_out(capsys):
    for verb in ("evaluate", "sweep-samplers", "explain"):
        assert main([verb, "--data", "digits", "openmoji-64"]) == 2
        said = capsys.readouterr().err
        assert "take all that follows them up to the next flag: name the model first" in said
    for flag in ("--data", "--training-data"):
        assert main(["compare", flag, "digits", "openmoji-64", "b.safetensors"]) == 2
        said = capsys.readouterr().err
        assert f"{flag} takes all that follows it up to the next flag, and openmoji-64 is a model: name the mod" in said
    assert main(["compare", "openmoji-64", "nowhere", "--data", "a.tar", "b.tar", "--out", "x"]) == 2
    assert "there is no model at nowhere" in capsys.readouterr().err
