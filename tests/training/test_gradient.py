"""The gradient of a batch is the same number, however the batch is cut."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from debruit.planning.measure import synthetic
from debruit.training.optim.gradient import Gradient
from debruit.training.state import TrainState

CPU = torch.device("cpu")


def gradient_of(run, threads: int, batch=None):
    """Loss and gradient of a run's first weights on its synthetic batch, with so many threads, and how many shares that
    made."""
    state = TrainState.start(run, CPU)
    with torch.no_grad():  # a new network's zero-initialised outputs would hide most of the gradient
        for p in state.backbone.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with Gradient(run, state.backbone, CPU) as gradient:
            loss = gradient(synthetic(run) if batch is None else batch)
            shares = len(gradient.shares.copies) + 1
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    return loss, {name: p.grad.clone() for name, p in state.backbone.named_parameters() if p.grad is not None}, shares


@pytest.mark.parametrize(("threads", "shares"), [(1, 1), (2, 2), (4, 4), (6, 3)])
def test_shares_of_a_batch_give_its_gradient(threads, shares):
    run = tiny.run(batch=35)
    loss, whole, _ = gradient_of(run, 1)
    again, parts, found = gradient_of(run, threads)
    assert found == shares
    torch.testing.assert_close(again, loss, rtol=1e-5, atol=1e-6)
    assert parts.keys() == whole.keys()
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-6, msg=name)


def test_shares_and_microbatches_together_give_its_gradient():
    loss, whole, _ = gradient_of(tiny.run(batch=48), 1)
    again, parts, shares = gradient_of(tiny.run(batch=48, microbatch=24), 2)
    assert shares == 2
    torch.testing.assert_close(again, loss, rtol=1e-5, atol=1e-6)
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-6, msg=name)


def test_as_many_threads_give_the_same_bits():
    first, second = (gradient_of(tiny.run(batch=32), 2) for _ in range(2))
    assert first[0] == second[0]
    assert all(torch.equal(first[1][name], second[1][name]) for name in first[1])


def test_a_small_batch_is_not_shared():
    assert gradient_of(tiny.run(batch=12), 2)[2] == 1


def test_dropout_samples_from_the_keys_of_the_batch_alone():
    run = tiny.run(batch=32)
    run = replace(run, model=replace(run.model, network=replace(run.model.network, dropout=0.5)))
    batch = synthetic(run)
    torch.manual_seed(1)
    _, first, shares = gradient_of(run, 2, batch)
    ours = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), ours)  # a user's own stream is untouched
    _, second, _ = gradient_of(run, 2, batch)
    _, other, _ = gradient_of(run, 2, replace(batch, keys=batch.keys + np.uint64(100)))
    assert shares == 2
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(("threads", "microbatch"), [(1, 8), (2, 0), (4, 0), (2, 16)])
def test_any_split_of_a_batch_drops_the_same_units(threads, microbatch):
    run = tiny.run(batch=32)
    run = replace(run, model=replace(run.model, network=replace(run.model.network, dropout=0.5)))
    loss, whole, shares = gradient_of(run, 1)
    again, parts, _ = gradient_of(replace(run, microbatch=microbatch), threads)
    assert shares == 1
    torch.testing.assert_close(again, loss, rtol=1e-5, atol=1e-6)
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-6, msg=name)


def test_each_example_drops_other_units():
    run = tiny.run(batch=32)
    run = replace(run, model=replace(run.model, network=replace(run.model.network, dropout=0.5)))
    half = synthetic(run).part(0, 16, CPU)
    twice = replace(half, **{name: torch.cat([getattr(half, name)] * 2) for name in ("x0", "t", "eps")})
    for name in ("values", "keep"):
        twice = replace(twice, **{name: {k: torch.cat([v] * 2) for k, v in getattr(half, name).items()}})
    twice = replace(twice, keys=synthetic(run).keys)
    _, both, _ = gradient_of(run, 2, twice)
    _, one, _ = gradient_of(replace(run, batch=16), 1, half)
    assert any((both[name] - one[name]).norm() > 0.05 * one[name].norm() for name in one), "not one half twice"


def test_other_threads_keep_their_cores_while_a_training_runs():
    run, before = tiny.run(batch=32), torch.get_num_threads()
    state, seen = TrainState.start(run, CPU), []
    torch.set_num_threads(4)
    try:
        with Gradient(run, state.backbone, CPU) as gradient:
            gradient(synthetic(run))
            assert len(gradient.shares.copies) == 3
            other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            other.start()
            other.join()
            assert torch.get_num_threads() == 4
            workers = list(gradient.shares.pool.map(lambda _: torch.get_num_threads(), range(8)))
    finally:
        torch.set_num_threads(before)
    assert seen == [4]
    assert set(workers) == {1}
