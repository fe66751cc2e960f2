"""The recipe on the emoji of ten open sets at 64 pixels: latent diffusion conditioned on a prompt, which names the
thing, its style and its colour, and on a mask of colours."""

from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.data.sources.drawings.colour_words import NAMES, PALETTE
from debruit.data.sources.emoji.emoji import Emoji
from debruit.diffusion.processes.flow import Flow
from debruit.recipes import settings
from debruit.sampling.grids import UniformTime
from debruit.sampling.unipc import UniPC
from debruit.text.wordpiece import bert_numbers
from debruit.training.config import Run

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
    encoder = settings.captions(TOKENS, heads=6, length=LENGTH)
    text = Text(tokenizer=bert_numbers(), encoder=encoder, drop=DROPPED["text"])
    mask = Mask(channels=MASK_CHANNELS, drop=DROPPED["mask"])
    network = settings.unet(
        channels=112,
        multipliers=(1, 2),
        blocks=1,
        attention=(2,),
        token_channels=TOKENS,
        pooled_tokens=True,
        spatial_channels=MASK_CHANNELS,
        time_embedding="scale_shift",
        resample="fold",
        groups=7,
    )
    model = settings.model(
        data=settings.images(
            "emoji", channels=3, side=SIZE, count=COUNT, mask_names=NAMES, palette=PALETTE, lettered=True
        ),
        process=Flow(),
        predicts="velocity",
        network=network,
        sampling=settings.sampling(
            UniPC(), UniformTime(shift=1.0), steps=16, clip=True, guidance=2.4, interval=(0.0, 0.8)
        ),
        data_std=1.0,
        codec=settings.codec(64),
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
        objective=settings.flow_matching(),
        optimiser=settings.muon(5.5e-3, warmup_images=10_000),
        ema=settings.ema(),
        images=2_000_000,
        batch=128,
        validation_images=HELD_OUT,
        own_parts=True,
    )
