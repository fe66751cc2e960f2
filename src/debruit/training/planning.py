"""Settings from the data, the machine and the budget; and what they will cost, before step 1.

The network is chosen by one rule. A budget of C floating-point operations buys N images seen at f operations each in the forward pass
(3 f in training), C = 3 f N; both grow as its square root, f = SHARE sqrt(C / 3), and of the candidates the one whose f is nearest is taken.
SHARE is from trainings of 25,000 images on a CPU (bench/RESULTS.md).
"""

import math
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import torch

from debruit.autoencoders.codec import Codec
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.cond import Conditioner
from debruit.conditioning.label import Label
from debruit.data.dataset import DataSpec
from debruit.data.source import Source
from debruit.drawing import has_bf16
from debruit.model import ModelConfig
from debruit.networks.unet import UNet
from debruit.sampling.grids import Karras, UniformTime
from debruit.sampling.heun import Heun
from debruit.sampling.noise import generator
from debruit.sampling.settings import Settings
from debruit.training.batches import Batch
from debruit.training.estimate import BACKWARD, Speed, cost
from debruit.training.gradient import Gradient
from debruit.training.run import Every, Optimiser, Run, Training
from debruit.training.state import TrainState
from debruit.training.step import optimise

SHARE = 4000.0  # forward operations per image over the images seen, both at their best
DEFAULT_MINUTES = 20.0
PIXEL_STD = 0.5  # of pixels in [-1, 1], about; latents are of unit scale
CARRIES = 8  # channels of the network for each value of a patch, from which on it predicts the velocity
OPTIMISERS = {"adamw": "AdamW", "muon": "Muon"}
LONGEST_MEASUREMENT = 20.0  # seconds: where two steps would take longer, their time is estimated
QUICK_FLOPS = 2e11  # a step of fewer operations is measured without asking
COMPILE_FROM_SECONDS = 20 * 60.0  # compiling takes about a minute
HALF_FROM_SECONDS = 60.0  # measuring bfloat16 takes two
HALF_GAIN = 1.15  # a CPU that only emulates bfloat16 is slower in it, one that has it gains 1.4 and more: no measurement's noise decides
GUIDANCE = (
    2.5  # of Fashion-MNIST's samples after ten minutes 96 % are recognised as the class asked for (docs/guidance.md)
)
DROPOUT = {30: 0.1, 120: 0.25}  # from so many epochs on (bench/RESULTS.md)
# what a coarser folding that cannot carry the noise must save, as the logarithm of the cost, for each doubling
PATCH_PENALTY = 0.5
WIDTHS = {
    1: (32, 48, 64, 80, 96),
    2: (96, 128, 160, 192, 256),
}  # by blocks a level: few and wide are faster than many and narrow


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
) -> Run:
    """The run that debruit would do on this data, on this device, for this long; on the latents of `codec`, or on pixels; under these conditions, or
    on the data's classes where it has some."""
    if images is not None:
        model = choose_model(spec, SHARE * images, codec=codec, conditioners=conditioners)
        expected = images
    else:
        minutes = DEFAULT_MINUTES if minutes is None else minutes
        operations = throughput(device) * minutes * 60
        model = choose_model(spec, math.sqrt(SHARE * operations / 3), codec=codec, conditioners=conditioners)
        expected = max(int(operations / (3 * cost(model).forward_flops)), 1)
    model = regularised(model, expected / max(spec.count - held_out(spec.count), 1))
    if batch is None:
        batch = 32 if device.type == "cpu" else 256
    return Run(
        source=source, model=model, images=expected, minutes=minutes, batch=batch, seed=seed, flip=flip,
        validation_images=held_out(spec.count), optimiser=Optimiser(warmup_images=min(5_000, expected // 20)),
    )  # fmt: skip


def choose_model(
    spec: DataSpec, target: float, *, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """The candidate whose forward pass is nearest to `target` operations an image."""
    codec = codec or Pixels()
    channels, sides = codec.latent_channels(spec.channels), codec.latent_size(spec.height, spec.width)
    found, families = [], candidates(*sides)
    for family in families:
        # one of a family is counted; for the others the count goes with the square of the width
        middle = (
            cost(configure(spec, family[len(family) // 2], codec, conditioners)).forward_flops
            / family[len(family) // 2].channels ** 2
        )
        coarser = PATCH_PENALTY * math.log2(family[0].patch / families[0][0].patch)
        found += [
            (abs(math.log(middle * network.channels**2 / target)) + coarser * (not carries(network, channels)), network)
            for network in family
        ]
    return configure(spec, min(found, key=lambda pair: pair[0])[1], codec, conditioners)


def regularised(model: ModelConfig, epochs: float) -> ModelConfig:
    """The model with the dropout that few images need: what is seen over and over is learnt by heart, and then the loss on other images rises."""
    assert isinstance(model.network, UNet)
    dropout = max((rate for least, rate in DROPOUT.items() if epochs >= least), default=0.0)
    return replace(model, network=replace(model.network, dropout=dropout))


def configure(
    spec: DataSpec, network: UNet, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """A model for this data: under these conditions, or on the data's classes where it has some."""
    codec = codec or Pixels()
    if conditioners is None:
        conditioners = (Label(names=spec.class_names),) if len(spec.class_names) > 1 else ()
    conditioners = tuple(c.fitted(codec.factor) for c in conditioners)
    network = opened(network, conditioners)
    # the velocity contains the noise of a whole folded patch, and a narrow network carries that badly; then x_0, with the velocity's loss
    predicts = "velocity" if carries(network, codec.latent_channels(spec.channels)) else "x0"
    # the best of at most 20 network evaluations, as measured on one model of each kind (bench/RESULTS.md)
    grid, steps = (UniformTime(), 8) if predicts == "velocity" else (Karras(sigma_min=0.02), 10)
    guidance = GUIDANCE if any(c.drop > 0 for c in conditioners) else 1.0
    sampling = Settings(sampler=Heun(), grid=grid, steps=steps, guidance=guidance)
    return ModelConfig(
        data=spec, network=network, predicts=predicts, conditioners=conditioners, codec=codec, sampling=sampling,
        data_std=PIXEL_STD if isinstance(codec, Pixels) else 1.0,
    )  # fmt: skip


def opened(network: UNet, conditioners: Sequence[Conditioner]) -> UNet:
    """The network with doors as wide as what these conditioners put through them."""
    wide = {door: [c.channels for c in conditioners if c.door == door] for door in UNet.doors}
    tokens = max(wide["tokens"], default=0)
    return replace(
        network, vector_channels=sum(wide["vector"]), spatial_channels=sum(wide["spatial"]), token_channels=tokens,
        transformer_depth=1 if tokens else 0, pooled_tokens=tokens > 0,
    )  # fmt: skip


def carries(network: UNet, channels: int) -> bool:
    """Whether the network is wide enough for the noise of a folded patch of so many channels."""
    return CARRIES * network.patch**2 * channels <= network.channels


def candidates(height: int, width: int) -> list[list[UNet]]:
    """U-Nets for images or latents of this size, families from narrow to wide for each way of folding them, the finest first: the first level has 8 to
    32 places a side, the last about 7, with attention."""
    longer, families = max(height, width), []
    for patch in (1, 2, 4, 8, 16, 32):
        places = longer / patch
        if 8 <= places <= 32 or (patch == 1 and places < 8) or (patch == 32 and places > 32):
            levels = max(1, round(math.log2(min(places, 32) / 7)) + 1)
            families += [
                [_network(channels, levels, patch, blocks) for channels in widths] for blocks, widths in WIDTHS.items()
            ]
    return families


def _network(channels: int, levels: int, patch: int, blocks: int) -> UNet:
    """Widths that double from level to level, up to 4 times; attention at the last. Few groups, since a channels-last norm is slow on narrow ones;
    levels joined by folding, which costs 18 % less than 3x3 convolutions and is as good (bench/RESULTS.md)."""
    return UNet(
        channels=channels,
        multipliers=tuple(min(2**k, 4) for k in range(levels)),
        blocks=blocks,
        patch=patch,
        attention=(2 ** (levels - 1),),
        resample="fold",
        groups=8,
        head_channels=32 if channels % 32 == 0 else 16,
    )


def held_out(count: int) -> int:
    """Images kept for validation: 5 %, at most 512, none of fewer than 20."""
    return min(count // 20, 512)


@lru_cache(maxsize=8)
def throughput(device: torch.device, seconds: float = 0.5) -> float:
    """Floating-point operations per second of a 3x3 convolution with its backward pass, as in a U-Net's middle."""
    on_cpu = device.type == "cpu"
    channels, batch, side = (96, 32, 14) if on_cpu else (256, 256, 32)
    convolution = torch.nn.Conv2d(channels, channels, 3, padding=1, device=device)
    x = torch.randn(batch, channels, side, side, device=device).to(memory_format=torch.channels_last).requires_grad_()
    operations = 3 * 2 * 9 * channels**2 * batch * side**2

    def once() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
            convolution(x).sum().backward()
        if not on_cpu:
            torch.cuda.synchronize(device)

    once()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        once()
        count += 1
    return 0.6 * operations * count / (time.perf_counter() - start)  # the share of it that a whole network reaches


def measure(run: Run, device: torch.device, seconds: float = 3.0) -> float:
    """Images per second of this run's real training step on this device, on synthetic images."""
    state = TrainState.start(run, device)
    batch = synthetic(run)
    with Gradient(run, state.backbone, device) as gradient:
        optimise(state, run, gradient, batch, 0.0)
        count, start = 0, time.perf_counter()
        while count < 1 or time.perf_counter() - start < seconds:
            optimise(state, run, gradient, batch, 0.0)
            count += 1
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return run.batch * count / (time.perf_counter() - start)


def synthetic(run: Run) -> Batch:
    """A batch of noise in the shape of the run's data."""
    g = generator(0)
    shape = (run.batch, *run.model.latent_shape)
    values = {c.field: c.blank(run.batch) for c in run.model.conditioners}
    keep = {name: torch.ones(run.batch, dtype=torch.bool) for name in values}
    x0 = torch.randn(shape, generator=g).clamp(-1, 1)
    return Batch(
        x0, run.objective.times(run.batch, run.model.process, g), torch.randn(shape, generator=g), values, keep
    )


def affordable(run: Run, device: torch.device) -> Run:
    """The run with its batch split so that its estimated peak stays below half of the device's memory; the gradient is the same."""
    images, limit = run.microbatch or run.batch, memory(device) / 2
    while cost(run.model).peak_bytes(images) > limit and images % 2 == 0:
        images //= 2
    return run if images in (run.microbatch, run.batch) else replace(run, microbatch=images)


def memory(device: torch.device) -> int:
    """Bytes of memory that the device has in all."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def fitted(run: Run, device: torch.device) -> tuple[Run, Speed]:
    """The run with its length, when it has minutes, and its intervals from the speed; and that speed."""
    run = affordable(run, device)
    found = estimated_speed(BACKWARD * cost(run.model).forward_flops, run.batch, device)
    if found is None:
        rate = measure(run, device, seconds=min(2.0, 60 * run.minutes / 20) if run.minutes else 2.0)
        run, rate = compiled_where_it_pays(run, device, rate)
        run, rate = halved_where_it_pays(run, device, rate)
        found = Speed(rate)
    rate = found.images_per_second
    if run.minutes is not None:
        run = replace(run, images=max(int(0.95 * rate * run.minutes * 60), run.batch))
    return replace(run, every=intervals(run, rate)), found


def estimated_speed(image_flops: int, batch: int, device: torch.device) -> Speed | None:
    """The speed of a training that takes so many operations an image, by the throughput of the device; None where a measurement is quick."""
    if image_flops * batch < QUICK_FLOPS:
        return None
    rate = throughput(device) / image_flops
    return Speed(rate, estimated=True) if 2 * batch / rate > LONGEST_MEASUREMENT else None


def intervals(run: Training, speed: float) -> Every:
    """About 100 reports, 10 validations and pictures, and a save each tenth of the training, or sooner where that is long."""
    seconds = run.images / speed
    report = max(int(speed * min(max(seconds / 100, 1), 30)), run.batch)
    often = max(run.images // 10, report)
    return Every(
        report_images=report, validate_images=often, preview_images=often,
        save_images=max(int(speed * min(max(seconds / 10, 30), 600)), run.batch),
    )  # fmt: skip


def compiled_where_it_pays(run: Run, device: torch.device, speed: float) -> tuple[Run, float]:
    """The run with `compile` decided, and its speed. A GPU's long training is measured both ways; on a CPU cores that share a batch gain
    as much (gradient.py), without the minutes of compiling."""
    if run.compile is not None:
        return run, speed
    seconds = run.minutes * 60 if run.minutes else run.images / speed
    eager = replace(run, compile=False)
    if device.type != "cuda" or seconds < COMPILE_FROM_SECONDS:
        return eager, speed
    compiled = replace(run, compile=True)
    try:
        faster = measure(compiled, device, 2.0)
    except Exception as error:  # a compiler that is missing or fails is no reason not to train
        warnings.warn(
            f"torch.compile does not work here ({type(error).__name__}); training goes on without it", stacklevel=2
        )
        return eager, speed
    return (compiled, faster) if faster > speed else (eager, speed)


def halved_where_it_pays(run: Run, device: torch.device, speed: float) -> tuple[Run, float]:
    """The run with `precision` decided on a CPU, and its speed: bfloat16 where the CPU computes in it and a step is clearly faster, for a training of a
    minute and more."""
    seconds = run.minutes * 60 if run.minutes else run.images / speed
    if run.precision != "auto" or device.type != "cpu" or seconds < HALF_FROM_SECONDS:
        return run, speed
    half = replace(run, precision="bf16")
    faster = measure(half, device, 2.0)
    return (half, faster) if faster > HALF_GAIN * speed else (replace(run, precision="fp32"), speed)


def summary(run: Run, device: torch.device, speed: Speed) -> list[str]:
    """What will be done and what it costs, in lines."""
    model, c = run.model, cost(run.model)
    spec, network = model.data, model.network
    epochs = run.images / max(spec.count - run.validation_images, 1)
    classes = f", {len(spec.class_names)} classes" if spec.class_names else ""
    length = f"{run.minutes:g} minutes, about {run.images:,} images" if run.minutes else f"{run.images:,} images"
    peak = c.peak_bytes(run.microbatch or run.batch)
    split = f" ({run.microbatch} at a time)" if run.microbatch else ""
    return [
        f"data      {spec.name}: {spec.count:,} images, {spec.channels} x {spec.height} x {spec.width} {spec.depth}{classes}; "
        f"{run.validation_images} held out",
        f"model     {type(network).__name__} of {c.parameters / 1e6:.2f} M parameters, {c.forward_flops / 1e6:,.0f} MFLOP an image; "
        f"{type(model.process).__name__}, predicts {model.predicts}"
        + "".join(f", conditioned on {x.field} (dropped {x.drop:.0%})" for x in model.conditioners),
        f"training  {length} ({epochs:.1f} epochs), batch {run.batch}{split}, {OPTIMISERS[run.optimiser.kind]} lr {run.optimiser.lr:g} "
        f"(not scaled by anything), seed {run.seed}, "
        f"flips {'on' if run.flip else 'off'}",
        f"machine   {device}, {speed}{', compiled' if run.compile else ''}{', bfloat16' if run.precision == 'bf16' else ''}, memory about {peak / 2**30:.2f} GiB beside the framework's own; "
        f"ETA {duration(run.minutes * 60 if run.minutes else run.images / speed.images_per_second)}",
    ]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
