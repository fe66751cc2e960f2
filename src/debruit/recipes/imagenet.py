"""The class-conditional models of Rombach et al. 2022 (ldm.py says what is common to their models): a class is one
token of cross-attention.

The data is ImageNet's folder-per-class, or any folder whose subfolders are classes: their number and names are those of
the data.

    imagenet/
        n01440764/  n01440764_10026.JPEG ...
        n01443537/  ...
"""

from debruit.autoencoders import reference
from debruit.conditioning.label import Label
from debruit.diffusion.chain import ScaledLinear
from debruit.images.spec import DataSpec
from debruit.recipes import settings
from debruit.recipes.ldm import SIZE, adamw, ema, l_ldm, ldm, photographs
from debruit.training.config import Run

CLASSES = tuple(f"class {n}" for n in range(1000))  # their names are found in the data
CONTEXT = 512
SCHEDULE = ScaledLinear(start=0.0015, end=0.0195)
DROPPED = 0.1  # of the classes in training; the release does not tell its own rate


def ldm_imagenet_f8_256() -> Run:
    """The first LDM of ImageNet's classes, a U-Net of 394.98 M parameters and an embedding of 1000 x 512, on the
    latents of `vq-f8-256` (FID 15.82, published).

    Cost: 128 million images of 324 GFLOP each: about a week on one data-centre GPU; `--dry-run` estimates it for this
    machine. Its classes are never dropped, so that it cannot be guided. The length is the 2 M steps of the paper's
    comparison of factors, since none is published for this model.

    debruit train ldm-imagenet-f8-256 ./imagenet --autoencoder runs/vq8 --out runs/classes
    """
    batch = 64
    network = settings.unet(
        channels=256, multipliers=(1, 2, 4), blocks=2, attention=(1, 2, 4), head_channels=32, token_channels=CONTEXT
    )
    label = Label(channels=CONTEXT, drop=0.0, door="tokens")
    return settings.run(
        source=settings.folder("imagenet", SIZE, labelled=True),
        model=ldm(imagenet(), network, reference.vq_f8(), SCHEDULE, [label], steps=250),
        objective=l_ldm(),
        images=2_000_000 * batch,
        batch=batch,
        optimiser=adamw(6.4e-5),
        ema=ema(batch),
    )


def ldm_imagenet_f4_256() -> Run:
    """The second LDM of ImageNet's classes, a U-Net of 400.92 M parameters and an embedding of 1001 x 512, on the
    latents of `vq-f4-256` (FID 10.56, and 3.60 guided with s = 1.5, 250 DDIM steps, published).

    Cost: 214 million images of 599 GFLOP each: weeks on one data-centre GPU; `--dry-run` estimates it for this machine.
    The last embedding is that of no class, which makes it guidable; s is debruit's guidance weight, and its default
    here.

    debruit train ldm-imagenet-f4-256 ./imagenet --autoencoder runs/vq --out runs/classes
    """
    batch = 1200
    network = settings.unet(
        channels=192, multipliers=(1, 2, 3, 5), blocks=2, attention=(2, 4, 8), heads=1, token_channels=CONTEXT
    )
    label = Label(channels=CONTEXT, drop=DROPPED, door="tokens")
    return settings.run(
        source=settings.folder("imagenet", SIZE, labelled=True),
        model=ldm(imagenet(), network, reference.vq_f4(), SCHEDULE, [label], steps=250, guidance=1.5),
        objective=l_ldm(),
        images=178_000 * batch,
        batch=batch,
        optimiser=adamw(1e-4),
        ema=ema(batch),
    )


def imagenet() -> DataSpec:
    """The training images of ImageNet's 1000 classes, at 256 pixels."""
    return photographs("imagenet", 1_281_167, class_names=CLASSES, lettered=True)
