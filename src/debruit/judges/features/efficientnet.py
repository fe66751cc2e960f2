"""Features of EfficientNet-Lite0 (networks/pretrained/efficientnet.py): the extractor that installs offline.

Images are seen at 224 x 224 pixels. Scores made with it are labelled "EffNetLite0" and compare with each other only: a
Frechet distance in these features is no FID.
"""

from collections.abc import Mapping
from functools import partial

from torch import Tensor

from debruit.images.spec import DataSpec
from debruit.judges.features.network import NetworkExtractor, digest
from debruit.judges.features.preparation import normalised, resized
from debruit.judges.features.runtime import BATCHES, run
from debruit.networks.pretrained.efficientnet import EfficientNetLite0, packaged_weights

SIZE, DIMENSIONS = 224, 1280
MEAN, DEVIATION = (127.0,) * 3, (128.0,) * 3


def prepare(images: Tensor, spec: DataSpec) -> Tensor:
    """Images at rest -> (N, 3, 224, 224), (x - 127) / 128."""
    return normalised(resized(images, spec, SIZE, SIZE), MEAN, DEVIATION)


def efficientnet(
    weights: Mapping[str, Tensor] | None = None, *, device: str = "auto", runtime: str = "auto"
) -> NetworkExtractor:
    """The extractor. `runtime`: "auto" takes onnxruntime on a CPU where it is installed (several times faster there),
    else "torch"."""
    if weights is None:
        weights = packaged_weights(otherwise="name another network with --features")
    fingerprint = digest(weights, "efficientnet-lite0", SIZE, MEAN, DEVIATION, "antialiased bicubic")
    forward, used = run(
        partial(EfficientNetLite0, weights), (3, SIZE, SIZE), fingerprint, device=device, runtime=runtime
    )
    return NetworkExtractor(
        label="EffNetLite0",
        dimensions=DIMENSIONS,
        fingerprint=fingerprint,
        prepare=prepare,
        forward=forward,
        batch=BATCHES[used],
        runtime=used,
    )
