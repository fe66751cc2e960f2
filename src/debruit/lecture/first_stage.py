"""The four losses of an autoencoder, on one image: what training it would minimise there.

    L = L_recons + b1 L_KLD + b2 L_perceptual + b3 L_adversarial          Rombach et al. 2022, appendix G

L_recons is the mean of |x - x^|, L_KLD the KL of the latents in nats per value of the image (or, of a codebook, its
loss), L_perceptual a distance in the maps of a pretrained network. A model's file has no discriminator, so that
L_adversarial cannot be computed, and not the weights that the autoencoder was trained with. The weights here are those
of the released KL models (recipes/autoencoders.py).

A model of pixels has no autoencoder: that of the model which comes with debruit is shown instead, on the same image,
resized.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor

from debruit.autoencoders import bounded
from debruit.autoencoders.autoencoder import Autoencoder, AutoencoderModule
from debruit.autoencoders.codec import CodecModule, Moments
from debruit.autoencoders.fidelity import psnr
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.kl import kl_per_value
from debruit.autoencoders.losses.perceptual import LEAST_SIDE, Perceptual, PerceptualModule, in_colour
from debruit.config import decode
from debruit.errors import InputError
from debruit.lecture.study import Study
from debruit.models.config import CODEC
from debruit.models.model_file import fill, header, shipped

SHIPPED = "openmoji-64"
SHIPPED_SIDE = 64
WEIGHTS = {"reconstruction": 1.0, "kl": 1e-6, "codebook": 1.0, "perceptual": 1.0, "adversarial": 0.5}


@dataclass(frozen=True, kw_only=True)
class FirstStageFigures:
    """An autoencoder on one image. `own`: it is the model's; else the shipped one. `x` and `decoded` are (C, H, W) in
    [-1, 1], `latent_shape` is (c, h, w).

    `terms` are the losses without weights by name, those that can be computed: "reconstruction", "kl" or "codebook",
    "perceptual". `nats` is the KL of the whole latent where there is one; `network` names that of the perceptual term,
    or is "".
    """

    own: bool
    bottleneck: str
    factor: int
    parameters: int
    x: Tensor
    decoded: Tensor
    latent_shape: tuple[int, ...]
    psnr: float
    terms: dict[str, float]
    nats: float | None
    network: str

    @property
    def compression(self) -> float:
        """Values of the image for each value of the latent."""
        return self.x.numel() / torch.Size(self.latent_shape).numel()


@torch.no_grad()
def first_stage(study: Study) -> FirstStageFigures:
    """Encode and decode the image of the study, by the mean of the latent, without network evaluations."""
    x = study.model.config.data.to_model(study.example.image)
    if study.latent:
        codec, factor = study.model.codec, study.model.config.codec.factor
        x = x.to(study.model.device)
    else:
        codec = shipped_codec()
        factor = codec.factor
        x = F.interpolate(in_colour(x)[:1], (SHIPPED_SIDE, SHIPPED_SIDE), mode="bilinear", align_corners=False)
    moments = bounded.encode(codec, x)
    decoded = bounded.decode(codec, moments.mean, tuple(x.shape[2:])).float()
    penalty, nats = _penalty(codec, moments, x)
    perceptual = _perceptual(x.shape[1]) if x.ndim == 4 and min(x.shape[2:]) >= LEAST_SIDE else None
    terms = {"reconstruction": float((x - decoded).abs().mean())} | penalty
    if perceptual is not None:
        terms["perceptual"] = float(perceptual(x.cpu(), decoded.cpu()))
    shown = decoded.clamp(-1, 1).cpu()
    return FirstStageFigures(
        own=study.latent,
        bottleneck=type(codec.config.bottleneck).__name__ if isinstance(codec, AutoencoderModule) else "",
        factor=factor,
        parameters=sum(p.numel() for p in codec.parameters()),
        x=x[0].cpu(),
        decoded=shown[0],
        latent_shape=tuple(moments.mean.shape[1:]),
        psnr=float(psnr((x.cpu() + 1) / 2, (shown + 1) / 2, value_range=1)) if x.ndim == 4 else float("nan"),
        terms=terms,
        nats=nats,
        network="" if perceptual is None else perceptual.label,
    )


def _penalty(codec: CodecModule, moments: Moments, x: Tensor) -> tuple[dict[str, float], float | None]:
    """The bottleneck's term of one image x (1, C, H, W), and for a KL bottleneck its nats. `moments` are normalised."""
    if not isinstance(codec, AutoencoderModule):
        return {}, None
    shift, scale = (
        torch.tensor(values or (default,), device=x.device).view(-1, 1, 1)
        for values, default in ((codec.config.shift, 0.0), (codec.config.scale, 1.0))
    )
    raw = Moments(moments.mean * scale + shift, None if moments.std is None else moments.std * scale)
    penalty = codec.bottleneck(raw, None).penalty
    if isinstance(codec.config.bottleneck, KL):
        return {"kl": float(kl_per_value(penalty, x))}, float(penalty)
    return {"codebook": float(penalty)}, None


@lru_cache(maxsize=4)
def _perceptual(channels: int) -> PerceptualModule | None:
    """The perceptual term that needs no file of the user's; None where its package is not installed."""
    try:
        return Perceptual().build(channels)
    except InputError:
        return None


@lru_cache(maxsize=1)
def shipped_codec() -> AutoencoderModule:
    """The autoencoder of the model that comes with debruit, without the rest of its file."""
    path = shipped()[SHIPPED]
    config = decode(header(path)["config"]["codec"], Autoencoder, where=str(path))
    with safe_open(path, framework="pt") as file:
        names = [name for name in list(file.keys()) if name.startswith(CODEC)]
        weights = {name.removeprefix(CODEC): file.get_tensor(name).float() for name in names}
    module = config.build(3)
    fill(module, weights, path)
    return module.eval()
