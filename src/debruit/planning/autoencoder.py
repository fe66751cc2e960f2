"""Settings of an autoencoder, chosen from the data, the machine and the budget, with an estimate of their cost."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.bottleneck import Bottleneck
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.perceptual import LEAST_SIDE, Perceptual
from debruit.autoencoders.vq import VQ
from debruit.data.source import Source
from debruit.data.split import Split
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.models.config import FirstStageConfig
from debruit.networks.discriminator import least_side
from debruit.planning import footprint as estimate
from debruit.planning import heuristics, throughput
from debruit.planning.autoencoder_footprint import footprint, forward_flops, step_flops
from debruit.planning.footprint import Speed
from debruit.rng import Purpose, stream
from debruit.training.config import AutoencoderRun, Optimiser
from debruit.training.tasks.autoencoder_state import AutoencoderState
from debruit.training.tasks.autoencoder_step import Batch, latent_shape, sharing, step

Kind = Literal["kl", "vq"]
LATENT_SIDE = 16  # target size of the longer side of a latent; the factor is at most MOST_FACTOR
MOST_FACTOR = 8
LATENT_CHANNELS = 4
CODES = 1024
WIDTHS = (16, 24, 32, 48, 64, 96, 128)
SMALL_VALUES = 2**18  # batches with fewer values fit everywhere, and the estimate takes a second
SHARE = 20_000.0  # forward operations per image, divided by the images seen
CPU_BATCH = 8  # many small steps: the gradient of a reconstruction is hardly noisy (bench/RESULTS.md)
KL_WEIGHT = 1e-3  # costs no fidelity, and takes a tenth of the latents' needless precision
PERCEPTUAL_WEIGHT = 0.2
ADVERSARIAL_IMAGES = (
    100_000  # shorter trainings do without a discriminator: it would enter too late to help (bench/RESULTS.md)
)


def recommend(
    source: Source,
    spec: DataSpec,
    device: torch.device,
    *,
    images: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    seed: int = 0,
    flip: bool = False,
    kind: Kind = "kl",
    factor: int | None = None,
    speed: float = 1.0,
    split: Split | None = None,
) -> AutoencoderRun:
    """Recommend an autoencoder for this data, device and budget; `speed` and `split` as in heuristics.recommend.
    InputError: a factor that is not a power of 2."""
    minutes = heuristics.DEFAULT_MINUTES if images is None and minutes is None else minutes
    factor = suited_factor(spec) if factor is None else factor
    bottleneck = KL(channels=LATENT_CHANNELS) if kind == "kl" else VQ(channels=LATENT_CHANNELS, codes=CODES)
    if images is not None:
        codec, expected = choose(spec, factor, bottleneck, SHARE * images), images
    else:
        assert minutes is not None
        operations = speed * throughput.throughput(device) * minutes * 60
        codec = choose(spec, factor, bottleneck, math.sqrt(SHARE * operations / 3))
        expected = max(int(operations / (3 * forward_flops(codec, spec.shape))), 1)
    held_out = heuristics.held_out(spec.count)
    run = AutoencoderRun(
        source=source,
        model=FirstStageConfig(data=spec, codec=codec),
        images=expected,
        minutes=minutes,
        seed=seed,
        flip=flip,
        batch=(CPU_BATCH if device.type == "cpu" else 64) if batch is None else batch,
        validation_images=held_out,
        criterion=suited_criterion(spec, expected, heuristics.sizes(spec, held_out, split)[1]),
        optimiser=Optimiser(warmup_images=min(2_000, expected // 20)),
        group=split.group if split else "",
        own_parts=split.own_parts if split else False,
    )
    latent_shape(run)  # images smaller than the factor are refused here
    return run if batch is not None else affordable(run, device)


def again(
    run: AutoencoderRun, device: torch.device, *, speed: float, batch: int | None, split: Split | None = None
) -> AutoencoderRun:
    """Recommend again for the minutes of an earlier run, on a device that turned out to be `speed` times as fast."""
    codec = run.model.codec
    planned = recommend(
        run.source,
        run.data,
        device,
        minutes=run.minutes,
        batch=batch,
        seed=run.seed,
        flip=run.flip,
        kind="kl" if isinstance(codec.bottleneck, KL) else "vq",
        factor=codec.factor,
        speed=speed,
        split=split,
    )
    return replace(planned, group=run.group, own_parts=run.own_parts)


def operations(run: AutoencoderRun) -> int:
    """Floating-point operations of one forward pass per image."""
    return forward_flops(run.model.codec, run.data.shape)


def affordable(run: AutoencoderRun, device: torch.device) -> AutoencoderRun:
    """Reduce the batch until its estimated peak is below half of the device's memory, or to 1 image."""
    if run.batch * math.prod(run.data.shape) <= SMALL_VALUES:
        return run
    return replace(run, batch=max(footprint(run).most(throughput.memory(device) / 2), 1))


def suited_factor(spec: DataSpec) -> int:
    """The power of 2, between 2 and MOST_FACTOR, that brings the longer side of the latents closest to LATENT_SIDE."""
    longer = max(spec.height, spec.width)
    return int(min(max(2 ** round(math.log2(longer / LATENT_SIDE)), 2), MOST_FACTOR))


