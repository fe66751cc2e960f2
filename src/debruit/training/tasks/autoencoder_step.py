"""One step of an autoencoder's training.

x^ = D(z), z ~ q(z|x)
g_n = gradient of mean(L_recons + b2 L_perceptual) at x^
g_G = gradient of mean L_G at x^
lambda from both at the decoder's last convolution (VQGAN, equation 7)
x^.backward(g_n + strength b3 lambda g_G), and the gradient of b1 L_KL
then the discriminator's step on x and the same x^

Each network is evaluated once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from debruit.autoencoders.autoencoder import AutoencoderModule, Reconstruction
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.adversarial import Adversarial, accuracy, r1_penalty
from debruit.autoencoders.losses.criterion import CriterionModule, Penalty
from debruit.autoencoders.vq import VQModule
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.transforms import flip, flips
from debruit.networks.dropout import draw_from
from debruit.rng import Purpose, stream
from debruit.training import discriminator_guard
from debruit.training.config import AutoencoderRun
from debruit.training.cpu_parallel import CpuDataParallel
from debruit.training.loop import passed
from debruit.training.optim.gradient import autocast
from debruit.training.tasks.autoencoder_state import AutoencoderState, Trained

LEAST_IMAGES = 2  # per share: an image costs much more here than a small latent


@dataclass(frozen=True)
class AutoencoderBatch:
    """Images (B, C, H, W) in [-1, 1], the noise `eps` of their latents, and `keys` (B,) uint64, which seed what the
    network itself samples (dropout)."""

    images: Tensor
    eps: Tensor
    keys: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> Self:
        return type(self)(self.images.to(device), self.eps.to(device), self.keys)


def make_batch(run: AutoencoderRun, dataset: Dataset, order: Order, first: int, attempt: int) -> AutoencoderBatch:
    """Return images first..first + batch - 1 of the training; everything random about one is a function of (seed, its
    position, attempt)."""
    indices, _ = order.take(first, run.batch)
    images = dataset.images_of(indices)
    images = flip(images, flips(run.seed, first, len(indices)) if run.flip else None)
    eps = stream(Purpose.LATENT, run.seed, attempt).normal_rows(first, len(indices), latent_shape(run))
    keys = stream(Purpose.DROPOUT, run.seed, attempt).word_rows(first, len(indices))[:, 0]
    return AutoencoderBatch(dataset.spec.to_model(images), eps, keys)


def latent_shape(run: AutoencoderRun) -> tuple[int, ...]:
    """Return the shape (c, *sizes) of one image's latents."""
    data, codec = run.data, run.model.codec
    return (codec.latent_channels(data.channels), *codec.latent_size(*data.sizes))


def sharing(state: AutoencoderState, run: AutoencoderRun, device: torch.device) -> CpuDataParallel[Trained]:
    """Return the data parallelism of a CPU: several shares unless statistics of the whole batch are needed (use of a
    codebook)."""
    allowed = device.type == "cpu" and isinstance(run.model.codec.bottleneck, KL)
    return CpuDataParallel(Trained(state.module, state.criterion), run.batch, allowed=allowed, least=LEAST_IMAGES)


def step(
    state: AutoencoderState, run: AutoencoderRun, batch: AutoencoderBatch, rate: float, shares: CpuDataParallel[Trained]
) -> dict[str, Tensor]:
    """Make one step of the autoencoder, and of the discriminator once it has entered; return the terms, each ().

    Nothing is updated if a gradient is not finite: "grad_norm" is then not finite either.
    """
    discriminator_guard.enter_as_scheduled(state, run)
    strength, adversarial = discriminator_guard.strength(state, run), run.criterion.adversarial
    state.module.train()
    state.optimiser.zero_grad(set_to_none=True)
    if strength:
        draw_from(state.module, batch.keys, batch.images.device)
        decoded, terms = _against(state, run, batch, strength)
    else:
        decoded, terms = None, _alone(run, batch, shares)
    parameters = [p for p in Trained(state.module, state.criterion).parameters() if p.grad is not None]
    terms["grad_norm"] = torch.nn.utils.clip_grad_norm_(parameters, run.optimiser.clip_norm, foreach=True)
    if decoded is not None and adversarial is not None:
        with autocast(run, batch.images.device):
            terms |= _discriminator_backward(state, adversarial, batch.images, decoded)
        if not torch.isfinite(terms["discriminator"] + terms["discriminator_grad_norm"]):
            terms["grad_norm"] = terms["discriminator"] + terms["discriminator_grad_norm"]
    if torch.isfinite(terms["grad_norm"]):
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        state.optimiser.step()
        if "discriminator" in terms and adversarial is not None and state.discriminator_optimiser is not None:
            for group in state.discriminator_optimiser.param_groups:
                group["lr"] = adversarial.lr * rate / run.optimiser.lr
            state.discriminator_optimiser.step()
        _revive(state, run, batch)
    return terms


