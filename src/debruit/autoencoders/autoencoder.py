"""A trained codec: encoder, bottleneck, decoder, and the measured distribution of its latents.

x -> pad to the factor -> encoder -> bottleneck -> raw latents -> (raw - shift) / scale -> z ...
z -> z scale + shift -> bottleneck -> decoder -> crop -> x
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.autoencoders.bottleneck import Bottleneck
from debruit.autoencoders.codec import CodecModule, Moments
from debruit.autoencoders.coder import Coder, Decoder, Encoder
from debruit.autoencoders.kl import KL
from debruit.errors import InputError

CONSTANT = 1e-6  # a channel that varies less, relative to its mean, is constant to float32


@dataclass(frozen=True, kw_only=True)
class Autoencoder:
    """`shift` and `scale` are the mean and standard deviation of each channel of the raw latents over the training
    images, and `fingerprint` a digest of the weights; all three are empty until they are measured, and latents are then
    raw."""

    coder: Coder = field(default_factory=Coder)
    bottleneck: Bottleneck = field(default_factory=KL)
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    fingerprint: str = ""

    def __post_init__(self) -> None:
        """InputError where shift and scale are not one number a channel, or a scale is not positive."""
        for name, values in (("shift", self.shift), ("scale", self.scale)):
            if len(values) not in (0, self.bottleneck.channels):
                raise InputError(
                    f"{name} has {len(values)} values and the latents have {self.bottleneck.channels} channels: give "
                    "one a channel, "
                    "or none"
                )
        if any(value <= 0 for value in self.scale):
            raise InputError(f"scale={self.scale}: each channel of the latents needs a positive scale")

    @property
    def factor(self) -> int:
        """By how much each side is reduced."""
        return self.coder.factor

    def latent_channels(self, channels: int) -> int:
        return self.bottleneck.channels

    def latent_size(self, *sizes: int) -> tuple[int, ...]:
        """The sizes of the latents: those of the images over the factor, rounded up. InputError for images smaller than
        the factor."""
        if min(sizes) < self.factor:
            raise InputError(
                f"images of {' x '.join(map(str, sizes))} pixels are smaller than the factor {self.factor} of the "
                "autoencoder: "
                "use one with fewer levels (coder.multipliers) or a smaller coder.patch, or larger images"
            )
        return tuple(-(-size // self.factor) for size in sizes)

    def build(self, channels: int) -> "AutoencoderModule":
        """Freshly initialised from torch's global generator, for images of any size from the factor on."""
        return AutoencoderModule(self, channels)


@dataclass(frozen=True)
class Reconstruction:
    """One pass of images in training: what came back, the raw moments, the bottleneck's penalty of each image (B,),
    the codes if any."""

    images: Tensor
    moments: Moments
    penalty: Tensor
    codes: Tensor | None = None


class AutoencoderModule(CodecModule):
    """Images (B, C, H, W) in [-1, 1] <-> latents (B, c, ceil(H / factor), ceil(W / factor)). Sides are padded by
    repeating the last pixel."""

    def __init__(self, config: Autoencoder, channels: int) -> None:
        super().__init__()
        self.config, self.factor = config, config.factor
        self.encoder = Encoder(config.coder, channels, config.bottleneck.encoded_channels)
        self.bottleneck = config.bottleneck.build()
        self.decoder = Decoder(config.coder, config.bottleneck.channels, channels)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last convolution, where the adaptive adversarial weight compares gradients."""
        return self.decoder.head.weight

    def moments(self, images: Tensor) -> Moments:
        """The distribution of the raw latents. InputError for images smaller than the factor."""
        height, width = images.shape[2:]
        self.config.latent_size(height, width)
        padded = F.pad(images, (0, -width % self.factor, 0, -height % self.factor), mode="replicate")
        return self.bottleneck.moments(self.encoder(padded))

    def encode(self, images: Tensor) -> Moments:
        """The distribution of the normalised latents; of a VQ autoencoder, those before quantisation."""
        raw = self.moments(images)
        shift, scale = self._normalisation(raw.mean)
        return Moments((raw.mean - shift) / scale, None if raw.std is None else raw.std / scale)

    def decode(self, latents: Tensor, size: tuple[int, ...]) -> Tensor:
        """Images of this size from normalised latents, quantised first where there is a codebook."""
        shift, scale = self._normalisation(latents)
        return self._decode(self.bottleneck.decode(latents * scale + shift), size)

    def forward(self, images: Tensor, eps: Tensor | None = None) -> Reconstruction:
        """The training pass: raw latents mean + std eps, eps (B, c, h, w); the mean where eps is None."""
        moments = self.moments(images)
        passed = self.bottleneck(moments, eps)
        height, width = images.shape[2:]
        return Reconstruction(self._decode(passed.decodable, (height, width)), moments, passed.penalty, passed.codes)

    def _decode(self, decodable: Tensor, size: tuple[int, ...]) -> Tensor:
        return self.decoder(decodable)[:, :, : size[0], : size[1]]

    def _normalisation(self, like: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Made from the config at each call: a buffer would be a second copy of what the config says."""
        shift, scale = (like.new_tensor(values)[:, None, None] for values in (self.config.shift, self.config.scale))
        return shift if self.config.shift else 0.0, scale if self.config.scale else 1.0


def fingerprint(module: nn.Module) -> str:
    """A digest of a module's parameters, 32 hex digits: their names, shapes and values, whatever their device and
    memory layout."""
    digest = hashlib.sha256()
    for name, weight in sorted(module.named_parameters()):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        digest.update(weight.detach().cpu().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]


@torch.no_grad()
def measured(codec: Autoencoder, module: AutoencoderModule, batches: Iterable[Tensor]) -> Autoencoder:
    """The codec with shift, scale and fingerprint as the module, in eval mode, has them over batches of images (B, C,
    H, W) in [-1, 1].

    Over z ~ q(z|x), x among the images, positions included: shift = E[mean], scale^2 = E[mean^2 + std^2] - shift^2,
    the total variance, summed in float64. A channel that is constant, as dead ones are, keeps scale 1. InputError if
    there are no images or their latents are not finite.
    """
    count, sums = 0, None
    for images in batches:
        raw = module.moments(images)
        mean, variance = raw.mean.double(), 0.0 if raw.std is None else raw.std.double().square()
        count += mean[:, 0].numel()
        batch = torch.stack([mean.sum((0, 2, 3)), (mean.square() + variance).sum((0, 2, 3))])
        sums = batch if sums is None else sums + batch
    if sums is None:
        raise InputError("no images were given to measure the latents on: the training set is empty")
    if not sums.isfinite().all():
        raise InputError(
            "the latents of the autoencoder are not finite: its training diverged, train it again with a lower lr"
        )
    shift, square = sums / count
    scale = (square - shift.square()).clamp(min=0).sqrt()
    scale = torch.where(scale > CONSTANT * shift.abs().clamp(min=1), scale, 1.0)
    return replace(codec, shift=tuple(shift.tolist()), scale=tuple(scale.tolist()), fingerprint=fingerprint(module))
