"""What cannot be written is found out before the work, by every verb that writes."""

import errno
import os
from dataclasses import replace

import pytest
import tiny
import torch
from PIL import Image

from debruit.apps import demo
from debruit.apps.cli import main
from debruit.errors import InputError
from debruit.files import outputs
from debruit.files.atomic import write_atomically
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import Model


def refusals(place) -> dict:
    """Impossible places of a file or folder in `place`, and what is said."""
    (place / "file").write_text("")
    (place / "link").symlink_to(place / "nowhere")
    (place / "ring").symlink_to(place / "ring")
    return {
        place / "file" / "in": "is a file, where a folder is needed",
        place / "file" / "deep" / "in": "is a file, where a folder is needed",
        place / ("x" * 300): "this name has 300 bytes, and the disk takes 255",
        place / ("é" * 130): "this name has 260 bytes",
        place / ("x" * 300) / "in": "this name has 300 bytes",
        place.joinpath(*["y" * 200] * 30): "this path has ",
        place / "link" / "in": "is a link to nothing",
        place / "ring" / "in": "ring",
    }


def test_impossible_places_are_refused_and_nothing_is_made(tmp_path):
    wrong = refusals(tmp_path)
    before = sorted(tmp_path.iterdir())
    for path, words in wrong.items():
        for check in (outputs.check_file, outputs.check_folder):
            with pytest.raises(InputError, match=words):
                check(path)
    assert sorted(tmp_path.iterdir()) == before


def test_possible_places_leave_no_trace(tmp_path):
    outputs.check_file(tmp_path / "new" / "a.png")
    outputs.check_folder(tmp_path / "new" / "folder", files=("a",), folders=("b",))
    (tmp_path / "old.png").write_text("")
    outputs.check_file(tmp_path / "old.png")
    outputs.check_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["old.png"]


def test_what_is_in_the_way_inside_of_a_folder(tmp_path):
    (tmp_path / "report.html").mkdir()
    (tmp_path / "work").write_text("")
    with pytest.raises(InputError, match=r"report.html is a folder, and a file of that name is to be written"):
        outputs.check_folder(tmp_path, files=("report.html",))
    with pytest.raises(InputError, match="work is a file, and a folder of that name is to be written"):
        outputs.check_folder(tmp_path, folders=("work",))
    with pytest.raises(InputError, match="is a folder: give the name of a file"):
        outputs.check_file(tmp_path)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "no permission"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EIO, "input/output error"),
    ],
)
def test_a_disk_that_takes_nothing_is_noticed_by_trying(number, words, monkeypatch, tmp_path):
    def refuse(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(InputError, match=words):
        outputs.check_file(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_the_longest_name_that_a_disk_takes_is_written(tmp_path):
    name = "é" * 125 + "a.png"
    outputs.check_file(tmp_path / name)
    write_atomically(tmp_path / name, lambda path: path.write_text("x"))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An untrained model, an autoencoder, and a picture."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    config = tiny.run().model
    Model(config, config.build(), {"images_seen": 0}).save(folder / "m.safetensors")
    Model(config, config.build(), {"images_seen": 1}).save(folder / "n.safetensors")
    Image.new("L", (8, 8)).save(folder / "a.png")
    return folder


@pytest.fixture
def no_work(monkeypatch):
    """Neither a training nor a drawing may begin."""

    def begin(*arguments, **options):
        raise AssertionError("this is work")

    monkeypatch.setattr(Model, "job_under", begin)
    monkeypatch.setattr(Model, "module", begin, raising=False)
    monkeypatch.setattr(FirstStage, "load", begin)
    monkeypatch.setattr("debruit.workflows.training_session.fit", begin)
    monkeypatch.setattr("debruit.data.sources.digits.Digits.build", begin)


VERBS = {
    "train": ["train", "digits"],
    "train autoencoder": ["train", "autoencoder", "digits"],
    "sample": ["sample", "M"],
    "sample grid": ["sample", "M", ".png"],
    "sample array": ["sample", "M", ".npy"],
    "edit": ["edit", "M", "--image", "I", "--strength", "0.5", ".png"],
    "edit folder": ["edit", "M", "--image", "I", "--strength", "0.5", "-n", "3"],
    "invert": ["edit", "M", "--image", "I", "--invert", ".png"],
    "upscale": ["upscale", "M", "--image", "I", ".png"],
    "evaluate": ["evaluate", "M"],
    "sweep-samplers": ["sweep-samplers", "M"],
    "compare": ["compare", "M", "N"],
    "explain": ["explain", "M"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_before_its_work(verb, made, no_work, tmp_path, capsys):
    known = {"M": made / "m.safetensors", "N": made / "n.safetensors", "I": made / "a.png"}
    words = [str(known.get(word, word)) for word in VERBS[verb] if not word.startswith(".")]
    suffix = next((word for word in VERBS[verb] if word.startswith(".")), "")
    for place, said in refusals(tmp_path).items():
        assert main([*words, "--out", f"{place}{suffix}"]) == 2, place
        error = capsys.readouterr().err
        assert said.partition(" bytes")[0].rpartition(" ")[0] in error, (place, error)
        assert error.count("\n") == 1


def test_a_folder_in_the_way_of_a_file_and_a_file_in_that_of_a_folder(made, no_work, tmp_path, capsys):
    model = str(made / "m.safetensors")
    (tmp_path / "x.png").mkdir()
    (tmp_path / "y").write_text("")
    (tmp_path / "z" / "report.html").mkdir(parents=True)
    (tmp_path / "t" / "log.jsonl").mkdir(parents=True)
    (tmp_path / "e" / "index.html").mkdir(parents=True)
    for command, out, words in (
        (["sample", model], "x.png", "is a folder: give the name of a file"),
        (["sample", model], "y", "is a file: give a folder"),
        (["train", "digits"], "y", "is a file: give a folder"),
        (["train", "digits"], "t", "log.jsonl is a folder"),
        (["evaluate", model], "z", "report.html is a folder"),
        (["explain", model], "e", "index.html is a folder"),
        (["sample", model], "x.tif", "give FILE.png"),
    ):
        assert main([*command, "--out", str(tmp_path / out)]) == 2
        assert words in capsys.readouterr().err


def test_the_demo_refuses_before_its_work(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "draw_prompts", lambda path: pytest.fail("this is work"))
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as end:
        demo.main(["--out", str(tmp_path / "file")])
    assert end.value.code == 2


def test_models_that_cannot_be_compared_are_refused_before_the_first_is_drawn(made, monkeypatch, tmp_path, capsys):
    """The second model is of another size, so that the data fits the first alone."""
    config = tiny.run().model
    larger = replace(config, data=replace(config.data, height=16, width=16))
    Model(larger, larger.build(), {"images_seen": 0}).save(tmp_path / "larger.safetensors")

    def begin(*arguments, **options):
        raise AssertionError("this is work")

    monkeypatch.setattr(Model, "job_under", begin)
    out = tmp_path / "out"
    command = [
        "compare",
        str(made / "m.safetensors"),
        str(tmp_path / "larger.safetensors"),
        "--data",
        "digits",
        "-n",
        "20",
        "--out",
        str(out),
    ]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "m.safetensors draws images of 8 x 8 pixels" in error
    assert not out.exists()
    for budget in ("1", "100000"):
        code = main(
            [
                "sweep-samplers",
                str(tmp_path / "larger.safetensors"),
                "--data",
                "digits",
                "--budget",
                budget,
                "--features",
                "classifier",
            ]
        )
        assert code == 2
        assert "digits has images of 8 x 8 pixels" in capsys.readouterr().err
