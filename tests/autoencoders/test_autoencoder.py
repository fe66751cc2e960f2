"""The codec: any channels and sizes, measured latents, fingerprints, the JSON round trip, and that it learns."""

import json

import numpy as np
import pytest
import torch

from debruit import config
from debruit.autoencoders import reference
from debruit.autoencoders.autoencoder import Autoencoder, fingerprint, measured
from debruit.autoencoders.bottleneck import Bottleneck
from debruit.autoencoders.codec import Codec
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.vq import VQ
from debruit.errors import InputError
from debruit.overrides import override
from debruit.rng import Purpose, stream
from debruit.seams import implementations

CODER = Coder(channels=8, multipliers=(1, 2), blocks=1, groups=4)
FOLDED = Coder(channels=8, multipliers=(1, 2), blocks=1, patch=2, resample="fold", middle_attention=False)
CODECS = [
    Autoencoder(coder=CODER, bottleneck=KL(channels=4)),
    Autoencoder(coder=CODER, bottleneck=VQ(channels=3, codes=32)),
    Autoencoder(coder=FOLDED, bottleneck=KL(channels=2)),
]


def built(codec: Autoencoder, channels: int = 3):
    """A module whose parts all do something: no zero-initialised branches, codes as spread out as the latents."""
    torch.manual_seed(1)
    module = codec.build(channels).eval()
    for name, parameter in module.named_parameters():
        if not parameter.any() and name.endswith("weight"):
            torch.nn.init.normal_(parameter, std=0.1)
        if "codebook" in name:
            torch.nn.init.normal_(parameter)
    return module


def images(count: int, channels: int = 3, height: int = 12, width: int = 20):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(count)) * 2 - 1


def test_both_bottlenecks_are_found():
    assert implementations(Bottleneck) == {"KL": KL, "VQ": VQ}
    assert implementations(Codec)["Autoencoder"] is Autoencoder


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("size", [(29, 37), (16, 24), (7, 4)])
def test_any_channels_and_sizes(codec, channels, size):
    module, x = codec.build(channels), images(2, channels, *size)
    moments = module.encode(x)
    assert moments.mean.shape == (2, codec.latent_channels(channels), *codec.latent_size(*size))
    assert module.decode(moments.mean, size).shape == module(x).images.shape == x.shape


@pytest.mark.parametrize("codec", CODECS)
def test_sides_are_padded_by_their_last_pixels(codec):
    module, x = built(codec), images(2, 3, 29, 37)
    f = codec.factor
    padded = torch.from_numpy(np.pad(x.numpy(), [(0, 0), (0, 0), (0, -29 % f), (0, -37 % f)], mode="edge"))
    assert torch.equal(module.encode(x).mean, module.encode(padded).mean)
    latents = module.encode(x).mean
    assert torch.equal(module.decode(latents, (29, 37)), module.decode(latents, padded.shape[2:])[:, :, :29, :37])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("noise", [True, False])
def test_training_sees_what_encoding_and_decoding_do(codec, noise):
    """decode(encode(x)) with normalised latents is forward(x) with raw ones, for the same noise."""
    module, x = built(codec), images(3)
    other = built(measured(codec, module, [x]))
    moments = other.encode(x)
    eps = torch.randn_like(moments.mean) if noise else torch.zeros_like(moments.mean)
    through = module(x, eps if noise else None)
    torch.testing.assert_close(other.decode(moments.sample(eps), (12, 20)), through.images, rtol=1e-4, atol=1e-4)
    assert through.penalty.shape == (3,)
    assert (through.codes is None) == isinstance(codec.bottleneck, KL)


@pytest.mark.parametrize("codec", CODECS)
def test_measured_latents_have_mean_0_and_deviation_1(codec):
    module, data = built(codec), images(24)
    found = measured(codec, module, data.split(10))
    assert (found.coder, found.bottleneck) == (codec.coder, codec.bottleneck)
    assert found.fingerprint == fingerprint(module)
    moments = built(found).encode(data)
    z = torch.cat([moments.sample(torch.randn_like(moments.mean)) for _ in range(400)])
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(z.shape[1]), rtol=0, atol=0.01)
    torch.testing.assert_close(z.std((0, 2, 3)), torch.ones(z.shape[1]), rtol=0.01, atol=0)


def test_measuring_does_not_depend_on_the_batches():
    codec = CODECS[0]
    module, data = built(codec), images(24)
    one, many = measured(codec, module, [data]), measured(codec, module, data.split(7))
    np.testing.assert_allclose(one.shift + one.scale, many.shift + many.scale, rtol=1e-5, atol=1e-6)


def test_a_constant_channel_keeps_scale_1():
    module = built(CODECS[0])
    with torch.no_grad():
        module.bottleneck.quant.weight[[1, 5]] = 0.0
        module.bottleneck.quant.bias[1], module.bottleneck.quant.bias[5] = 7.0, -40.0  # mean 7, deviation exp(-15)
    found = measured(CODECS[0], module, [images(4)])
    assert found.scale[1] == 1.0
    assert found.shift[1] == pytest.approx(7.0)
    assert found.scale[0] != 1.0


