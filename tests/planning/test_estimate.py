"""Memory and operations counted on fake tensors, against real steps."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.autoencoders.vq import VQ
from debruit.data.sources.digits import Digits
from debruit.images.spec import DataSpec
from debruit.models.config import FirstStageConfig
from debruit.planning import counting, footprint, measure, sizing, throughput
from debruit.planning.cost import autoencoder_flops, cost, step_flops
from debruit.planning.plan import plan
from debruit.planning.throughput import Speed
from debruit.training.config import AutoencoderRun, Optimiser, Run
from debruit.training.optim.gradient import Gradient
from debruit.training.state import TrainState
from debruit.training.tasks.autoencoder_state import AutoencoderState
from debruit.training.tasks.autoencoder_step import AutoencoderBatch, latent_shape, sharing, step
from debruit.training.tasks.diffusion import optimise

CPU = torch.device("cpu")


def autoencoder_run(bottleneck=None, **changes) -> AutoencoderRun:
    """A small one at 32 pixels, with every term of the loss; the discriminator is there from the beginning."""
    spec = DataSpec(name="x", channels=3, height=32, width=32, depth="uint8", low=0, high=255, count=64)
    codec = Autoencoder(
        coder=Coder(channels=16, multipliers=(1, 2), blocks=1, groups=8), bottleneck=bottleneck or KL(channels=4)
    )
    adversarial = Adversarial(begins_images=0, ramp_images=0, channels=8, layers=2)
    run = AutoencoderRun(
        source=Digits(),
        model=FirstStageConfig(data=spec, codec=codec),
        criterion=Criterion(adversarial=adversarial),
        batch=4,
        images=100,
    )
    return replace(run, **changes)


def stepped(run: AutoencoderRun, *, entered: bool) -> AutoencoderState:
    state = AutoencoderState.start(run, CPU)
    state.entered = 0 if entered else -1
    images = torch.rand(run.batch, *run.data.shape) * 2 - 1
    with sharing(state, run, CPU) as shares:
        eps, keys = torch.randn(run.batch, *latent_shape(run)), np.arange(run.batch, dtype=np.uint64)
        step(state, run, AutoencoderBatch(images, eps, keys), 1e-4, shares)
    return state


def bytes_of(optimiser) -> int:
    """Of an optimiser's moments; the counts of steps are left out."""
    return sum(v.nbytes for state in optimiser.state.values() for v in state.values() if v.ndim)


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_memory_that_does_not_depend_on_the_batch_is_that_of_a_real_training(kind):
    run = tiny.run(optimiser=Optimiser(kind=kind))
    state = TrainState.start(run, CPU)
    with Gradient(run, state.backbone, CPU) as gradient:
        optimise(state, run, gradient, measure.synthetic(run), 1e-3)
    held = footprint.footprint(run).fixed
    assert held["weights"] == sum(p.nbytes for p in state.backbone.parameters())
    assert held["gradients"] == sum(p.grad.nbytes for p in state.backbone.parameters())
    assert held["average of the weights"] == sum(p.nbytes for p in state.average.parameters())
    assert held["optimiser's moments"] == bytes_of(state.optimiser)


def test_parameters_are_distinguished():
    run = tiny.run()
    latent = replace(run, model=replace(run.model, codec=autoencoder_run().model.codec))
    found = footprint.footprint(latent)
    backbone, codec = latent.model.build(), latent.model.codec.build(1)
    assert found.parameters == {
        "network": counting.parameters(backbone.network),
        "conditioner label": counting.parameters(backbone.conditioners),
        "autoencoder (frozen)": counting.parameters(codec),
    }
    assert found.fixed["autoencoder (frozen)"] == 4 * counting.parameters(codec)
    assert found.total(1007) - found.total(1003) == 4 * cost(latent.model).image_bytes


@pytest.mark.parametrize("bottleneck", [KL(channels=4), VQ(channels=3, codes=64)])
def test_an_autoencoders_memory_is_that_of_a_real_training(bottleneck):
    run = autoencoder_run(bottleneck, optimiser=Optimiser(kind="adamw"))
    state, held = stepped(run, entered=True), footprint.footprint(run).fixed
    weights = sum(p.nbytes for p in state.module.parameters())
    assert held["weights"] == held["gradients"] == held["best weights so far"] == weights
    assert held["optimiser's moments"] == bytes_of(state.optimiser)
    of_discriminator = sum(p.nbytes for p in state.discriminator.parameters())
    assert held["discriminator, gradients, moments"] == 2 * of_discriminator + bytes_of(state.discriminator_optimiser)


@pytest.mark.parametrize("bottleneck", [KL(channels=4), VQ(channels=3, codes=64)])
def test_an_autoencoders_activations_are_what_autograd_keeps(bottleneck):
    """Each network by itself on real tensors, as a step passes them; within 2 %."""
    run = autoencoder_run(bottleneck)
    module, criterion = run.model.codec.build(3), run.criterion
    perceptual, discriminator = criterion.perceptual.build(3), criterion.adversarial.build(3)

    def an_image(forward):
        one, nine = (counting.saved_bytes(lambda n=n: forward(images(n))) for n in (1, 9))
        return (nine - one) / 8

    def images(n):
        return torch.rand(n, *run.data.shape).requires_grad_()

    own = an_image(lambda x: module(x).images)
    others = an_image(lambda x: perceptual(x.detach(), x)), an_image(discriminator)
    assert footprint.footprint(run).image_bytes == pytest.approx(own + max(others), rel=0.02)


