"""The first stage of a latent diffusion model: a trained autoencoder with its file (Rombach et al. 2022).

L = L_recons + b1 L_KL + b2 L_perceptual + b3 L_adversarial is minimised first (training/tasks/autoencoder.py); then the
autoencoder is frozen. Its latents are shifted and scaled to mean 0 and standard deviation 1 per channel, as measured
over the training images, and its fingerprint is in every model built on it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from debruit.autoencoders import bounded
from debruit.autoencoders.autoencoder import AutoencoderModule, fingerprint
from debruit.autoencoders.codec import Moments
from debruit.errors import InputError
from debruit.finite import check_finite
from debruit.images.spec import DataSpec
from debruit.models.config import FirstStageConfig
from debruit.models.model_file import fill
from debruit.models.trained import Trained
from debruit.networks.shapes import shapes_alone


class FirstStage(Trained[FirstStageConfig]):
    """A trained autoencoder: images at rest to latents and back."""

    kind: ClassVar[type] = FirstStageConfig
    what: ClassVar[str] = "autoencoder"

    def __init__(
        self, config: FirstStageConfig, module: AutoencoderModule, provenance: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(config, provenance)
        self.module = module.eval()

    @property
    def trained(self) -> nn.Module:
        return self.module

    def weights(self) -> Mapping[str, Tensor]:
        return self.module.state_dict()

    @classmethod
    def filled(
        cls,
        config: FirstStageConfig,
        weights: Mapping[str, Tensor],
        provenance: Mapping[str, Any],
        path: Path,
        device: torch.device,
    ) -> Self:
        with shapes_alone():
            module = config.codec.build(config.data.channels)
        fill(module, weights, path)
        if config.codec.fingerprint not in ("", fingerprint(module)):
            raise InputError(
                f"the weights in {path} are not those that its latents were measured with: the file was changed; copy "
                "it again"
            )
        return cls(config, module.to(device), provenance)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Moments:
        """Return the distribution of the latents of images at rest, (B, C, H, W).

        Raise InputError if a value is not finite.
        """
        check_finite(images, "the images to encode", "replace these values, or leave the images out")
        moments = bounded.encode(self.module, self.config.data.to_model(images).to(self.device))
        check_finite(moments.mean, "the latents are not finite", "look at the images and at the autoencoder")
        return moments

    @torch.no_grad()
    def decode(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        """Decode latents (B, c, h, w) to images at rest of `size` (H, W) pixels, on the CPU.

        Raise InputError if a value is not finite.
        """
        decoded = bounded.decode(self.module, latents.to(self.device), size).float().cpu()
        check_finite(decoded, "the decoded images are not finite", "look at the latents and at the autoencoder")
        return self.config.data.from_model(decoded)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Reconstruct images at rest, (B, C, H, W): D(E(x)), with the mean of the latent distribution."""
        return self.decode(self.encode(images).mean, (images.shape[2], images.shape[3]))

    def check_fits(self, spec: DataSpec) -> None:
        """Raise InputError if images of this spec cannot be encoded: other channels, or a size that the factor does not
        divide."""
        own = self.config.data
        if spec.channels != own.channels:
            raise InputError(
                f"the autoencoder was trained on images of {own.channels} channels ({own.name}) and {spec.name} has "
                f"{spec.channels}: train one on this data with `debruit train autoencoder`"
            )
        self.config.codec.latent_size(spec.height, spec.width)
