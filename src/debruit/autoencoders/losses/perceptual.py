"""The perceptual term: images compared in the maps of a pretrained network instead of in pixels. Zhang et al. 2018, eq.
1.

d(x, x^) = sum_l  1 / (H_l W_l)  sum_hw || w_l (f_l(x) - f_l(x^)) ||^2
f_l of unit length over the channels at each position

EfficientNet-Lite0 has no learned w_l: w_l = 1 and the sum over maps is a mean, so that d is in [0, 4]. VGG16 with its
heads is LPIPS; without them it is treated as EfficientNet is. The network is frozen and stays outside of the module's
parameters and saved state: gradients pass through it to x^ and change nothing in it.

Nothing is resized to the network's own 224 pixels; only an image of fewer than 16 is seen at twice its size, so that
the maps of 1/16 exist. (At 28 to 64 pixels doubling told blur from a shift of equal squared error no better, at four
times the cost.) An image of one channel is repeated to three; each channel of two, four or more is such an image of its
own, and the mean is taken, since a network trained on photographs knows no other channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.autoencoders.losses.checks import check_weight
from debruit.errors import InputError
from debruit.networks.layers import channels_last
from debruit.networks.pretrained.efficientnet import EfficientNetMaps, packaged_weights
from debruit.networks.pretrained.vgg import VGG16Maps, check_layout, head_shapes, vgg16_shapes
from debruit.networks.pretrained.weights import read_weights

EFFICIENTNET = "efficientnet"
LEAST_SIDE = 8
DOUBLE_BELOW = 16
EFFICIENTNET_STAGES = (1, 2, 3, 4)  # 16, 24, 40 and 80 channels at 1/2, 1/4, 1/8 and 1/16 of the sides
# LPIPS' scaling layer, of values in [-1, 1]
LPIPS_SHIFT, LPIPS_SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
OTHERWISE = "name a file of VGG16's weights with perceptual.network, or do without the term with perceptual.weight=0"
EPS = 1e-10


@dataclass(frozen=True, kw_only=True)
class Perceptual:
    """`weight` is b2. `network`: "efficientnet", which a package brings along, or the path of VGG16's weights in
    torchvision's layout (.safetensors or .pth); `heads` is then the path of LPIPS' linear heads (lin0.model.1.weight
    ...), or None.

    InputError at `build`: weights that are not there, or those of another network.
    """

    weight: float = 1.0
    network: str = EFFICIENTNET
    heads: str | None = None

    def __post_init__(self) -> None:
        check_weight("perceptual.weight", self.weight)
        if self.heads is not None and self.network == EFFICIENTNET:
            raise InputError(
                f"perceptual.heads={self.heads}: LPIPS' heads belong to VGG16, name its weights with perceptual.network"
            )

    def build(self, channels: int) -> "PerceptualModule":
        if self.network == EFFICIENTNET:
            return PerceptualModule(_efficientnet(), label="EffNetLite0", channels=channels)
        path = Path(self.network)
        heads = Path(self.heads) if self.heads is not None else None
        label = "VGG16" if heads is None else "LPIPS-VGG16"
        return PerceptualModule(_vgg(path, heads), label=label, channels=channels)


class PerceptualModule(nn.Module):
    """(images, decoded), both (B, C, H, W) in [-1, 1] with sides of 8 or more, -> d (B,). The gradient reaches
    `decoded` only. `label` names the network wherever the distance is reported."""

    def __init__(self, comparison: "Comparison", *, label: str, channels: int) -> None:
        super().__init__()
        self.label, self.channels = label, channels
        channels_last(comparison)
        # in a tuple torch does not register it: neither an optimiser nor a saved state sees it
        self._frozen = (comparison.eval().requires_grad_(False),)

    def _apply(self, fn: Callable, recurse: bool = True) -> "PerceptualModule":
        self._frozen[0]._apply(fn, recurse)  # what is not registered moves to devices and dtypes all the same
        return super()._apply(fn, recurse)

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        if min(images.shape[-2:]) < LEAST_SIDE:
            height, width = images.shape[-2:]
            raise InputError(
                f"the perceptual term needs images of {LEAST_SIDE} pixels or more, and these are {height} x {width}: "
                "set perceptual.weight=0"
            )
        distances = self._frozen[0](in_colour(images), in_colour(decoded))
        return distances.unflatten(0, (len(images), -1)).mean(dim=1)


def in_colour(images: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 3, H, W) for one channel or three, else (B C, 3, H, W), each channel an image."""
    if images.shape[1] == 3:
        return images
    return images.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)


class Comparison(nn.Module):
    """d of three-channel images, (N,). `maps` gives a list of maps for (x - shift) / scale; `heads` are the w_l^2, (1,
    c, 1, 1) each."""

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        maps: nn.Module,
        *,
        shift: tuple[float, ...],
        scale: tuple[float, ...],
        heads: list[Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.maps = maps
        self.register_buffer("shift", torch.tensor(shift).view(1, -1, 1, 1))
        self.register_buffer("scale", torch.tensor(scale).view(1, -1, 1, 1))
        self.heads = None if heads is None else nn.ParameterList(heads)

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        with torch.no_grad():
            references = [unit(f) for f in self.maps(self.prepare(images))]
        distances = []
        for n, (reference, f) in enumerate(zip(references, self.maps(self.prepare(decoded)), strict=True)):
            squares = (unit(f) - reference).square()
            weighted = squares if self.heads is None else squares * self.heads[n]
            distances.append(weighted.sum(dim=1).mean(dim=(1, 2)))
        total = torch.stack(distances)
        return total.mean(dim=0) if self.heads is None else total.sum(dim=0)

    def prepare(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < DOUBLE_BELOW:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return ((x - self.shift) / self.scale).contiguous(memory_format=torch.channels_last)


def unit(f: Tensor) -> Tensor:
    """f / |f|, the length over the channels, in float32 at least whatever the network ran in; 0 stays 0, with a finite
    gradient."""
    f = f.to(torch.promote_types(f.dtype, torch.float32))
    return f * torch.rsqrt(f.square().sum(dim=1, keepdim=True) + EPS**2)


def _efficientnet() -> Comparison:
    # (x_255 - 127) / 128 with x_255 = 127.5 (x + 1)
    shift, scale = (-0.5 / 127.5,) * 3, (128 / 127.5,) * 3
    maps = EfficientNetMaps(packaged_weights(otherwise=OTHERWISE), EFFICIENTNET_STAGES)
    return Comparison(maps, shift=shift, scale=scale)


def _vgg(path: Path, heads_path: Path | None) -> Comparison:
    for file in (path, heads_path):
        if file is not None and not file.is_file():
            raise InputError(
                f"the perceptual term's weights {file} are not there: give the path of that file, take "
                "perceptual.network=efficientnet "
                "(pip install 'debruit[eval]'), or do without the term with perceptual.weight=0"
            )
    weights = read_weights(path)
    check_layout(path, weights, vgg16_shapes(), "VGG16 in torchvision's layout")
    heads = None
    if heads_path is not None:
        distances = read_weights(heads_path)
        check_layout(heads_path, distances, head_shapes(), "file of LPIPS' heads for VGG16")
        heads = [distances[name].float() for name in head_shapes()]
    return Comparison(VGG16Maps(weights), shift=LPIPS_SHIFT, scale=LPIPS_SCALE, heads=heads)
