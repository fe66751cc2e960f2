"""bfloat16 on a CPU: chosen where it was measured to be faster, close to float32, and the same to the bit each time."""

import numpy as np
import pytest
import tiny
import torch

from debruit.networks.attention import SelfAttention
from debruit.training import planning
from debruit.training.state import TrainState
from debruit.training.step import train

CPU = torch.device("cpu")


def trained(precision: str) -> tuple[list[float], list[torch.Tensor]]:
    """Losses of a short training, and the weights after it."""
    run = tiny.run(images=320, precision=precision)
    state, dataset = TrainState.start(run, CPU), run.source.build()
    losses = [report.loss for report in train(state, run, dataset, np.arange(len(dataset)), CPU)]
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
    ("device", "minutes", "faster", "expected"),
    [
        ("cpu", 10, 150.0, "bf16"),
        ("cpu", 10, 105.0, "fp32"),  # not clearly faster: no noise of a measurement decides
        ("cpu", 10, 40.0, "fp32"),  # emulated
        ("cpu", 0.5, 150.0, "auto"),  # not worth a measurement
        ("cuda", 10, 150.0, "auto"),  # there bfloat16 is for the GPU to say
    ],
)
def test_a_training_on_a_cpu_is_in_bfloat16_where_that_was_measured_to_pay(
    monkeypatch, device, minutes, faster, expected
):
    monkeypatch.setattr(planning, "measure", lambda run, device, seconds: faster)
    run, speed = planning.halved_where_it_pays(tiny.run(minutes=minutes), torch.device(device), 100.0)
    assert run.precision == expected
    assert speed == (faster if expected == "bf16" else 100.0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_precision_that_was_asked_for_is_kept(monkeypatch, precision):
    monkeypatch.setattr(planning, "measure", lambda *_: pytest.fail("it measured"))
    run = tiny.run(precision=precision, minutes=60)
    assert planning.halved_where_it_pays(run, CPU, 5.0) == (run, 5.0)


def test_attention_in_bfloat16_is_attention():
    """On a CPU it is computed in float32, where that is faster; what comes in and goes out is as close as bfloat16 is."""
    torch.manual_seed(0)
    layer, x = SelfAttention(32, 4), torch.randn(2, 32, 5, 5)
    torch.nn.init.normal_(layer.proj.weight)
    exact = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(x)
    assert not torch.equal(half, exact), "it was float32 all along"
    torch.testing.assert_close(half.float(), exact, rtol=0.02, atol=0.1)
    half.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
