"""torch.compile changes the speed and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from debruit.data.split import split_of
from debruit.planning import measure
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import Diffusion


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_compiled_training_is_the_same_training(dropout):
    weights = []
    for compiled in (False, True):
        run = tiny.run(images=48, compile=compiled)
        run = replace(run, model=replace(run.model, network=replace(run.model.network, dropout=dropout)))
        state = TrainState.start(run, torch.device("cpu"))
        dataset = run.source.build()
        list(Diffusion(run, dataset, torch.device("cpu"), split_of(dataset, run)).train(state, np.arange(len(dataset))))
        weights.append([p.detach().clone() for p in state.backbone.parameters()])
    for eager, compiled in zip(*weights, strict=True):
        torch.testing.assert_close(eager, compiled, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("device", "minutes", "speeds", "expected"),
    [
        ("cpu", 600, {False: 100.0, True: 200.0}, False),  # on a CPU the cores share the batch instead
        ("cuda", 10, {False: 100.0, True: 200.0}, False),  # not worth the wait
        ("cuda", 60, {False: 100.0, True: 90.0}, False),
        ("cuda", 60, {False: 100.0, True: 130.0}, True),
        ("cuda", 60, {False: 100.0}, False),  # the compiler fails
    ],
)
def test_a_training_is_compiled_where_that_was_measured_to_pay(monkeypatch, heard, device, minutes, speeds, expected):
    monkeypatch.setattr(measure, "measure", lambda run, device, seconds: speeds[run.compile])
    run, speed = measure.compiled_where_it_pays(tiny.run(minutes=minutes), torch.device(device), speeds[False])
    assert run.compile is expected
    assert speed == speeds[expected]
    notices = [event.message for event in heard if event.level == "notice"]
    expected_notices = ["torch.compile does not work here (KeyError); training continues without it"]
    assert notices == (expected_notices if device == "cuda" and minutes == 60 and True not in speeds else [])


def test_a_choice_to_compile_is_kept():
    for choice in (False, True):
        run = tiny.run(compile=choice, minutes=60)
        assert measure.compiled_where_it_pays(run, torch.device("cpu"), 5.0) == (run, 5.0)
