"""Networks built without values."""

import subprocess
import sys

import torch
from torch import nn

from debruit.networks.shapes import shapes_alone
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet

LOADED = """
import sys, debruit
debruit.load("openmoji-64", "cpu")
print(*[name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""


def built() -> list[nn.Module]:
    return [UNet(channels=16, groups=4, head_channels=8).build(3, 3), TextTransformer().build(100)]


def test_shapes_are_those_of_the_network_with_values_and_nothing_is_drawn():
    before = torch.random.get_rng_state()
    with shapes_alone():
        empties = built()
    assert torch.equal(torch.random.get_rng_state(), before)
    for empty, full in zip(empties, built(), strict=True):
        assert all(value.is_meta for value in empty.state_dict().values())
        shapes = [{name: value.shape for name, value in module.state_dict().items()} for module in (empty, full)]
        assert shapes[0] == shapes[1]


def test_loading_a_model_needs_no_compiler():
    """To import it would take longer than all the rest."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
