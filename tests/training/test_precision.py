"""bfloat16 on a CPU: chosen where the CPU computes in it, close to float32, and the same to the bit each time."""

import numpy as np
import pytest
import tiny
import torch

from debruit.data.sources.digits import Digits
from debruit.data.split import split_of
from debruit.networks import attention
from debruit.networks.attention import Attention
from debruit.networks.layers import GroupNorm
from debruit.planning import heuristics, recommend, sizing
from debruit.planning.plan import plan
from debruit.planning.recommend import Budget
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import Diffusion

CPU = torch.device("cpu")


def trained(precision: str) -> tuple[list[float], list[torch.Tensor]]:
    """Losses of a short training, and the weights after it."""
    run = tiny.run(images=320, precision=precision)
    state, dataset = TrainState.start(run, CPU), run.source.build()
    task = Diffusion(run, dataset, CPU, split_of(dataset, run))
    losses = [report.loss for report in task.train(state, np.arange(len(dataset)))]
    return losses, [p.detach().clone() for p in state.backbone.parameters()]


def test_bfloat16_learns_as_float32_does_with_weights_in_float32():
    (exact, _), (half, weights) = trained("fp32"), trained("bf16")
    assert half != exact, "it was float32 all along"
    assert half == pytest.approx(exact, rel=0.05)
    assert {w.dtype for w in weights} == {torch.float32}


def test_two_trainings_in_bfloat16_agree_to_the_bit():
    for one, other in zip(trained("bf16")[1], trained("bf16")[1], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("device", "has", "flops", "expected"),
    [
        ("cpu", True, 0, "bf16"),
        ("cpu", False, 0, "auto"),  # it would be emulated
        ("cpu", True, 1e12, "auto"),  # so small a network gains little
        ("cuda", True, 0, "auto"),  # there "auto" says it all
    ],
)
def test_a_training_is_in_bfloat16_on_a_cpu_that_computes_in_it(monkeypatch, device, has, flops, expected):
    monkeypatch.setattr(sizing, "has_bf16", lambda device: has)
    monkeypatch.setattr(sizing, "BF16_FLOPS", flops)
    assert sizing.with_bf16(tiny.run(), torch.device(device)).precision == expected
    for chosen in ("fp32", "bf16"):
        assert sizing.with_bf16(tiny.run(precision=chosen), torch.device(device)).precision == chosen


def test_the_plan_decides_it_and_says_so(monkeypatch):
    monkeypatch.setattr(sizing, "has_bf16", lambda device: True)
    monkeypatch.setattr(sizing, "BF16_FLOPS", 0)
    planned = plan(tiny.run(), CPU)
    assert planned.run.precision == "bf16"
    assert "images/s, bfloat16, about" in planned.summary[-1]


@pytest.mark.parametrize("most_scores", [0, 10**6])  # in float32, by plain products
def test_attention_in_bfloat16_is_attention(monkeypatch, most_scores):
    """On a CPU it is computed in the fastest way for each pass: output and gradients are as close as bfloat16 is."""
    monkeypatch.setattr(attention, "MOST_SCORES", most_scores)
    torch.manual_seed(0)
    layer, x, context = Attention(32, 32, 4), torch.randn(2, 25, 32), torch.randn(2, 7, 32)
    seen = torch.arange(7) < torch.tensor([[7], [3]])
    exact = layer(x, context, seen)
    exact.square().sum().backward()
    gradients = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(x, context, seen)
        with torch.no_grad():
            sampled = layer(x, context, seen)
    assert not torch.equal(half, exact), "it was float32 all along"
    for found in (half, sampled):
        torch.testing.assert_close(found.float(), exact, rtol=0.02, atol=0.02)
    half.float().square().sum().backward()
    for found, p in zip(gradients, layer.parameters(), strict=True):
        assert (p.grad - found).norm() < 0.02 * found.norm()


@pytest.mark.parametrize(
    ("has", "images", "batch"),
    [
        (True, 20_000, 32),  # few steps as it is
        (True, 60_000, 64),
        (True, 200_000, 128),
        (False, 200_000, 32),
    ],
)
def test_batches_are_larger_in_bfloat16_and_in_long_trainings(monkeypatch, has, images, batch):
    monkeypatch.setattr(sizing, "has_bf16", lambda device: has)
    monkeypatch.setattr(sizing, "BF16_FLOPS", 0)
    source = Digits()
    run = recommend.diffusion(source, source.build().spec, CPU, Budget(images=images))
    assert run.batch == batch
    assert (run.optimiser.lr > recommend.LR) == (batch == 128), "the rate of the batch it was measured with"
    chosen = recommend.diffusion(source, source.build().spec, CPU, Budget(images=images, batch=16))
    assert (chosen.batch, chosen.optimiser.lr) == (16, recommend.LR)


@pytest.mark.parametrize("side", [8, 28, 64, 256])
def test_the_networks_of_the_plan_have_norms_of_16_channels_and_more(side):
    """In bfloat16 narrower ones are several times as slow (bench/RESULTS.md)."""
    for network in (network for family in heuristics.candidates(side, side) for network in family):
        with torch.device("meta"):
            module = network.build(3, 3)
        norms = [layer for layer in module.modules() if isinstance(layer, GroupNorm)]
        assert min(layer.num_channels // layer.num_groups for layer in norms) >= 16
