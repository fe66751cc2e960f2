"""Recommend a run for data, a device and a budget: a diffusion model (`diffusion`) or an autoencoder (`autoencoder`).

Both follow one rule (heuristics.py): of the operations that the device does in the budget, it derives the number of
images and the operations per image, and with them the network.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from debruit.autoencoders.codec import Codec
from debruit.autoencoders.kl import KL
from debruit.conditioning.base import Conditioner
from debruit.data.source import Source
from debruit.data.split import Split
from debruit.device import has_bf16
from debruit.images.spec import DataSpec
from debruit.models.config import FirstStageConfig, ModelConfig
from debruit.planning import autoencoder as autoencoders
from debruit.planning import heuristics, sizing, throughput
from debruit.planning.cost import BACKWARD, autoencoder_flops, cost
from debruit.planning.split import held_out, sizes
from debruit.training.config import AnyRun, AutoencoderRun, Optimiser, Run
from debruit.training.tasks.autoencoder_step import latent_shape

DEFAULT_MINUTES = 20.0
LR = Optimiser().lr
# of an autoencoder; many small steps, since the gradient of a reconstruction has little noise (bench/RESULTS.md)
CPU_BATCH = 8

Network = TypeVar("Network")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The length of a training, and the settings that the user has chosen.

    `images`, or else `minutes` (DEFAULT_MINUTES if neither is given), is its length. `speed` corrects the measured
    throughput of the device by the speed that a training has shown. `split` has the training images; without it they
    are all but the usual number of held-out images.
    """

    images: int | None = None
    minutes: float | None = None
    batch: int | None = None
    seed: int = 0
    flip: bool = False
    speed: float = 1.0
    split: Split | None = None

    def settings(self, spec: DataSpec) -> dict[str, Any]:
        """The settings of a run on this data that do not depend on its network."""
        minutes = DEFAULT_MINUTES if self.images is None and self.minutes is None else self.minutes
        return {
            "minutes": minutes,
            "seed": self.seed,
            "flip": self.flip,
            "validation_images": held_out(spec.count),
            "group": self.split.group if self.split else "",
            "own_parts": self.split.own_parts if self.split else False,
        }


def choose(
    budget: Budget,
    device: torch.device,
    *,
    share: float,
    half: bool = False,
    network: Callable[[float], Network],
    flops: Callable[[Network], int],
) -> tuple[Network, int]:
    """Return the network for a budget, and the number of images.

    `share`: operations per image, divided by the images; `half`: a CPU trains in bfloat16; `network`: chooses the one
    closest to a number of operations per image; `flops`: the operations per image of a network.
    """
    if budget.images is not None:
        return network(share * budget.images), budget.images
    minutes = DEFAULT_MINUTES if budget.minutes is None else budget.minutes
    operations = budget.speed * throughput.throughput(device, half=half) * minutes * 60
    chosen = network(math.sqrt(share * operations / BACKWARD))
    return chosen, max(int(operations / (BACKWARD * flops(chosen))), 1)


def diffusion(
    source: Source,
    spec: DataSpec,
    device: torch.device,
    budget: Budget,
    *,
    codec: Codec | None = None,
    conditioners: Sequence[Conditioner] | None = None,
) -> Run:
    """Recommend a diffusion model, on the latents of `codec` (None: pixels). `conditioners` None stands for the classes
    of the data, if it has any."""
    model, images = choose(
        budget,
        device,
        share=heuristics.SHARE,
        half=device.type == "cpu" and has_bf16(device),
        network=lambda target: heuristics.choose_model(spec, target, codec=codec, conditioners=conditioners),
        flops=lambda model: cost(model).forward_flops,
    )
    training, _ = sizes(spec, held_out(spec.count), budget.split)
    model = heuristics.regularised(model, images / training)
    batch, rate = usual_batch(model, images, device) if budget.batch is None else (budget.batch, LR)
    optimiser = Optimiser(lr=rate, warmup_images=min(5_000, images // 20))
    return Run(source=source, model=model, images=images, batch=batch, optimiser=optimiser, **budget.settings(spec))


def autoencoder(
    source: Source,
    spec: DataSpec,
    device: torch.device,
    budget: Budget,
    *,
    kind: autoencoders.Kind = "kl",
    factor: int | None = None,
) -> AutoencoderRun:
    """Recommend an autoencoder with this bottleneck and factor (None: chosen by the size of the images). InputError: a
    factor that is not a power of 2, or larger than the images."""
    factor = autoencoders.usual_factor(spec) if factor is None else factor
    codec, images = choose(
        budget,
        device,
        share=autoencoders.SHARE,
        network=lambda target: autoencoders.choose(spec, factor, autoencoders.bottleneck(kind), target),
        flops=lambda codec: autoencoder_flops(codec, spec.shape),
    )
    _, held = sizes(spec, held_out(spec.count), budget.split)
    run = AutoencoderRun(
        source=source,
        model=FirstStageConfig(data=spec, codec=codec),
        images=images,
        batch=(CPU_BATCH if device.type == "cpu" else 64) if budget.batch is None else budget.batch,
        criterion=autoencoders.usual_criterion(spec, images, held),
        optimiser=Optimiser(warmup_images=min(2_000, images // 20)),
        **budget.settings(spec),
    )
    latent_shape(run)  # InputError for images smaller than the factor
    return run if budget.batch is not None else sizing.with_smaller_batch(run, device)


def again(run: AnyRun, device: torch.device, *, speed: float, batch: int | None, split: Split | None = None) -> AnyRun:
    """Recommend again for the minutes of an earlier run, on a device that turned out to be `speed` times as fast."""
    budget = Budget(minutes=run.minutes, batch=batch, seed=run.seed, flip=run.flip, speed=speed, split=split)
    if isinstance(run, Run):
        model = run.model
        planned = diffusion(run.source, run.data, device, budget, codec=model.codec, conditioners=model.conditioners)
    else:
        codec = run.model.codec
        kind = "kl" if isinstance(codec.bottleneck, KL) else "vq"
        planned = autoencoder(run.source, run.data, device, budget, kind=kind, factor=codec.factor)
    return replace(planned, group=run.group, own_parts=run.own_parts)


def usual_batch(model: ModelConfig, images: int, device: torch.device) -> tuple[int, float]:
    """Batch size and learning rate of a training of this many images: on a CPU the best at equal time, measured in both
    precisions (bench/RESULTS.md). In bfloat16 the optimiser, which stays in float32, takes a larger share of a step, so
    larger batches are better."""
    if device.type != "cpu":
        return 256, LR
    if not sizing.gains_from_bf16(model, device) or images < 50_000:
        return 32, LR
    return (64, LR) if images < 100_000 else (128, 5.5e-3)
