"""Parameters, memory by part and operations of a training, counted on fake tensors before anything is allocated, and
the GPUs that it fits on.

Bytes are those of float32 and of the activations that autograd saves for the backward pass; bfloat16 takes less. The
sum of the parts is an upper bound of the peak, since gradients appear as activations are freed. Previews, which are
sampled between steps, can take more than the activations. PyTorch itself and its workspaces are excluded.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from debruit.conditioning.batch import ConditionBatch
from debruit.models.config import Backbone, ModelConfig
from debruit.networks.cond import Cond
from debruit.training.config import Optimiser, Run
from debruit.training.state import build_optimiser, trained
from debruit.training.tasks.diffusion import PREVIEW_COUNT

FLOAT = 4  # bytes
BACKWARD = 3  # cost of a forward and a backward pass, in forward passes
GPU_GIB = (8, 12, 16, 24, 40, 80)
USABLE = 0.9  # of a device's memory; the rest is for PyTorch itself


@dataclass(frozen=True)
class Speed:
    """Training speed: measured, or estimated from the operations of a step if measuring would take long."""

    images_per_second: float
    estimated: bool = False

    def __str__(self) -> str:
        rate = self.images_per_second
        shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
        return f"{shown} images/s" + (" (estimated from its FLOPs)" if self.estimated else "")


@dataclass(frozen=True)
class Cost:
    """Trained parameters; bytes of weights, gradients, moments and average together; bytes of activations per image;
    operations of a forward pass per image."""

    parameters: int
    fixed_bytes: int
    image_bytes: int
    forward_flops: int

    def peak_bytes(self, images: int) -> int:
        """Estimate the peak with `images` in flight, excluding PyTorch itself (about 0.4 GB on a CPU)."""
        return self.fixed_bytes + self.image_bytes * images


@dataclass(frozen=True)
class Footprint:
    """Parameters by part; `fixed`: bytes by part that do not depend on the batch; `image_bytes`: activations per image
    in flight; `preview_bytes`: memory of previews between steps. A step has `batch` images, of which `in_flight` are in
    memory at a time. `smaller` is the flag that reduces this number, with {} for the number."""

    parameters: Mapping[str, int]
    fixed: Mapping[str, int]
    image_bytes: int
    preview_bytes: int
    batch: int
    in_flight: int
    smaller: str

    def total(self, images: int) -> int:
        """Upper bound of the bytes with this many images in flight."""
        return sum(self.fixed.values()) + max(self.image_bytes * images, self.preview_bytes)

    def most(self, room: float) -> int:
        """The largest divisor of the batch whose total is within `room` bytes; 0 if there is none."""
        return max((n for n in range(1, self.batch + 1) if self.batch % n == 0 and self.total(n) <= room), default=0)


@lru_cache(maxsize=64)
def cost(model: ModelConfig) -> Cost:
    """Count by running the model on fake tensors, without memory: exact numbers, and the bytes that autograd saves.
    (The meta device would use another kernel for attention, which saves more.)"""
    with FakeTensorMode():
        backbone = model.build()
        one, two = (_counted(model, backbone, n) for n in (1, 2))
        fixed = sum(trained_bytes(backbone, Optimiser(kind="adamw")).values())
        count = sum(p.numel() for _, p in trained(backbone))
    # the difference excludes what is computed once per batch, such as the encoding of no caption
    return Cost(count, fixed, two[0] - one[0], two[1] - one[1])


def footprint(run: Run) -> Footprint:
    """Footprint of a diffusion model, its frozen autoencoder included."""
    model = run.model
    with FakeTensorMode():
        backbone, codec = model.build(), model.codec.build(model.data.channels)
        memory = trained_bytes(backbone, run.optimiser)
        size = (model.data.height, model.data.width)
        preview = max(
            passing_bytes(lambda: backbone(*_inputs(model, backbone, 1))),
            passing_bytes(lambda: codec.decode(torch.empty(1, *model.latent_shape), size)),
        )
    counts = {"network": parameters(backbone.network)}
    counts |= {f"conditioner {name}": parameters(part) for name, part in backbone.conditioners.items()}
    if frozen := parameters(codec):
        counts["autoencoder (frozen)"] = frozen
        memory["autoencoder (frozen)"] = frozen * FLOAT
    return Footprint(
        counts,
        memory,
        image_bytes=cost(model).image_bytes,
        preview_bytes=PREVIEW_COUNT * preview,
        batch=run.batch,
        in_flight=run.microbatch or run.batch,
        smaller="--set microbatch={}",
    )


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


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


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


def lines(needs: Footprint, memory: int) -> list[str]:
    """Lines about parameters, memory by part, and the memory sizes that it fits into: `memory` bytes, common GPUs."""
    total = needs.total(needs.in_flight)
    unit, size = ("GiB", 2**30) if total >= 2**30 else ("MiB", 2**20)
    counts = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in needs.parameters.items())
    parts = [*needs.fixed.items(), (f"activations of {needs.in_flight} images", needs.image_bytes * needs.in_flight)]
    parts += [("or previews, between steps", needs.preview_bytes)]
    width = max(len(name) for name, _ in parts)
    return [
        f"parameters  {counts}",
        f"memory      {total / size:.2f} {unit} in total, excluding PyTorch itself; estimated, in float32 "
        f"({needs.image_bytes / 2**20:,.1f} MiB of activations per image)",
        *(f"            {name:<{width}}  {held / size:7.2f} {unit}" for name, held in parts),
        f"fits        estimated, not measured on a GPU; this device ({memory / 2**30:.1f} GiB): {room(needs, memory)}",
        *(f"            {line}" for line in fits(needs)),
    ]


def fits(needs: Footprint) -> list[str]:
    """Lines about the common sizes of GPU memory; sizes with the same answer share a line."""
    answers: dict[str, list[str]] = {}
    for size in GPU_GIB:
        answers.setdefault(room(needs, size * 2**30), []).append(str(size))
    return [f"GPU of {', '.join(sizes)} GiB: {answer}" for answer, sizes in answers.items()]


def room(needs: Footprint, size: int) -> str:
    """State whether the batch fits into a memory of `size` bytes, or the flag with which it does."""
    images = needs.most(USABLE * size)
    if images == needs.batch:
        return f"the batch of {needs.batch} fits"
    if images:
        return f"with {needs.smaller.format(images)}"
    steps = replace(needs, preview_bytes=0).most(USABLE * size)
    return "enough for training steps, too small for previews" if steps else "too small"


def _counted(model: ModelConfig, backbone: Backbone, batch: int) -> tuple[int, int]:
    """Bytes saved for the backward pass of a batch, and the operations of its forward pass."""
    with FlopCounterMode(display=False) as counter:
        saved = saved_bytes(lambda: backbone(*_inputs(model, backbone, batch)))
    return saved, counter.get_total_flops()


def _inputs(model: ModelConfig, backbone: Backbone, batch: int) -> tuple[Tensor, Tensor, Cond]:
    """Inputs of the backbone for a batch; encoding the conditions here makes their encoders part of the cost."""
    conditions = ConditionBatch.full(model, batch)
    cond = backbone.cond(conditions.values, conditions.keep)
    return torch.empty(batch, *model.latent_shape), torch.empty(batch), cond
