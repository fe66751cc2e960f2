"""Runs and states that an earlier version of debruit wrote stay good: run_of_before.json and its digest are from 2c5513e, before there were masks,
doors of classes and intervals of guidance."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from debruit.errors import InputError
from debruit.sampling.heun import Heun
from debruit.training import checkpoint
from debruit.training.folder import RUN, RunFolder, fingerprint
from debruit.training.state import TrainState

STORED = Path(__file__).with_name("run_of_before.json")
DIGEST = "a30eaca8e85800d7"  # what that version's states of this run carry
LATER = ("mask_names", "palette", "door", "interval", "rescale")


def fresh(folder: RunFolder) -> TrainState:
    return TrainState.start(folder.run, torch.device("cpu"))


@pytest.fixture
def before(tmp_path) -> Path:
    """A run folder of that version, with a state of 64 images."""
    path = tmp_path / "run"
    path.mkdir()
    shutil.copy(STORED, path / RUN)
    state = fresh(RunFolder.open(path, print))
    state.images_seen = 64
    checkpoint.save(path, state, DIGEST, 2)
    return path


def resumed(path: Path, **changes) -> TrainState:
    folder = RunFolder.open(path, print, **changes)
    state = fresh(folder)
    folder.restore(state)
    return state


def test_a_state_of_before_belongs_to_its_run(before):
    assert resumed(before).images_seen == 64
    assert resumed(before, images=320).images_seen == 64
    run = RunFolder.open(before, print).run
    assert run.images == 320
    sampling = replace(run.model.sampling, sampler=Heun(), rescale=0.5)
    assert resumed(before, model=replace(run.model, sampling=sampling)).images_seen == 64
    assert RunFolder.open(before, print).run.model.sampling == sampling


def test_what_run_json_does_not_say_stays_unsaid_when_it_is_changed(before):
    old = json.loads((before / RUN).read_text())
    RunFolder.open(before, print, images=320)
    assert json.loads((before / RUN).read_text()) == old | {"images": 320}
    assert not any(f'"{name}"' in (before / RUN).read_text() for name in LATER)


def test_its_new_states_are_its_own_too(before):
    folder = RunFolder.open(before, print)
    state = fresh(folder)
    folder.restore(state)
    state.images_seen = 128
    checkpoint.save(before, state, folder.fingerprint, 2)
    assert resumed(before, minutes=3.0).images_seen == 128


def test_what_determines_the_weights_is_still_told_apart(before):
    for place, name, value in ((["optimiser"], "lr", 0.1), ([], "seed", 4), (["model", "network"], "dropout", 0.5)):
        stored = json.loads(STORED.read_text())
        inner = stored
        for key in place:
            inner = inner[key]
        assert name in inner
        inner[name] = value
        (before / RUN).write_text(json.dumps(stored))
        with pytest.raises(InputError, match="belongs to another run"):
            resumed(before)


def test_the_digest_is_of_the_weights_alone(tmp_path):
    folder = RunFolder.create(tmp_path / "run", tiny.run(), print)
    free = {"images": 7, "minutes": 2.0, "keep_states": 5, "every": None}
    model = folder.stored["model"] | {"sampling": None}
    assert fingerprint(folder.stored | free | {"model": model}) == folder.fingerprint
    assert RunFolder.open(folder.path, print, images=400).fingerprint == folder.fingerprint
    assert fingerprint(folder.stored | {"batch": 8}) != folder.fingerprint
