"""Conditioners and network must agree on the channels of each door; otherwise an error names the field to change."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from tiny import run

from debruit.conditioning.compatibility import check
from debruit.conditioning.label import Label
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.networks.cond import Cond
from debruit.networks.unet import UNet
from debruit.planning.heuristics import opened
from on import spec

LABEL = Label(channels=6, door="tokens")
SPEC = spec(class_names=("a", "b"))
READER = UNet(
    channels=8, multipliers=(1, 2), attention=(2,), head_channels=8, groups=4, transformer_depth=1, token_channels=6
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """A conditioner whose width is its encoder's to decide."""

    name: ClassVar[str] = "text"
    door: ClassVar[str] = "tokens"
    wide: int

    def width(self, spec, factor) -> int:
        return self.wide


def model(network: UNet, *conditioners) -> ModelConfig:
    return replace(run().model, network=network, conditioners=conditioners)


@pytest.mark.parametrize(
    ("label", "field", "wide"),
    [
        (Label(channels=7), "vector_channels", 7),
        (replace(LABEL, channels=9), "token_channels", 9),
    ],
)
def test_the_networks_field_is_named(label, field, wide):
    with pytest.raises(InputError, match=rf"Label gives {wide} channels .* set model\.network\.{field}={wide}$"):
        model(UNet(), label).build()
    check([label], opened(UNet(), [label], SPEC, 1), SPEC, 1)


def test_a_door_that_nobody_uses_is_closed():
    with pytest.raises(
        InputError, match=r"no conditioner gives 0 channels .* expects 6: set model\.network\.token_channels=0"
    ):
        model(READER).build()


def test_tokens_side_by_side_are_equally_wide():
    """The label takes the width of the text, whose encoder decides it."""
    text = Words(wide=4)
    said = r"not Label 6, Words 4: set model\.conditioners\.0\.channels=4$"
    with pytest.raises(InputError, match=said):
        check([LABEL, text], READER, SPEC, 1)
    with pytest.raises(InputError, match=r"not Words 4, Words 5: set model\.conditioners\.1\.encoder\.width=4$"):
        check([text, Words(wide=5)], READER, SPEC, 1)
    check([replace(LABEL, channels=4), text], replace(READER, token_channels=4), SPEC, 1)


def test_tokens_of_two_conditions_both_have_an_effect():
    """Cross-attention reads all of them: each changes the output, and so does their order not."""
    torch.manual_seed(0)
    network = READER.build(1, 1).eval()
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    x, level = torch.randn(2, 1, 8, 8), torch.rand(2)
    text, label = Cond(tokens=torch.randn(2, 3, 6)), Cond(tokens=torch.randn(2, 1, 6))
    with torch.no_grad():
        both = network(x, level, text.alongside(label))
        torch.testing.assert_close(network(x, level, label.alongside(text)), both, rtol=1e-4, atol=1e-5)
        for changed in (text.alongside(label.map(torch.neg)), text.map(torch.neg).alongside(label)):
            assert (network(x, level, changed) - both).abs().amax((1, 2, 3)).min() > 1e-4
