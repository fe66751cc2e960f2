"""Recipes on the emoji of ten open sets at 64 pixels: an autoencoder, and a model conditioned on a prompt, which names
the thing, its style and its colour, and on a mask of colours."""

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.data.sources.drawings.colour_words import NAMES, PALETTE
from debruit.data.sources.emoji.emoji import Emoji
from debruit.diffusion.density import LogitNormal
from debruit.diffusion.objective import Objective
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.weighting import Simple
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet
from debruit.recipes import settings
from debruit.sampling.grids import UniformTime
from debruit.sampling.unipc import UniPC
from debruit.text.wordpiece import bert_numbers
from debruit.training.config import Ema, Optimiser, Run

SIZE, COUNT = 64, 27_823
HELD_OUT = 512  # of the training part; the test part is held out by the source
MASK_CHANNELS = 8
DROPPED = {"text": 0.12, "mask": 0.7}  # of 10 images, 6 keep their caption alone, as most prompts are, and 3 both
LENGTH = 40  # word pieces of a caption
TOKENS = 192  # channels of each


def emoji_text_mask_64() -> Run:
    """Emoji conditioned on captions in English and French, half of which name the style and some the colour, and on
    masks of colours. Each condition is dropped independently, so that the model takes either, both or none. Latents of
    16 x 16 x 4; a U-Net of 12.3 M parameters and a text encoder on MiniLM's word vectors.

    Cost: 2,000,000 images of 5.5 GFLOP each in training. Score: not measured yet.

    debruit train emoji-text-mask-64 --autoencoder runs/ae --out runs/e
    """
    text = Text(tokenizer=bert_numbers(), encoder=captions(), drop=DROPPED["text"])
    mask = Mask(channels=MASK_CHANNELS, drop=DROPPED["mask"])
    model = settings.model(
        data=settings.images(
            "emoji", channels=3, side=SIZE, count=COUNT, mask_names=NAMES, palette=PALETTE, lettered=True
        ),
        process=Flow(),
        predicts="velocity",
        network=network(),
        sampling=settings.sampling(
            UniPC(), UniformTime(shift=1.0), steps=16, clip=True, guidance=2.4, interval=(0.0, 0.8)
        ),
        data_std=1.0,
        codec=Autoencoder(coder=coder(), bottleneck=KL(channels=4), shift=(), scale=(), fingerprint=""),
        conditioners=(text, mask),
    )
    return settings.run(
        source=Emoji(
            size=SIZE,
            styles=(),
            parts=(),
            folder=None,
            masks=True,
            languages=("en", "fr"),
            background="white",
            colours=True,
        ),
        model=model,
        objective=Objective(
            density=LogitNormal(mean=0.0, std=1.0),
            weighting=Simple(space="velocity"),
            norm="l2",
            low_discrepancy=True,
            variance_weight=0.001,
        ),
        optimiser=muon(),
        ema=Ema(halflife_images=500_000, ramp=0.05),
        images=2_000_000,
        batch=128,
        validation_images=HELD_OUT,
        own_parts=True,
    )


def captions() -> TextTransformer:
    """A transformer of 3 layers on the word vectors of MiniLM."""
    return TextTransformer(
        width=TOKENS,
        depth=3,
        heads=6,
        head_channels=None,
        length=LENGTH,
        words="minilm",
        padding="hidden",
        vocabulary_head=False,
    )


def network() -> UNet:
    """Two levels, 16 x 16 and 8 x 8 positions, the second with attention to the caption."""
    return UNet(
        channels=112,
        multipliers=(1, 2),
        blocks=1,
        attention=(2,),
        middle_attention=True,
        heads=None,
        head_channels=32,
        transformer_depth=1,
        token_channels=TOKENS,
        pooled_tokens=True,
        vector_channels=0,
        spatial_channels=MASK_CHANNELS,
        patch=1,
        time_embedding="scale_shift",
        resample="fold",
        groups=7,
        dropout=0.0,
        checkpointing=False,
        residual=False,
    )


def coder() -> Coder:
    """Two levels, 32 x 32 and 16 x 16 positions, after a folding of 2 x 2 pixels."""
    return Coder(
        channels=64,
        multipliers=(1, 2),
        blocks=1,
        attention=(),
        middle_attention=False,
        patch=2,
        resample="fold",
        groups=8,
        dropout=0.0,
    )


def muon() -> Optimiser:
    """Muon for matrices and kernels, AdamW for the rest; after its warm-up the rate falls linearly to 0."""
    return Optimiser(
        kind="muon",
        lr=5.5e-3,
        betas=(0.9, 0.99),
        eps=1e-8,
        momentum=0.95,
        weight_decay=0.01,
        clip_norm=1.0,
        warmup_images=10_000,
        decay="linear",
        decay_fraction=1.0,
        final_lr_factor=0.0,
    )
