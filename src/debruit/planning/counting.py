"""Count the parameters, bytes and operations of networks on fake tensors, before anything is allocated.

Bytes are those of float32. Except for `trained_bytes` and `parameters`, each function is given a forward pass to run.
"""

import weakref
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from debruit.autoencoders.codec import Codec
from debruit.networks.shapes import shapes_alone
from debruit.training.config import Optimiser
from debruit.training.state import build_optimiser, trained

FLOAT = 4  # bytes


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def codec_parameters(codec: Codec, channels: int) -> int:
    """Number of parameters of a codec for images of this many channels."""
    with shapes_alone():
        return parameters(codec.build(channels))


def trained_bytes(module: nn.Module, optimiser: Optimiser) -> dict[str, int]:
    """Bytes of a module's weights, their gradients, the optimiser's moments and the running average. Call it in a
    FakeTensorMode."""
    count, changed = parameters(module), sum(p.numel() for _, p in trained(module))
    moments = sum(
        (1 if group.get("matrices") else 2) * p.numel()
        for group in build_optimiser(optimiser, module).param_groups
        for p in group["params"]
    )
    parts = {"weights": count, "gradients": changed, "optimiser's moments": moments, "average of the weights": count}
    return {name: numbers * FLOAT for name, numbers in parts.items()}


def saved_bytes(forward: Callable[[], Tensor]) -> int:
    """Bytes that autograd saves for the backward pass of a result, each storage counted once."""
    saved: dict[int, torch.UntypedStorage] = {}

    def save(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage._cdata] = storage  # the reference prevents another storage from getting its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        out = forward()
    assert out.requires_grad
    return sum(storage.nbytes() for storage in saved.values())


def flops(run: Callable[[], object]) -> int:
    """Floating-point operations of what `run` does."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def passing_bytes(forward: Callable[[], object]) -> int:
    """Peak bytes of the tensors that a pass without gradients allocates."""
    with torch.no_grad(), PeakMemory() as memory:
        forward()
    return memory.most


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of the storages that operations allocate, until the last tensor on each is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.tensors: Counter[int] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if not self.tensors[storage._cdata]:
                    if storage._cdata in given:  # a view of an input
                        continue
                    self.now += storage.nbytes()
                    self.most = max(self.most, self.now)
                self.tensors[storage._cdata] += 1
                weakref.finalize(tensor, self._gone, storage._cdata, storage.nbytes())
        return out

    def _gone(self, storage: int, size: int) -> None:
        self.tensors[storage] -= 1
        if not self.tensors[storage]:
            self.now -= size
