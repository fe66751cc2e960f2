"""The network of a model, layer by layer: the channels, sizes, parameters and operations of a U-Net from its
configuration, and of any other network from one call of it.

A level l of a U-Net works on H / (patch 2^l) x W / (patch 2^l) positions with channels * multipliers[l] channels:

    way down   blocks times [residual block, attention], then half the resolution
    middle     residual block, attention, residual block
    way up     blocks + 1 times [residual block on (h, skip), attention], then twice the resolution
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from debruit.diffusion.denoiser import NOISE_SCALE
from debruit.lecture.study import Study
from debruit.models.config import Backbone
from debruit.networks.unet import UNet


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of the network: the `path` of its module, its kind (the class name in networks that are no U-Nets),
    channels in and out, and the size of its output, (H, W) or what axes it has.

    `skip` of the channels that go in come from the way down. An attention layer has `heads`; `tokens`: it attends to
    those of the condition, too. `operations` are floating-point operations for one image.
    """

    path: str
    kind: str
    inputs: int
    outputs: int
    size: tuple[int, ...] = ()
    skip: int = 0
    heads: int = 0
    tokens: bool = False
    parameters: int = 0
    operations: int = 0


@dataclass(frozen=True, kw_only=True)
class Part:
    """Layers that stand together: `side` is "time", "in", "down", "middle", "up", "out" or "sequence", with the level
    of a U-Net, counted from 0 at full resolution."""

    side: str
    layers: tuple[Layer, ...]
    level: int = 0

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def operations(self) -> int:
        """Floating-point operations for one image."""
        return sum(layer.operations for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The parts of a network in the order in which they run. `input` and `output` are shapes without the batch, `doors`
    those of the encoded conditions; `unet` is None for another kind of network.

    The time input is scale t + offset, t in [0, 1].
    """

    name: str
    unet: UNet | None
    parts: tuple[Part, ...]
    input: tuple[int, ...]
    output: tuple[int, ...]
    doors: dict[str, tuple[int, ...]]
    parameters: int
    operations: int
    scale: float
    offset: float


@torch.no_grad()
def anatomy(study: Study) -> Anatomy:
    """Take the network apart, with one evaluation in which operations are counted."""
    config, backbone = study.model.config, study.model.backbone
    cond = study.cond(1, True)
    x, level = torch.zeros_like(study.x0), torch.zeros(1, device=study.x0.device)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # others are counted on GPUs alone
        calls = _watched(backbone, (x, level, cond))
    unet = config.network if isinstance(config.network, UNet) else None
    out_channels = config.latent_shape[0] * (2 if config.learned_variance else 1)
    if unet is not None:
        parts = unet_parts(unet, config.latent_shape[0], out_channels, tuple(config.latent_shape[1:]))
    else:
        parts = (Part(side="sequence", layers=tuple(_layer(name, *call) for name, call in calls.items())),)
    counts = {str(name): sum(by.values()) for name, by in counter.get_flop_counts().items()}
    root = f"{type(backbone).__name__}.network"

    def measured(layer: Layer) -> Layer:
        module = backbone.network.get_submodule(layer.path)
        operations = counts.get(f"{root}.{layer.path}", 0)
        return replace(layer, parameters=sum(p.numel() for p in module.parameters()), operations=operations)

    return Anatomy(
        name=type(config.network).__name__,
        unet=unet,
        parts=tuple(replace(part, layers=tuple(map(measured, part.layers))) for part in parts),
        input=tuple(config.latent_shape),
        output=(out_channels, *config.latent_shape[1:]),
        doors={name: tuple(door.shape[1:]) for name, door in vars(cond).items() if door is not None},
        parameters=sum(p.numel() for p in backbone.network.parameters()),
        operations=counter.get_total_flops(),
        scale=NOISE_SCALE,
        offset=config.time_offset,
    )


def unet_parts(config: UNet, in_channels: int, out_channels: int, size: tuple[int, ...]) -> tuple[Part, ...]:
    """Return the layers of a U-Net for inputs of this size from its configuration alone, without parameters and
    operations."""
    fold = config.patch**2
    sizes = [
        tuple((n + -n % config.stride) // (config.patch * 2**level) for n in size)
        for level in range(len(config.multipliers))
    ]
    widths = [config.channels * multiplier for multiplier in config.multipliers]
    stem = Layer(
        path="stem",
        kind="conv",
        inputs=(in_channels + config.spatial_channels) * fold,
        outputs=config.channels,
        size=sizes[0],
    )
    down, skips = _downwards(config, widths, sizes)
    bottom = _stage(config, "middle", widths[-1], widths[-1], sizes[-1], attends=config.middle_attention)
    last = Layer(path=f"middle.{len(bottom)}", kind="residual", inputs=widths[-1], outputs=widths[-1], size=sizes[-1])
    up = _upwards(config, widths, sizes, skips)
    width = up[-1].layers[-1].outputs
    out = (
        Layer(path="norm", kind="norm", inputs=width, outputs=width, size=sizes[0]),
        Layer(path="head", kind="conv", inputs=width, outputs=out_channels * fold, size=sizes[0]),
    )
    return (
        Part(side="time", layers=tuple(_embedding(config))),
        Part(side="in", layers=(stem,)),
        *down,
        Part(side="middle", level=len(widths) - 1, layers=(*bottom, last)),
        *up,
        Part(side="out", layers=out),
    )


def _embedding(config: UNet) -> Iterator[Layer]:
    """The layers that the time and the conditions of the whole image go through."""
    wide = 4 * config.channels
    yield Layer(path="time.0", kind="linear", inputs=config.channels, outputs=wide)
    yield Layer(path="time.2", kind="linear", inputs=wide, outputs=wide)
    if config.vector_channels:
        yield Layer(path="vector", kind="linear", inputs=config.vector_channels, outputs=wide)
    if config.pooled_tokens:
        yield Layer(path="pooled", kind="linear", inputs=config.token_channels or 0, outputs=wide)


def _downwards(config: UNet, widths: list[int], sizes: list[tuple[int, ...]]) -> tuple[list[Part], list[int]]:
    """The way down, and the channels of the skip connections that leave it."""
    parts, skips, width, n = [], [config.channels], config.channels, 0
    for level, out in enumerate(widths):
        layers: list[Layer] = []
        for _ in range(config.blocks):
            layers += _stage(config, f"down.{n}", width, out, sizes[level], attends=2**level in config.attention)
            width, n = out, n + 1
            skips.append(width)
        if level + 1 < len(widths):
            layers.append(Layer(path=f"down.{n}.0", kind="down", inputs=width, outputs=width, size=sizes[level + 1]))
            n += 1
            skips.append(width)
        parts.append(Part(side="down", level=level, layers=tuple(layers)))
    return parts, skips


def _upwards(config: UNet, widths: list[int], sizes: list[tuple[int, ...]], skips: list[int]) -> list[Part]:
    """The way up, which takes the skip connections last in, first out."""
    parts, width, n = [], widths[-1], 0
    for level, out in reversed(list(enumerate(widths))):
        layers: list[Layer] = []
        for block in range(config.blocks + 1):
            skip = skips.pop()
            stage = _stage(
                config, f"up.{n}", width + skip, out, sizes[level], attends=2**level in config.attention, skip=skip
            )
            width = out
            if level and block == config.blocks:
                width = widths[level - 1] if config.resample == "fold" else out
                path = f"up.{n}.{len(stage)}"
                stage.append(Layer(path=path, kind="up", inputs=out, outputs=width, size=sizes[level - 1]))
            layers += stage
            n += 1
        parts.append(Part(side="up", level=level, layers=tuple(layers)))
    return parts


def _stage(
    config: UNet, path: str, width: int, out: int, size: tuple[int, ...], *, attends: bool, skip: int = 0
) -> list[Layer]:
    """A residual block, and attention where the level has it."""
    layers = [Layer(path=f"{path}.0", kind="residual", inputs=width, outputs=out, size=size, skip=skip)]
    if attends:
        kind = "transformer" if config.transformer_depth else "attention"
        heads, tokens = config.head_count(out), bool(config.transformer_depth and config.token_channels)
        layers.append(
            Layer(path=f"{path}.1", kind=kind, inputs=out, outputs=out, size=size, heads=heads, tokens=tokens)
        )
    return layers


def _watched(backbone: Backbone, given: tuple) -> dict[str, tuple[nn.Module, Tensor, Tensor]]:
    """Call the network; return its children, and those of its lists, as they ran: module, input and output."""
    calls: dict[str, tuple[nn.Module, Tensor, Tensor]] = {}

    def watch(name: str):
        def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
                calls.setdefault(name, (module, inputs[0], output))

        return hook

    handles = [module.register_forward_hook(watch(name)) for name, module in _blocks(backbone.network)]
    try:
        backbone(*given)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _blocks(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if isinstance(child, (nn.ModuleList, nn.Sequential, nn.ModuleDict)):
            yield from _blocks(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _layer(name: str, module: nn.Module, x: Tensor, out: Tensor) -> Layer:
    """A layer of a network that is no U-Net, from its call: feature maps have channels first, tokens last."""
    axis = 1 if out.ndim > 3 else out.ndim - 1
    size = tuple(out.shape[2:]) if out.ndim > 3 else tuple(out.shape[1:-1])
    inputs = x.shape[1 if x.ndim > 3 else x.ndim - 1]
    return Layer(path=name, kind=type(module).__name__, inputs=inputs, outputs=out.shape[axis], size=size)
