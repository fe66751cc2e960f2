"""Arrays inside a page: images as PNG data URIs, sheets of many images in one, numbers as JSON or packed."""

import base64
import io
import math

import numpy as np
from PIL import Image
from torch import Tensor

LARGEST_SIDE = 96  # of larger images every second (third, ...) pixel is shown: averaging would change the noise
LARGEST_GRID = 32  # pixels that can be chosen, a side
NOISE_SPAN = 3.0  # images of noise: -3 is black, 3 is white
LATENT_SPAN = 2.5


def stride(height: int, width: int, largest: int = LARGEST_SIDE) -> int:
    """Return the subsampling step at which the longer side has at most `largest` pixels."""
    return -(-max(height, width) // largest)


def thinned(x: Tensor, largest: int = LARGEST_SIDE) -> Tensor:
    """Take every k-th row and column of (..., H, W)."""
    k = stride(*x.shape[-2:], largest)
    return x[..., k // 2 :: k, k // 2 :: k]


def shown(x: Tensor, span: float) -> np.ndarray:
    """Return values (N, C, H, W) as uint8 (N, H, W, 1 or 3): [-span, span] is mapped to 0..255 and clipped.

    Of more than three channels the first three are red, green and blue; of two the first is shown.
    """
    x = thinned(x[:, : 3 if x.shape[1] >= 3 else 1])
    return ((x / span).clamp(-1, 1).add(1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def sheet(rows: list[np.ndarray]) -> str:
    """Return rows of equally large images (K, H, W, 1 or 3) as one PNG, K images wide, in a data URI."""
    lines = [row.transpose(1, 0, 2, 3).reshape(row.shape[1], -1, row.shape[3]) for row in rows]
    return png(np.concatenate(lines))


def png(image: np.ndarray) -> str:
    """Return a uint8 image (H, W, 1 or 3) as a data URI."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def packed(x: Tensor, steps_per_unit: int = 4096) -> str:
    """Return values as base64 of little-endian int16 in units of 1 / `steps_per_unit`, clipped at +-8."""
    whole = (x * steps_per_unit).round().clamp(-32768, 32767).cpu().numpy().astype("<i2")
    return base64.b64encode(whole.tobytes()).decode()


def as_list(values: Tensor) -> list[float | None]:
    """Return values of six significant digits; infinity and NaN, which JSON lacks, become None."""
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values.flatten().tolist()]
