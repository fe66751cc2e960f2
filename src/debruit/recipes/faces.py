"""The unconditional model of faces of Rombach et al. 2022 (ldm.py says what is common to their models)."""

from debruit.autoencoders import reference
from debruit.diffusion.chain import ScaledLinear
from debruit.images.spec import DataSpec
from debruit.recipes import settings
from debruit.recipes.ldm import SIZE, adamw, ema, l_ldm, ldm, photographs
from debruit.training.config import Run


def ldm_faces_256() -> Run:
    """The LDM of faces, 274.06 M parameters, on the latents of `vq-f4-256` and a folder of CelebA-HQ (FID 5.11 with 500
    DDIM steps, published).

    Cost: 19.7 million images of 576 GFLOP each: days on one data-centre GPU, years on a CPU; `--dry-run` estimates it
    for this machine.

    debruit train ldm-faces-256 ./celeba_hq --autoencoder runs/vq --out runs/faces
    """
    batch = 48
    network = settings.unet(channels=224, multipliers=(1, 2, 3, 4), blocks=2, attention=(2, 4, 8), head_channels=32)
    schedule = ScaledLinear(start=0.0015, end=0.0195)
    return settings.run(
        source=settings.folder("celeba_hq", SIZE),
        model=ldm(celeba_hq(), network, reference.vq_f4(), schedule, steps=500),
        objective=l_ldm(),
        images=410_000 * batch,
        batch=batch,
        optimiser=adamw(9.6e-5),
        ema=ema(batch),
    )


def celeba_hq() -> DataSpec:
    """CelebA-HQ at 256 pixels."""
    return photographs("celeba_hq", 30_000)
