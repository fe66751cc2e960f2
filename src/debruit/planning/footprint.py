"""What a training takes, counted on fake tensors before anything is allocated: parameters, memory by part, operations;
and on which GPU it fits.

Bytes are those of float32, and of what autograd keeps for the backward pass; bfloat16 keeps less. The sum over the
parts is an estimate of the peak from above: gradients appear as activations go. Previews, which are drawn between
steps, can take more than those. It leaves out the framework itself and its workspaces.
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
BACKWARD = 3  # a forward and a backward pass together, in forward passes
GPU_GIB = (8, 12, 16, 24, 40, 80)
USABLE = 0.9  # of a device's memory: the rest is the framework's own


@dataclass(frozen=True)
class Speed:
    """Images per second: measured, or estimated from the operations of a step where measuring one would take long."""

    images_per_second: float
    estimated: bool = False

    def __str__(self) -> str:
        rate = self.images_per_second
        shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
        return f"{shown} images/s" + (" (estimated from its operations)" if self.estimated else "")


@dataclass(frozen=True)
class Cost:
    """Parameters that are trained; bytes of weights, gradients, moments and average together, and of what the backward
    pass keeps for one image; operations of one forward pass of one image."""

    parameters: int
    fixed_bytes: int
    image_bytes: int
    forward_flops: int

    def peak_bytes(self, images: int) -> int:
        """An estimate of the peak with `images` in flight; it leaves out the framework itself (about 0.4 GB on a CPU)."""
        return self.fixed_bytes + self.image_bytes * images


@dataclass(frozen=True)
class Footprint:
    """Parameters by part; bytes by part that do not depend on the batch, of what one image in flight keeps, and of what
    previews take between steps; `batch` images make a step, of which `in_flight` are in memory at a time. `smaller` is
    how to have fewer in flight, a flag with {} for their number."""

    parameters: Mapping[str, int]
    fixed: Mapping[str, int]
    image_bytes: int
    preview_bytes: int
    batch: int
    in_flight: int
    smaller: str

    def total(self, images: int) -> int:
        """Bytes at the most, with so many images in flight."""
        return sum(self.fixed.values()) + max(self.image_bytes * images, self.preview_bytes)

    def most(self, room: float) -> int:
        """The most images, a divisor of the batch, whose total stays within `room` bytes; 0 if there is none."""
        return max((n for n in range(1, self.batch + 1) if self.batch % n == 0 and self.total(n) <= room), default=0)


@lru_cache(maxsize=64)
def cost(model: ModelConfig) -> Cost:
    """By running the model on fake tensors, without memory: exact counts, and the bytes that autograd saves. (The meta
    device would take another kernel for attention, which keeps more.)"""
    with FakeTensorMode():
        backbone = model.build()
        one, two = (_counted(model, backbone, n) for n in (1, 2))
        fixed = sum(trained_bytes(backbone, Optimiser(kind="adamw")).values())
        count = sum(p.numel() for _, p in trained(backbone))
    # the difference leaves out what a batch has once, as the encoding of no caption
    return Cost(count, fixed, two[0] - one[0], two[1] - one[1])


def footprint(run: Run) -> Footprint:
    """That of a diffusion model, its frozen autoencoder included."""
    model = run.model
    with FakeTensorMode():
        backbone, codec = model.build(), model.codec.build(model.data.channels)
        memory = trained_bytes(backbone, run.optimiser)
        size = (model.data.height, model.data.width)
        drawn = max(
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
        preview_bytes=PREVIEW_COUNT * drawn,
        batch=run.batch,
        in_flight=run.microbatch or run.batch,
        smaller="--set microbatch={}",
    )


def trained_bytes(module: nn.Module, optimiser: Optimiser) -> dict[str, int]:
    """Of the weights of a module, their gradients, an optimiser's moments and the running average. Called in a
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
    """What the backward pass of a result keeps, each storage once."""
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage  # held, so that no other gets its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = forward()
    assert out.requires_grad
    return sum(storage.nbytes() for storage in kept.values())


def passing_bytes(forward: Callable[[], object]) -> int:
    """The most that is in memory at once in a pass without gradients, of what the pass itself makes."""
    with torch.no_grad(), PeakMemory() as living:
        forward()
    return living.most


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of the storages that operations make, until the last tensor on each is gone."""

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
                    if storage._cdata in given:  # a view of what was there before
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


def lines(found: Footprint, here: int) -> list[str]:
    """Parameters and memory by part, and whether it fits into the `here` bytes of the device, and on which GPU."""
    total = found.total(found.in_flight)
    unit, size = ("GiB", 2**30) if total >= 2**30 else ("MiB", 2**20)
    counts = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in found.parameters.items())
    parts = [*found.fixed.items(), (f"activations of {found.in_flight} images", found.image_bytes * found.in_flight)]
    parts += [("or, between steps, previews", found.preview_bytes)]
    width = max(len(name) for name, _ in parts)
    return [
        f"parameters  {counts}",
        f"memory      {total / size:.2f} {unit} in all, beside the framework's own; estimated, in float32 "
        f"({found.image_bytes / 2**20:,.1f} MiB of activations an image)",
        *(f"            {name:<{width}}  {held / size:7.2f} {unit}" for name, held in parts),
        f"fits        estimated, not measured on any GPU; here ({here / 2**30:.1f} GiB): {room(found, here)}",
        *(f"            {line}" for line in fits(found)),
    ]


def fits(found: Footprint) -> list[str]:
    """What each size of a GPU's memory takes; sizes that are alike together."""
    alike: dict[str, list[str]] = {}
    for size in GPU_GIB:
        alike.setdefault(room(found, size * 2**30), []).append(str(size))
    return [f"GPU of {', '.join(sizes)} GiB: {said}" for said, sizes in alike.items()]


def room(found: Footprint, size: int) -> str:
    """Whether the batch fits into a memory of `size` bytes, or what to do that it does."""
    images = found.most(USABLE * size)
    if images == found.batch:
        return f"the batch of {found.batch} fits"
    if images:
        return f"with {found.smaller.format(images)}"
    steps = replace(found, preview_bytes=0).most(USABLE * size)
    return "enough for the steps, too small for the previews" if steps else "too small"


def _counted(model: ModelConfig, backbone: Backbone, batch: int) -> tuple[int, int]:
    """What the backward pass of a batch keeps, in bytes, and the operations of its forward pass."""
    with FlopCounterMode(display=False) as counter:
        kept = saved_bytes(lambda: backbone(*_inputs(model, backbone, batch)))
    return kept, counter.get_total_flops()


def _inputs(model: ModelConfig, backbone: Backbone, batch: int) -> tuple[Tensor, Tensor, Cond]:
    """What the backbone sees of a batch, its conditions encoded: their encoders are part of the cost."""
    conditions = ConditionBatch.full(model, batch)
    cond = backbone.cond(conditions.values, conditions.keep)
    return torch.empty(batch, *model.latent_shape), torch.empty(batch), cond
