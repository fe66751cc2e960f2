"""DINOv2's vision transformer (Oquab et al. 2023) from a file of the user's; widths and depth are read off the weights.

The feature is the class token behind the last norm, of the image at 224 x 224 in 14 x 14 patches, normalised by
ImageNet's mean and deviation: what "FD-DINOv2" means in Stein et al. 2023. Files in Meta's layout, with or without
registers (Darcet et al. 2023), and in that of Hugging Face.
"""

import re
from collections.abc import Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.features.network import NetworkExtractor, digest
from debruit.judges.features.preparation import IMAGENET_DEVIATION, IMAGENET_MEAN, normalised, resized
from debruit.judges.features.runtime import BATCHES, run

SIZE, HEAD, EPS = 224, 64, 1e-6
SIZES = {384: "S", 768: "B", 1024: "L"}  # by width
HUGGING_FACE = (  # pattern -> Meta's name
    (r"^(dinov2\.|dinov2_with_registers\.)", ""),
    (r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"^embeddings\.position_embeddings", "pos_embed"),
    (r"^embeddings\.", ""),
    (r"^encoder\.layer\.", "blocks."),
    (r"attention\.output\.dense", "attn.proj"),
    (r"layer_scale(\d)\.lambda1", r"ls\1.gamma"),
    (r"^layernorm", "norm"),
)


class Layer(nn.Module):
    """x + gamma_1 attention(norm(x)), then x + gamma_2 mlp(norm(x))."""

    def __init__(self, weights: Mapping[str, Tensor], n: int) -> None:
        super().__init__()
        read = partial(_linear, weights)
        at = f"blocks.{n}"
        self.norm1, self.norm2 = (_norm(weights, f"{at}.norm{k}") for k in (1, 2))
        self.qkv, self.project = read(f"{at}.attn.qkv"), read(f"{at}.attn.proj")
        self.widen, self.narrow = read(f"{at}.mlp.fc1"), read(f"{at}.mlp.fc2")
        self.gamma1, self.gamma2 = (nn.Parameter(weights[f"{at}.ls{k}.gamma"].float()) for k in (1, 2))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, -1, HEAD)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.gamma1 * self.project(attended)
        return x + self.gamma2 * self.narrow(F.gelu(self.widen(self.norm2(x))))


class DINOv2(nn.Module):
    """Prepared images (N, 3, 224, 224) -> class tokens (N, width)."""

    def __init__(self, weights: Mapping[str, Tensor], *, size: int = SIZE) -> None:
        super().__init__()
        kernel = weights["patch_embed.proj.weight"].float()
        self.patches = nn.Conv2d(3, len(kernel), kernel.shape[-1], kernel.shape[-1], device="meta")
        bias = weights["patch_embed.proj.bias"].float()
        self.patches.load_state_dict({"weight": kernel, "bias": bias}, assign=True)
        registers = weights.get("register_tokens")
        class_position, patch_positions = positions(
            weights["pos_embed"].float(), size // kernel.shape[-1], registers=registers is not None
        )
        first = weights["cls_token"].float() + class_position
        self.first = nn.Parameter(first if registers is None else torch.cat([first, registers.float()], dim=1))
        self.patch_positions = nn.Parameter(patch_positions)
        self.layers = nn.Sequential(*(Layer(weights, n) for n in range(_depth(weights))))
        self.norm = _norm(weights, "norm")

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2) + self.patch_positions
        tokens = torch.cat([self.first.expand(len(patches), -1, -1), patches], dim=1)
        return self.norm(self.layers(tokens)[:, 0])


def positions(embedding: Tensor, side: int, *, registers: bool) -> tuple[Tensor, Tensor]:
    """(1, 1, D) of the class token and (1, side^2, D) of the patches, from (1, 1 + S^2, D): bicubic, as the released
    models do it, which is by a factor (side + 0.1) / S, and for those with registers by side / S with antialiasing."""
    own, rest = embedding[:, :1], embedding[:, 1:]
    trained = round(rest.shape[1] ** 0.5)
    if trained == side:
        return own, rest
    grid = rest.unflatten(1, (trained, trained)).permute(0, 3, 1, 2)
    factor = (side + (0.0 if registers else 0.1)) / trained
    grid = F.interpolate(grid, scale_factor=(factor, factor), mode="bicubic", antialias=registers)
    assert grid.shape[-2:] == (side, side), grid.shape
    return own, grid.permute(0, 2, 3, 1).flatten(1, 2)


def renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under Meta's names, whichever of the two layouts they came in; query, key and value as one matrix."""
    renamed_weights = {}
    for name, weight in weights.items():
        for pattern, replacement in HUGGING_FACE:
            name = re.sub(pattern, replacement, name)
        renamed_weights[name] = weight
    for query in [name for name in renamed_weights if ".attention.attention.query." in name]:
        parts = [renamed_weights.pop(query.replace("query", part)) for part in ("query", "key", "value")]
        renamed_weights[query.replace("attention.attention.query", "attn.qkv")] = torch.cat(parts)
    return renamed_weights


def is_dinov2(weights: Mapping[str, Tensor]) -> bool:
    """Whether these tensors have the names of one of the two layouts."""
    return any(re.search(r"blocks\.0\.ls1\.gamma$|encoder\.layer\.0\.layer_scale1\.lambda1$", name) for name in weights)


def dinov2(weights: Mapping[str, Tensor], *, device: str = "auto", runtime: str = "auto") -> NetworkExtractor:
    """The extractor, labelled "DINOv2-S", "-B" or "-L". InputError: the giant model, whose feed-forward is of another
    kind. KeyError or RuntimeError where the weights do not fit."""
    weights = renamed(weights)
    width = weights["patch_embed.proj.weight"].shape[0]
    if any(".mlp.w12." in name or ".mlp.weights_in." in name for name in weights):
        raise InputError(
            f"this DINOv2 of width {width} is the giant one, whose feed-forward layers are not read: take S, B or L, "
            "or export it to .onnx"
        )
    label = f"DINOv2-{SIZES.get(width, width)}"
    fingerprint = digest(weights, "dinov2", SIZE, "antialiased bicubic", IMAGENET_MEAN, IMAGENET_DEVIATION)
    forward, used = run(partial(DINOv2, weights), (3, SIZE, SIZE), fingerprint, device=device, runtime=runtime)
    return NetworkExtractor(
        label=label,
        dimensions=width,
        fingerprint=fingerprint,
        prepare=prepare,
        forward=forward,
        batch=min(16, BATCHES[used]),
        runtime=used,
    )


def prepare(images: Tensor, spec: DataSpec) -> Tensor:
    """Images at rest -> (N, 3, 224, 224), normalised as in the training on ImageNet."""
    return normalised(resized(images, spec, SIZE, SIZE), IMAGENET_MEAN, IMAGENET_DEVIATION)


def _depth(weights: Mapping[str, Tensor]) -> int:
    return 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))


def _linear(weights: Mapping[str, Tensor], name: str) -> nn.Linear:
    weight = weights[f"{name}.weight"].float()
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")  # see FoldedConv
    layer.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"].float()}, assign=True)
    return layer


def _norm(weights: Mapping[str, Tensor], name: str) -> nn.LayerNorm:
    layer = nn.LayerNorm(len(weights[f"{name}.weight"]), eps=EPS, device="meta")
    both = {part: weights[f"{name}.{part}"].float() for part in ("weight", "bias")}
    layer.load_state_dict(both, assign=True)
    return layer
