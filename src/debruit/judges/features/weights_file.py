"""Feature networks from a file of weights, read without running code and recognised by the names of tensors."""

from pathlib import Path

from debruit.errors import InputError
from debruit.judges.extractor import Extractor
from debruit.judges.features.dinov2 import dinov2, is_dinov2
from debruit.judges.features.efficientnet import efficientnet
from debruit.judges.features.inception import inception, is_inception
from debruit.networks.pretrained.weights import read_weights

LAYOUTS = (
    (is_inception, inception, "InceptionV3 as in the FID literature (pt_inception-2015-12-05)"),
    (is_dinov2, dinov2, "DINOv2 (ViT-S, B or L, as released or in the Hugging Face layout)"),
    (lambda weights: "_blocks.0._depthwise_conv.weight" in weights, efficientnet, "EfficientNet-Lite0"),
)


def weights_network(path: Path, *, device: str = "auto") -> Extractor:
    """The extractor with these weights. InputError: a file that cannot be read without running code from it, an unknown
    layout, or tensors that are missing or of other shapes."""
    weights = read_weights(path)
    for known, build, layout in LAYOUTS:
        if known(weights):
            try:
                return build(weights, device=device)
            except (KeyError, RuntimeError) as error:
                reason = f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[-1].strip()
                raise InputError(f"{path} looks like {layout} but does not fit it: {reason}") from None
    known_layouts = "; ".join(layout for _, _, layout in LAYOUTS)
    raise InputError(
        f"{path} holds weights of an unknown layout (known: {known_layouts}): export the network to .onnx and name "
        "that file"
    )
