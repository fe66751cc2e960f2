"""Numbers as pictures that a page carries inside itself: PNG data URIs, and sheets of many pictures in one."""

import base64
import io

import numpy as np
from PIL import Image
from torch import Tensor

LARGEST_SIDE = 96  # larger images are shown by every second (third, ...) pixel, which leaves noise what it is
LARGEST_GRID = 32  # pixels that can be chosen, a side


def stride(height: int, width: int, largest: int = LARGEST_SIDE) -> int:
    """Every how many pixels one is taken so that the longer side is at most `largest`."""
    return -(-max(height, width) // largest)


def thinned(x: Tensor, largest: int = LARGEST_SIDE) -> Tensor:
    """(..., H, W) by every k-th row and column."""
    k = stride(*x.shape[-2:], largest)
    return x[..., k // 2 :: k, k // 2 :: k]


def shown(x: Tensor, span: float) -> np.ndarray:
    """Values (N, C, H, W) as uint8 (N, H, W, 1 or 3): [-span, span] on 0..255, beyond it cut. Of more than three channels the first three are
    red, green, blue; of two the first is shown."""
    x = thinned(x[:, : 3 if x.shape[1] >= 3 else 1])
    return ((x / span).clamp(-1, 1).add(1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def sheet(rows: list[np.ndarray]) -> str:
    """Rows of equally large pictures (K, H, W, 1 or 3) as one PNG, K pictures wide, in a data URI."""
    lines = [row.transpose(1, 0, 2, 3).reshape(row.shape[1], -1, row.shape[3]) for row in rows]
    return png(np.concatenate(lines))


def png(picture: np.ndarray) -> str:
    """(H, W, 1 or 3) uint8 as a data URI."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def packed(x: Tensor, steps_per_unit: int = 4096) -> str:
    """Values as base64 of little-endian int16 in units of 1 / `steps_per_unit`; beyond +-8 they are cut."""
    whole = (x * steps_per_unit).round().clamp(-32768, 32767).cpu().numpy().astype("<i2")
    return base64.b64encode(whole.tobytes()).decode()
