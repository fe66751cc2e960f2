"""A network as a feature extractor: prepare the images, run the network in batches, collect vectors."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from debruit.images.spec import DataSpec
from debruit.networks.layers import channels_last

GUESS_SECONDS = 0.01


class Forward(Protocol):
    """Prepared images (N, 3, h, w) float32 -> features (N, D). Of onnxruntime: from several threads at once."""

    def __call__(self, x: Tensor, /) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class NetworkExtractor:
    """An `Extractor` made of two functions. `prepare` takes images at rest and their spec to the network's input,
    `forward` that to vectors; at most `batch` images are in the network at a time. `runtime` says what runs it, for the
    report; the features of one network in two runtimes differ by rounding only, so that it is no part of the
    fingerprint. onnxruntime works on as many batches at once as torch has threads, each by one thread: several threads
    on one batch wait for each other (bench/features.py)."""

    label: str
    dimensions: int
    fingerprint: str
    prepare: Callable[[Tensor, DataSpec], Tensor] = field(repr=False)
    forward: Forward = field(repr=False)
    batch: int = 32
    runtime: str = "torch"

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        collected = np.empty((len(images), self.dimensions), np.float32)
        for start, features in self._batches(images, spec):
            collected[start : start + len(features)] = features.float().cpu().numpy()
        return collected

    @property
    def workers(self) -> int:
        """Batches that are in the network at once."""
        return torch.get_num_threads() if self.runtime == "onnxruntime" else 1

    @property
    def probe_images(self) -> int:
        """How many images show its speed."""
        return 2 * self.batch * self.workers

    def _batches(self, images: Tensor, spec: DataSpec) -> Iterator[tuple[int, Tensor]]:
        """The first number and the features of each batch."""
        starts = range(0, len(images), self.batch)
        prepared = lambda start: self.prepare(images[start : start + self.batch], spec)  # noqa: E731
        if self.workers == 1 or len(starts) == 1:
            for start in starts:
                with torch.inference_mode():
                    features = self.forward(prepared(start))
                yield start, features
            return
        with ThreadPoolExecutor(self.workers) as pool:
            waiting: deque[tuple[int, Future[Tensor]]] = deque()
            for start in starts:
                with torch.inference_mode():
                    waiting.append((start, pool.submit(self.forward, prepared(start))))
                if len(waiting) > 2 * self.workers:
                    first, work = waiting.popleft()
                    yield first, work.result()
            for start, work in waiting:
                yield start, work.result()


def seconds_per_image(extractor: Any, spec: DataSpec) -> float:
    """Seconds per image, measured on blank ones; GUESS_SECONDS for extractors without `probe_images`."""
    count = getattr(extractor, "probe_images", 0)
    if not count:
        return GUESS_SECONDS
    images = spec.from_model(torch.zeros(count, *spec.shape))
    extractor(images[: count // 2], spec)  # warms up
    start = time.perf_counter()
    extractor(images, spec)
    return (time.perf_counter() - start) / count


def digest(weights: Mapping[str, Tensor], *settings: object) -> str:
    """32 hex digits of the weights' names and bytes and of the settings' text."""
    hashed = hashlib.sha256(repr(settings).encode())
    for name in sorted(weights):
        hashed.update(name.encode())
        hashed.update(np.ascontiguousarray(weights[name].detach().cpu().numpy()).data)
    return hashed.hexdigest()[:32]


class FullFloat32(TorchFunctionMode):
    """Inside, in this thread, 2D convolutions of CUDA compute in full float32, whatever torch.backends.cudnn allows.

    TF32 would move features by a thousandth. torch.backends.cudnn.flags is a setting of the whole process, which other
    threads would see; the operation below the public one takes it as an argument.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return _conv2d(*args, **(kwargs or {})) if func is torch.conv2d else func(*args, **(kwargs or {}))


def _conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, dilation=1, groups=1) -> Tensor:
    assert not isinstance(padding, str), "give the padding in pixels"
    stride, padding, dilation = ([v] if isinstance(v, int) else list(v) for v in (stride, padding, dilation))
    benchmark, deterministic, cudnn, tf32 = False, False, True, False
    return torch.ops.aten._convolution.default(
        x, weight, bias, stride, padding, dilation, False, [0], groups, benchmark, deterministic, cudnn, tf32
    )


def eager(network: nn.Module, device: torch.device) -> Forward:
    """The network in torch, channels last in memory, in full float32."""
    channels_last(network)
    network = network.eval().requires_grad_(False).to(device)

    def forward(x: Tensor, /) -> Tensor:
        with FullFloat32():
            return network(x.to(device, memory_format=torch.channels_last))

    return forward
