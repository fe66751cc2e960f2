"""Dropout (Srivastava et al. 2014) whose masks belong to examples: the mask of an example follows from a key of its
own, whatever batch, device or thread it is in, and torch's global stream is left alone.

The bits are a hash of (key of the example, number of the layer, number of the value), so that a pass which
checkpointing repeats for the backward pass drops the same. In bfloat16, where scales are coarse, the probability is
that of the nearest scale (0.0986 for 0.1), so that the expected value is kept.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads the numbers of layers over all keys
CHUNK = 2**15  # hashes computed at once on a CPU: they stay in its cache
LEVELS = 2**15  # a value is dropped by 15 bits
BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}  # integers of the size of numbers
DIGITS = {torch.bfloat16: 8, torch.float16: 11}  # binary digits of the scale


class Dropout(nn.Dropout):
    """torch's; where it has `keys`, (B, 2) int32, its masks come from there. The input is (B, ...), or (B k, ...) with
    the k of an example together."""

    keys: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.keys is None or not self.training or self.p == 0:
            return super().forward(input)
        mask = factors(self.keys, input.numel() // len(self.keys), self.p, input.dtype)
        if input.ndim == 4 and input.is_contiguous(
            memory_format=torch.channels_last
        ):  # values are numbered as they lie in memory
            b, c, h, w = input.shape
            return input * mask.reshape(b, h, w, c).permute(0, 3, 1, 2)
        return input * mask.reshape(input.shape)


def factors(keys: Tensor, values: int, p: float, dtype: torch.dtype) -> Tensor:
    """(B, values): 0 with probability p, else about 1 / (1 - p), so that the mean is 1."""
    levels, scale = _levels(p, dtype)
    if not keys.is_cpu or torch.compiler.is_compiling() or dtype not in BITS:
        counts = torch.arange(-(-values // 2), dtype=torch.int32, device=keys.device)
        bits = _hashes(keys, counts)
        both = torch.stack([bits & LEVELS - 1, bits >> 16 & LEVELS - 1], dim=2)
        return (both < levels).flatten(1)[:, :values].to(dtype) * scale
    bits = _bit_masks(keys, values, levels)  # -1 or 0: all bits of a number, or none
    ones = torch.tensor(scale, dtype=dtype).view(BITS[dtype])
    return (bits.to(BITS[dtype]) & ones).view(dtype)


def _levels(p: float, dtype: torch.dtype) -> tuple[int, float]:
    """Return how many of LEVELS leave a value in, and the factor that makes up for the rest."""
    scale = 1 / max(1 - p, 1 / LEVELS)
    if dtype in DIGITS:  # in plain numbers, which a compiler takes for constants
        fraction, exponent = math.frexp(scale)
        scale = math.ldexp(round(math.ldexp(fraction, DIGITS[dtype])), exponent - DIGITS[dtype])
    levels = min(max(round(LEVELS / scale), 1), LEVELS - 1)
    return levels, scale if dtype in DIGITS else LEVELS / levels


def _bit_masks(keys: Tensor, values: int, levels: int) -> Tensor:
    """(B, values) int16: -1 with a probability of levels / LEVELS, else 0."""
    half = -(-values // 2)
    masks = torch.empty(len(keys), 2 * half, dtype=torch.int16)
    rows = max(CHUNK // half, 1)
    for low in range(0, len(keys), rows):
        own = keys[low : low + rows]
        for start in range(0, half, CHUNK):
            counts = torch.arange(start, min(start + CHUNK, half), dtype=torch.int32)
            part = _hashes(own, counts).view(torch.int16)
            part &= LEVELS - 1
            part -= levels
            part >>= 15
            masks[low : low + rows, 2 * start : 2 * (start + len(counts))] = part
    return masks[:, :values]


def _hashes(keys: Tensor, counts: Tensor) -> Tensor:
    """(B, N) int32 for counts (N,): lowbias32 (Wellons 2018) with half of the key in its middle. Each is two values."""
    bits = counts + keys[:, :1]
    bits ^= bits >> 16 & 0xFFFF
    bits *= 0x7FEB352D
    bits ^= keys[:, 1:]
    bits ^= bits >> 15 & 0x1FFFF
    bits *= 0x846CA68B - 2**32
    return bits


def drops(module: nn.Module) -> bool:
    """Whether anything in it is dropped while it trains."""
    return any(layer.p > 0 for layer in _layers(module))


def draw_from(module: nn.Module, keys: np.ndarray, device: torch.device | str = "cpu") -> None:
    """Gives each of its dropout layers the keys of the examples to come, (B,) uint64, in a form of its own, until it is
    given others."""
    layers = _layers(module)
    if not layers:
        return
    with np.errstate(over="ignore"):
        of_layers = _mixed64(keys + GOLDEN * np.arange(1, len(layers) + 1, dtype=np.uint64)[:, None])
    halves = torch.from_numpy(of_layers.view(np.int32).reshape(len(layers), len(keys), 2)).to(device)
    for layer, own in zip(layers, halves, strict=True):
        layer.keys = own


def _mixed64(z: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele, Lea & Flood 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _layers(module: nn.Module) -> list[Dropout]:
    return [layer for layer in module.modules() if isinstance(layer, Dropout)]
