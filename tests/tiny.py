"""A run that trains in a second: 8-pixel digits and the smallest network."""

from dataclasses import replace

from debruit.conditioning.label import Label
from debruit.data.sources.digits import Digits
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.sampling.config import SamplingConfig
from debruit.training.config import Intervals, Optimiser, Run

NETWORK = UNet(channels=8, multipliers=(1, 2), attention=(2,), head_channels=8, groups=4, vector_channels=4)


def run(**changes) -> Run:
    """About 10 k parameters on the digits; 16 images a step, 10 steps."""
    spec = Digits().build().spec
    model = ModelConfig(
        data=spec,
        network=NETWORK,
        conditioners=(Label(channels=4),),
        sampling=SamplingConfig(steps=3, guidance=1.5),
    )
    chosen = Run(
        source=Digits(),
        model=model,
        images=160,
        batch=16,
        validation_images=20,
        optimiser=Optimiser(lr=3e-3, warmup_images=32),
        every=Intervals(report_images=32, validate_images=96, preview_images=96, save_images=64),
        seed=3,
    )
    return replace(chosen, **changes)