@pytest.mark.parametrize("codec", CODECS[:2])
def test_the_fingerprint_is_of_the_weights(codec):
    module, same = built(codec), built(codec)
    same.to(memory_format=torch.contiguous_format)
    if isinstance(codec.bottleneck, VQ):
        same.bottleneck.usage.zero_()  # changes no image
    found = fingerprint(module)
    assert len(found) == 32
    assert fingerprint(same) == found
    for name, parameter in same.named_parameters():
        before = parameter.detach().clone()
        parameter.data[(-1,) * parameter.dim()] += 1e-3
        assert fingerprint(same) != found, name
        parameter.data.copy_(before)
    assert fingerprint(same) == found


def test_round_trip_through_json():
    module = built(CODECS[1])
    for codec in (measured(CODECS[1], module, [images(2)]), CODECS[2], reference.vq_f8()):
        text = json.dumps(config.encode(codec))
        assert config.decode(json.loads(text), Codec) == codec
    assert override(CODECS[0], "bottleneck=VQ").bottleneck == VQ()
    assert override(CODECS[0], "coder.multipliers=1,2,4").factor == 4


def test_weights_fit_whatever_was_measured():
    module = built(CODECS[0])
    other = measured(CODECS[0], module, [images(2)]).build(3)
    other.load_state_dict(module.state_dict())
    assert fingerprint(other) == fingerprint(module)


def test_the_last_layer_is_the_decoders_last_convolution():
    """Its gradient scales with the output's, and everything before it is upstream: zeroing it leaves its bias alone."""
    module, x = built(CODECS[0]), images(2)
    assert module.last_layer.requires_grad
    (gradient,) = torch.autograd.grad(module(x).images.sum(), module.last_layer)
    assert gradient.abs().sum() > 0
    with torch.no_grad():
        module.last_layer.zero_()
    torch.testing.assert_close(module(x).images[0, :, 0, 0], module.decoder.head.bias)


@pytest.mark.parametrize("codec", [CODECS[0], CODECS[1]])
def test_every_weight_gets_a_gradient(codec):
    module, x = built(codec).train(), images(2)
    out = module(x, torch.randn(2, codec.bottleneck.channels, *codec.latent_size(12, 20)))
    (out.images.square().mean() + out.penalty.mean()).backward()
    idle = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize("bottleneck", [KL(channels=4), VQ(channels=4, codes=64, usage_images=16)])
def test_it_learns_a_batch(bottleneck):
    torch.manual_seed(0)
    module = Autoencoder(coder=CODER, bottleneck=bottleneck).build(1)
    x = torch.nn.functional.interpolate(images(8, 1, 3, 3), size=(12, 12), mode="bilinear")
    optimiser, generator = torch.optim.Adam(module.parameters(), lr=1e-2), torch.Generator().manual_seed(0)
    loss = torch.tensor(torch.inf)
    for step in range(100):
        out = module(x, torch.randn(8, 4, 6, 6, generator=generator))
        loss = (out.images - x).square().mean()
        (loss + (1e-4 if isinstance(bottleneck, KL) else 1.0) * out.penalty.mean()).backward()
        optimiser.step()
        optimiser.zero_grad()
        if isinstance(bottleneck, VQ) and step % 10 == 9:
            module.bottleneck.revive(out.moments.mean, stream(Purpose.CODES, 0, 0, 0))
    assert float(loss.detach()) < 0.1 * float(x.var())


@pytest.mark.parametrize("size", [(6, 6), (6, 64), (64, 7)])
def test_images_smaller_than_the_factor(size):
    codec = Autoencoder(coder=Coder(channels=8, multipliers=(1, 1, 1), blocks=1, patch=2))
    sentence = (
        f"images of {size[0]} x {size[1]} pixels are smaller than the factor 8 of the autoencoder: use one with fewer"
    )
    with pytest.raises(InputError, match=sentence):
        codec.latent_size(*size)
    with pytest.raises(InputError, match=sentence):
        codec.build(3).encode(images(1, 3, *size))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"shift": (1.0, 2.0)}, "shift has 2 values and the latents have 4 channels: give one a channel, or none"),
        ({"scale": (1.0, 0.0, 1.0, 1.0)}, "each channel of the latents needs a positive scale"),
    ],
)
def test_impossible_normalisations_are_refused(fields, sentence):
    with pytest.raises(InputError, match=sentence):
        Autoencoder(**fields)


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        (KL, {"channels": 0}, "bottleneck.channels=0: latents need at least 1 channel"),
        (VQ, {"channels": -1}, "bottleneck.channels=-1: latents need at least 1 channel"),
        (VQ, {"codes": 1}, "bottleneck.codes=1, .* a codebook needs at least 2 codes"),
        (VQ, {"usage_images": 0}, "usage_images=0, .* a half-life of at least 1 image"),
        (VQ, {"beta": -0.5}, "beta=-0.5: .* a beta of at least 0"),
    ],
)
def test_impossible_bottlenecks_are_refused(kind, fields, sentence):
    with pytest.raises(InputError, match=sentence):
        kind(**fields)


def test_latents_that_cannot_be_measured():
    module = built(CODECS[0])
    with pytest.raises(InputError, match="no images were given to measure the latents on"):
        measured(CODECS[0], module, [])
    with torch.no_grad():
        module.encoder.stem.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="latents of the autoencoder are not finite: its training diverged"):
        measured(CODECS[0], module, [images(2)])
