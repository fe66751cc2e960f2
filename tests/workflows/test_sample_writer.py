"""Drawing many images: each batch is written when it is drawn, the same command continues, and nothing is mixed."""

import errno
import json

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from debruit.apps.cli import main
from debruit.editing import image_to_image
from debruit.models.diffusion import Model, load
from debruit.workflows.outputs import image_folder
from debruit.workflows.outputs.image_folder import gaps


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of an untrained model of digits, 8 x 8."""
    torch.manual_seed(0)
    config = tiny.run().model
    made = Model(config, config.build(), {"images_seen": 0})
    path = tmp_path_factory.mktemp("models") / "m.safetensors"
    made.save(path)
    return path


@pytest.fixture
def stop(monkeypatch):
    """stop(k): Ctrl-C at the batch of number k. The counts of the batches that are drawn are in stop.drawn."""
    usual = Model.images

    def after(batches: int) -> None:
        after.drawn = []

        def images(self, x):
            if len(after.drawn) == batches:
                raise KeyboardInterrupt
            after.drawn.append(len(x))
            return usual(self, x)

        monkeypatch.setattr(Model, "images", images)

    return after


def sampled(model, out, *more: str, n: int = 7) -> int:
    return main(["sample", str(model), "-n", str(n), "--batch", "2", "--steps", "1", "--out", str(out), *more])


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_sampled_when_it_is_stopped_is_there_and_the_same_command_continues(model, stop, tmp_path, capsys):
    assert sampled(model, tmp_path / "whole") == 0
    out = tmp_path / "out"
    stop(2)
    assert sampled(model, out) == 130
    assert names(out) == [f"{k:06d}.png" for k in range(4)]
    assert f"interrupted: 4 of 7 images are in {out}; rerun the same command to continue" in capsys.readouterr().err
    stop(9)
    assert sampled(model, out) == 0
    assert stop.drawn == [2, 1]
    assert "4 images with these settings already exist and are kept" in capsys.readouterr().out
    for name in names(tmp_path / "whole"):
        pair = [np.asarray(Image.open(folder / name)).astype(int) for folder in (tmp_path / "whole", out)]
        assert abs(pair[0] - pair[1]).max() <= 1


def test_images_that_are_missing_in_between_are_sampled_and_more_may_be_requested(model, stop, tmp_path, capsys):
    out = tmp_path / "out"
    assert sampled(model, out) == 0
    (out / "000001.png").unlink()
    (out / "000005.png").unlink()
    stop(9)
    assert sampled(model, out, n=9) == 0
    assert stop.drawn == [1, 1, 2]
    assert len(names(out)) == 9
    capsys.readouterr()
    stop(0)
    assert sampled(model, out, n=3) == 0
    said = capsys.readouterr().out
    assert "3 images with these settings already exist" in said
    assert "6 images with these settings beyond those requested already exist and are left in place" in said


def test_an_array_is_written_as_it_is_sampled_and_is_whole_or_not_there(model, stop, tmp_path, capsys):
    assert sampled(model, tmp_path / "whole.npy") == 0
    out = tmp_path / "out.npy"
    stop(2)
    assert sampled(model, out) == 130
    assert not out.exists()
    assert (
        f"interrupted: 4 of 7 images are kept for {out}; rerun the same command to continue" in capsys.readouterr().err
    )
    assert sampled(model, out, "--seed", "1") == 2
    assert (
        "holds 4 images of an unfinished array (.out.npy.unfinished) with other settings (seed 0 there, 1 now)"
        in capsys.readouterr().err
    )
    with open(tmp_path / ".out.npy.unfinished", "ab") as file:
        file.write(b"half a row")
    stop(9)
    assert sampled(model, out) == 0
    assert stop.drawn == [2, 1]
    arrays = [np.load(path).astype(int) for path in (tmp_path / "whole.npy", out)]
    assert arrays[0].shape == (7, 1, 8, 8)
    assert abs(arrays[0] - arrays[1]).max() <= 1
    assert names(tmp_path) == ["out.npy", "whole.npy"]


@pytest.mark.parametrize("fewer", [1, 3, 4])
def test_an_unfinished_array_may_be_finished_with_fewer_rows(model, stop, tmp_path, fewer):
    out = tmp_path / "out.npy"
    stop(2)
    assert sampled(model, out) == 130
    stop(0)
    assert sampled(model, out, n=fewer) == 0
    assert np.load(out).shape == (fewer, 1, 8, 8)


def test_a_grid_needs_all_of_its_images(model, stop, tmp_path, capsys):
    stop(2)
    assert sampled(model, tmp_path / "out.png") == 130
    assert "nothing was written" in capsys.readouterr().err
    assert names(tmp_path) == []
    stop(0)
    assert sampled(model, tmp_path / "out.png", n=10**6) == 2
    assert "give a folder or FILE.npy, or a smaller -n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--seed", "1"], "seed 0 there, 1 now"),
        (["--label", "3"], "label null there, 3 now"),
        (["--sampler", "euler"], "sampling "),
    ],
)
def test_images_of_other_settings_are_not_mixed(model, stop, tmp_path, capsys, more, words):
    out = tmp_path / "out"
    assert sampled(model, out) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    stop(0)
    assert sampled(model, out, *more, n=20) == 2
    error = capsys.readouterr().err
    assert "holds 7 images with other settings" in error
    assert words in error
    assert "give another --out, or empty it" in error
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_images_of_another_model_or_of_unknown_origin_are_not_mixed(model, stop, tmp_path, capsys):
    other = tmp_path / "other.safetensors"
    config = tiny.run().model
    Model(config, config.build(), {"images_seen": 1}).save(other)
    assert sampled(model, tmp_path / "out") == 0
    stop(0)
    assert sampled(other, tmp_path / "out") == 2
    assert "with other settings (model" in capsys.readouterr().err
    (tmp_path / ".out.debruit.json").unlink()
    assert sampled(model, tmp_path / "out") == 2
    assert "their settings are unknown, since .out.debruit.json next to it is missing" in capsys.readouterr().err


def test_a_folder_with_other_files_is_refused(model, stop, tmp_path, capsys):
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    (tmp_path / ".hidden").write_bytes(b"")
    stop(0)
    assert sampled(model, tmp_path) == 2
    assert "holds 1 file that debruit did not write (the first: holiday.jpg)" in capsys.readouterr().err


def test_a_full_disk_keeps_what_is_there(model, monkeypatch, tmp_path, capsys):
    usual, calls = image_folder.write_images, []

    def full(images):
        calls.append(images)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        usual(images)

    monkeypatch.setattr(image_folder, "write_images", full)
    assert sampled(model, tmp_path / "out") == 2
    assert "the disk is full, free some space and resume; 4 of 7 images are in" in capsys.readouterr().err
    assert sampled(model, tmp_path / "out") == 0
    assert len(names(tmp_path / "out")) == 7


def test_memory_holds_one_batch(model, monkeypatch, tmp_path):
    """No more than one batch of images is alive at a time, in a folder and in an array."""
    import gc
    import weakref

    alive: list[weakref.ref] = []
    usual = Model.images

    def images(self, x):
        gc.collect()
        assert sum(ref() is not None for ref in alive) <= 1
        made = usual(self, x)
        alive.append(weakref.ref(made))
        return made

    monkeypatch.setattr(Model, "images", images)
    for out in ("out", "out.npy"):
        assert sampled(model, tmp_path / out, n=12) == 0
    assert len(alive) == 12


def test_edits_are_written_as_they_are_made(model, stop, tmp_path, capsys):
    picture, out = tmp_path / "a.png", tmp_path / "out"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(picture)
    command = [
        "edit",
        str(model),
        "--image",
        str(picture),
        "--strength",
        "0.5",
        "-n",
        "5",
        "--batch",
        "2",
        "--out",
        str(out),
    ]
    stop(2)
    assert main(command) == 130
    assert len(names(out)) == 4
    stop(9)
    assert main(command) == 0
    assert stop.drawn == [1]
    images = [np.asarray(Image.open(out / name)) for name in names(out)]
    together = np.stack(images)[:, None]
    whole = image_to_image.image_to_image(
        load(model, "cpu"),
        torch.from_numpy(np.asarray(Image.open(picture)).copy())[None, None].expand(5, -1, -1, -1),
        strength=0.5,
    )
    assert abs(together.astype(int) - whole.numpy().astype(int)).max() <= 1
    capsys.readouterr()
    stop(0)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(picture)
    assert main(command) == 2
    assert "with other settings (images" in capsys.readouterr().err


def test_gaps():
    assert list(gaps({0, 3, 4, 9}, 7)) == [range(1, 3), range(5, 7)]
    assert list(gaps(set(), 2)) == [range(2)]
    assert list(gaps({0, 1}, 2)) == []


def test_the_settings_beside_a_folder_are_json(model, tmp_path):
    assert sampled(model, tmp_path / "out") == 0
    found = json.loads((tmp_path / ".out.debruit.json").read_text())
    assert found["seed"] == 0
    assert found["command"] == "sample"
