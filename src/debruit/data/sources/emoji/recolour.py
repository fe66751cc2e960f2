"""Drawings in another colour: the colours of an SVG whose hues are near the dominant one are turned, those of gradients
included; outlines and other hues stay.

In OKLab's lightness L, chroma C and hue h, for a dominant colour (L_d, C_d, h_d) and a new one (L_t, C_t, h_t):

    L' = L_t + SHADES (L - L_d)      C' = C_t min(C / C_d, MOST)      h' = h_t + HUES_KEPT (h - h_d)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import ImageColor

from debruit.data.sources.drawings.colour_words import HUES, NAMES, classes, dominant_hue
from debruit.data.sources.drawings.oklab import lch, srgb, turned

VERSION = 1  # part of the cache's key: raised when the same drawing is recoloured otherwise
NEAR = 40.0  # degrees from the dominant hue
COLOURED = 0.05  # the chroma from which on a pixel counts
MOST_OF_COLOURED, MOST_OF_ALL = 0.7, 0.4  # shares of pixels near the dominant hue, in a drawing that has one
SURE = 0.5  # share of these that must have the colour's word
SHADES, HUES_KEPT, MOST = 0.8, 0.4, 1.25
TARGETS: Mapping[str, tuple[float, float, float]] = {
    "yellow": (0.88, 0.17, 97),
    "orange": (0.73, 0.17, 57),
    "red": (0.58, 0.21, 27),
    "pink": (0.77, 0.14, 356),
    "purple": (0.55, 0.19, 306),
    "blue": (0.61, 0.17, 252),
    "green": (0.66, 0.17, 145),
    "brown": (0.48, 0.08, 56),
}
assert set(TARGETS) == set(HUES)

_COLOUR = re.compile(
    r"(?<=[\"':; ])(#[0-9a-fA-F]{3,8})(?=[\"'; ])|(?<=(?:fill|roke|olor)=\")([a-z]{3,20}|rgb\([^)]*\))(?=\")"
)
_NO_COLOUR = ("none", "inherit", "transparent", "currentcolor")


@dataclass(frozen=True)
class Dominant:
    """The colour that dominates a drawing: its word, and its lightness, chroma and hue in degrees."""

    word: str
    light: float
    chroma: float
    hue: float


def dominant(rgba: np.ndarray) -> Dominant | None:
    """The colour that dominates a drawing, (H, W, 4) uint8; None if there is none."""
    solid = rgba[..., 3] > 127
    pixels = rgba[..., :3][solid]
    colours = lch(pixels)
    coloured = colours[:, 1] > COLOURED
    if not coloured.any():
        return None
    counts = np.histogram(colours[coloured, 2], bins=72, range=(0, 360))[0]
    windows = sum(np.roll(counts, shift) for shift in range(-6, 7))
    peak = (int(np.argmax(windows)) + 0.5) * 5
    near = coloured & (np.abs(turned(colours[:, 2], peak)) <= NEAR)
    if near.sum() < MOST_OF_COLOURED * coloured.sum() or near.sum() < MOST_OF_ALL * len(pixels):
        return None
    words = classes(pixels[near])
    number = np.bincount(words, minlength=len(NAMES)).argmax()
    if NAMES[number] not in HUES or (words == number).mean() < SURE:
        return None
    light, chroma, _ = np.median(colours[near][words == number], axis=0)
    hue = peak + np.median(turned(colours[near][words == number][:, 2], peak))
    return Dominant(NAMES[number], float(light), float(chroma), float(hue % 360))


def recoloured(svg: str, old: Dominant, word: str) -> str:
    """The drawing with the hues near its dominant one in another colour."""
    made: dict[str, str] = {}

    def new(match: re.Match[str]) -> str:
        text = match[0]
        if text not in made:
            made[text] = _turned(text, old, word)
        return made[text]

    return _COLOUR.sub(new, svg)


def is_of_colour(rgba: np.ndarray, before: np.ndarray, word: str) -> bool:
    """Whether a recoloured drawing (H, W, 4) uint8 has this dominant hue, and most of what changed is of it."""
    solid = rgba[..., 3] > 127
    changed = solid & (np.abs(rgba[..., :3].astype(int) - before[..., :3]).max(-1) > 8)
    number = NAMES.index(word)
    if not changed.any() or dominant_hue(rgba[..., :3], solid) != number:
        return False
    return float((classes(rgba[..., :3][changed]) == number).mean()) >= SURE


def _turned(text: str, old: Dominant, word: str) -> str:
    """One colour of an SVG, turned if it is near the dominant one."""
    if text.lower() in _NO_COLOUR:
        return text
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        return text
    light, chroma, hue = lch(np.array([red, green, blue]))
    if chroma < 0.03 or abs(float(turned(hue, old.hue))) > NEAR:
        return text
    new_light, new_chroma, new_hue = TARGETS[word]
    colour = [
        np.clip(new_light + SHADES * (light - old.light), 0.12, 0.97),
        new_chroma * min(chroma / old.chroma, MOST),
        (new_hue + HUES_KEPT * float(turned(hue, old.hue))) % 360,
    ]
    return "#" + "".join(f"{round(value):02x}" for value in (*srgb(np.array(colour)), *alpha))
