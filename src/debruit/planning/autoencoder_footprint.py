"""Memory and operations of the training of an autoencoder, as in planning/footprint.py, with the networks of its loss.

A step runs the autoencoder, then the perceptual network, then the discriminator, and frees the activations of each of
the two after it (autoencoder_step.py). So the activations of an image are those of the autoencoder and of the larger of
the other two.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.perceptual import Perceptual, PerceptualModule
from debruit.planning.footprint import BACKWARD, FLOAT, Footprint, parameters, passing_bytes, saved_bytes, trained_bytes
from debruit.training.config import AutoencoderRun
from debruit.training.tasks.autoencoder import PREVIEW_IMAGES

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A network of the loss: parameters, bytes of activations per image, and operations that it adds to a step per
    image."""

    parameters: int
    image_bytes: int
    flops: int


NOTHING = Part(0, 0, 0)


def footprint(run: AutoencoderRun) -> Footprint:
    """Footprint of an autoencoder, its average and best weights so far, its discriminator and its perceptual network.
    InputError: weights of the perceptual network that are not installed."""
    criterion, shape = run.criterion, run.data.shape
    with FakeTensorMode():
        module = run.model.codec.build(shape[0])
        module.bottleneck.eval()  # a codebook in training counts its use, which fake tensors cannot
        memory = trained_bytes(module, run.optimiser)
        own = _per_image(lambda x: module(x).images, shape)
        shown = passing_bytes(lambda: module(torch.empty(1, *shape)))
        count = parameters(module)
    memory["best weights so far"] = count * FLOAT
    perceptual, discriminator = (
        perceptual_part(criterion.perceptual, shape),
        discriminator_part(criterion.adversarial, shape),
    )
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


def step_flops(run: AutoencoderRun, *, discriminator: bool) -> int:
    """Operations of a training step per image, before or after the discriminator's entry."""
    shape, criterion = run.data.shape, run.criterion
    flops = BACKWARD * forward_flops(run.model.codec, shape) + perceptual_part(criterion.perceptual, shape).flops
    return flops + (discriminator_part(criterion.adversarial, shape).flops if discriminator else 0)


@lru_cache(maxsize=64)
def forward_flops(codec: Autoencoder, shape: Shape) -> int:
    """Operations of encoding and decoding one image."""
    with FakeTensorMode(), FlopCounterMode(display=False) as counter, torch.no_grad():
        module = codec.build(shape[0]).eval()
        module(torch.empty(1, *shape))
    return counter.get_total_flops()


@lru_cache(maxsize=8)
def perceptual_part(config: Perceptual | None, shape: Shape) -> Part:
    """The perceptual network: it is applied to images, and to their reconstructions with a gradient. InputError:
    weights that are not installed."""
    if config is None or not config.weight:
        return NOTHING
    module = config.build(shape[0])
    with FakeTensorMode(allow_non_fake_inputs=True):
        compare = lambda x: module(torch.empty_like(x), x)  # noqa: E731
        return Part(frozen_parameters(module), _per_image(compare, shape), _flops(compare, shape, images_only=True))


@lru_cache(maxsize=8)
def discriminator_part(config: Adversarial | None, shape: Shape) -> Part:
    """The discriminator: it is applied to reconstructions for their gradient, and to both kinds in its own step."""
    if config is None or not config.weight:
        return NOTHING
    with FakeTensorMode():
        module = config.build(shape[0])
        own_step = 2 * _flops(module, shape, images_only=False)
        activations = _per_image(module, shape)
        against = _flops(module.requires_grad_(False), shape, images_only=True)
        return Part(parameters(module), activations, own_step + against)


def frozen_parameters(module: PerceptualModule) -> int:
    """Parameters of the perceptual network, which its module does not register."""
    return sum(parameters(part) for part in module._frozen)


def _per_image(forward, shape: Shape) -> int:
    """Bytes saved for the backward pass per image of a batch."""
    one, two = (saved_bytes(lambda n=n: forward(torch.empty(n, *shape, requires_grad=True))) for n in (1, 2))
    return two - one


def _flops(forward, shape: Shape, *, images_only: bool) -> int:
    """Operations of a forward and a backward pass of one image, with respect to the images or else to the weights."""
    with FlopCounterMode(display=False) as counter:
        forward(torch.empty(1, *shape, requires_grad=images_only)).sum().backward()
    return counter.get_total_flops()
