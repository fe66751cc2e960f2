"""SVG -> pixels, by resvg."""

import io
from typing import Any

import numpy as np
from PIL import Image

from debruit.images.pixels import parse_color

VISIBLE = 24  # of 255: the least difference from the background that can be seen


def rasterised(svg: str, size: int, *, background: str | None = None, smooth: bool = True) -> Image.Image:
    """A drawing in a square of this size, RGBA; on a colour, or transparent. Unsmoothed, each pixel has one colour of
    the drawing. ValueError: it cannot be drawn."""
    import resvg_py

    options: dict[str, Any] = {} if smooth else {"shape_rendering": "crisp_edges"}
    if background is not None:
        options["background"] = "#{:02x}{:02x}{:02x}".format(*parse_color(background))
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True, **options)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def rgb(svg: str, size: int, background: str, *, smooth: bool = True) -> np.ndarray:
    """A drawing on a colour, (size, size, 3) uint8."""
    return np.asarray(rasterised(svg, size, background=background, smooth=smooth).convert("RGB"))


def on_background(image: Image.Image, background: str) -> np.ndarray:
    """A transparent drawing on a colour, (H, W, 3) uint8."""
    ground = Image.new("RGBA", image.size, (*parse_color(background), 255))
    return np.asarray(Image.alpha_composite(ground, image).convert("RGB"))


def visible(rgba: np.ndarray, background: str) -> bool:
    """Whether anything of a drawing (H, W, 4) uint8 can be seen on a colour."""
    ground = np.array(parse_color(background), np.int32)
    strength = np.abs(rgba[..., :3].astype(np.int32) - ground).max(-1) * rgba[..., 3].astype(np.int32)
    return bool((strength > VISIBLE * 255).any())
