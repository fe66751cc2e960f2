"""The recipe of the enlarger that ships with debruit: drawings of emoji from 64 to 256 pixels."""

from debruit.conditioning.low_res import LowRes
from debruit.data.sources.openmoji.openmoji import OpenMoji
from debruit.diffusion.density import LogitNormal
from debruit.diffusion.objective import Objective
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.weighting import Simple
from debruit.recipes import settings
from debruit.recipes.openmoji import ema, muon
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.grids import UniformLogSNR
from debruit.training.config import Run

SIZE, SCALE, CROP = 256, 4, 128
COUNT = 2_465
HELD_OUT = 123


def emoji_256() -> Run:
    """Super-resolution.

    debruit train emoji-256 --out runs/enlarger
    """
    source = OpenMoji(size=SIZE, groups=(), skin_tones=False, background="white", masks=False, languages=("en",))
    network = settings.unet(
        channels=64,
        multipliers=(1, 2),
        blocks=2,
        attention=(),
        middle_attention=False,
        spatial_channels=4,
        patch=4,
        resample="fold",
        groups=8,
        residual=True,
    )
    model = settings.model(
        data=settings.images("openmoji", channels=3, side=SIZE, count=COUNT, lettered=True),
        process=Flow(),
        predicts="x0",
        network=network,
        data_std=0.5,
        conditioners=(LowRes(scale=SCALE, drop=0.0, noise=0.15, level=0.2),),
        sampling=settings.sampling(DPMpp2M(), UniformLogSNR(low=0.0, high=7.0), steps=4, clip=True),
    )
    objective = Objective(
        density=LogitNormal(mean=-1.0, std=1.5),
        weighting=Simple(space="x0"),
        norm="l2",
        low_discrepancy=True,
        variance_weight=0.001,
    )
    return settings.run(
        source=source,
        model=model,
        objective=objective,
        optimiser=muon(),
        ema=ema(),
        images=200_000,
        batch=16,
        validation_images=HELD_OUT,
        crop=CROP,
    )
