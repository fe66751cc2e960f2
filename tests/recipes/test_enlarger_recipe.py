"""The recipe of the enlarger that ships: its sizes, its windows, and how little it does at full resolution."""

import torch

from debruit.conditioning.low_res import LowRes
from debruit.editing.upscaling import upscale
from debruit.models.diffusion import Model
from debruit.planning.cost import cost
from debruit.planning.counting import parameters
from debruit.recipes import recipes
from debruit.workflows.enlarging import _fits, _input

RUN, RUN_DOC = recipes()["emoji-256"](), recipes()["emoji-256"].__doc__


def test_it_enlarges_from_64_to_256_pixels():
    (small,) = RUN.model.conditioners
    assert isinstance(small, LowRes)
    assert small.size(RUN.data) == (64, 64)
    assert _fits(_input(small, RUN.model), recipes()["openmoji-text-mask-64"]().data), "images of openmoji-64 fit"
    assert small.noise > 0 < small.level
    assert RUN.crop == 64
    assert RUN.source.size == RUN.data.height == 256


def test_it_is_small_and_cheap():
    with torch.device("meta"):
        backbone = RUN.model.build()
    assert 2 * parameters(backbone) < 12e6, "bytes in half precision"
    assert f"a U-Net of {parameters(backbone) / 1e6:.2f} M" in RUN_DOC
    forward = cost(RUN.step_model).forward_flops
    assert f"{3 * forward / 1e9:.1f} GFLOP" in RUN_DOC
    whole = forward * (256 // RUN.crop) ** 2 * RUN.model.sampling.sampler.evaluations(RUN.model.sampling.steps)
    assert 4 * whole < 200e9, "four images take two seconds at 100 GFLOP/s"


def test_untrained_it_returns_the_enlarged_small_image_at_any_size():
    torch.manual_seed(0)
    model = Model(RUN.model, RUN.model.build())
    small = torch.randint(0, 256, (1, 3, 9, 14), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    found = upscale(model, small)
    wanted = torch.nn.functional.interpolate(small.float(), scale_factor=4, mode="bilinear")
    assert found.shape == (1, 3, 36, 56)
    assert (found.float() - wanted).abs().max() <= 1
