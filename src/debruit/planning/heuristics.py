"""Settings from the data, the machine and the budget; and what they will cost, before step 1.

The network is chosen by one rule. A budget of C floating-point operations buys N images seen at f operations each in
the forward pass (3 f in training), C = 3 f N; both grow as its square root, f = SHARE sqrt(C / 3), and of the
candidates the one whose f is nearest is taken. SHARE is from trainings of ten minutes on a CPU, by their Frechet
distances (bench/RESULTS.md).
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

SHARE = 1500.0  # forward operations per image over the images seen, both at their best
DEFAULT_MINUTES = 20.0
LR = Optimiser().lr
PIXEL_STD = 0.5  # of pixels in [-1, 1], about; latents are of unit scale
CARRIES = 8  # channels of the network for each value of a patch, from which on it predicts the velocity
OPTIMISERS = {"adamw": "AdamW", "muon": "Muon"}
# with which 96 % and more of Fashion-MNIST's samples after ten minutes are recognised as the class asked for
# (docs/guidance.md);
# guidance nearer to the noise shifts the brightness, and doubled the Frechet distance (bench/RESULTS.md)
GUIDANCE, INTERVAL = 2.4, (0.0, 0.8)
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
    speed: float = 1.0,
    split: Split | None = None,
) -> Run:
    """The run that debruit would do on this data, on this device, for this long; on the latents of `codec`, or on
    pixels; under these conditions, or on the data's classes where it has some. The device trains at `speed` times what
    a short measurement says: other than 1 where a training has shown it. `split`: which images are trained on, where
    that is known; else all but those that are held out of this many."""
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
    """What `recommend` says in place of an earlier run of minutes, on a device that turned out to be `speed` times as
    fast; `batch` and `split` as there."""
    found = recommend(
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
    return replace(found, group=run.group, own_parts=run.own_parts)


def operations(run: Run) -> int:
    """Floating-point operations of one forward pass of an image."""
    return cost(run.model).forward_flops


def usual_batch(model: ModelConfig, images: int, device: torch.device) -> tuple[int, float]:
    """Images a step and the learning rate, for a training of so many images: on a CPU the best of equal minutes, as
    measured in both precisions (bench/RESULTS.md). In bfloat16 the optimiser, which stays in float32, takes a larger
    share of a step, so that larger batches pay."""
    if device.type != "cpu":
        return 256, LR
    if not throughput.halves(model, device) or images < 50_000:
        return 32, LR
    return (64, LR) if images < 100_000 else (128, 5.5e-3)


def choose_model(
    spec: DataSpec, target: float, *, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """The candidate whose forward pass is nearest to `target` operations an image."""
    codec = codec or Pixels()
    channels, sides = codec.latent_channels(spec.channels), codec.latent_size(*spec.sizes)
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
    """The model with the dropout that few images need: what is seen over and over is learnt by heart, and then the loss
    on other images rises."""
    assert isinstance(model.network, UNet)
    dropout = max((rate for least, rate in DROPOUT.items() if epochs >= least), default=0.0)
    return replace(model, network=replace(model.network, dropout=dropout))


def configure(
    spec: DataSpec, network: UNet, codec: Codec | None = None, conditioners: Sequence[Conditioner] | None = None
) -> ModelConfig:
    """A model for this data: under these conditions, or on the data's classes where it has some."""
    codec = codec or Pixels()
    if conditioners is None:
        conditioners = (Label(),) if len(spec.class_names) > 1 else ()
    network = opened(network, conditioners, spec, codec.factor)
    # the velocity contains the noise of a whole folded patch, and a narrow network carries that badly; then x_0, with
    # the velocity's loss
    predicts = "velocity" if carries(network, codec.latent_channels(spec.channels)) else "x0"
    # the best of at most 20 network evaluations, as measured on one model of each kind (bench/RESULTS.md)
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
    """The network with doors as wide as what these conditioners put through them, for images of this spec under a codec
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
    """Whether the network is wide enough for the noise of a folded patch of so many channels."""
    return CARRIES * network.patch**2 * channels <= network.channels


def candidates(height: int, width: int) -> list[list[UNet]]:
    """U-Nets for images or latents of this size, families from narrow to wide for each way of folding them, the finest
    first: the first level has 8 to 32 places a side, the last about 7, with attention."""
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
    """Widths that double from level to level, up to 4 times; attention at the last. The embedding scales and shifts, by
    which a class is followed better; groups of 16 channels, since a norm of bfloat16 is several times as slow on
    narrower ones; levels joined by folding, which costs 18 % less than 3x3 convolutions and is as good
    (bench/RESULTS.md)."""
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
    """Images kept for validation: 5 %, at most 512, none of fewer than 20."""
    return min(count // 20, 512)


def sizes(spec: DataSpec, held_out: int, split: Split | None) -> tuple[int, int]:
    """How many images are trained on, at least 1, and how many are held out."""
    if split is None:
        return max(spec.count - held_out, 1), held_out
    return max(len(split.train), 1), len(split.validation)


def fitted(run: Run, device: torch.device) -> tuple[Run, Speed]:
    """The run with its length, when it has minutes, and its intervals from the speed; and that speed."""
    run = throughput.halved(throughput.affordable(run, device), device)
    found = throughput.estimated_speed(
        BACKWARD * cost(run.model).forward_flops, run.batch, device, half=run.precision == "bf16"
    )
    if found is None:
        rate = throughput.measure(run, device, seconds=throughput.seconds_to_measure(run))
        run, rate = throughput.compiled_where_it_pays(run, device, rate)
        found = Speed(rate)
    return throughput.timed(run, found.images_per_second), found


def summary(run: Run, device: torch.device, speed: Speed, split: Split | None = None) -> list[str]:
    """What will be done and what it costs, in lines. `split`: that of the run, where its data is at hand."""
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
        f"model     {type(network).__name__} of {c.parameters / 1e6:.2f} M parameters, {c.forward_flops / 1e6:,.0f} "
        "MFLOP an image; "
        f"{type(model.process).__name__}, predicts {model.predicts}"
        + "".join(f", conditioned on {x.name} (dropped {x.drop:.0%})" for x in model.conditioners),
        f"training  {length} ({epochs:.1f} epochs), batch {run.batch}{portion}, {OPTIMISERS[run.optimiser.kind]} lr "
        f"{run.optimiser.lr:g} "
        f"(not scaled by anything), seed {run.seed}, "
        f"flips {'on' if run.flip else 'off'}",
        f"machine   {device}, {speed}{how}, memory about {peak / 2**30:.2f} GiB beside the framework's own; "
        f"ETA {duration(run.minutes * 60 if run.minutes else run.images / speed.images_per_second)}",
    ]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
