"""Dropout (Srivastava et al. 2014) whose masks belong to examples: the mask of an example follows from a key of its
own, whatever batch, device or thread it is in, and torch's global stream is left alone.

The bits are a hash of (key of the example, number of the layer, number of the value), so that a pass which
checkpointing repeats for the backward pass drops the same.
"""

import numpy as np
import torch
from torch import Tensor, nn

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads the numbers of layers over all keys
CHUNK = 2**15  # hashes computed at once on a CPU: they stay in its cache
LEVELS = 2**16  # a value is dropped by 16 bits


class Dropout(nn.Dropout):
    """torch's; where it has `keys`, (B, 2) int32, its masks come from there. The input is (B, ...), or (B k, ...) with
    the k of an example together."""

    keys: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.keys is None or not self.training or self.p == 0:
            return super().forward(input)
        levels = max(round((1 - self.p) * LEVELS), 1)
        mask = masks(self.keys, input.numel() // len(self.keys), levels)
        if input.ndim == 4 and input.is_contiguous(
            memory_format=torch.channels_last
        ):  # values are numbered as they lie in memory
            b, c, h, w = input.shape
            return input * mask.reshape(b, h, w, c).permute(0, 3, 1, 2) * (LEVELS / levels)
        return input * mask.reshape(input.shape) * (LEVELS / levels)


def masks(keys: Tensor, values: int, levels: int) -> Tensor:
    """(B, values) bool: each is true with a probability of levels / 2^16."""
    if not keys.is_cpu or torch.compiler.is_compiling():
        return _masks(keys, torch.arange(-(-values // 2), dtype=torch.int32, device=keys.device), levels)[:, :values]
    counts = torch.arange(-(-values // 2), dtype=torch.int32).split(CHUNK)
    rows = keys.split(max(CHUNK // len(counts[0]), 1))
    return torch.cat([torch.cat([_masks(row, part, levels) for part in counts], 1) for row in rows])[:, :values]


def _masks(keys: Tensor, counts: Tensor, levels: int) -> Tensor:
    """(B, 2 N) for counts (N,): two values for each hash of 32 bits (lowbias32, Wellons 2018, with half of the key in
    its middle)."""
    bits = counts + keys[:, :1]
    bits ^= bits >> 16 & 0xFFFF
    bits *= 0x7FEB352D
    bits ^= keys[:, 1:]
    bits ^= bits >> 15 & 0x1FFFF
    bits *= 0x846CA68B - 2**32
    most = levels * (2**32 // LEVELS) - 2**31 - 1  # of the numbers that a signed integer of 32 bits can be
    return torch.cat([bits <= most, bits.bitwise_left_shift_(16) <= most], dim=1)


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
