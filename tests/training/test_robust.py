"""What must not lose a training: NaN, a full disk, changed data, a folder that is taken."""

import errno
import subprocess
import sys
from dataclasses import replace
from subprocess import PIPE

import pytest
import tiny
import torch
from hearing import lines
from safetensors.torch import load_file

from debruit.errors import InputError
from debruit.models.diffusion import load
from debruit.training import loop
from debruit.training import run_folder as folders
from debruit.training.optim import gradient
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import ROLL_BACKS, fit

CPU = torch.device("cpu")


def poison(monkeypatch, bad):
    """Makes the loss NaN on the calls that `bad(call number)` names."""
    calls = iter(range(10**9))
    honest = gradient.losses
    monkeypatch.setattr(gradient, "losses", lambda *a: honest(*a) * (float("nan") if bad(next(calls)) else 1.0))


def train(path, run=None, said=None):
    folder = RunFolder.create(path, run or tiny.run())
    with lines() as heard:
        try:
            return folder, list(fit(folder, folder.run.source.build(), CPU))
        finally:
            if said is not None:
                said += heard


def test_a_single_nan_is_skipped_and_counted(tmp_path, monkeypatch):
    poison(monkeypatch, lambda call: call == 3)
    folder, reports = train(tmp_path / "run")
    assert sum(p.report.skipped for p in reports) == 1
    assert all(torch.isfinite(v).all() for v in load_file(folder.path / "model.safetensors").values())


def test_lasting_nan_rolls_back_and_goes_on(tmp_path, monkeypatch):
    said = []
    poison(monkeypatch, lambda call: 6 <= call < 6 + loop.PATIENCE)
    run = tiny.run(images=480)
    folder, reports = train(tmp_path / "run", run, said)
    assert any("back to the last good state at 64 images, now with 0.5 of the learning rate" in line for line in said)
    assert reports[-1].report.images_seen == 480
    assert all(torch.isfinite(v).all() for v in load_file(folder.path / "model.safetensors").values())


def test_nan_for_ever_stops_with_the_model_intact(tmp_path, monkeypatch):
    poison(monkeypatch, lambda call: call >= 6)
    said = []
    with pytest.raises(
        InputError, match=rf"after {ROLL_BACKS} roll-backs: the training stopped at its last good state \(64 images"
    ):
        train(tmp_path / "run", tiny.run(images=480), said)
    assert sum("back to the last good state" in line for line in said) == ROLL_BACKS
    assert all(torch.isfinite(v).all() for v in load_file(tmp_path / "run" / "model.safetensors").values())


def test_a_full_disk_stops_clearly_and_leaves_the_model(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "run", tiny.run())
    honest = folders.model_file.save_file
    saves = iter(range(100))

    def full(tensors, path, metadata):
        if next(saves) < 2:
            return honest(tensors, path, metadata)
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders.model_file, "save_file", full)
    with pytest.raises(
        InputError, match=r"cannot write .*model.safetensors: the disk is full.*the previous file, if any, is intact"
    ):
        list(fit(folder, folder.run.source.build(), CPU))
    monkeypatch.undo()
    assert load(folder.path, "cpu").provenance["images_seen"] == 64
    assert not list((tmp_path / "run").glob(".*part"))


def test_changed_data_is_refused(tmp_path):
    run = tiny.run()
    other = replace(run, model=replace(run.model, data=replace(run.model.data, fingerprint="another")))
    folder = RunFolder.create(tmp_path / "run", other)
    with pytest.raises(InputError, match="the data of digits has changed since this run began"):
        list(fit(folder, run.source.build(), CPU))


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    train(tmp_path / "run", tiny.run(images=16))
    with pytest.raises(InputError, match=r"already holds a run: continue it with `debruit train --resume"):
        RunFolder.create(tmp_path / "run", tiny.run())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file: give a folder"):
        RunFolder.create(tmp_path / "file", tiny.run())


def test_resuming_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match="is no run folder"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run.json is damaged"):
        RunFolder.open(tmp_path)


def test_the_folder_holds_what_the_design_names(tmp_path):
    folder, _ = train(tmp_path / "run")
    names = {p.name for p in folder.path.iterdir()}
    assert {"run.json", "model.safetensors", "state", "log.jsonl", "previews"} <= names
    assert len(list((folder.path / "state").iterdir())) == tiny.run().keep_states
    assert len(list((folder.path / "previews").glob("*.png"))) >= 1


def test_a_second_process_in_the_same_folder_is_refused_and_disturbs_nothing(tmp_path):
    folder, _ = train(tmp_path / "run", tiny.run(images=64))
    before = {path: path.read_bytes() for path in folder.path.glob("*.*")}
    being_written = folder.path / ".model.safetensors.1.part"
    being_written.write_text("")
    holding = (
        "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); "
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", holding, folder.path / ".lock"], stdin=PIPE, stdout=PIPE) as other:
        assert other.stdout.readline()
        sentence = r"another process is training in .*run: wait until it ends, or stop it \(Ctrl-C, which saves\)"
        with pytest.raises(InputError, match=sentence):
            RunFolder.open(folder.path, images=128)
        with pytest.raises(InputError, match=sentence):
            next(fit(folder, folder.run.source.build(), CPU, resume=True))
        assert being_written.exists()
        assert all(path.read_bytes() == content for path, content in before.items())
        other.kill()
    longer = RunFolder.open(folder.path, images=128)
    assert list(fit(longer, folder.run.source.build(), CPU, resume=True))[-1].report.images_seen == 128
