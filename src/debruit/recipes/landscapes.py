"""The mask-conditional model of Rombach et al. 2022 (ldm.py says what is common to their models): a semantic mask,
resized to the latents by a learned rescaling, is concatenated to z_t.

    landscapes/
        images/        lake.jpg ...
        masks/         lake.png ...     numbers of classes, or the colours of the palette
        classes.json   {"sky": [70, 130, 180], ...}, the classes in the order of their numbers
"""

from debruit.autoencoders import reference
from debruit.conditioning.mask import Mask
from debruit.diffusion.chain import ScaledLinear
from debruit.images.spec import DataSpec
from debruit.recipes import settings
from debruit.recipes.ldm import SIZE, adamw, ema, l_ldm, ldm, photographs
from debruit.training.config import Run

# as many as COCO-Stuff has; their names and colours are found in the data
CLASSES = tuple(f"class {n}" for n in range(182))
PALETTE = tuple((n, n, n) for n in range(182))
CHANNELS = 3  # of the rescaled mask


def ldm_landscapes_256() -> Run:
    """The LDM of masks, a U-Net of 215.23 M parameters and a rescaler of 546, on the latents of `vq-f4-256` and
    landscapes with their masks (no score is published).

    Cost: 17.3 million images of 622 GFLOP each: days on one data-centre GPU; `--dry-run` estimates it for this machine.
    Its masks are never dropped, so that it cannot be guided, and each image needs one.

    debruit train ldm-landscapes-256 ./landscapes --autoencoder runs/vq --out runs/masks
    """
    batch, codec = 48, reference.vq_f4()
    network = settings.unet(
        channels=128, multipliers=(1, 4, 8), blocks=2, attention=(), heads=8, spatial_channels=CHANNELS
    )
    mask = Mask(channels=CHANNELS, drop=0.0)
    return settings.run(
        source=settings.folder("landscapes", SIZE),
        model=ldm(landscapes(), network, codec, ScaledLinear(start=0.0015, end=0.0205), [mask], steps=200),
        objective=l_ldm("l1"),
        images=360_000 * batch,
        batch=batch,
        optimiser=adamw(4.8e-5),
        ema=ema(batch),
    )


def landscapes() -> DataSpec:
    """Landscapes and their masks, at 256 pixels; how many the release had is not published."""
    return photographs("landscapes", 20_000, mask_names=CLASSES, palette=PALETTE)
