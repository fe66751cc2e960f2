"""Settings of a diffusion model, chosen from the data, the machine and the budget, with an estimate of their cost.

The network is chosen by one rule. A budget of C floating-point operations is spent on N images seen at f operations
each in the forward pass (3 f in training), C = 3 f N. With f = SHARE N both grow as the square root of the budget,
f = sqrt(SHARE C / 3), and the candidate with the closest f is chosen. SHARE was fitted to the Frechet distances of
trainings of ten minutes on a CPU (bench/RESULTS.md).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from debruit.autoencoders.codec import Codec
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.base import Conditioner
from debruit.conditioning.compatibility import widths
from debruit.conditioning.label import Label
from debruit.data.source import Source
from debruit.data.split import Split
from debruit.device import has_bf16
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.planning import throughput
from debruit.planning.footprint import BACKWARD, Speed, cost
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import Karras, UniformTime
from debruit.sampling.guidance.interval import EVERYWHERE
from debruit.sampling.heun import Heun
from debruit.sampling.unipc import UniPC
from debruit.training.config import Optimiser, Run

SHARE = 1500.0  # forward operations per image, divided by the images seen, at the optimum
DEFAULT_MINUTES = 20.0
LR = Optimiser().lr
PIXEL_STD = 0.5  # approximate, of pixels in [-1, 1]; latents have unit scale
CARRIES = 8  # a network with at least this many channels per value of a patch predicts the velocity
OPTIMISERS = {"adamw": "AdamW", "muon": "Muon"}
# with these, at least 96 % of the samples of Fashion-MNIST are recognised as the requested class after ten minutes
# (docs/guidance.md); guidance at higher noise levels shifts the brightness, and doubled the Frechet distance
# (bench/RESULTS.md)
GUIDANCE, INTERVAL = 2.4, (0.0, 0.8)
DROPOUT = {30: 0.1, 120: 0.25}  # minimum epochs: rate (bench/RESULTS.md)
# penalty of each doubling of the patch for a network too narrow for the velocity, in units of log cost
PATCH_PENALTY = 0.5
WIDTHS = {
    1: (32, 48, 64, 80, 96),
    2: (96, 128, 160, 192, 256),
}  # {blocks per level: widths}: few wide blocks are faster than many narrow ones


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
    codec: Codec | None = None,
    conditioners: Sequence[Conditioner] | None = None,
    speed: float = 1.0,
    split: Split | None = None,
) -> Run:
    """Recommend a diffusion model for this data, device and budget, on the latents of `codec` (None: pixels).

    `conditioners` None stands for the classes of the data, if it has any. `speed` corrects the measured throughput of
    the device by the speed that a training has shown. `split` has the training images; without it they are all but the
    usual number of held-out images.
    """
    if images is not None:
        model = choose_model(spec, SHARE * images, codec=codec, conditioners=conditioners)
        expected = images
    else:
        minutes = DEFAULT_MINUTES if minutes is None else minutes
        operations = (
            speed * throughput.throughput(device, half=device.type == "cpu" and has_bf16(device)) * minutes * 60
        )
        model = choose_model(spec, math.sqrt(SHARE * operations / 3), codec=codec, conditioners=conditioners)
        expected = max(int(operations / (3 * cost(model).forward_flops)), 1)
    training, _ = sizes(spec, held_out(spec.count), split)
    model = regularised(model, expected / training)
    usual, rate = usual_batch(model, expected, device)
    batch, rate = (usual, rate) if batch is None else (batch, LR)
    return Run(
        source=source,
        model=model,
        images=expected,
        minutes=minutes,
        batch=batch,
        seed=seed,
        flip=flip,
        validation_images=held_out(spec.count),
        optimiser=Optimiser(lr=rate, warmup_images=min(5_000, expected // 20)),
        group=split.group if split else "",
        own_parts=split.own_parts if split else False,
    )


def again(run: Run, device: torch.device, *, speed: float, batch: int | None, split: Split | None = None) -> Run:
    """Recommend again for the minutes of an earlier run, on a device that turned out to be `speed` times as fast."""
    planned = recommend(
        run.source,
        run.data,
        device,
        minutes=run.minutes,
        batch=batch,
        seed=run.seed,
        flip=run.flip,
        codec=run.model.codec,
        conditioners=run.model.conditioners,
        speed=speed,
        split=split,
    )
    return replace(planned, group=run.group, own_parts=run.own_parts)


def operations(run: Run) -> int:
    """Floating-point operations of one forward pass per image."""
    return cost(run.model).forward_flops


def usual_batch(model: ModelConfig, images: int, device: torch.device) -> tuple[int, float]:
    """Batch size and learning rate of a training of this many images: on a CPU the best at equal time, measured in both
    precisions (bench/RESULTS.md). In bfloat16 the optimiser, which stays in float32, takes a larger share of a step, so
    larger batches are better."""
    if device.type != "cpu":
        return 256, LR
    if not throughput.halves(model, device) or images < 50_000:
        return 32, LR
    return (64, LR) if images < 100_000 else (128, 5.5e-3)


def choose_model(
    spec: DataSpec, target: float, *, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """The candidate whose forward pass is closest to `target` operations per image."""
    codec = codec or Pixels()
    channels, sides = codec.latent_channels(spec.channels), codec.latent_size(*spec.sizes)
    scored, families = [], candidates(*sides)
    for family in families:
        # one network of a family is counted; the operations of the others scale with the square of the width
        middle = (
            cost(configure(spec, family[len(family) // 2], codec, conditioners)).forward_flops
            / family[len(family) // 2].channels ** 2
        )
        coarser = PATCH_PENALTY * math.log2(family[0].patch / families[0][0].patch)
        scored += [
            (abs(math.log(middle * network.channels**2 / target)) + coarser * (not carries(network, channels)), network)
            for network in family
        ]
    return configure(spec, min(scored, key=lambda pair: pair[0])[1], codec, conditioners)


def regularised(model: ModelConfig, epochs: float) -> ModelConfig:
    """Add the dropout that trainings of many epochs need: without it the model memorises its images, and the loss on
    other images rises."""
    assert isinstance(model.network, UNet)
    dropout = max((rate for least, rate in DROPOUT.items() if epochs >= least), default=0.0)
    return replace(model, network=replace(model.network, dropout=dropout))


def configure(
    spec: DataSpec, network: UNet, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """The model for this data and network. `conditioners` None stands for the classes of the data, if it has any."""
    codec = codec or Pixels()
    if conditioners is None:
        conditioners = (Label(),) if len(spec.class_names) > 1 else ()
    network = opened(network, conditioners, spec, codec.factor)
    # the velocity contains the noise of a whole folded patch, which a narrow network represents badly; it predicts x_0
    # instead, with the loss in velocity
    predicts = "velocity" if carries(network, codec.latent_channels(spec.channels)) else "x0"
    # the best with at most 20 network evaluations, measured on one model of each kind (bench/RESULTS.md)
    sampler, grid, steps = (
        (UniPC(), UniformTime(), 16) if predicts == "velocity" else (Heun(), Karras(sigma_min=0.02), 10)
    )
    guidance, interval = (GUIDANCE, INTERVAL) if any(c.drop > 0 for c in conditioners) else (1.0, EVERYWHERE)
    sampling = SamplingConfig(sampler=sampler, grid=grid, steps=steps, guidance=guidance, interval=interval)
    return ModelConfig(
        data=spec,
        network=network,
        predicts=predicts,
        conditioners=tuple(conditioners),
        codec=codec,
        sampling=sampling,
        data_std=PIXEL_STD if isinstance(codec, Pixels) else 1.0,
    )


def opened(network: UNet, conditioners: Sequence[Conditioner], spec: DataSpec, factor: int) -> UNet:
    """Set the widths of the network's doors to those that these conditioners need, for images of this spec and a codec
    of this factor."""
    wide = widths(conditioners, spec, factor)
    tokens = wide["tokens"]
    return replace(
        network,
        vector_channels=wide["vector"],
        spatial_channels=wide["spatial"],
        token_channels=tokens,
        transformer_depth=1 if tokens else 0,
        pooled_tokens=tokens > 0,
    )


def carries(network: UNet, channels: int) -> bool:
    """Whether the network is wide enough to represent the noise of a folded patch of this many channels."""
    return CARRIES * network.patch**2 * channels <= network.channels


def candidates(height: int, width: int) -> list[list[UNet]]:
    """U-Nets for images or latents of this size: for each patch size, the smallest first, families from narrow to wide.
    The longer side has 8 to 32 positions at the first level, and about 7 at the last, which has attention."""
    longer, families = max(height, width), []
    for patch in (1, 2, 4, 8, 16, 32):
        side = longer / patch
        if 8 <= side <= 32 or (patch == 1 and side < 8) or (patch == 32 and side > 32):
            levels = max(1, round(math.log2(min(side, 32) / 7)) + 1)
            families += [
                [_network(channels, levels, patch, blocks) for channels in widths] for blocks, widths in WIDTHS.items()
            ]
    return families


def _network(channels: int, levels: int, patch: int, blocks: int) -> UNet:
    """A U-Net whose widths double from level to level, up to 4 times, with attention at the last. Choices that were
    measured (bench/RESULTS.md): the embedding scales and shifts, for better class accuracy; groups of 16 channels,
    since normalisation in bfloat16 is several times slower with narrower ones; levels are joined by folding, which
    costs 18 % less than 3x3 convolutions at the same quality."""
    return UNet(
        channels=channels,
        multipliers=tuple(min(2**k, 4) for k in range(levels)),
        blocks=blocks,
        patch=patch,
        attention=(2 ** (levels - 1),),
        time_embedding="scale_shift",
        resample="fold",
        groups=channels // 16,
        head_channels=32 if channels % 32 == 0 else 16,
    )


def held_out(count: int) -> int:
    """Number of images held out for validation: 5 %, at most 512, and none of fewer than 20."""
    return min(count // 20, 512)


def sizes(spec: DataSpec, held_out: int, split: Split | None) -> tuple[int, int]:
    """Numbers of training images, at least 1, and of held-out images."""
    if split is None:
        return max(spec.count - held_out, 1), held_out
    return max(len(split.train), 1), len(split.validation)


def fitted(run: Run, device: torch.device) -> tuple[Run, Speed]:
    """Set the length (of a run with minutes) and the intervals by the training speed. Return the run and that speed."""
    run = throughput.halved(throughput.affordable(run, device), device)
    speed = throughput.estimated_speed(
        BACKWARD * cost(run.model).forward_flops, run.batch, device, half=run.precision == "bf16"
    )
    if speed is None:
        rate = throughput.measure(run, device, seconds=throughput.seconds_to_measure(run))
        run, rate = throughput.compiled_where_it_pays(run, device, rate)
        speed = Speed(rate)
    return throughput.timed(run, speed.images_per_second), speed


def summary(run: Run, device: torch.device, speed: Speed, split: Split | None = None) -> list[str]:
    """Lines about the settings of the training and its cost. `split`: that of the run, where its data is available."""
    model, c = run.model, cost(run.model)
    spec, network = model.data, model.network
    training, held = sizes(spec, run.held_out_images, split)
    epochs = run.images / training
    classes = f", {len(spec.class_names)} classes" if spec.class_names else ""
    length = f"{run.minutes:g} minutes, about {run.images:,} images" if run.minutes else f"{run.images:,} images"
    peak = c.peak_bytes(run.microbatch or run.batch)
    portion = f" ({run.microbatch} at a time)" if run.microbatch else ""
    how = (", compiled" if run.compile else "") + (", bfloat16" if run.precision == "bf16" else "")
    return [
        f"data      {spec.name}: {spec.count:,} images, {spec.channels} x {spec.height} x {spec.width} "
        f"{spec.depth}{classes}; "
        f"{held} held out",
        f"model     {type(network).__name__} with {c.parameters / 1e6:.2f} M parameters, {c.forward_flops / 1e6:,.0f} "
        "MFLOP per image; "
        f"{type(model.process).__name__}, predicts {model.predicts}"
        + "".join(f", conditioned on {x.name} (dropped {x.drop:.0%})" for x in model.conditioners),
        f"training  {length} ({epochs:.1f} epochs), batch {run.batch}{portion}, {OPTIMISERS[run.optimiser.kind]} lr "
        f"{run.optimiser.lr:g} "
        f"(no batch-size scaling), seed {run.seed}, "
        f"flips {'on' if run.flip else 'off'}",
        f"machine   {device}, {speed}{how}, about {peak / 2**30:.2f} GiB of memory, excluding PyTorch itself; "
        f"ETA {duration(run.minutes * 60 if run.minutes else run.images / speed.images_per_second)}",
    ]


def duration(seconds: float) -> str:
    """Format seconds in the unit that suits their size."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
