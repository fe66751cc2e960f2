"""The lines that are printed before a training: its settings and its cost."""

from dataclasses import dataclass

import torch

from debruit.autoencoders.kl import KL
from debruit.data.split import Split
from debruit.planning.cost import autoencoder_flops, cost
from debruit.planning.counting import codec_parameters
from debruit.planning.sizing import seconds, slowdown
from debruit.planning.split import sizes
from debruit.planning.throughput import Speed
from debruit.text.wording import rough_duration
from debruit.training.config import AnyRun, AutoencoderRun, Run
from debruit.training.tasks.autoencoder_step import latent_shape

OPTIMISERS = {"adamw": "AdamW", "muon": "Muon"}


@dataclass(frozen=True, kw_only=True)
class Details:
    """The lines about the model, and additions to the lines about the data, the batch and the machine, for one kind of
    training."""

    model: list[str]
    data: str = ""
    batch: str = ""
    machine: str = ""


def summary(run: AnyRun, device: torch.device, speed: Speed, split: Split | None = None) -> list[str]:
    """Lines about the settings of the training and its cost. `split`: that of the run, where its data is available."""
    spec = run.data
    details = _diffusion(run) if isinstance(run, Run) else _autoencoder(run)
    training, held = sizes(spec, run.held_out_images, split)
    length = f"{run.minutes:g} minutes, about {run.images:,} images" if run.minutes else f"{run.images:,} images"
    time = rough_duration(run.minutes * 60 if run.minutes else seconds(run, speed))
    return [
        f"data      {spec.name}: {spec.count:,} images, {' x '.join(map(str, spec.shape))} {spec.depth}{details.data}; "
        f"{held} held out",
        *details.model,
        f"training  {length} ({run.images / training:.1f} epochs), batch {run.batch}{details.batch}, "
        f"{OPTIMISERS[run.optimiser.kind]} lr {run.optimiser.lr:g} (no batch-size scaling), seed {run.seed}, "
        f"flips {'on' if run.flip else 'off'}",
        f"machine   {device}, {speed}{details.machine}; ETA {time}",
    ]


def _diffusion(run: Run) -> Details:
    model, costs = run.model, cost(run.step_model)
    classes = len(model.data.class_names)
    peak = costs.peak_bytes(run.microbatch or run.batch) / 2**30
    image = f"window of {run.crop} x {run.crop}" if run.crop else "image"
    conditions = "".join(f", conditioned on {c.name} (dropped {c.drop:.0%})" for c in model.conditioners)
    return Details(
        model=[
            f"model     {type(model.network).__name__} with {costs.parameters / 1e6:.2f} M parameters, "
            f"{costs.forward_flops / 1e6:,.0f} MFLOP per {image}; {type(model.process).__name__}, "
            f"predicts {model.predicts}{conditions}"
        ],
        data=f", {classes} classes" if classes else "",
        batch=f" ({run.microbatch} at a time)" if run.microbatch else "",
        machine=f"{', compiled' if run.compile else ''}{', bfloat16' if run.precision == 'bf16' else ''}, "
        f"about {peak:.2f} GiB of memory, excluding PyTorch itself",
    )


def _autoencoder(run: AutoencoderRun) -> Details:
    codec, c = run.model.codec, run.criterion
    terms = [type(c.reconstruction).__name__]
    terms += [f"perceptual {c.perceptual.weight:g} ({c.perceptual.network})"] if c.perceptual else []
    terms += [f"KL {c.kl_weight:g}" if isinstance(codec.bottleneck, KL) else f"codebook {c.codebook_weight:g}"]
    terms += [f"adversarial {c.adversarial.weight:g}"] if c.adversarial else ["no discriminator"]
    later = slowdown(run)
    return Details(
        model=[
            f"model     {type(codec.bottleneck).__name__} autoencoder with "
            f"{codec_parameters(codec, run.data.channels) / 1e6:.2f} M parameters, "
            f"{autoencoder_flops(codec, run.data.shape) / 1e6:,.0f} MFLOP per image; factor {codec.factor}, "
            f"latents {' x '.join(map(str, latent_shape(run)))}",
            f"loss      {' + '.join(terms)}",
        ],
        machine=f", {later:.1f} times slower with the discriminator" if later > 1.05 else "",
    )
