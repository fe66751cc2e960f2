"""Memory of a training by part, and the memory sizes that it fits into.

Bytes are those of float32 and of the activations that autograd saves for the backward pass; bfloat16 takes less. The
sum of the parts is an upper bound of the peak, since gradients appear as activations are freed. Previews, which are
sampled between steps, can take more than the activations. PyTorch itself and its workspaces are excluded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from debruit.planning.cost import cost, discriminator_network, image_bytes, inputs, perceptual_network
from debruit.planning.counting import FLOAT, parameters, passing_bytes, trained_bytes
from debruit.training.config import AnyRun, AutoencoderRun, DistillationRun, Run
from debruit.training.tasks.autoencoder import PREVIEW_IMAGES
from debruit.training.tasks.diffusion import PREVIEW_COUNT

GPU_GIB = (8, 12, 16, 24, 40, 80)
USABLE = 0.9  # of a device's memory; the rest is for PyTorch itself


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


def footprint(run: AnyRun) -> Footprint:
    """Count the memory of a training. InputError: weights of the perceptual network that are not installed."""
    return _diffusion(run) if isinstance(run, Run) else _autoencoder(run)


def _diffusion(run: Run) -> Footprint:
    """The network, its conditioners and the frozen autoencoder."""
    model = run.model
    with FakeTensorMode():
        backbone, codec = model.build(), model.codec.build(model.data.channels)
        memory = trained_bytes(backbone, run.optimiser)
        size = (model.data.height, model.data.width)
        preview = max(
            passing_bytes(lambda: backbone(*inputs(model, backbone, 1))),
            passing_bytes(lambda: codec.decode(torch.empty(1, *model.latent_shape), size)),
        )
    counts = {"network": parameters(backbone.network)}
    counts |= {f"conditioner {name}": parameters(part) for name, part in backbone.conditioners.items()}
    if frozen := parameters(codec):
        counts["autoencoder (frozen)"] = frozen
        memory["autoencoder (frozen)"] = frozen * FLOAT
    if isinstance(run, DistillationRun):
        counts["teacher (frozen)"] = parameters(backbone)
        memory["teacher (frozen)"] = parameters(backbone) * FLOAT
    return Footprint(
        counts,
        memory,
        image_bytes=cost(run.step_model).image_bytes,
        preview_bytes=PREVIEW_COUNT * preview,
        batch=run.batch,
        in_flight=run.microbatch or run.batch,
        smaller="--set microbatch={}",
    )


def _autoencoder(run: AutoencoderRun) -> Footprint:
    """The autoencoder with its average and best weights so far, the discriminator and the perceptual network.

    A step runs the autoencoder, then the perceptual network, then the discriminator, and frees the activations of each
    of the two after it (training/tasks/autoencoder_step.py). So the activations of an image are those of the
    autoencoder and of the larger of the other two.
    """
    criterion, shape = run.criterion, run.data.shape
    with FakeTensorMode():
        module = run.model.codec.build(shape[0])
        module.bottleneck.eval()  # a codebook in training counts its use, which fake tensors cannot
        memory = trained_bytes(module, run.optimiser)
        own = image_bytes(lambda x: module(x).images, shape)
        shown = passing_bytes(lambda: module(torch.empty(1, *shape)))
        count = parameters(module)
    memory["best weights so far"] = count * FLOAT
    perceptual = perceptual_network(criterion.perceptual, shape)
    discriminator = discriminator_network(criterion.adversarial, shape)
    counts = {"autoencoder": count}
    if discriminator.parameters:
        counts["discriminator"] = discriminator.parameters
        memory["discriminator, gradients, moments"] = 4 * discriminator.parameters * FLOAT
    if perceptual.parameters:
        counts["perceptual network (frozen)"] = perceptual.parameters
        memory["perceptual network (frozen)"] = perceptual.parameters * FLOAT
    image = own + max(perceptual.image_bytes, discriminator.image_bytes)
    return Footprint(
        counts,
        memory,
        image_bytes=image,
        preview_bytes=PREVIEW_IMAGES * shown,
        batch=run.batch,
        in_flight=run.batch,
        smaller="--batch {}",
    )


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
