"""Attention maps: softmax(q k^T / sqrt(d)) of every attention layer, on x_t of the forward chain.

The weights are those of the network's own modules (networks/attention.py), taken by hooks in one call of the network on
all times that are shown. To keep a page small there are fewer times than positions of the slider, a query for each cell
of a coarse grid, and keys summed over blocks, so that rows still sum to 1.
"""

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.lecture.chains import shown_steps
from debruit.lecture.forward import forward
from debruit.lecture.study import Study
from debruit.networks.attention import Attention, SelfAttention
from debruit.networks.unet import UNet, UNetModule

LARGEST_SIDE = 16  # cells of a grid of queries or keys
BYTES = 750_000  # of all self-attention maps, at a byte a weight, before compression
# heads that are kept besides their mean, and queries a side: the first that fits
CHOICES = ((8, 16), (8, 12), (8, 8), (4, 8), (4, 6), (2, 6), (0, 8), (0, 6), (0, 4))


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An attention layer: the `path` of its module below the network, its `level` in the U-Net, the (H, W) grid of its
    positions, each `factor` pixels (or latent positions) a side, and the width of its heads."""

    path: str
    level: int
    grid: tuple[int, int]
    factor: int
    heads: int
    head_channels: int
    cross: bool


@dataclass(frozen=True, kw_only=True)
class Maps:
    """Weights of one layer, (K, 1 + heads, Qh, Qw, keys), float32 on the CPU: first the mean of all heads, then as many
    heads as are kept. Keys are cells of `keys` (rows, columns), or tokens.

    Query (r, c) of the grid is the position (rows[r], columns[c]). `spread` (K, 1 + heads, Qh, Qw) is e to the entropy
    of the row of all `seen` keys, before they are summed: the number of keys that equal weights would be spread over.
    """

    layer: Layer
    weights: Tensor
    spread: Tensor
    rows: list[int]
    columns: list[int]
    keys: tuple[int, int]
    seen: int


@dataclass(frozen=True, kw_only=True)
class AttentionMaps:
    """`frames` are the positions of the slider whose maps there are, `steps` their steps; `tokens` name what
    cross-attention sees, equal paddings as one."""

    frames: list[int]
    steps: list[int]
    maps: list[Maps]
    tokens: list[str]


@torch.inference_mode()
def attention_maps(study: Study) -> AttentionMaps | None:
    """Compute the maps with one call of the network; None where it has no attention layer of this package."""
    network = study.model.backbone.network
    if not isinstance(network, UNetModule) or not attends(study):
        return None
    frames = [k - 1 for k in shown_steps(len(study.steps), study.detail.attention_times)]
    layers = layers_of(network, study.model.config.latent_shape[1:])
    heads, side = _affordable([layer for layer in layers.values() if not layer.cross], len(frames))
    names, groups = tokens_of(study)
    maps: list[Maps] = []

    def take(path: str, ask: Callable[[Tensor], Tensor]) -> None:
        layer = layers[path]
        rows, columns = (_picked(n, side) for n in layer.grid)
        queries = torch.tensor([r * layer.grid[1] + c for r in rows for c in columns])
        maps.append(_maps(layer, ask(queries.to(study.x0.device)).cpu(), (rows, columns), heads, groups))

    x_t = study.once(forward).x_t[frames].to(study.x0.device)
    steps = [study.steps[k] for k in frames]
    with watching(network, take):
        study.estimate(x_t, torch.tensor(steps, device=study.x0.device))
    return AttentionMaps(frames=frames, steps=steps, maps=maps, tokens=names)


def attends(study: Study) -> bool:
    """Whether the network is a U-Net with attention layers."""
    network = study.model.backbone.network
    return isinstance(network, UNetModule) and any(True for _ in attending(network))


def attending(network: nn.Module) -> Iterator[tuple[str, SelfAttention | Attention]]:
    """Yield the attention modules of a network by path, in the order in which a U-Net runs them."""
    order = {"down": 0, "middle": 1, "up": 2}
    modules = [(name, m) for name, m in network.named_modules() if isinstance(m, (SelfAttention, Attention))]
    yield from sorted(modules, key=lambda item: order.get(item[0].partition(".")[0], 3))


def layers_of(network: UNetModule, size: tuple[int, ...]) -> dict[str, Layer]:
    """Describe the attention modules of a U-Net for inputs of this size."""
    config, layers = network.config, {}
    for path, module in attending(network):
        level = _level(config, path)
        factor = config.patch * 2**level
        height, width = ((n + -n % config.stride) // factor for n in size)
        inner = module.qkv.in_features if isinstance(module, SelfAttention) else module.q.out_features
        layers[path] = Layer(
            path=path,
            level=level,
            grid=(height, width),
            factor=factor,
            heads=module.heads,
            head_channels=inner // module.heads,
            cross=path.endswith("attend_cross") and bool(config.token_channels),
        )
    return layers


@contextmanager
def watching(network: nn.Module, take: Callable[[str, Callable[[Tensor], Tensor]], None]) -> Generator[None]:
    """Inside, each attention module that runs calls `take(path, ask)`: ask(queries) are its weights on its own input,
    (B, heads, Q, keys)."""

    def watch(path: str):
        def hook(module: SelfAttention | Attention, given: tuple, output: Tensor) -> None:
            given = given[:1] if isinstance(module, SelfAttention) else given
            take(path, lambda queries: module.weights(*given, queries=queries))

        return hook

    handles = [module.register_forward_hook(watch(path)) for path, module in attending(network)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def tokens_of(study: Study) -> tuple[list[str], list[list[int]]]:
    """Return the names of what cross-attention sees, and the tokens that each stands for: paddings are one."""
    batch, names = study.conditions(1), []
    for c in study.model.config.conditioners:
        if c.door != "tokens":
            continue
        tokenizer = getattr(c, "tokenizer", None)
        if tokenizer is None:
            count = study.model.backbone.conditioners[c.name](batch.values[c.name], batch.keep[c.name]).shape[1]
            names += [f"{c.name} {n}" for n in range(count)]
            continue
        ids = batch.values[c.name]
        ids = ids if bool(batch.keep[c.name]) else tokenizer.empty(1, ids.shape[1])
        names += [tokenizer.vocabulary[n] for n in ids[0].tolist()]
    groups: dict[str, list[int]] = {}
    for n, name in enumerate(names):
        groups.setdefault("[PAD]" if name == "[PAD]" else f"{n}", []).append(n)
    return [names[group[0]] + (f" × {len(group)}" if len(group) > 1 else "") for group in groups.values()], [
        *groups.values()
    ]


def _maps(
    layer: Layer, weights: Tensor, chosen: tuple[list[int], list[int]], heads: int, groups: list[list[int]]
) -> Maps:
    """Average the heads and sum the keys of weights (K, heads, Q, keys)."""
    shown = torch.cat([weights.mean(1, keepdim=True), weights[:, : heads if layer.heads > 1 else 0]], dim=1)
    spread = torch.special.entr(shown).sum(-1).exp()
    if layer.cross:
        shown = torch.stack([shown[..., group].sum(-1) for group in groups], dim=-1)
        keys = (1, len(groups))
    else:
        shown, keys = _summed(shown, layer.grid)
    grid = len(chosen[0]), len(chosen[1])
    return Maps(
        layer=layer,
        weights=shown.unflatten(2, grid),
        spread=spread.unflatten(2, grid),
        rows=chosen[0],
        columns=chosen[1],
        keys=keys,
        seen=weights.shape[-1],
    )


def _summed(weights: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Sum (..., H W) over blocks of keys, so that at most LARGEST_SIDE are left a side."""
    block = math.ceil(max(grid) / LARGEST_SIDE)
    whole = F.pad(weights.unflatten(-1, grid), (0, -grid[1] % block, 0, -grid[0] % block))
    blocks = whole.unflatten(-1, (-1, block)).unflatten(-3, (-1, block)).sum((-1, -3))
    return blocks.flatten(-2), (blocks.shape[-2], blocks.shape[-1])


def _picked(count: int, side: int) -> list[int]:
    """Return the middle of each of at most `side` equal runs of positions."""
    step = math.ceil(count / side)
    return [min(n + (step - 1) // 2, count - 1) for n in range(0, count, step)]


def _affordable(layers: list[Layer], times: int) -> tuple[int, int]:
    """Return how many heads, besides their mean, and queries a side keep all maps within BYTES."""
    for heads, side in CHOICES:
        total = 0
        for layer in layers:
            queries = math.prod(len(_picked(n, side)) for n in layer.grid)
            keys = math.prod(min(n, LARGEST_SIDE) for n in layer.grid)
            total += times * (1 + (min(heads, layer.heads) if layer.heads > 1 else 0)) * queries * keys
        if total <= BYTES:
            break
    return heads, side


def _level(config: UNet, path: str) -> int:
    """The level of a module of a U-Net, from its path (networks/unet.py)."""
    side, index = path.split(".")[:2]
    last = len(config.multipliers) - 1
    if side == "middle":
        return last
    return int(index) // (config.blocks + 1) if side == "down" else last - int(index) // (config.blocks + 1)
