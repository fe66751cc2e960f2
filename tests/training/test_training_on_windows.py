"""A training on windows of the images: what the network sees, resuming, and what is refused."""

import pytest
import tiny
import torch
from safetensors.torch import load_file

from debruit.conditioning.edges import Canny
from debruit.conditioning.low_res import LowRes
from debruit.data.order import Order
from debruit.data.split import split_of
from debruit.diffusion.processes.flow import Flow
from debruit.editing.upscaling import upscale
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.models.diffusion import load
from debruit.networks.unet import UNet
from debruit.planning.cost import forward_flops
from debruit.planning.measure import synthetic
from debruit.sampling.config import SamplingConfig
from debruit.training.batches import training_batch, validation_batch
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit

CPU = torch.device("cpu")
NETWORK = UNet(
    channels=8, multipliers=(1, 2), attention=(), middle_attention=False, groups=4, spatial_channels=2, residual=True
)
SMALL = LowRes(scale=2, noise=0.2)


def run(*, conditioners=(SMALL,), network=NETWORK, **changes):
    """The 8-pixel digits, from 4 pixels, on windows of 4."""
    model = ModelConfig(
        data=tiny.run().model.data,
        process=Flow(),
        predicts="x0",
        network=network,
        conditioners=conditioners,
        sampling=SamplingConfig(steps=2),
    )
    return tiny.run(model=model, **({"crop": 4} | changes))


def test_batches_hold_windows_with_their_part_of_the_condition():
    whole, cropped, dataset = run(crop=0), run(), run().source.build()
    order = Order(split_of(dataset, whole).train, 3)
    batch, full = (training_batch(each, dataset, order, 32) for each in (cropped, whole))
    assert batch.x0.shape == batch.eps.shape == (16, 1, 4, 4)
    assert batch.values["low-res"].shape == (16, 2, 2, 2)
    assert torch.equal(batch.t, full.t)
    for window, image in zip(batch.x0, full.x0, strict=True):
        places = image.unfold(1, 4, 1).unfold(2, 4, 1)
        assert (places == window[:, None, None]).flatten(3).all(3).any(), "a window is a part of its image"
    held_out = validation_batch(cropped, dataset, split_of(dataset, whole).validation)
    assert held_out.x0.shape == (20, 1, 4, 4)
    assert (held_out.values["low-res"][:, 1] == SMALL.level).all(), "validation degrades nothing"
    assert synthetic(cropped).x0.shape == (16, 1, 4, 4)
    assert forward_flops(cropped) < 0.3 * forward_flops(whole)


def test_a_killed_training_ends_at_the_same_weights_and_enlarges_any_size(tmp_path):
    ends = []
    for name, until in (("whole", None), ("killed", 64)):
        folder = RunFolder.create(tmp_path / name, run())
        for progress in fit(folder, folder.run.source.build(), CPU):
            if until is not None and progress.report.images_seen >= until:
                break
        if until is not None:
            for _ in fit(RunFolder.open(folder.path), folder.run.source.build(), CPU, resume=True):
                pass
        ends.append(load_file(folder.path / "model.safetensors"))
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    model = load(tmp_path / "whole")
    assert model.config.data.height == 8
    assert upscale(model, torch.full((1, 1, 5, 7), 9, dtype=torch.uint8)).shape == (1, 1, 10, 14)


def test_a_residual_network_starts_at_its_condition():
    backbone = run().model.build()
    x, image = torch.randn(2, 1, 8, 8), torch.randn(2, 2, 4, 4)
    cond = backbone.cond({"low-res": image}, {"low-res": torch.ones(2, dtype=torch.bool)})
    assert torch.equal(backbone(x, torch.zeros(2), cond), cond.spatial[:, :1])


def test_bad_windows():
    with pytest.raises(InputError, match="crop=16: the images have 8 x 8 pixels, so give 8 or less"):
        run(crop=16)
    with pytest.raises(InputError, match="crop=5 does not go with the condition low-res: give a multiple of 2"):
        run(crop=5)
    with pytest.raises(InputError, match="does not go with the condition label: it belongs to the whole image"):
        tiny.run(crop=4)
    with pytest.raises(InputError, match=r"residual adds 1 channels .* and it has 0: set network.residual=false"):
        UNet(residual=True).build(1, 1)
    with pytest.raises(InputError, match="does not go with the condition canny"):
        run(conditioners=(Canny(),))
