"""Encoder and decoder: shapes, where each output looks, and what is refused. Parity with diffusers is in
test_reference.py."""

import pytest
import torch

from debruit.autoencoders.coder import Coder, Decoder, Encoder, Halve
from debruit.errors import InputError

CODERS = [
    Coder(channels=8, multipliers=(1, 2), blocks=1),
    Coder(channels=8, multipliers=(1, 2, 2), blocks=1, attention=(2, 4), groups=4),
    Coder(channels=8, multipliers=(2, 1), blocks=2, resample="fold", middle_attention=False),
    Coder(channels=8, multipliers=(1, 2), blocks=1, patch=2, resample="fold"),
    Coder(channels=8, multipliers=(1,), blocks=1, patch=4),
    Coder(channels=6, multipliers=(1,), blocks=1, patch=3),
]


@pytest.mark.parametrize("config", CODERS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_each_side_is_reduced_by_the_factor_and_comes_back(config, channels):
    f = config.factor
    x = torch.randn(2, channels, 2 * f, 3 * f)
    h = Encoder(config, channels, 7)(x)
    assert h.shape == (2, 7, 2, 3)
    assert Decoder(config, 7, channels)(h).shape == x.shape


@pytest.mark.parametrize("config", CODERS)
def test_images_do_not_see_each_other(config):
    encoder, decoder = Encoder(config, 3, 4).eval(), Decoder(config, 4, 3).eval()
    x = torch.randn(3, 3, 4 * config.factor, 4 * config.factor)
    together, alone = decoder(encoder(x)), torch.cat([decoder(encoder(image[None])) for image in x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_halving_looks_right_and_below_only():
    """Output (i, j) depends on exactly the inputs 2i..2i+2, 2j..2j+2 that exist."""
    layer, x = Halve(1), torch.randn(1, 1, 8, 8, requires_grad=True)
    for i, j in [(0, 0), (1, 2), (3, 3)]:
        (gradient,) = torch.autograd.grad(layer(x)[0, 0, i, j], x)
        rows, columns = torch.nonzero(gradient[0, 0], as_tuple=True)
        assert sorted(set(rows.tolist())) == [n for n in range(2 * i, 2 * i + 3) if n < 8]
        assert sorted(set(columns.tolist())) == [n for n in range(2 * j, 2 * j + 3) if n < 8]


def test_with_a_patch_nothing_runs_at_full_resolution():
    seen = []
    encoder, decoder = Encoder(CODERS[3], 3, 4), Decoder(CODERS[3], 4, 3)
    for layer in (*encoder.modules(), *decoder.modules()):
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(
                lambda _, inputs, output: seen.extend((*inputs[0].shape[2:], *output.shape[2:]))
            )
    decoder(encoder(torch.randn(1, 3, 32, 32)))
    assert max(seen) == 16


def test_the_cheap_resampling_is_cheaper():
    count = lambda config: sum(p.numel() for p in Decoder(config, 4, 3).parameters())  # noqa: E731
    assert count(Coder(channels=32, resample="fold")) < count(Coder(channels=32, resample="conv"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"attention": (8,)},
            "attention at downsampling 8, but the levels of this coder are at 1, 2, 4: name one of these",
        ),
        ({"multipliers": ()}, r"multipliers=\(\).*at least 1 of each"),
        ({"patch": 0}, "patch=0: a coder needs at least 1 of each"),
    ],
)
def test_impossible_coders_are_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Coder(**changes)
