"""The first stages of the latent diffusion models (Rombach et al. 2022), trained by the criterion of their release.

L = mean |x - x^| + d(x, x^) + b1 L_KL or L_codebook + b3 lambda L_G;  b1 = 1e-6, codebook 1, b3 = 0.5 (losses/kl.py
says what is summed)

The discriminator has 3 layers, 64 filters and batch norms, takes the hinge loss and enters at step 50,001, at once.
Both are trained by Adam, betas 0.5 and 0.9, at a constant 4.5e-6 for each image of a batch. Batches of 12, as a device
of the release took; another --batch wants --set optimiser.lr and criterion.adversarial.lr with it. Lengths are the
steps that were published.

What differs from the release. d is measured by EfficientNet-Lite0, since LPIPS' weights ship in no package; with files
of VGG16 and of LPIPS' heads: `--set criterion.perceptual.network=vgg16.pth --set criterion.perceptual.heads=lpips.pth`.
Its VQ models were trained with other entries and weights of the discriminator; these have those of its KL models. Dead
codes are revived, and the guard against the discriminator (training/discriminator_guard.py) rolls back a collapse. Its
data was OpenImages; a first stage for one data set is trained on that one.
"""

from debruit.autoencoders import reference
from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.kl import per_value
from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.autoencoders.losses.reconstruction import L1
from debruit.images.spec import DataSpec
from debruit.models.config import FirstStageConfig
from debruit.recipes import settings
from debruit.recipes.faces import celeba_hq
from debruit.recipes.ldm import UNCLIPPED
from debruit.training.config import AutoencoderRun, DiscriminatorGuard, Ema

BATCH = 12
LR = 4.5e-6 * BATCH
ADAM = (0.5, 0.9)
ENTERS = 50_001  # steps


def vq_f4_256() -> AutoencoderRun:
    """First stage of the faces, landscapes and second ImageNet models: VQ, factor 4, 64 x 64 x 3, 8192 codes, 55.32 M
    parameters (rFID 0.58, published).

    Cost: 6.4 million images of about 3 TFLOP each, more with the discriminator: days on one data-centre GPU.

    debruit train vq-f4-256 ./celeba_hq --out runs/vq
    """
    return first_stage(reference.vq_f4(), steps=533_066)


def vq_f8_256() -> AutoencoderRun:
    """First stage of the first ImageNet model: VQ, factor 8, 32 x 32 x 4, 16384 codes, 67.72 M parameters (rFID 1.14,
    published).

    Cost: 11.7 million images of about 2 TFLOP each, more with the discriminator: days on one data-centre GPU.

    debruit train vq-f8-256 ./celeba_hq --out runs/vq8
    """
    return first_stage(reference.vq_f8(), steps=971_043)


def kl_f8_256() -> AutoencoderRun:
    """First stage of the text-to-image model: KL, factor 8, 32 x 32 x 4, 83.65 M parameters (rFID 0.90, published).

    Cost: 3.0 million images of about 3 TFLOP each, more with the discriminator: days on one data-centre GPU.

    debruit train kl-f8-256 ./celeba_hq --out runs/kl
    """
    return first_stage(reference.kl_f8(), steps=246_803)


def kl_f4_256() -> AutoencoderRun:
    """KL, factor 4, 64 x 64 x 3, 55.31 M parameters (rFID 0.27, published).

    Cost: 2.1 million images of about 3 TFLOP each, more with the discriminator: days on one data-centre GPU.

    debruit train kl-f4-256 ./celeba_hq --out runs/kl4
    """
    return first_stage(reference.kl_f4(), steps=176_991)


def kl_f16_256() -> AutoencoderRun:
    """KL, factor 16, 16 x 16 x 16, 69.61 M parameters (rFID 0.87, published).

    Cost: 5.3 million images of about 1.2 TFLOP each, more with the discriminator: days on one data-centre GPU.

    debruit train kl-f16-256 ./celeba_hq --out runs/kl16
    """
    return first_stage(reference.kl_f16(), steps=442_998)


def kl_f32_256() -> AutoencoderRun:
    """KL, factor 32, 8 x 8 x 64, 103.88 M parameters (rFID 2.04, published).

    Cost: 4.9 million images of about 1.2 TFLOP each, more with the discriminator: days on one data-centre GPU.

    debruit train kl-f32-256 ./celeba_hq --out runs/kl32
    """
    return first_stage(reference.kl_f32(), steps=406_763)


def first_stage(codec: Autoencoder, *, steps: int) -> AutoencoderRun:
    """The training of a reference first stage for so many steps. The release averages no weights: a half-life of 0
    images."""
    spec = celeba_hq()
    return AutoencoderRun(
        source=settings.folder("celeba_hq", 256),
        model=FirstStageConfig(data=spec, codec=codec),
        criterion=criterion(codec, spec),
        optimiser=settings.adamw(LR, betas=ADAM, weight_decay=0.0, clip_norm=UNCLIPPED, warmup_images=0),
        ema=Ema(halflife_images=0, ramp=0.05),
        every=settings.intervals(),
        images=steps * BATCH,
        minutes=None,
        batch=BATCH,
        validation_images=256,
        seed=0,
        flip=False,
        precision="auto",
        keep_states=2,
        group="",
        own_parts=False,
        discriminator_guard=DiscriminatorGuard(flat=0.04, slack=0.1, collapse=1.5, roll_backs=2),
        revive_images=2_000,
    )


def criterion(codec: Autoencoder, spec: DataSpec) -> Criterion:
    """The loss. Its bound of lambda meets the gradient of a sum over an image's values for KL, and of their mean for
    VQ."""
    highest = 1e4
    if isinstance(codec.bottleneck, KL):
        highest = per_value(highest, channels=spec.channels, height=spec.height, width=spec.width)
    adversarial = Adversarial(
        weight=0.5,
        loss="hinge",
        adaptive=True,
        adaptive_max=highest,
        r1=0.0,
        begins_images=ENTERS * BATCH,
        ramp_images=0,
        channels=64,
        layers=3,
        norm="batch",
        lr=LR,
        betas=ADAM,
    )
    perceptual = Perceptual(weight=1.0, network="efficientnet", heads=None)
    return Criterion(
        reconstruction=L1(weight=1.0),
        kl_weight=1e-6,
        codebook_weight=1.0,
        perceptual=perceptual,
        adversarial=adversarial,
    )
