"""Every recipe builds on the meta device and survives the JSON round trip; the settings found without one are sane."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from debruit.config import decode, encode
from debruit.data.sources.digits import Digits
from debruit.data.split import Split
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.planning import heuristics, recommend, sizing
from debruit.planning.cost import cost
from debruit.planning.recommend import Budget
from debruit.planning.split import planned_split
from debruit.planning.summary import summary
from debruit.planning.throughput import Speed
from debruit.recipes import recipes
from debruit.training.config import Run
from debruit.workflows.resolve import resolve
from debruit.workflows.train_recipe import adapted
from debruit.workflows.train_request import TrainRequest
from debruit.workflows.train_source import sized

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_recipe_builds_and_survives_json(name):
    run = recipes()[name]()
    assert decode(json.loads(json.dumps(encode(run))), type(run)) == run
    with torch.device("meta"):
        built = run.model.build() if isinstance(run, Run) else run.model.codec.build(run.data.channels)
    assert all(parameter.is_meta for parameter in built.parameters())
    assert f"debruit train {name}" in recipes()[name].__doc__, "its docstring gives its command"


def test_the_ddpm_paper_model_has_its_size():
    assert cost(recipes()["ddpm-cifar10-32"]().model).parameters == pytest.approx(35.7e6, rel=0.002)


def spec(size, channels=3, count=5000, classes=()):
    height, width = size if isinstance(size, tuple) else (size, size)
    return DataSpec(
        name="x",
        channels=channels,
        height=height,
        width=width,
        depth="uint8",
        low=0,
        high=255,
        count=count,
        class_names=classes,
    )


@pytest.mark.parametrize("size", [4, 8, 12, 28, 32, 48, 64, 100, 128, 256, (40, 100)])
@pytest.mark.parametrize("target", [1e6, 1e8, 1e9, 2e10])
def test_settings_exist_for_every_size_and_budget(size, target):
    model = heuristics.choose_model(spec(size), target)
    with torch.device("meta"):
        backbone = model.build()
        out = backbone(torch.empty(2, *model.latent_shape), torch.empty(2), None)
    assert out.shape == (2, *model.latent_shape)


def test_more_budget_buys_a_larger_network():
    costs = [cost(heuristics.choose_model(spec(32), f)).forward_flops for f in (1e7, 4e8, 8e9)]
    assert costs[0] < costs[1] < costs[2]


def test_classes_make_the_model_conditional():
    model = heuristics.configure(spec(32, classes=("a", "b")), heuristics.candidates(32, 32)[0][0])
    assert [c.name for c in model.conditioners] == ["label"]
    assert not heuristics.configure(spec(32), heuristics.candidates(32, 32)[0][0]).conditioners


def test_few_images_seen_many_times_get_dropout():
    def dropout(count, images):
        few = replace(spec(16, classes=("a", "b")), count=count)
        return recommend.diffusion(Digits(), few, CPU, Budget(images=images)).model.network.dropout

    assert dropout(60_000, 100_000) == dropout(1_000, 25_000) == 0
    assert 0 < dropout(1_000, 50_000) == dropout(200, 15_000) < dropout(1_000, 300_000) == dropout(171, 30_000)


def test_a_network_too_narrow_for_the_noise_of_a_patch_predicts_the_image():
    def predicts(channels, patch, width):
        network = heuristics.UNet(channels=width, multipliers=(1, 2), attention=(2,), head_channels=16, patch=patch)
        return heuristics.configure(spec(32, channels=channels), network).predicts

    assert predicts(1, 2, 32) == predicts(1, 2, 48) == predicts(3, 1, 32) == predicts(3, 2, 96) == "velocity"
    assert predicts(3, 2, 48) == predicts(1, 4, 96) == predicts(3, 8, 96) == "x0"


@pytest.mark.parametrize("target", [60e6, 100e6, 155e6, 200e6])
def test_small_colour_images_are_folded_no_more_than_they_must(target):
    """Folds of 4 lose to folds of 2 at the same minutes (bench/RESULTS.md)."""
    assert heuristics.choose_model(spec(32), target).network.patch == 2


def test_narrow_networks_have_few_blocks():
    for family in heuristics.candidates(64, 64):
        assert len({network.blocks for network in family}) == 1
        assert all((network.blocks == 1) == (network.channels < 96) or network.channels == 96 for network in family)


def test_the_memory_estimate_is_what_autograd_keeps():
    """Against a count on real tensors, for another batch: within 2 %."""
    model = heuristics.configure(
        spec(16, channels=1), heuristics.UNet(channels=16, multipliers=(1, 2), attention=(2,), head_channels=16)
    )
    backbone = model.build()

    def saved(count):
        kept = {}

        def keep(tensor):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            out = backbone(torch.randn(count, *model.latent_shape), torch.rand(count))
        assert out.requires_grad
        return sum(storage.nbytes() for storage in kept.values())

    measured = (saved(9) - saved(1)) / 8
    assert cost(model).image_bytes == pytest.approx(measured, rel=0.02)


def test_a_batch_too_large_for_the_memory_is_split(monkeypatch):
    run = recipes()["ddpm-fashion-mnist-28"]()
    assert sizing.with_microbatch(run, CPU) == run
    peak = cost(run.model).peak_bytes
    monkeypatch.setattr(sizing, "device_bytes", lambda device: 2 * peak(20))
    assert sizing.with_microbatch(run, CPU).microbatch == 16, "the largest half of a half of 64 below 20"


def test_a_recipe_meets_other_data():
    run = recipes()["ddpm-fashion-mnist-28"]()
    with pytest.raises(InputError, match=r"the recipe is for images of \(1, 28, 28\)"):
        adapted(run, Digits(), Digits().build(), planned_split(Digits().build()))
    same = replace(run, model=replace(run.model, data=Digits().build().spec))
    dataset = Digits().build()
    changed = adapted(same, Digits(), dataset, planned_split(dataset), images=500, minutes=None, batch=7, seed=None)
    assert (changed.images, changed.minutes, changed.batch, changed.seed) == (500, None, 7, run.seed)


def test_names_that_mean_nothing():
    options = {"images": 100, "seed": 0, "flip": False, "dry_run": True}
    with pytest.raises(InputError, match=r"unknown recipe 'ddpm-fashion-28', did you mean 'ddpm-fashion-mnist-28'\?"):
        resolve(TrainRequest("ddpm-fashion-28", "digits", **options))
    with pytest.raises(InputError, match=r"no source and no folder 'fashionmnist', did you mean 'fashion-mnist'\?"):
        resolve(TrainRequest("fashionmnist", **options))
    with pytest.raises(InputError, match="Digits has images of one size only"):
        sized(Digits(), 16)


def test_epochs_and_dropout_are_of_the_images_that_are_trained_on():
    of = spec(16, classes=("a", "b"))
    few = replace(of, count=60)
    parted = Split(np.arange(12), np.arange(12, 15), np.arange(20, 60))
    whole = recommend.diffusion(Digits(), few, CPU, Budget(images=500))
    run = recommend.diffusion(Digits(), few, CPU, Budget(images=500, split=parted))
    assert (whole.model.network.dropout, run.model.network.dropout) == (0, 0.1)
    lines = "\n".join(summary(run, CPU, Speed(1.0), parted))
    assert "3 held out" in lines
    assert "500 images (41.7 epochs)" in lines
    encoder = recommend.autoencoder(Digits(), few, CPU, Budget(images=500, split=parted))
    lines = "\n".join(summary(encoder, CPU, Speed(1.0), parted))
    assert "3 held out" in lines
    assert "500 images (41.7 epochs)" in lines


def test_without_held_out_images_there_is_no_discriminator():
    big = replace(spec(64), count=1_000)
    alone = Split(np.arange(1_000), np.arange(0), np.arange(0))
    assert recommend.autoencoder(Digits(), big, CPU, Budget(images=200_000)).criterion.adversarial is not None
    assert recommend.autoencoder(Digits(), big, CPU, Budget(images=200_000, split=alone)).criterion.adversarial is None
