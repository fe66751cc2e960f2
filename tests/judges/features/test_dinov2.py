"""DINOv2 against torch's own transformer layers; both layouts; registers; the positions of another size."""

import numpy as np
import pytest
import torch
from torch import nn

from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.features.dinov2 import DINOv2, dinov2, is_dinov2, positions, renamed

WIDTH, DEPTH, PATCH, SIDE = 128, 2, 14, 16


def random_weights(*, registers: int = 0, side: int = SIDE) -> dict[str, torch.Tensor]:
    """Meta's layout, small."""
    g = torch.Generator().manual_seed(0)
    draw = lambda *shape: 0.1 * torch.randn(*shape, generator=g)  # noqa: E731
    weights = {
        "cls_token": draw(1, 1, WIDTH),
        "pos_embed": draw(1, 1 + side**2, WIDTH),
        "mask_token": draw(1, WIDTH),
        "patch_embed.proj.weight": draw(WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": draw(WIDTH),
        "norm.weight": 1 + draw(WIDTH),
        "norm.bias": draw(WIDTH),
    }
    for n in range(DEPTH):
        for name, out, inside in (("attn.qkv", 3, 1), ("attn.proj", 1, 1), ("mlp.fc1", 4, 1), ("mlp.fc2", 1, 4)):
            weights[f"blocks.{n}.{name}.weight"] = draw(out * WIDTH, inside * WIDTH)
            weights[f"blocks.{n}.{name}.bias"] = draw(out * WIDTH)
        for k in (1, 2):
            weights[f"blocks.{n}.norm{k}.weight"], weights[f"blocks.{n}.norm{k}.bias"] = 1 + draw(WIDTH), draw(WIDTH)
            weights[f"blocks.{n}.ls{k}.gamma"] = 1 + draw(WIDTH)
    if registers:
        weights["register_tokens"] = draw(1, registers, WIDTH)
    return weights


def oracle(weights, x: torch.Tensor) -> torch.Tensor:
    """torch's pre-norm encoder layers, each layer's scale folded into its last projection."""
    patches = nn.functional.conv2d(
        x, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], stride=PATCH
    )
    tokens = torch.cat([weights["cls_token"].expand(len(x), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
    tokens = tokens + weights["pos_embed"]
    if "register_tokens" in weights:
        tokens = torch.cat([tokens[:, :1], weights["register_tokens"].expand(len(x), -1, -1), tokens[:, 1:]], dim=1)
    for n in range(DEPTH):
        at = f"blocks.{n}."
        own = nn.TransformerEncoderLayer(
            WIDTH, WIDTH // 64, 4 * WIDTH, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
        ).eval()
        one, two = (weights[f"{at}ls{k}.gamma"] for k in (1, 2))
        own.load_state_dict(
            {
                "self_attn.in_proj_weight": weights[f"{at}attn.qkv.weight"],
                "self_attn.in_proj_bias": weights[f"{at}attn.qkv.bias"],
                "self_attn.out_proj.weight": one[:, None] * weights[f"{at}attn.proj.weight"],
                "self_attn.out_proj.bias": one * weights[f"{at}attn.proj.bias"],
                "linear1.weight": weights[f"{at}mlp.fc1.weight"],
                "linear1.bias": weights[f"{at}mlp.fc1.bias"],
                "linear2.weight": two[:, None] * weights[f"{at}mlp.fc2.weight"],
                "linear2.bias": two * weights[f"{at}mlp.fc2.bias"],
                **{f"norm{k}.{p}": weights[f"{at}norm{k}.{p}"] for k in (1, 2) for p in ("weight", "bias")},
            }
        )
        tokens = own(tokens)
    return nn.functional.layer_norm(tokens[:, 0], (WIDTH,), weights["norm.weight"], weights["norm.bias"], 1e-6)


def hugging_face(weights) -> dict[str, torch.Tensor]:
    """The same weights as transformers' Dinov2Model stores them."""
    names = {
        "cls_token": "embeddings.cls_token",
        "mask_token": "embeddings.mask_token",
        "pos_embed": "embeddings.position_embeddings",
        "register_tokens": "embeddings.register_tokens",
        "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
        "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
        "norm.weight": "layernorm.weight",
        "norm.bias": "layernorm.bias",
    }
    found = {}
    for name, weight in weights.items():
        if ".attn.qkv." in name:
            block, part = name.split(".")[1], name.rpartition(".")[2]
            for what, value in zip(("query", "key", "value"), weight.chunk(3), strict=True):
                found[f"encoder.layer.{block}.attention.attention.{what}.{part}"] = value
            continue
        there = names.get(
            name, name.replace("blocks.", "encoder.layer.").replace("attn.proj", "attention.output.dense")
        )
        found[there.replace("ls1.gamma", "layer_scale1.lambda1").replace("ls2.gamma", "layer_scale2.lambda1")] = weight
    return found


@pytest.mark.parametrize("registers", [0, 4])
def test_agrees_with_torch_s_transformer(registers):
    weights = random_weights(registers=registers)
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(DINOv2(weights)(x), oracle(weights, x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("prefix", ["", "dinov2."])
def test_both_layouts_are_the_same_network(prefix):
    weights = random_weights(registers=2)
    other = {prefix + name: weight for name, weight in hugging_face(weights).items()}
    assert is_dinov2(weights)
    assert is_dinov2(other)
    found = renamed(other)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_the_positions_of_the_trained_size_are_resized():
    """A ramp stays one, apart from the edges, where nothing lies beyond; by the shifted factor of the first release,
    which moves the last place by 0.2. torch's bicubic without antialiasing (a = -0.75) bends a ramp by up to 0.05."""
    place = torch.arange(37.0)
    ramp = torch.stack(torch.meshgrid(place, place, indexing="ij"), dim=-1).flatten(0, 1)[None]
    embedding = torch.cat([torch.full((1, 1, 2), 7.0), ramp], dim=1)
    own, found = positions(embedding, 16, registers=False)
    assert own.flatten().tolist() == [7, 7]
    expected = (torch.arange(16.0) + 0.5) * 37 / 16.1 - 0.5
    torch.testing.assert_close(found.view(16, 16, 2)[3, 1:-1, 1], expected[1:-1], atol=0.06, rtol=0)
    _, found = positions(embedding, 16, registers=True)
    expected = (torch.arange(16.0) + 0.5) * 37 / 16 - 0.5
    torch.testing.assert_close(found.view(16, 16, 2)[3, 2:-2, 1], expected[2:-2], atol=0.01, rtol=0)


def test_extractor_and_what_it_refuses():
    state = torch.get_rng_state()
    DINOv2(random_weights())
    assert torch.equal(torch.get_rng_state(), state)
    extractor = dinov2(random_weights(side=37), device="cpu", runtime="torch")
    spec = DataSpec(name="x", channels=1, height=20, width=20, depth="uint8", low=0, high=255, count=2)
    found = extractor(torch.zeros(2, 1, 20, 20, dtype=torch.uint8), spec)
    assert found.shape == (2, extractor.dimensions) == (2, WIDTH)
    assert np.isfinite(found).all()
    assert extractor.label == "DINOv2-128"
    giant = {k.replace("mlp.fc1", "mlp.w12"): w for k, w in random_weights().items()}
    with pytest.raises(InputError, match="is the giant one"):
        dinov2(giant, device="cpu", runtime="torch")
