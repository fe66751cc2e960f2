"""The first stages that were released with the LDMs (Rombach et al. 2022), by kind and downsampling factor; facts of
their configurations.

All have 128 channels, 2 residual blocks a level, one attention layer in the middle, and were trained on images of 256
pixels, from which attention at resolution r is attention at downsampling 256 / r. Not trained here: shift, scale and
fingerprint are empty.
"""

from dataclasses import replace

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.vq import VQ


def vq_f4() -> Autoencoder:
    """64 x 64 x 3 of 256 pixels; first stage of the faces, ImageNet (v2) and landscapes models. 55.3 M parameters."""
    return _codec(_coder(1, 2, 4), _vq(3, 8192))


def vq_f4_noattn() -> Autoencoder:
    """As `vq_f4`, without attention."""
    return _codec(replace(_coder(1, 2, 4), middle_attention=False), _vq(3, 8192))


def vq_f8(codes: int = 16384) -> Autoencoder:
    """32 x 32 x 4; first stage of the class-conditional ImageNet model. It was also released with 256 codes."""
    return _codec(_coder(1, 2, 2, 4, attention=(8,)), _vq(4, codes))


def vq_f16() -> Autoencoder:
    """16 x 16 x 8."""
    return _codec(_coder(1, 1, 2, 2, 4, attention=(16,)), _vq(8, 16384))


def kl_f4() -> Autoencoder:
    """64 x 64 x 3."""
    return _codec(_coder(1, 2, 4), KL(channels=3))


def kl_f8() -> Autoencoder:
    """32 x 32 x 4; first stage of the text-to-image model, and of what came after it. 83,653,863 parameters."""
    return _codec(_coder(1, 2, 4, 4), KL(channels=4))


def kl_f16() -> Autoencoder:
    """16 x 16 x 16."""
    return _codec(_coder(1, 1, 2, 2, 4, attention=(16,)), KL(channels=16))


def kl_f32() -> Autoencoder:
    """8 x 8 x 64."""
    return _codec(_coder(1, 1, 2, 2, 4, 4, attention=(16, 32)), KL(channels=64))


def _codec(coder: Coder, bottleneck: KL | VQ) -> Autoencoder:
    return Autoencoder(coder=coder, bottleneck=bottleneck, shift=(), scale=(), fingerprint="")


def _vq(channels: int, codes: int) -> VQ:
    return VQ(channels=channels, codes=codes, beta=0.25, usage_images=256)


def _coder(*multipliers: int, attention: tuple[int, ...] = ()) -> Coder:
    return Coder(
        channels=128,
        multipliers=multipliers,
        blocks=2,
        attention=attention,
        middle_attention=True,
        patch=1,
        resample="conv",
        groups=32,
        dropout=0.0,
    )
