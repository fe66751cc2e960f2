"""The first stages that were released with the LDMs (Rombach et al. 2022), by kind and downsampling factor; facts of their configurations.

All have 128 channels, 2 residual blocks a level, one attention layer in the middle, and were trained on images of 256 pixels, from which
attention at resolution r is attention at downsampling 256 / r. Not trained here: shift, scale and fingerprint are empty.
"""

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.vq import VQ


def vq_f4() -> Autoencoder:
    """64 x 64 x 3 of 256 pixels; first stage of the faces, ImageNet (v2) and landscapes models. 55.3 M parameters."""
    return Autoencoder(coder=_coder(1, 2, 4), bottleneck=VQ(channels=3, codes=8192))


def vq_f4_noattn() -> Autoencoder:
    """As `vq_f4`, without attention."""
    coder = Coder(channels=128, multipliers=(1, 2, 4), middle_attention=False)
    return Autoencoder(coder=coder, bottleneck=VQ(channels=3, codes=8192))


def vq_f8(codes: int = 16384) -> Autoencoder:
    """32 x 32 x 4; first stage of the class-conditional ImageNet model. It was also released with 256 codes."""
    return Autoencoder(coder=_coder(1, 2, 2, 4, attention=(8,)), bottleneck=VQ(channels=4, codes=codes))


def vq_f16() -> Autoencoder:
    """16 x 16 x 8."""
    return Autoencoder(coder=_coder(1, 1, 2, 2, 4, attention=(16,)), bottleneck=VQ(channels=8, codes=16384))


def kl_f4() -> Autoencoder:
    """64 x 64 x 3."""
    return Autoencoder(coder=_coder(1, 2, 4), bottleneck=KL(channels=3))


def kl_f8() -> Autoencoder:
    """32 x 32 x 4; first stage of the text-to-image model, and of what came after it. 83,653,863 parameters."""
    return Autoencoder(coder=_coder(1, 2, 4, 4), bottleneck=KL(channels=4))


def kl_f16() -> Autoencoder:
    """16 x 16 x 16."""
    return Autoencoder(coder=_coder(1, 1, 2, 2, 4, attention=(16,)), bottleneck=KL(channels=16))


def kl_f32() -> Autoencoder:
    """8 x 8 x 64."""
    return Autoencoder(coder=_coder(1, 1, 2, 2, 4, 4, attention=(16, 32)), bottleneck=KL(channels=64))


def _coder(*multipliers: int, attention: tuple[int, ...] = ()) -> Coder:
    return Coder(channels=128, multipliers=multipliers, attention=attention)
