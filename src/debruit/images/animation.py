"""Animations: GIF and WebP."""

from pathlib import Path

import numpy as np
from PIL import Image

from debruit.files.atomic import write_atomically

MOVING = (".gif", ".webp")
FRAME_MILLISECONDS = 120
LEAST_SIDE = 128  # pixels: smaller frames are enlarged without smoothing


def save_animation(frames: np.ndarray, out: Path, *, milliseconds: int = FRAME_MILLISECONDS) -> None:
    """Frames (N, H, W, 3) uint8 as an animation that repeats for ever, in the format of the suffix; WebP without
    loss.
    """
    scale = max(1, round(LEAST_SIDE / max(frames.shape[1:3])))
    first, *others = (Image.fromarray(frame.repeat(scale, 0).repeat(scale, 1)) for frame in frames)
    options = {"save_all": True, "append_images": others, "duration": milliseconds, "loop": 0, "lossless": True}
    kind = out.suffix[1:].upper()
    write_atomically(out, lambda path: first.save(path, format=kind, **options))
