"""The style of images rather than what they show: statistics over the early maps of EfficientNet-Lite0.

Of each channel of the maps after the stem and the first four stages: mean, standard deviation and maximum over the
pixels. Correlations of such maps are what style transfer calls style (Gatys, Ecker & Bethge 2016); moments of each
channel hold most of it (Li et al. 2017, "Demystifying Neural Style Transfer").
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from debruit.images.spec import DataSpec
from debruit.judges.features.efficientnet import DEVIATION, MEAN
from debruit.judges.features.network import NetworkExtractor, digest
from debruit.judges.features.preparation import normalised, resized
from debruit.judges.features.runtime import BATCHES, run
from debruit.networks.pretrained.efficientnet import EfficientNetMaps, packaged_weights

SIDE = 128  # pixels: twice 64, so that the first maps have one value for each pixel of small images
AFTER = (0, 1, 2, 3, 4)
DIMENSIONS = 3 * (32 + 16 + 24 + 40 + 80)


class MapStatistics(nn.Module):
    """Prepared images (N, 3, H, W) -> (N, 576): after each stage the means, deviations and maxima of its channels."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.maps = EfficientNetMaps(weights, AFTER)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([statistic for maps in self.maps(x) for statistic in _statistics(maps)], dim=1)


def _statistics(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, standard deviation and maximum of each channel, (N, c) each, of maps (N, c, h, w)."""
    mean = maps.mean(dim=(2, 3), keepdim=True)
    deviation = (maps - mean).square().mean(dim=(2, 3)).sqrt()
    return mean.flatten(1), deviation, maps.amax(dim=(2, 3))


def prepare(images: Tensor, spec: DataSpec) -> Tensor:
    """Images at rest -> (N, 3, 128, 128), (x - 127) / 128."""
    return normalised(resized(images, spec, SIDE, SIDE), MEAN, DEVIATION)


def map_statistics(
    weights: Mapping[str, Tensor] | None = None, *, device: str = "auto", runtime: str = "auto"
) -> NetworkExtractor:
    """The extractor; `runtime` as of `efficientnet`. InputError: the network is not installed."""
    weights = packaged_weights() if weights is None else weights
    fingerprint = digest(weights, "efficientnet-lite0 map statistics", AFTER, SIDE, MEAN, DEVIATION)
    forward, used = run(partial(MapStatistics, weights), (3, SIDE, SIDE), fingerprint, device=device, runtime=runtime)
    return NetworkExtractor(
        label="EffNetLite0 map statistics",
        dimensions=DIMENSIONS,
        fingerprint=fingerprint,
        prepare=prepare,
        forward=forward,
        batch=BATCHES[used],
        runtime=used,
    )
