"""torch.compile changes the speed and nothing else."""

import numpy as np
import pytest
import tiny
import torch

from debruit.training.state import TrainState
from debruit.training.step import train


@pytest.mark.slow
def test_a_compiled_training_is_the_same_training():
    weights = []
    for compiled in (False, True):
        run = tiny.run(images=48, compile=compiled)
        state = TrainState.start(run, torch.device("cpu"))
        dataset = run.source.build()
        list(train(state, run, dataset, np.arange(len(dataset)), torch.device("cpu")))
        weights.append([p.detach().clone() for p in state.backbone.parameters()])
    for eager, compiled in zip(*weights, strict=True):
        torch.testing.assert_close(eager, compiled, rtol=1e-3, atol=1e-4)