def suited_criterion(spec: DataSpec, images: int, held_out: int) -> Criterion:
    """The loss terms that images of this size allow: the perceptual network and the discriminator have a minimum size,
    and the discriminator also needs held-out images, for its guard."""
    shorter = min(spec.height, spec.width)
    layers = next((n for n in (3, 2, 1) if shorter >= 2 * least_side(n)), 0)
    adversarial = None
    if layers and held_out and images >= ADVERSARIAL_IMAGES:
        adversarial = Adversarial(layers=layers, channels=32, norm="group", ramp_images=images // 20)
    perceptual = Perceptual(weight=PERCEPTUAL_WEIGHT) if shorter >= LEAST_SIDE else None
    return Criterion(kl_weight=KL_WEIGHT, perceptual=perceptual, adversarial=adversarial)


def choose(spec: DataSpec, factor: int, bottleneck: Bottleneck, target: float) -> Autoencoder:
    """The candidate whose forward pass (encoder and decoder) is closest to `target` operations per image."""
    codecs = [Autoencoder(coder=coder, bottleneck=bottleneck) for coder in coders(factor)]
    return min(codecs, key=lambda codec: abs(math.log(forward_flops(codec, spec.shape) / target)))


def narrowest(spec: DataSpec) -> Autoencoder:
    """The cheapest candidate for this data."""
    return Autoencoder(coder=coders(suited_factor(spec))[0], bottleneck=KL(channels=LATENT_CHANNELS))


def coders(factor: int) -> list[Coder]:
    """Candidates from narrow to wide: no block at full resolution, folding between levels, and no attention, since the
    receptive field of the convolutions is large enough. InputError: a factor that is not a power of 2."""
    if factor < 1 or factor & (factor - 1):
        raise InputError(f"a factor of {factor}: it must be a power of 2, for example 4")
    patch = min(factor, 2)
    levels = int(math.log2(factor // patch)) + 1
    return [
        Coder(
            channels=width,
            multipliers=tuple(min(2**k, 4) for k in range(levels)),
            patch=patch,
            blocks=1,
            groups=8,
            middle_attention=False,
            resample="fold",
        )
        for width in WIDTHS
    ]


def parameters(codec: Autoencoder, channels: int) -> int:
    with torch.device("meta"):
        return estimate.parameters(codec.build(channels))


def measure(run: AutoencoderRun, device: torch.device, seconds: float = 2.0) -> float:
    """Images per second of this run's training step on this device, measured on synthetic images without the
    discriminator, which enters late."""
    state = AutoencoderState.start(run, device)
    images = stream(Purpose.SYNTHETIC, 0).uniform((run.batch, *run.data.shape)).float() * 2 - 1
    eps = stream(Purpose.SYNTHETIC, 0).normal((run.batch, *latent_shape(run)))
    batch = Batch(images.to(device), eps.to(device), np.arange(run.batch, dtype=np.uint64))
    with sharing(state, run, device) as shares:
        return run.batch * throughput.step_rate(lambda: step(state, run, batch, 0.0, shares), device, seconds)


def fitted(run: AutoencoderRun, device: torch.device) -> tuple[AutoencoderRun, Speed]:
    """Set the length (of a run with minutes) and the intervals by the speed without the discriminator. Return the run
    and that speed."""
    speed = throughput.estimated_speed(step_flops(run, discriminator=False), run.batch, device)
    if speed is None:
        speed = Speed(measure(run, device, seconds=throughput.seconds_to_measure(run)))
    return throughput.timed(run, speed.images_per_second), speed


def seconds(run: AutoencoderRun, speed: Speed) -> float:
    """Duration of the training, slower from the discriminator's entry on, in proportion to its operations. If the entry
    depends on the validation, it counts from the beginning, so that this is an upper bound."""
    adversarial, early = run.criterion.adversarial, step_flops(run, discriminator=False)
    begins = run.images if adversarial is None else min(adversarial.begins_images or 0, run.images)
    slower = step_flops(run, discriminator=True) / early
    return (begins + (run.images - begins) * slower) / speed.images_per_second


def summary(run: AutoencoderRun, device: torch.device, speed: Speed, split: Split | None = None) -> list[str]:
    """Lines about the settings of the training and its cost. `split`: that of the run, where its data is available."""
    spec, codec, c = run.data, run.model.codec, run.criterion
    latent = " x ".join(map(str, latent_shape(run)))
    terms = [type(c.reconstruction).__name__]
    terms += [f"perceptual {c.perceptual.weight:g} ({c.perceptual.network})"] if c.perceptual else []
    terms += [f"KL {c.kl_weight:g}" if isinstance(codec.bottleneck, KL) else f"codebook {c.codebook_weight:g}"]
    terms += [f"adversarial {c.adversarial.weight:g}"] if c.adversarial else ["no discriminator"]
    length = f"{run.minutes:g} minutes, about {run.images:,} images" if run.minutes else f"{run.images:,} images"
    training, held = heuristics.sizes(spec, run.held_out_images, split)
    epochs = run.images / training
    later = step_flops(run, discriminator=True) / step_flops(run, discriminator=False)
    slower = f", {later:.1f} times slower with the discriminator" if later > 1.05 else ""
    return [
        f"data      {spec.name}: {spec.count:,} images, {spec.channels} x {spec.height} x {spec.width} {spec.depth}; "
        f"{held} held out",
        f"model     {type(codec.bottleneck).__name__} autoencoder with {parameters(codec, spec.channels) / 1e6:.2f} M "
        "parameters, "
        f"{forward_flops(codec, spec.shape) / 1e6:,.0f} MFLOP per image; factor {codec.factor}, latents {latent}",
        f"loss      {' + '.join(terms)}",
        f"training  {length} ({epochs:.1f} epochs), batch {run.batch}, {heuristics.OPTIMISERS[run.optimiser.kind]} lr "
        f"{run.optimiser.lr:g}, "
        f"seed {run.seed}, flips {'on' if run.flip else 'off'}",
        f"machine   {device}, {speed}{slower}; ETA "
        f"{heuristics.duration(run.minutes * 60 if run.minutes else seconds(run, speed))}",
    ]
