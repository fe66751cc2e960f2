"""The loop itself: it learns, it accumulates exactly, its order and its schedules are what they claim."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from debruit.data.order import Order, ahead
from debruit.data.split import split, split_of
from debruit.training.batches import training_batch
from debruit.training.config import Ema, Optimiser
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import Diffusion

CPU = torch.device("cpu")


def trained(run, pool=None):
    state = TrainState.start(run, CPU)
    dataset = run.source.build()
    pool = np.arange(len(dataset)) if pool is None else pool
    return state, list(Diffusion(run, dataset, CPU, split_of(dataset, run)).train(state, pool))


@pytest.mark.slow
def test_overfits_one_batch():
    """Eight images for a thousand steps: the loss falls far below what the noise alone would leave."""
    run = tiny.run(images=16_000, batch=16, optimiser=Optimiser(lr=5e-3, warmup_images=160, decay="none"))
    run = replace(run, every=replace(run.every, report_images=1_600))
    _, reports = trained(run, pool=np.arange(8))
    assert reports[-1].loss < 0.35 * reports[0].loss


def test_accumulation_gives_the_same_step():
    whole, _ = trained(tiny.run(images=48))
    parts, _ = trained(tiny.run(images=48, microbatch=4))
    for a, b in zip(whole.backbone.parameters(), parts.backbone.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("first", "attempt"), [(0, 0), (64, 0), (997, 2)])
def test_a_batch_is_the_two_halves_of_it_to_the_bit(flip, first, attempt):
    """All that is random about an example comes from its position, so any split over devices or microbatches samples
    the same."""
    run = tiny.run(batch=8, flip=flip)
    run = replace(run, model=replace(run.model, conditioners=(replace(run.model.conditioners[0], drop=0.5),)))
    dataset = run.source.build()
    order = Order(split(len(dataset), 20, run.seed)[0], run.seed)
    make = lambda batch, first: training_batch(replace(run, batch=batch), dataset, order, first, attempt)  # noqa: E731
    whole, halves = make(8, first), (make(4, first), make(4, first + 4))
    for name in ("x0", "t", "eps"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(half, name) for half in halves])), name
    for name in ("values", "keep"):
        for key, value in getattr(whole, name).items():
            assert torch.equal(value, torch.cat([getattr(half, name)[key] for half in halves])), (name, key)
    np.testing.assert_array_equal(whole.keys, np.concatenate([half.keys for half in halves]))


def test_the_noise_of_a_batch_is_a_function_of_its_position_and_of_roll_backs():
    run = tiny.run()
    dataset = run.source.build()
    order = Order(split(len(dataset), 20, run.seed)[0], run.seed)
    first, again = (training_batch(run, dataset, order, 64) for _ in range(2))
    for name in ("x0", "t", "eps"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    for other in (training_batch(run, dataset, order, 80), training_batch(run, dataset, order, 64, attempt=1)):
        assert not torch.equal(first.eps, other.eps)
        assert not torch.equal(first.t, other.t)
        assert not np.array_equal(first.keys, other.keys)


def test_every_image_is_seen_once_an_epoch_whatever_the_batch():
    pool = np.arange(100, 137)
    for batch in (1, 5, 16, 50):
        order = Order(pool, seed=1)
        seen = np.concatenate([order.take(start, batch)[0] for start in range(0, 37 * batch, batch)])
        for epoch in range(batch):
            assert sorted(seen[epoch * 37 : (epoch + 1) * 37]) == list(pool)
    assert np.array_equal(Order(pool, 1).take(30, 20)[0][:10], Order(pool, 1).take(30, 10)[0])


def test_held_out_images_are_never_trained_on():
    pool, held_out = split(1000, 50, seed=7)
    assert len(held_out) == 50
    assert not set(pool) & set(held_out)
    assert sorted([*pool, *held_out]) == list(range(1000))


def test_conditions_are_dropped_per_image_at_the_stated_rate():
    run = tiny.run(batch=1024)
    dataset = run.source.build()
    keep = torch.cat(
        [training_batch(run, dataset, Order(np.arange(1000), 0), k * 1024).keep["label"] for k in range(8)]
    )
    assert 0.08 < 1 - keep.float().mean() < 0.12


@pytest.mark.parametrize(("images", "expected"), [(0, 0.01), (49, 0.5), (100, 1.0), (550, 0.5), (1000, 0.0)])
def test_the_rate_warms_up_and_falls_over_images(images, expected):
    optimiser = Optimiser(lr=1.0, warmup_images=100, decay="linear", decay_fraction=0.9)
    assert optimiser.rate(images, images / 1000) == pytest.approx(expected, abs=0.011)


def test_the_schedule_does_not_know_the_batch():
    """Half-life in images: two steps of b average as one of 2 b does, to first order, once the ramp is over."""
    ema = Ema(halflife_images=1000, ramp=1.0)
    assert ema.decay(5000, 64) ** 2 == pytest.approx(ema.decay(5000, 128))
    assert ema.decay(1, 64) < 1e-3, "the first weights are forgotten at once"


def test_ahead_passes_on_errors_and_stops():
    def make(n):
        if n == 4:
            raise RuntimeError("the disk is gone")
        return n

    items = ahead(make, 0, 2)
    assert [next(items), next(items)] == [0, 2]
    with pytest.raises(RuntimeError, match="the disk is gone"):
        next(items)


def test_reports_come_at_their_interval():
    """The report is the mean over its steps: 10 steps of 16 images in reports of 32 give five."""
    _, reports = trained(tiny.run())
    assert [r.images_seen for r in reports] == [32, 64, 96, 128, 160]
    assert all(np.isfinite(r.loss) and r.grad_norm > 0 for r in reports)
