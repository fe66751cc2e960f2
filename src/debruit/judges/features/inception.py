"""InceptionV3 as the literature's FID uses it, from a file of the user's (pt_inception-2015-12-05: TensorFlow's
release, ported).

Szegedy et al. 2016, with the details that make a FID comparable (Heusel et al. 2017): the image is resized to 299 x 299
as TensorFlow 1 did, values are (x - 128) / 128, average pools leave their padding out of the mean, and the last block's
pool takes the maximum. 2,048 features. Padding is half the kernel except where `VALID` says that there is none.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from debruit.images.spec import DataSpec
from debruit.judges.features.network import NetworkExtractor, digest
from debruit.judges.features.preparation import on_255
from debruit.judges.features.runtime import BATCHES, run
from debruit.networks.pretrained.folded import FoldedConv

SIZE, DIMENSIONS, EPS = 299, 2048, 1e-3
NONE = (0, 0, 0, 0)
# convolutions without padding, and their strides
VALID = {
    "Conv2d_1a_3x3": 2, "Conv2d_2a_3x3": 1, "Conv2d_4a_3x3": 1,
    "Mixed_6a.branch3x3": 2, "Mixed_6a.branch3x3dbl_3": 2, "Mixed_7a.branch3x3_2": 2, "Mixed_7a.branch7x7x3_4": 2,
}  # fmt: skip
# a block is a tuple of parallel branches; a branch is a sequence of convolutions, with a parallel pair in brackets
A = ("branch1x1", "branch5x5_1 branch5x5_2", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3", "mean branch_pool")
B = ("branch3x3", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3", "halve")
C = (
    "branch1x1",
    "branch7x7_1 branch7x7_2 branch7x7_3",
    "branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 branch7x7dbl_5",
    "mean branch_pool",
)
D = ("branch3x3_1 branch3x3_2", "branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4", "halve")
E = (
    "branch1x1",
    "branch3x3_1 [branch3x3_2a,branch3x3_2b]",
    "branch3x3dbl_1 branch3x3dbl_2 [branch3x3dbl_3a,branch3x3dbl_3b]",
)
STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "halve", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "halve")
BLOCKS = {
    "Mixed_5b": A, "Mixed_5c": A, "Mixed_5d": A, "Mixed_6a": B,
    "Mixed_6b": C, "Mixed_6c": C, "Mixed_6d": C, "Mixed_6e": C,
    "Mixed_7a": D, "Mixed_7b": (*E, "mean branch_pool"), "Mixed_7c": (*E, "maximum branch_pool"),
}  # fmt: skip


class Beside(nn.Module):
    """The outputs of several modules on one input, channels one after the other."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class InceptionV3(nn.Module):
    """Prepared images (N, 3, 299, 299) -> features (N, 2048)."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        unit = partial(_unit, weights)
        stem = [unit(name) for name in STEM]
        blocks = [
            Beside(*(nn.Sequential(*(unit(part, f"{name}.") for part in branch.split())) for branch in branches))
            for name, branches in BLOCKS.items()
        ]
        self.body = nn.Sequential(*stem, *blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).mean(dim=(2, 3))


def _unit(weights: Mapping[str, Tensor], name: str, block: str = "") -> nn.Module:
    """One word of the tables above as a module."""
    if name.startswith("["):
        return Beside(*(_unit(weights, part, block) for part in name[1:-1].split(",")))
    if name == "mean":
        return nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
    if name in ("maximum", "halve"):
        return nn.MaxPool2d(3, 1, padding=1) if name == "maximum" else nn.MaxPool2d(3, 2)
    at = block + name
    stride = VALID.get(at, 1)
    padding = NONE if at in VALID else None
    folded = FoldedConv(weights, f"{at}.conv", f"{at}.bn", eps=EPS, stride=stride, padding=padding)
    return nn.Sequential(folded, nn.ReLU())


def resized_as_tensorflow(x: Tensor, size: int) -> Tensor:
    """(N, C, H, W) -> (N, C, size, size), bilinear between the pixels at floor(i H / size) and the next: TensorFlow 1's
    ResizeBilinear without aligned corners, in which pixel i lies at i, not at i + 1/2, and nothing is antialiased."""
    for dim in (2, 3):
        length = x.shape[dim]
        position = torch.arange(size, dtype=torch.float32) * (length / size)
        lower = position.long().clamp(max=length - 1)
        upper = (lower + 1).clamp(max=length - 1)
        part = (position - lower).view([-1 if d == dim else 1 for d in range(4)]).to(x.device)
        x = torch.lerp(x.index_select(dim, lower.to(x.device)), x.index_select(dim, upper.to(x.device)), part)
    return x


def prepare(images: Tensor, spec: DataSpec) -> Tensor:
    """Images at rest -> (N, 3, 299, 299), (x - 128) / 128."""
    return ((resized_as_tensorflow(on_255(images, spec), SIZE) - 128) / 128).expand(-1, 3, -1, -1)


def is_inception(weights: Mapping[str, Tensor]) -> bool:
    """Whether these tensors have the names of this layout."""
    return "Mixed_7c.branch_pool.conv.weight" in weights


def inception(weights: Mapping[str, Tensor], *, device: str = "auto", runtime: str = "auto") -> NetworkExtractor:
    """The extractor, label "InceptionV3". KeyError or RuntimeError where the weights do not fit."""
    fingerprint = digest(weights, "inception-v3", SIZE, "tensorflow 1 bilinear", 128)
    forward, used = run(partial(InceptionV3, weights), (3, SIZE, SIZE), fingerprint, device=device, runtime=runtime)
    return NetworkExtractor(
        label="InceptionV3",
        dimensions=DIMENSIONS,
        fingerprint=fingerprint,
        prepare=prepare,
        forward=forward,
        batch=BATCHES[used],
        runtime=used,
    )
