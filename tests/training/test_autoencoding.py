"""The training of an autoencoder: what a step does, resuming to the bit, and what is held against its discriminator."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hearing import lines
from safetensors.torch import load_file

import tiny_latent
from debruit.autoencoders.autoencoder import fingerprint
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.reconstruction import L1, Laplace
from debruit.autoencoders.vq import VQ
from debruit.data.order import Order
from debruit.data.split import split, split_of
from debruit.errors import InputError
from debruit.models.autoencoder import FirstStage
from debruit.planning import recommend, sizing
from debruit.planning.footprint import footprint
from debruit.planning.recommend import Budget
from debruit.training import discriminator_guard
from debruit.training.config import DiscriminatorGuard
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit, open_task
from debruit.training.tasks import autoencoder_step as steps
from debruit.training.tasks.autoencoder_state import NEVER, AutoencoderState, Trained
from debruit.training.tasks.autoencoder_step import make_batch, sharing, step

CPU = torch.device("cpu")


def criterion(*, reconstruction=None, **adversarial):
    """Without a perceptual network, and with changes of the discriminator's settings."""
    changed = replace(tiny_latent.ADVERSARIAL, **adversarial)
    return Criterion(reconstruction=reconstruction or L1(), perceptual=None, adversarial=changed)


VQ_RUN = {
    "model": replace(
        tiny_latent.run().model, codec=replace(tiny_latent.run().model.codec, bottleneck=VQ(channels=2, codes=32))
    )
}


def train(path, run, until=None, said=None, resume=False):
    folder = RunFolder.open(path) if resume else RunFolder.create(path, run)
    found = []
    with lines() as heard:
        for progress in fit(folder, run.source.build(), CPU, resume=resume):
            found.append(progress)
            if until is not None and progress.report.images_seen >= until:
                break
    if said is not None:
        said += heard
    return folder, found


def state_of(folder):
    dataset = folder.run.source.build()
    task = open_task(folder, dataset, CPU, split_of(dataset, folder.run))
    state = task.start()
    folder.restore(state)
    return task, state


@pytest.mark.parametrize(
    "changes", [{}, VQ_RUN | {"revive_images": 48}, {"criterion": criterion(reconstruction=Laplace()), "flip": True}]
)
@pytest.mark.parametrize("killed_at", [32, 96, 128])
def test_resumed_weights_are_bit_identical_with_their_discriminator(tmp_path, changes, killed_at):
    run = tiny_latent.run(**changes)
    whole, _ = train(tmp_path / "whole", run)
    folder, _ = train(tmp_path / "run", run, until=killed_at)
    train(folder.path, run, resume=True)
    mine, other = (load_file(f.path / "state" / f"{160:012d}.safetensors") for f in (folder, whole))
    assert mine.keys() == other.keys()
    assert any(name.startswith("discriminator_optimiser/exp_avg") for name in mine)
    assert any(name.startswith("best/") for name in mine)
    for name, value in other.items():
        assert torch.equal(value, mine[name]), name
    mine, other = (load_file(f.path / "model.safetensors") for f in (folder, whole))
    assert all(torch.equal(value, mine[name]) for name, value in other.items())