def _alone(run: AutoencoderRun, batch: AutoencoderBatch, shares: CpuDataParallel[Trained]) -> dict[str, Tensor]:
    """Add the gradients of the loss without a discriminator to the parameters; return the terms, each ()."""
    names: list[str] = []

    def backward(both: Trained, low: int, high: int) -> Tensor:
        module, criterion = both.autoencoder, both.criterion
        images = batch.images[low:high]
        draw_from(module, batch.keys[low:high], images.device)
        with autocast(run, images.device):
            reconstruction = module(images, batch.eps[low:high])
            each = criterion.image_terms(images, reconstruction.images)
            each |= _latent_terms(module, criterion, reconstruction, images)
            loss = criterion.total(each)
        (loss.sum() / len(batch.images)).backward()
        names[:] = [*each, "loss"]
        return torch.stack([value.detach().sum() for value in (*each.values(), loss)]) / len(batch.images)

    total = shares(0, len(batch.images), backward)
    return dict(zip(names, total, strict=True))


def _against(
    state: AutoencoderState, run: AutoencoderRun, batch: AutoencoderBatch, strength: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add the gradients of the loss with the discriminator to the parameters; return the decoded images, detached, and
    the terms."""
    criterion, module, adversarial, discriminator = (
        state.criterion,
        state.module,
        run.criterion.adversarial,
        state.discriminator,
    )
    assert adversarial is not None
    assert discriminator is not None
    with autocast(run, batch.images.device):
        reconstruction = module(batch.images, batch.eps)
        decoded = reconstruction.images.detach().requires_grad_()
        each = criterion.image_terms(batch.images, decoded)
        loss = criterion.total(each).mean()
        loss.backward()  # at the decoded images, and at a learned scale
        gradient = decoded.grad
        assert gradient is not None
        latent = _latent_terms(module, criterion, reconstruction, batch.images)
        penalty = criterion.total(latent).mean()
        generator_loss = adversarial.generator_loss(discriminator(decoded)).mean()
    (against,) = torch.autograd.grad(generator_loss, decoded)
    gradient, factor = adversarial.combine(
        reconstruction.images, gradient, against, last=module.last_layer, strength=strength
    )
    torch.autograd.backward(
        [reconstruction.images, penalty], [gradient.to(reconstruction.images.dtype), torch.ones_like(penalty)]
    )
    terms = {name: value.detach().mean() for name, value in (each | latent).items()}
    terms |= {"loss": loss.detach() + penalty.detach()}
    terms |= {"adversarial": generator_loss.detach(), "adversarial_weight": factor.detach()}
    return decoded.detach(), terms


def _latent_terms(
    module: AutoencoderModule, criterion: CriterionModule, reconstruction: Reconstruction, images: Tensor
) -> dict[str, Tensor]:
    kind: Penalty = "codebook" if isinstance(module.bottleneck, VQModule) else "kl"
    return criterion.latent_terms(reconstruction.penalty, images, kind)


def _discriminator_backward(
    state: AutoencoderState, adversarial: Adversarial, images: Tensor, decoded: Tensor
) -> Mapping[str, Tensor]:
    """Set the gradients of the discriminator; return its loss, gradient norm and accuracy, each ()."""
    discriminator, optimiser = state.discriminator, state.discriminator_optimiser
    assert discriminator is not None
    assert optimiser is not None
    optimiser.zero_grad(set_to_none=True)
    images = images.detach().requires_grad_(adversarial.r1 > 0)
    real, fake = discriminator(images), discriminator(decoded)
    loss = adversarial.discriminator_loss(real, fake)
    if adversarial.r1:
        loss = loss + adversarial.r1 * r1_penalty(real, images)
    loss.mean().backward()
    return {
        "discriminator": loss.detach().mean(),
        "discriminator_grad_norm": torch.nn.utils.clip_grad_norm_(discriminator.parameters(), float("inf")),
        "discriminator_accuracy": accuracy(real.detach(), fake.detach()).mean(),
    }


@torch.no_grad()
def _revive(state: AutoencoderState, run: AutoencoderRun, batch: AutoencoderBatch) -> None:
    """Move dead codes onto latents of this batch, each `revive_images`, in the weights and in their average."""
    bottleneck, other = state.module.bottleneck, state.average.bottleneck
    if not isinstance(bottleneck, VQModule) or not isinstance(other, VQModule):
        return
    seen = state.images_seen
    if passed(seen, seen + len(batch.images), run.revive_images):
        dead = bottleneck.dead
        latents = state.module.eval().moments(batch.images).mean
        bottleneck.revive(latents, stream(Purpose.CODES, run.seed, seen, state.attempt))
        other.codebook.weight[dead] = bottleneck.codebook.weight[dead]
    other.usage.copy_(bottleneck.usage)
