"""A network as a feature extractor: prepare the images, run the network in batches, collect vectors."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from debruit.data.dataset import DataSpec
from debruit.networks.layers import channels_last


class Forward(Protocol):
    """Prepared images (N, 3, h, w) float32 -> features (N, D)."""

    def __call__(self, x: Tensor, /) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class NetworkExtractor:
    """An `Extractor` made of two functions. `prepare` takes images at rest and their spec to the network's input, `forward` that to vectors;
    at most `batch` images are in the network at a time. `runtime` says what runs it, for the report; the features of one network in two
    runtimes differ by rounding only, so that it is no part of the fingerprint."""

    label: str
    dimensions: int
    fingerprint: str
    prepare: Callable[[Tensor, DataSpec], Tensor] = field(repr=False)
    forward: Forward = field(repr=False)
    batch: int = 32
    runtime: str = "torch"

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        found = np.empty((len(images), self.dimensions), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), self.batch):
                part = self.prepare(images[start : start + self.batch], spec)
                found[start : start + len(part)] = self.forward(part).float().cpu().numpy()
        return found


def digest(weights: Mapping[str, Tensor], *settings: object) -> str:
    """32 hex digits of the weights' names and bytes and of the settings' text."""
    found = hashlib.sha256(repr(settings).encode())
    for name in sorted(weights):
        found.update(name.encode())
        found.update(np.ascontiguousarray(weights[name].detach().cpu().numpy()).data)
    return found.hexdigest()[:32]


def eager(network: nn.Module, device: torch.device) -> Forward:
    """The network in torch, channels last in memory, in full float32 (TF32 would move features by a thousandth)."""
    channels_last(network)
    network = network.eval().requires_grad_(False).to(device)

    def forward(x: Tensor, /) -> Tensor:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return network(x.to(device, memory_format=torch.channels_last))

    return forward
