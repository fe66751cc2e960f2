"""Operations and memory of a training step per image, for diffusion models and for autoencoders with the networks of
their loss. Counted on fake tensors and cached, since the planner compares many candidates.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.perceptual import Perceptual, PerceptualModule
from debruit.conditioning.batch import ConditionBatch
from debruit.models.config import Backbone, ModelConfig
from debruit.networks.cond import Cond
from debruit.planning.counting import flops, parameters, saved_bytes, trained_bytes
from debruit.training.config import AnyRun, DistillationRun, Optimiser, Run
from debruit.training.state import trained

BACKWARD = 3  # cost of a forward and a backward pass, in forward passes

Shape = tuple[int, ...]


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
class LossNetwork:
    """A network of the loss: parameters, bytes of activations per image, and operations that it adds to a step per
    image."""

    parameters: int
    image_bytes: int
    flops: int


NOTHING = LossNetwork(0, 0, 0)


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


@lru_cache(maxsize=64)
def autoencoder_flops(codec: Autoencoder, shape: Shape) -> int:
    """Operations of encoding and decoding one image."""
    with FakeTensorMode(), torch.no_grad():
        module = codec.build(shape[0]).eval()
        return flops(lambda: module(torch.empty(1, *shape)))


def forward_flops(run: AnyRun) -> int:
    """Operations of a forward pass per image, without the networks of the loss."""
    if isinstance(run, Run):
        return cost(run.step_model).forward_flops
    return autoencoder_flops(run.model.codec, run.data.shape)


def step_flops(run: AnyRun, *, discriminator: bool = False) -> int:
    """Operations of a training step per image; `discriminator`: after its entry, if the run has one."""
    total = BACKWARD * forward_flops(run)
    if isinstance(run, DistillationRun):
        return total + round(forward_flops(run) * run.teacher.evaluations / (run.evaluations * run.reuse))
    if isinstance(run, Run):
        return total
    total += perceptual_network(run.criterion.perceptual, run.data.shape).flops
    return total + (discriminator_network(run.criterion.adversarial, run.data.shape).flops if discriminator else 0)


@lru_cache(maxsize=8)
def perceptual_network(config: Perceptual | None, shape: Shape) -> LossNetwork:
    """The perceptual network: it is applied to images, and to their reconstructions with a gradient. InputError:
    weights that are not installed."""
    if config is None or not config.weight:
        return NOTHING
    module = config.build(shape[0])
    with FakeTensorMode(allow_non_fake_inputs=True):
        compare = lambda x: module(torch.empty_like(x), x)  # noqa: E731
        return LossNetwork(
            frozen_parameters(module), image_bytes(compare, shape), _gradient_flops(compare, shape, images_only=True)
        )


@lru_cache(maxsize=8)
def discriminator_network(config: Adversarial | None, shape: Shape) -> LossNetwork:
    """The discriminator: it is applied to reconstructions for their gradient, and to both kinds in its own step."""
    if config is None or not config.weight:
        return NOTHING
    with FakeTensorMode():
        module = config.build(shape[0])
        own_step = 2 * _gradient_flops(module, shape, images_only=False)
        activations = image_bytes(module, shape)
        against = _gradient_flops(module.requires_grad_(False), shape, images_only=True)
        return LossNetwork(parameters(module), activations, own_step + against)


def frozen_parameters(module: PerceptualModule) -> int:
    """Parameters of the perceptual network, which its module does not register."""
    return sum(parameters(part) for part in module._frozen)


def image_bytes(forward, shape: Shape) -> int:
    """Bytes saved for the backward pass per image of a batch."""
    one, two = (saved_bytes(lambda n=n: forward(torch.empty(n, *shape, requires_grad=True))) for n in (1, 2))
    return two - one


def _gradient_flops(forward, shape: Shape, *, images_only: bool) -> int:
    """Operations of a forward and a backward pass of one image, with respect to the images or else to the weights."""
    return flops(lambda: forward(torch.empty(1, *shape, requires_grad=images_only)).sum().backward())


def _counted(model: ModelConfig, backbone: Backbone, batch: int) -> tuple[int, int]:
    """Bytes saved for the backward pass of a batch, and the operations of its forward pass."""
    with FlopCounterMode(display=False) as counter:
        saved = saved_bytes(lambda: backbone(*inputs(model, backbone, batch)))
    return saved, counter.get_total_flops()


def inputs(model: ModelConfig, backbone: Backbone, batch: int) -> tuple[Tensor, Tensor, Cond]:
    """Inputs of the backbone for a batch; encoding the conditions here makes their encoders part of the cost."""
    conditions = ConditionBatch.full(model, batch)
    cond = backbone.cond(conditions.values, conditions.keep)
    return torch.empty(batch, *model.latent_shape), torch.empty(batch), cond
