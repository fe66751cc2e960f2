"""Recipes on OpenMoji's drawings at 64 pixels: the model that comes with debruit, which draws what a prompt says inside of a mask, and one that enlarges."""

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.kl import KL
from debruit.conditioning.low_res import Image
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.data.sources.openmoji.openmoji import OpenMoji
from debruit.data.sources.openmoji.segmentation import NAMES, PALETTE
from debruit.images.spec import DataSpec
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet
from debruit.planning import heuristics
from debruit.planning.autoencoder import LATENT_CHANNELS, coders
from debruit.text.wordpiece import bert_numbers
from debruit.training.config import Run

SIZE, COUNT = 64, 2_465
FACTOR = 4
SCALE = 4  # of what enlarges
MASK_CHANNELS = 8
DROPPED = {"text": 0.15, "mask": 0.7}  # 6 images of 10 have their name alone, as most prompts come, 3 have both


def openmoji_text_mask_64() -> Run:
    """The model that comes with debruit: OpenMoji's drawings under their names, in English and in French, and their masks, each dropped by itself, so
    that it takes either, both or none. Latents of 16 x 16 x 4; a U-Net of 3.8 M parameters, and a text encoder on MiniLM's vectors of words.

    200,000 images of 1.8 GFLOP each: an hour at 60 images/s on two CPU cores. A twentieth of the drawings is held out, its names unseen.
    debruit train openmoji-text-mask-64 --autoencoder runs/ae --out runs/o
    """
    spec = drawings(mask_names=NAMES, palette=PALETTE)
    encoder = TextTransformer(width=128, depth=3, heads=4, length=24, words="minilm", padding="hidden")
    text = Text(tokenizer=bert_numbers(), encoder=encoder, drop=DROPPED["text"])
    mask = Mask(
        names=spec.mask_names, palette=spec.palette, height=SIZE, width=SIZE, channels=MASK_CHANNELS, drop=DROPPED["mask"]
    )  # fmt: skip
    codec = Autoencoder(coder=coders(FACTOR)[3], bottleneck=KL(channels=LATENT_CHANNELS))
    network = UNet(
        channels=64, multipliers=(1, 2), blocks=1, attention=(2,), head_channels=32, groups=8, resample="fold", dropout=0.1
    )  # fmt: skip
    return Run(
        source=OpenMoji(size=SIZE, masks=True, languages=("en", "fr")), model=heuristics.configure(spec, network, codec, [text, mask]),
        images=200_000, batch=32, validation_images=heuristics.held_out(COUNT),
    )  # fmt: skip


def upscale_openmoji_64() -> Run:
    """Super-resolution: from 16 to 64 pixels, on OpenMoji's drawings; a U-Net of 2.52 M parameters on pixels, the small image beside x_t.

    Planned for 10 minutes on two CPU cores, by the operations about 40,000 images of 1.7 GFLOP each; not trained to its end yet.
    debruit train upscale-openmoji-64 --out runs/sr
    """
    spec = drawings()
    network = UNet(
        channels=32, multipliers=(1, 2, 4), blocks=1, patch=2, attention=(4,), head_channels=32, groups=8, resample="fold"
    )  # fmt: skip
    return Run(
        source=OpenMoji(size=SIZE), model=heuristics.configure(spec, network, conditioners=[Image.suited(spec, "low", SCALE)]),
        images=40_000, minutes=10, batch=32, validation_images=heuristics.held_out(COUNT),
    )  # fmt: skip


def drawings(**has) -> DataSpec:
    """OpenMoji's drawings without skin tones; `has` are mask names and their palette."""
    return DataSpec(
        name="openmoji", channels=3, height=SIZE, width=SIZE, depth="uint8", low=0, high=255, count=COUNT, lettered=True, **has
    )  # fmt: skip
