"""Killed at any point and resumed, a training ends at the same weights, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import tiny
import torch
from safetensors.torch import load_file

from debruit.errors import InputError
from debruit.training import checkpoint
from debruit.training.config import Optimiser
from debruit.training.run_folder import RunFolder
from debruit.training.state import TrainState
from debruit.training.supervisor import fit

CPU = torch.device("cpu")


def finish(folder, *, resume=False, until=None):
    """Runs to the end, or as if killed after the report at `until` images."""
    dataset = folder.run.source.build()
    for progress in fit(folder, dataset, CPU, resume=resume):
        if until is not None and progress.report.images_seen >= until:
            return


def weights(folder):
    return load_file(folder.path / "model.safetensors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The same run, never interrupted."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole") / "run", tiny.run())
    finish(folder)
    return folder


@pytest.mark.parametrize("killed_at", [32, 64, 96, 128])
def test_resumed_weights_are_bit_identical(whole, tmp_path, killed_at):
    folder = RunFolder.create(tmp_path / "run", tiny.run())
    finish(folder, until=killed_at)
    finish(RunFolder.open(folder.path), resume=True)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(folder)[name]), name
    log = (folder.path / "log.jsonl").read_text().splitlines()
    assert len(log) == len((whole.path / "log.jsonl").read_text().splitlines()), "a report is logged once"


def cut_and_resumed(path, run):
    """Everything saved at the end of a run that was killed after 64 images."""
    folder = RunFolder.create(path, run)
    finish(folder, until=64)
    finish(RunFolder.open(folder.path), resume=True)
    return load_file(checkpoint.saved(folder.path)[0])


def check_bits(mine, other, moment):
    assert mine.keys() == other.keys()
    assert any(name.startswith(f"optimiser/{moment}/") for name in mine)
    for name, value in other.items():
        assert torch.equal(value, mine[name]), name


def test_optimiser_and_average_are_bit_identical(whole, tmp_path):
    check_bits(cut_and_resumed(tmp_path / "run", tiny.run()), load_file(checkpoint.saved(whole.path)[0]), "exp_avg_sq")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_muon_and_dropout_resume_to_the_same_bits(tmp_path, precision):
    run = tiny.run(optimiser=Optimiser(kind="muon", warmup_images=32), precision=precision)
    run = replace(run, model=replace(run.model, network=replace(run.model.network, channels=16, dropout=0.3)))
    whole = RunFolder.create(tmp_path / "whole", run)
    finish(whole)
    check_bits(cut_and_resumed(tmp_path / "cut", run), load_file(checkpoint.saved(whole.path)[0]), "momentum")


def test_a_damaged_newest_state_falls_back_and_says_so(whole, tmp_path, heard):
    folder = RunFolder.create(tmp_path / "run", tiny.run())
    finish(folder, until=128)
    newest = checkpoint.saved(folder.path)[0]
    data = bytearray(newest.read_bytes())
    data[-100] ^= 1
    newest.write_bytes(data)
    finish(RunFolder.open(folder.path), resume=True)
    assert any(f"the state {newest.name} is damaged" in event.message for event in heard)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(folder)[name]), name


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(p.read_bytes()[:-50]), lambda p: p.write_bytes(b"")])
def test_states_all_damaged(tmp_path, damage):
    folder = RunFolder.create(tmp_path / "run", tiny.run())
    finish(folder, until=64)
    for state in checkpoint.saved(folder.path):
        damage(state)
    with pytest.raises(InputError, match=r"every saved state in .* is damaged; the model of the last save is still"):
        finish(RunFolder.open(folder.path), resume=True)


def test_a_state_of_another_run_is_refused(tmp_path):
    mine = RunFolder.create(tmp_path / "mine", tiny.run())
    other = RunFolder.create(tmp_path / "other", tiny.run(seed=4))
    finish(mine, until=64)
    finish(other, until=64)
    for state in checkpoint.saved(mine.path):
        state.unlink()
    for state in checkpoint.saved(other.path):
        state.rename(mine.path / "state" / state.name)
    with pytest.raises(InputError, match="belongs to another run"):
        finish(RunFolder.open(mine.path), resume=True)


def test_an_epoch_boundary_inside_a_batch_changes_nothing(tmp_path):
    """The digits' training part has 1777 images; a run that crosses its end, resumed just before."""
    run = tiny.run(
        images=1840,
        every=tiny.Intervals(report_images=592, save_images=592, validate_images=10**6, preview_images=10**6),
    )
    whole = RunFolder.create(tmp_path / "whole", run)
    finish(whole)
    folder = RunFolder.create(tmp_path / "run", run)
    finish(folder, until=1184)
    finish(RunFolder.open(folder.path), resume=True)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(folder)[name]), name


@pytest.mark.parametrize("when", ["log", "shown"])
def test_an_interruption_at_any_moment_of_a_report_is_saved_and_reported(tmp_path, monkeypatch, when):
    """Also one that comes after the decision what to save: while the line of the log is written, or while the shell
    shows the report."""
    folder = RunFolder.create(tmp_path / "run", tiny.run())
    states = []
    start = TrainState.start
    monkeypatch.setattr(TrainState, "start", lambda *given: states.append(start(*given)) or states[0])
    if when == "log":
        monkeypatch.setattr(folder, "log", lambda record: setattr(states[0], "stop_requested", True))
    shown = []
    for progress in fit(folder, folder.run.source.build(), torch.device("cpu")):
        shown.append(progress)
        states[0].stop_requested = True
    assert [p.interrupted for p in shown] == [False, True]
    assert shown[-1].saved
    assert shown[-1].report.images_seen == shown[0].report.images_seen + folder.run.batch < folder.run.images


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_process_resumes_bit_for_bit(tmp_path, number):
    """A real process, a real signal, in the middle of a step."""
    command = [
        sys.executable,
        "-m",
        "debruit",
        "train",
        "digits",
        "--images",
        "6000",
        "--batch",
        "32",
        "--set",
        "model.network.channels=32",
        "--set",
        "every.save_images=320",
        "--set",
        "every.report_images=320",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def train(*more):
        return subprocess.Popen([*command, *more], env=environment, stdout=subprocess.DEVNULL)

    assert train("--out", str(tmp_path / "whole")).wait() == 0
    process = train("--out", str(tmp_path / "run"))
    while (
        not (tmp_path / "run" / "log.jsonl").exists()
        or len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) < 2
    ):
        time.sleep(0.02)
        assert process.poll() is None, "it ended before it was killed"
    process.send_signal(number)
    assert process.wait() == (-number if number == signal.SIGKILL else 130)
    resumed = [sys.executable, "-m", "debruit", "train", "--resume", str(tmp_path / "run")]
    assert subprocess.run(resumed, env=environment, stdout=subprocess.DEVNULL).returncode == 0
    mine, other = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "whole"))
    for name, value in other.items():
        assert torch.equal(value, mine[name]), name


def test_a_whole_number_for_a_float_resumes(tmp_path):
    """The digest of a run is that of the values that are read back from its file."""
    run = tiny.run()
    run = replace(run, optimiser=replace(run.optimiser, lr=1))
    folder = RunFolder.create(tmp_path / "run", run)
    assert RunFolder.open(folder.path).fingerprint == folder.fingerprint
    assert RunFolder.open(folder.path, images=320).fingerprint == folder.fingerprint
