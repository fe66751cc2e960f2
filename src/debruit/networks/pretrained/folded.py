"""A convolution with the batch norm that followed it folded in: at inference both are one affine map.

gamma (W x - mean) / sqrt(var + eps) + beta  =  (g W) x + (beta - g mean),   g = gamma / sqrt(var + eps)
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FoldedConv(nn.Module):
    """Convolution and batch norm read from `weights` under the names `conv` and `norm`; KeyError where one is missing.

    `padding` is (left, right, top, bottom), so that it may be lopsided as in TensorFlow's "SAME"; None is half the
    kernel on each side.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        conv: str,
        norm: str,
        *,
        eps: float,
        stride: int = 1,
        padding: tuple[int, int, int, int] | None = None,
    ) -> None:
        super().__init__()
        weight = weights[f"{conv}.weight"].double()
        gamma, beta, mean, variance = (
            weights[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gamma / torch.sqrt(variance + eps)
        high, wide = weight.shape[2], weight.shape[3]
        left, right, top, bottom = padding or (wide // 2, wide // 2, high // 2, high // 2)
        self.lopsided = padding if left != right or top != bottom else None
        # a depthwise filter sees one channel, and the networks here have no other groups
        groups = len(weight) if weight.shape[1] == 1 else 1
        self.conv = nn.Conv2d(
            weight.shape[1] * groups,
            len(weight),
            (high, wide),
            stride,
            padding=0 if self.lopsided else (top, left),
            groups=groups,
            device="meta",  # initial weights would advance torch's global generator
        )
        self.conv.weight = nn.Parameter((weight * gain[:, None, None, None]).float())
        self.conv.bias = nn.Parameter((beta - gain * mean).float())

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, self.lopsided) if self.lopsided else x)
