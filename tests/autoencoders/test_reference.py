"""The reference family against diffusers, an independent implementation: parameter counts, and outputs after copying
weights."""

from collections.abc import Mapping

import pytest
import torch
from diffusers import AutoencoderKL, VQModel
from torch import Tensor

from debruit.autoencoders import reference
from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL, divergence
from debruit.autoencoders.vq import VQ

BLOCK = {"norm1": "norm_in", "conv1": "conv_in", "norm2": "norm_out", "conv2": "conv_out", "conv_shortcut": "skip"}
ATTENTION = {"group_norm": "norm", "to_out.0": "proj"}
OUTER = {"conv_in": "stem", "conv_norm_out": "norm", "conv_out": "head"}


def oracle(codec: Autoencoder, channels: int = 3):
    """diffusers' module of the same setting."""
    coder, bottleneck = codec.coder, codec.bottleneck
    attends = [2**level in coder.attention for level in range(len(coder.multipliers))]
    settings = {
        "in_channels": channels,
        "out_channels": channels,
        "block_out_channels": coder.widths,
        "layers_per_block": coder.blocks,
        "down_block_types": tuple("AttnDownEncoderBlock2D" if a else "DownEncoderBlock2D" for a in attends),
        "up_block_types": tuple("AttnUpDecoderBlock2D" if a else "UpDecoderBlock2D" for a in reversed(attends)),
        "latent_channels": bottleneck.channels,
        "norm_num_groups": coder.groups,
        "mid_block_add_attention": coder.middle_attention,
    }
    if isinstance(bottleneck, VQ):
        return VQModel(**settings, num_vq_embeddings=bottleneck.codes)
    return AutoencoderKL(**settings)


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


REFERENCE = [
    reference.vq_f4, reference.vq_f4_noattn, reference.vq_f8, reference.vq_f16,
    reference.kl_f4, reference.kl_f8, reference.kl_f16, reference.kl_f32,
]  # fmt: skip


@pytest.mark.parametrize("build", REFERENCE)
def test_parameters_are_those_of_diffusers(build):
    codec = build()
    with torch.device("meta"):
        assert count(codec.build(3)) == count(oracle(codec))


def test_known_totals():
    with torch.device("meta"):
        assert count(reference.kl_f8().build(3)) == 83_653_863
        assert count(reference.vq_f8().build(3)) - count(reference.vq_f8(codes=256).build(3)) == (16384 - 256) * 4


@pytest.mark.parametrize("build", REFERENCE)
def test_latents_of_256_pixels_are_those_of_the_names(build):
    codec = build()
    factor = int(build.__name__.split("_")[1][1:])
    assert codec.factor == factor
    with torch.device("meta"):
        module, images = codec.build(3), torch.empty(1, 3, 256, 256)
        latents = module.encode(images).mean
        assert latents.shape == (1, codec.bottleneck.channels, 256 // factor, 256 // factor)
        assert module.decoder(latents).shape == images.shape


def translated(weights: Mapping[str, Tensor], coder: Coder) -> dict[str, Tensor]:
    """diffusers' weights under our names, queries, keys and values as one layer."""
    found, parts = {}, {}
    for name, weight in weights.items():
        half, _, rest = name.partition(".")
        if half in ("quant_conv", "post_quant_conv", "quantize"):
            ours = {"quant_conv": "quant", "post_quant_conv": "post"}.get(half, "codebook")
            found[f"bottleneck.{ours}.{rest.removeprefix('embedding.')}"] = weight
            continue
        module, leaf = rest.rsplit(".", 1)
        if module in OUTER:
            found[f"{half}.{OUTER[module]}.{leaf}"] = weight
            continue
        place, inside = layer(half, module, coder)
        if inside in ("to_q", "to_k", "to_v"):
            parts.setdefault(f"{half}.{place}.qkv.{leaf}", {})[inside] = weight
        else:
            found[f"{half}.{place}.{(BLOCK | ATTENTION).get(inside, inside)}.{leaf}"] = weight
    return found | {name: torch.cat([qkv[part] for part in ("to_q", "to_k", "to_v")]) for name, qkv in parts.items()}


def layer(half: str, module: str, coder: Coder) -> tuple[str, str]:
    """Where a layer of diffusers' (down_blocks.1.resnets.0.conv1) lies in ours (down.4, conv1)."""
    stage, _, rest = module.partition(".")
    if stage == "mid_block":
        kind, n, inside = rest.split(".", 2)
        last = 2 if coder.middle_attention else 1
        return f"middle.{1 if kind == 'attentions' else int(n) * last}", inside
    level, kind, n, inside = rest.split(".", 3)
    blocks = coder.blocks + (half == "decoder")
    levels = range(len(coder.multipliers))
    each = [2 if 2**k in coder.attention else 1 for k in (levels if half == "encoder" else reversed(levels))]
    start = sum(blocks * layers + 1 for layers in each[: int(level)])  # and one for the resampling
    within = blocks * each[int(level)] if "samplers" in kind else int(n) * each[int(level)] + (kind == "attentions")
    return f"{'down' if half == 'encoder' else 'up'}.{start + within}", inside


CODERS = [
    Coder(channels=8, multipliers=(1, 2, 2), blocks=2, attention=(2,), groups=4),
    Coder(channels=8, multipliers=(1, 2), blocks=1, groups=8, middle_attention=False),
]


def pair(codec: Autoencoder, channels: int):
    """diffusers' module with random weights throughout, and ours with the same."""
    torch.manual_seed(0)
    theirs = oracle(codec, channels).eval()
    for parameter in theirs.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.05)
    ours = codec.build(channels).eval()
    weights = translated(theirs.state_dict(), codec.coder)
    missing = ours.load_state_dict(weights, strict=False)
    assert missing.unexpected_keys == []
    assert [name for name in missing.missing_keys if name != "bottleneck.usage"] == []
    return ours, theirs


@torch.no_grad()
@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_kl_is_diffusers(coder, channels):
    ours, theirs = pair(Autoencoder(coder=coder, bottleneck=KL(channels=4)), channels)
    images = torch.randn(2, channels, 24, 40)
    law, moments = theirs.encode(images).latent_dist, ours.moments(images)
    torch.testing.assert_close(moments.mean, law.mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(moments.std, law.std, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(divergence(moments), law.kl(), rtol=1e-5, atol=1e-5)
    latents = torch.randn(2, 4, 6, 10)
    decoded = ours.decode(latents, (6 * coder.factor, 10 * coder.factor))
    torch.testing.assert_close(decoded, theirs.decode(latents).sample, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("coder", CODERS)
def test_vq_is_diffusers(coder):
    ours, theirs = pair(Autoencoder(coder=coder, bottleneck=VQ(channels=3, codes=64)), 3)
    images = torch.randn(2, 3, 24, 40)
    torch.testing.assert_close(ours.moments(images).mean, theirs.encode(images).latents, rtol=1e-5, atol=1e-5)
    out, (expected, penalty) = ours(images), theirs(images, return_dict=False)
    torch.testing.assert_close(out.images, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(out.penalty.mean(), penalty)  # theirs weighs the other term by beta: the same value
    assert len(out.codes.unique()) > 5
