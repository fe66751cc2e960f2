"""A training on captions: what a prompt says is drawn, a resumed run ends at the same bits, and shares of a batch give
its gradient."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from debruit.conditioning.text import Text
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.sources.digits import Digits
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet
from debruit.sampling.config import SamplingConfig
from debruit.text.wordpiece import WordPiece
from debruit.training import checkpoint
from debruit.training.batches import training_batch
from debruit.training.config import Intervals, Optimiser
from debruit.training.optim.gradient import Gradient
from debruit.training.run_folder import RunFolder
from debruit.training.state import TrainState
from debruit.training.supervisor import fit

CPU = torch.device("cpu")
DARK, BRIGHT = ("a black square", "a very dark square", "night"), ("a white square", "a very bright square", "day")


def squares() -> Dataset:
    """64 images of one grey each, dark or bright, with two captions each; one in eight has none."""
    g = np.random.default_rng(0)
    bright = np.arange(64) % 2 == 1
    grey = np.where(bright, g.integers(190, 256, 64), g.integers(0, 66, 64)).astype(np.uint8)
    texts = [
        () if n % 8 == 5 else tuple((BRIGHT if bright[n] else DARK)[(n + k) % 3] for k in range(2)) for n in range(64)
    ]
    spec = DataSpec(name="squares", channels=1, height=8, width=8, depth="uint8", low=0.0, high=255.0, count=64)
    images = np.broadcast_to(grey[:, None, None, None], (64, 1, 8, 8)).copy()
    return Dataset(spec, images, paths=[str(n) for n in range(64)], texts=texts)


def captioned_run(**changes):
    text = Text(
        tokenizer=WordPiece.train([*DARK, *BRIGHT] * 2, 200),
        encoder=TextTransformer(width=16, depth=1, heads=2, length=8),
        drop=0.25,
    )
    network = UNet(
        channels=16,
        multipliers=(1,),
        blocks=1,
        attention=(1,),
        middle_attention=False,
        patch=4,
        head_channels=8,
        groups=4,
        transformer_depth=1,
        token_channels=16,
    )
    model = ModelConfig(
        data=squares().spec, network=network, conditioners=(text,), sampling=SamplingConfig(steps=5, guidance=1.0)
    )
    every = Intervals(report_images=32, validate_images=10**6, preview_images=10**6, save_images=64)
    return tiny.run(model=model, validation_images=0, every=every, source=Digits(), **changes)


def finish(folder, *, resume=False, until=None):
    reports = []
    for progress in fit(folder, squares(), CPU, resume=resume):
        reports.append(progress.report)
        if until is not None and progress.report.images_seen >= until:
            break
    return reports


def test_a_prompt_is_sampled_and_the_loss_falls(tmp_path):
    run = captioned_run(images=6400, batch=32, optimiser=Optimiser(kind="muon", lr=3e-2, warmup_images=64))
    folder = RunFolder.create(tmp_path / "run", replace(run, every=Intervals(report_images=320, save_images=10**6)))
    losses = [report.loss for report in finish(folder)]
    assert losses[-1] < 0.6 * losses[0]
    model = Model.load(folder.path, "cpu")
    dark, bright = (model.generate(8, prompt=p, seed=0).float().mean() for p in ("a black square", "a white square"))
    assert bright > dark + 60
    mixed = model.generate(8, prompt=["night", "a white square"], seed=0).float().mean(dim=(1, 2, 3))
    assert mixed[1::2].mean() > mixed[::2].mean() + 60
    assert torch.equal(model.generate(2, prompt="", seed=0), model.generate(2, seed=0))


def test_a_resumed_run_ends_at_the_same_bits(tmp_path):
    whole = RunFolder.create(tmp_path / "whole", captioned_run())
    finish(whole)
    cut = RunFolder.create(tmp_path / "cut", captioned_run())
    finish(cut, until=64)
    finish(RunFolder.open(cut.path), resume=True)
    mine, other = (load_file(checkpoint.saved(folder.path)[0]) for folder in (cut, whole))
    assert mine.keys() == other.keys()
    assert any("word_embedding" in name for name in mine)
    for name, value in other.items():
        assert torch.equal(value, mine[name]), name


@pytest.mark.parametrize("head", [False, True])
def test_shares_of_a_batch_give_its_gradient(head):
    run = captioned_run(batch=32)
    text = run.model.conditioners[0]
    text = replace(text, encoder=replace(text.encoder, vocabulary_head=head))
    run = replace(run, model=replace(run.model, conditioners=(text,)))
    batch = training_batch(run, squares(), Order(np.arange(64), run.seed), 0)
    assert not batch.keep["text"].all()

    def gradient_of(threads):
        state = TrainState.start(run, CPU)
        with torch.no_grad():
            for p in state.backbone.parameters():
                p.add_(0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with Gradient(run, state.backbone, CPU) as gradient:
                loss = gradient(batch)
                assert len(gradient.shares.copies) == threads - 1
        finally:
            torch.set_num_threads(before)
        return loss, {name: p.grad for name, p in state.backbone.named_parameters() if p.grad is not None}

    (loss, one), (again, two) = gradient_of(1), gradient_of(2)
    torch.testing.assert_close(again, loss, rtol=1e-5, atol=1e-6)
    assert one.keys() == two.keys()
    assert one["conditioners.text.encoder.word_embedding.weight"].any()
    assert not any("vocabulary_head" in name for name in one), "nothing uses it"
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-6, msg=name)