class Operations(TorchDispatchMode):
    """Counts those of every operation that runs, whoever calls it."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


@pytest.mark.parametrize("entered", [False, True])
def test_operations_are_those_of_a_real_step(entered):
    """Within 10 %: a backward pass is not quite two forward passes, and the adaptive weight is left out."""
    run = autoencoder_run()
    with Operations() as count:
        stepped(run, entered=entered)
    assert step_flops(run, discriminator=entered) == pytest.approx(count.total / run.batch, rel=0.1)


def test_a_loss_without_networks_costs_the_autoencoder_alone():
    run = autoencoder_run(criterion=Criterion(perceptual=Perceptual(weight=0), adversarial=None))
    found = footprint.footprint(run)
    assert set(found.parameters) == {"autoencoder"}
    assert step_flops(run, discriminator=True) == 3 * autoencoder_flops(run.model.codec, (3, 32, 32))


def test_what_fits_is_a_divisor_of_the_batch():
    gib = 2**30
    found = footprint.Footprint(
        {"network": 1},
        {"weights": 5 * gib},
        gib // 2,
        preview_bytes=0,
        batch=48,
        in_flight=48,
        smaller="--set microbatch={}",
    )
    assert [found.most(size * gib) for size in (4, 5.4, 5.5, 6.9, 10, 28.9, 29)] == [0, 0, 1, 3, 8, 24, 48]
    assert footprint.fits(found) == [
        "GPU of 8 GiB: with --set microbatch=4",
        "GPU of 12 GiB: with --set microbatch=8",
        "GPU of 16 GiB: with --set microbatch=16",
        "GPU of 24 GiB: with --set microbatch=24",
        "GPU of 40, 80 GiB: the batch of 48 fits",
    ]
    assert footprint.room(found, 5 * gib) == "too small"
    assert (
        footprint.room(replace(found, preview_bytes=3 * gib), 8 * gib)
        == "enough for training steps, too small for previews"
    )
    assert replace(found, preview_bytes=3 * gib).most(7.9 * gib) == 0, "previews need room as well"
    assert replace(found, preview_bytes=3 * gib).most(8 * gib) == 6


def test_a_pass_without_gradients_holds_what_is_still_needed():
    """By hand, in pieces of 4 kB: views count once, what is gone not at all, what was there before not either."""
    x, piece = torch.ones(1024), 4096

    def chain():
        a = x + 1  # 1
        b = a * 2  # 2
        del a  # 1
        c = torch.cat([b, b])  # 3
        del b  # 2
        view = c.view(2, -1).t()  # 2
        return view.sum()

    assert counting.passing_bytes(chain) == 3 * piece
    assert counting.passing_bytes(lambda: x.view(32, 32).mul_(2)) == 0
    assert counting.passing_bytes(lambda: [x + n for n in range(5)]) == 5 * piece


@pytest.mark.parametrize("run", [tiny.run(batch=4096), autoencoder_run(batch=4096)], ids=["diffusion", "autoencoder"])
def test_a_step_that_would_take_long_is_estimated(run, monkeypatch):
    """At 1 GFLOP/s a step of 4096 images takes minutes; nothing is run."""
    monkeypatch.setattr(throughput, "throughput", lambda device, **_: 1e9)
    monkeypatch.setattr(throughput, "QUICK_FLOPS", 0)
    monkeypatch.setattr(sizing, "with_microbatch", lambda run, device: run)
    monkeypatch.setattr(measure, "measure", lambda *a, **k: pytest.fail("it measured"))
    flops = 3 * cost(run.model).forward_flops if isinstance(run, Run) else step_flops(run, discriminator=False)
    monkeypatch.setattr(throughput, "LONGEST_MEASUREMENT", 0.9 * 2 * run.batch * flops / 1e9)
    planned = plan(run, CPU)
    assert planned.speed.estimated
    assert planned.speed.images_per_second == pytest.approx(1e9 / flops)
    assert "estimated" in planned.summary[-1]


def test_a_quick_step_is_measured(monkeypatch):
    monkeypatch.setattr(throughput, "throughput", lambda device, **_: pytest.fail("it estimated"))
    speed = plan(tiny.run(), CPU).speed
    assert not speed.estimated
    assert "estimated" not in str(speed)


@pytest.mark.parametrize("images", [1, 4, 9, 10, 48, 19_680_000])
@pytest.mark.parametrize("speed", [1e-4, 0.02, 0.9, 1.0, 5_000.0])
def test_intervals_exist_for_slow_machines_and_short_trainings(images, speed):
    """Rounding to whole images once gave an interval of 0, at less than an image a second."""
    every = sizing.intervals(tiny.run(images=images, batch=2), speed)
    assert min(vars(every).values()) >= 2, "nothing is due more often than each step"


def test_the_discriminators_entry_prolongs_the_training():
    run = autoencoder_run(images=1000)
    late = replace(
        run, criterion=replace(run.criterion, adversarial=replace(run.criterion.adversarial, begins_images=600))
    )
    none = replace(run, criterion=replace(run.criterion, adversarial=None))
    ratio = step_flops(run, discriminator=True) / step_flops(run, discriminator=False)
    seconds = [sizing.seconds(r, Speed(10.0)) for r in (none, late, run)]
    assert seconds == pytest.approx([100, 60 + 40 * ratio, 100 * ratio])
    assert ratio > 1
