"""An autoencoder that trains in a second, on 8-pixel digits."""

from dataclasses import replace

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.criterion import Criterion
from debruit.data.sources.digits import Digits
from debruit.models.config import FirstStageConfig
from debruit.training.config import AutoencoderRun, Intervals, Optimiser

CODER = Coder(channels=8, multipliers=(1, 2), blocks=1, groups=4, middle_attention=False, resample="fold")
ADVERSARIAL = Adversarial(layers=1, channels=4, norm="group", begins_images=64, ramp_images=32)


def run(**changes) -> AutoencoderRun:
    """16 images a step, 10 steps; the discriminator enters after 64 images. No perceptual network, which takes seconds
    to load."""
    chosen = AutoencoderRun(
        source=Digits(),
        model=FirstStageConfig(data=Digits().build().spec, codec=Autoencoder(coder=CODER, bottleneck=KL(channels=2))),
        criterion=Criterion(perceptual=None, adversarial=ADVERSARIAL),
        images=160,
        batch=16,
        validation_images=20,
        seed=3,
        optimiser=Optimiser(lr=3e-3, warmup_images=32),
        every=Intervals(report_images=32, validate_images=96, preview_images=96, save_images=64),
    )
    return replace(chosen, **changes)