def test_reports_hold_each_term_and_validations_the_health(tmp_path):
    folder, found = train(tmp_path / "run", tiny_latent.run())
    before, after = found[0].report.parts, found[-1].report.parts
    assert {"reconstruction", "kl"} <= before.keys()
    assert "adversarial" not in before, "the discriminator enters after 64 images"
    assert {"adversarial", "adversarial_weight", "discriminator", "discriminator_accuracy"} <= after.keys()
    checked = next(p for p in found if p.validation).validation.parts
    assert {"psnr", "ssim", "reconstruction", "latent_mean", "latent_std", "active_units"} <= checked.keys()
    lines = [json.loads(line) for line in (folder.path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["validation_psnr"] == pytest.approx(found[-1].validation.parts["psnr"])
    assert lines[-1]["discriminator_accuracy"] == pytest.approx(after["discriminator_accuracy"])
    assert list((folder.path / "previews").glob("*.png"))


def test_it_learns_to_reconstruct(tmp_path):
    run = tiny_latent.run(images=3200, criterion=Criterion(perceptual=None, adversarial=None))
    _, found = train(tmp_path / "run", run)
    checked = [p.validation for p in found if p.validation]
    assert checked[-1].loss < 0.5 * checked[0].loss
    assert checked[-1].parts["psnr"] > checked[0].parts["psnr"] + 3


def test_the_file_is_the_measured_autoencoder(tmp_path):
    folder, _ = train(tmp_path / "run", tiny_latent.run())
    stage = FirstStage.load(folder.path, "cpu")
    codec = stage.config.codec
    assert codec.fingerprint == fingerprint(stage.module)
    dataset = folder.run.source.build()
    pool, _ = split(len(dataset), folder.run.held_out_images, folder.run.seed)
    law = stage.encode(dataset.images_of(pool))
    assert law.mean.mean(dim=(0, 2, 3)).abs().max() < 1e-4
    spread = (law.mean.var(dim=(0, 2, 3), correction=0) + law.std.square().mean(dim=(0, 2, 3))).sqrt()
    assert (spread - 1).abs().max() < 1e-4
    images = dataset.images_of(pool[:5])
    assert stage.reconstruct(images).shape == images.shape
    assert stage.reconstruct(images).dtype == images.dtype


@pytest.mark.parametrize(("first", "attempt"), [(0, 0), (64, 1)])
def test_a_batch_is_the_two_halves_of_it_to_the_bit(first, attempt):
    run = tiny_latent.run(flip=True, batch=8)
    dataset = run.source.build()
    order = Order(split(len(dataset), 20, run.seed)[0], run.seed)
    make = lambda batch, first: make_batch(replace(run, batch=batch), dataset, order, first, attempt)  # noqa: E731
    whole, halves = make(8, first), (make(4, first), make(4, first + 4))
    assert torch.equal(whole.images, torch.cat([half.images for half in halves]))
    assert torch.equal(whole.eps, torch.cat([half.eps for half in halves]))
    np.testing.assert_array_equal(whole.keys, np.concatenate([half.keys for half in halves]))
    other = make_batch(run, dataset, order, first, attempt + 1)
    assert torch.equal(whole.images, other.images)
    assert not torch.equal(whole.eps, other.eps)


def test_the_combined_gradient_is_that_of_the_losses_in_one_graph():
    """Against autograd through everything at once, with lambda from the definition (VQGAN, equation 7)."""
    run = tiny_latent.run(criterion=criterion(ramp_images=0))
    dataset = run.source.build()
    pool, _ = split(len(dataset), 20, run.seed)
    batch = make_batch(run, dataset, Order(pool, run.seed), 64, 0)
    state = AutoencoderState.start(run, CPU)
    state.entered = 0
    _, terms = steps._against(state, run, batch, 1.0)
    mine = {name: p.grad.clone() for name, p in state.module.named_parameters()}
    other = AutoencoderState.start(run, CPU)
    found = other.module(batch.images, batch.eps)
    reconstruction = (batch.images - found.images).abs().mean()
    against = -other.discriminator(found.images).mean()
    last = other.module.last_layer
    g_n, g_g = (torch.autograd.grad(x, last, retain_graph=True)[0] for x in (reconstruction, against))
    factor = 0.5 * (g_n.norm() / (g_g.norm() + 1e-4)).detach()
    kl = (found.penalty / batch.images[0].numel()).mean()
    (reconstruction + factor * against + run.criterion.kl_weight * kl).backward()
    assert float(terms["adversarial_weight"]) == pytest.approx(float(factor), rel=1e-4)
    for name, p in other.module.named_parameters():
        assert torch.allclose(p.grad, mine[name], rtol=1e-3, atol=1e-7), name


def test_what_the_discriminator_is_not_good_for(tmp_path, monkeypatch):
    """It ruins the reconstruction: the best weights come back, its weight is halved, then it is left out; each time it
    is said."""
    run = tiny_latent.run(
        images=1600, criterion=criterion(adaptive=False, weight=300.0, begins_images=320, ramp_images=0)
    )
    folder, found = train(tmp_path / "run", run)
    said = [p.guard for p in found if p.guard]
    assert "the discriminator was ruining the reconstruction" in said[0]
    assert "it enters again with 0.5 of its weight" in said[0]
    assert "it is left out from now on" in said[2]
    assert len(said) == DiscriminatorGuard().roll_backs + 1
    _, state = state_of(folder)
    assert discriminator_guard.strength(state, run) == 0
    scores = [p.validation.loss for p in found if p.validation]
    assert scores[-1] < 1.2 * min(scores)
    assert any("ruining" in line for line in (folder.path / "log.jsonl").read_text().splitlines())


def test_the_discriminator_enters_when_reconstruction_has_flattened():
    run = tiny_latent.run(criterion=criterion(begins_images=None))
    state = AutoencoderState.start(run, CPU)
    state.images_seen = 100
    assert discriminator_guard.judge(state, run, 1.0, CPU) is None
    assert discriminator_guard.judge(state, run, 0.5, CPU) is None
    assert state.entered == NEVER
    assert discriminator_guard.strength(state, run) == 0
    state.images_seen = 300
    assert "the discriminator enters at 300 images" in discriminator_guard.judge(state, run, 0.495, CPU)
    assert discriminator_guard.strength(state, run) == 0
    state.images_seen = 316
    assert discriminator_guard.strength(state, run) == 0.5, "half of the ramp"
    state.images_seen = 1000
    assert discriminator_guard.strength(state, run) == 1.0


def test_the_best_is_the_lowest_or_later_within_the_slack():
    run = tiny_latent.run()
    state = AutoencoderState.start(run, CPU)
    name = next(iter(state.average.state_dict()))

    def told(score, mark):
        state.average.state_dict()[name].fill_(mark)
        discriminator_guard.judge(state, run, score, CPU)
        return float(state.best[name].flatten()[0])

    assert told(0.5, 1.0) == 1.0
    assert told(0.6, 2.0) == 1.0, "worse, and no discriminator is to blame"
    state.entered = 10
    assert told(0.54, 3.0) == 3.0, "within the slack"
    assert told(0.56, 4.0) == 3.0, "beyond it"
    assert told(math.nan, 5.0) == 3.0
    assert state.collapses == 1
    assert float(state.module.state_dict()[name].flatten()[0]) == 3.0


def test_a_nan_of_the_discriminator_changes_nothing(tmp_path, monkeypatch):
    run = tiny_latent.run()
    dataset = run.source.build()
    pool, _ = split(len(dataset), 20, run.seed)
    state = AutoencoderState.start(run, CPU)
    state.entered, state.images_seen = 0, 64
    with torch.no_grad():
        next(state.discriminator.parameters()).fill_(math.nan)
    before = {name: value.clone() for name, value in state.module.state_dict().items()}
    with sharing(state, run, CPU) as shares:
        terms = step(state, run, make_batch(run, dataset, Order(pool, run.seed), 64, 0), 1e-3, shares)
    assert not torch.isfinite(terms["grad_norm"])
    assert all(torch.equal(value, before[name]) for name, value in state.module.state_dict().items())


def test_lasting_nan_of_the_discriminator_rolls_back_and_says_so(tmp_path, monkeypatch):
    honest, calls = steps._discriminator_backward, iter(range(10**6))

    def poisoned(*given):
        terms = dict(honest(*given))
        if next(calls) < 10:
            terms["discriminator"] = terms["discriminator"] * math.nan
        return terms

    monkeypatch.setattr(steps, "_discriminator_backward", poisoned)
    said = []
    _, found = train(tmp_path / "run", tiny_latent.run(images=480), said=said)
    assert any(
        "10 steps in a row gave no finite gradient" in line and "back to the last good state" in line for line in said
    )
    assert found[-1].report.images_seen == 480
    assert all(torch.isfinite(v).all() for v in load_file(tmp_path / "run" / "model.safetensors").values())


def test_dead_codes_are_revived_in_the_average_too(tmp_path):
    run = tiny_latent.run(**VQ_RUN, revive_images=16, images=640)
    folder, found = train(tmp_path / "run", run)
    _, state = state_of(folder)
    assert torch.equal(state.average.bottleneck.usage, state.module.bottleneck.usage)
    before = state.average.bottleneck.codebook.weight.clone()
    state.module.bottleneck.usage[:5] = 0.0
    batch = make_batch(run, run.source.build(), Order(np.arange(100), run.seed), 0, 0)
    steps._revive(state, run, batch)
    mine, average = (m.bottleneck.codebook.weight for m in (state.module, state.average))
    assert torch.equal(mine[:5], average[:5])
    assert not torch.equal(before[:5], average[:5])
    parts = found[-1].validation.parts
    assert parts["perplexity"] > 1
    assert "dead_codes" in parts


def test_the_guard_has_limits():
    with pytest.raises(InputError, match="slack is at least 0 and below collapse - 1"):
        DiscriminatorGuard(slack=0.6, collapse=1.5)


def test_cores_that_share_a_batch_give_its_gradient():
    run = tiny_latent.run(batch=32, criterion=criterion(reconstruction=Laplace()))
    dataset = run.source.build()
    pool, _ = split(len(dataset), 20, run.seed)
    batch = make_batch(run, dataset, Order(pool, run.seed), 64, 0)

    def gradient(threads):
        state, before = AutoencoderState.start(run, CPU), torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with sharing(state, run, CPU) as shares:
                assert len(shares.copies) == threads - 1
                terms = steps._alone(run, batch, shares)
        finally:
            torch.set_num_threads(before)
        return terms, {n: p.grad for n, p in Trained(state.module, state.criterion).named_parameters()}

    (one, whole), (two, parts) = gradient(1), gradient(2)
    assert one.keys() == two.keys() >= {"reconstruction", "kl", "loss"}
    assert float(one["loss"]) == pytest.approx(float(two["loss"]), rel=1e-5)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("stopped_at", [96, 104, 112])
def test_an_interruption_about_a_validation_changes_nothing(tmp_path, stopped_at):
    """The guard acts at validations, so the resumed training must make them at the same images."""
    run = tiny_latent.run(
        batch=8, images=320, criterion=criterion(begins_images=None), discriminator_guard=DiscriminatorGuard(flat=0.9)
    )
    whole, _ = train(tmp_path / "whole", run)
    folder = RunFolder.create(tmp_path / "run", run)
    seen = steps.discriminator_guard.enter_as_scheduled

    def asked(state, run):
        state.stop_requested = state.images_seen + run.batch == stopped_at
        seen(state, run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps.discriminator_guard, "enter_as_scheduled", asked)
        found = list(fit(folder, run.source.build(), CPU))
    assert found[-1].interrupted
    assert found[-1].report.images_seen == stopped_at
    train(folder.path, run, resume=True)
    mine, other = (load_file(f.path / "state" / f"{320:012d}.safetensors") for f in (folder, whole))
    assert mine.keys() == other.keys()
    for name, value in other.items():
        assert torch.equal(value, mine[name]), name


def test_a_learned_scale_does_not_mislead_the_guard(tmp_path):
    """Its loss is negative; the score is not, so no validation is taken for a collapse."""
    run = tiny_latent.run(images=640, criterion=criterion(reconstruction=Laplace(log_scale=-4.0), begins_images=64))
    folder, found = train(tmp_path / "run", run)
    assert all(p.validation.loss > 0 for p in found if p.validation)
    assert not [p.guard for p in found if p.guard]
    _, state = state_of(folder)
    assert state.collapses == 0
    assert state.best_images > 96


def test_the_file_says_which_weights_it_holds(tmp_path):
    folder, _ = train(tmp_path / "run", tiny_latent.run())
    _, state = state_of(folder)
    about = FirstStage.load(folder.path, "cpu").provenance
    assert about["weights"] == "best ema"
    assert about["weights_images_seen"] == state.best_images
    inside = load_file(folder.path / "model.safetensors")
    assert all(torch.equal(value, inside[name]) for name, value in state.best.items())


def test_cores_share_a_batch_under_dropout_and_leave_torchs_stream_alone():
    codec = tiny_latent.run().model.codec
    run = tiny_latent.run(batch=32)
    run = replace(run, model=replace(run.model, codec=replace(codec, coder=replace(codec.coder, dropout=0.3))))
    dataset = run.source.build()
    batch = make_batch(run, dataset, Order(split(len(dataset), 20, run.seed)[0], run.seed), 64, 0)
    before, found = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        for shift in (0, 0, 1):
            state = AutoencoderState.start(run, CPU)
            state.module.train()
            stream = torch.random.get_rng_state()
            with sharing(state, run, CPU) as shares:
                assert len(shares.copies) == 1
                steps._alone(run, replace(batch, keys=batch.keys + np.uint64(shift)), shares)
            assert torch.equal(torch.random.get_rng_state(), stream)
            found.append([p.grad for p in state.module.parameters()])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(found[0], found[1], strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(found[0], found[2], strict=True))


def test_dropout_resumes_to_the_same_bits(tmp_path):
    codec = tiny_latent.run().model.codec
    dropping = replace(codec, coder=replace(codec.coder, dropout=0.3))
    run = tiny_latent.run(model=replace(tiny_latent.run().model, codec=dropping))
    whole, _ = train(tmp_path / "whole", run)
    torch.rand(7)  # the user's own stream is elsewhere
    folder, _ = train(tmp_path / "run", run, until=96)
    train(folder.path, run, resume=True)
    mine, other = (load_file(f.path / "model.safetensors") for f in (folder, whole))
    assert all(torch.equal(value, mine[name]) for name, value in other.items())


def test_a_gradient_of_the_discriminator_that_is_not_finite_is_not_applied(monkeypatch):
    run = tiny_latent.run()
    dataset = run.source.build()
    pool, _ = split(len(dataset), 20, run.seed)
    state = AutoencoderState.start(run, CPU)
    state.entered, state.images_seen = 0, 64
    parameter = next(state.discriminator.parameters())
    parameter.register_hook(lambda gradient: gradient * math.nan)
    before = parameter.detach().clone()
    with sharing(state, run, CPU) as shares:
        terms = step(state, run, make_batch(run, dataset, Order(pool, run.seed), 64, 0), 1e-3, shares)
    assert torch.isfinite(terms["discriminator"])
    assert not torch.isfinite(terms["grad_norm"])
    assert torch.equal(parameter, before)


def test_a_batch_that_would_not_fit_is_made_smaller(monkeypatch):
    spec = replace(tiny_latent.run().data, channels=3, height=256, width=256)
    source = tiny_latent.run().source
    usual = recommend.autoencoder(source, spec, CPU, Budget(images=1000))
    monkeypatch.setattr(sizing, "device_bytes", lambda device: 8 * footprint(usual).total(1) // 5)
    small = recommend.autoencoder(source, spec, CPU, Budget(images=1000))
    assert usual.batch == recommend.CPU_BATCH
    assert small.batch == 1
    assert recommend.autoencoder(source, spec, CPU, Budget(images=1000, batch=4)).batch == 4, (
        "what was requested is left alone"
    )
