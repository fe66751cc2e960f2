"""OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab/): lightness, chroma, hue: perceptually even."""

import numpy as np

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LMS, _FROM_LAB = np.linalg.inv(_TO_LMS), np.linalg.inv(_TO_LAB)


def lch(pixels: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) of 0 to 255 -> (..., 3): lightness and chroma of 0 to about 1 and 0.4, hue in degrees, 0 to 360."""
    values = np.asarray(pixels, np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    return np.stack([lab[..., 0], np.hypot(lab[..., 1], lab[..., 2]), hue], axis=-1)


def srgb(colour: np.ndarray) -> np.ndarray:
    """The inverse of `lch`, (..., 3) of 0 to 255, float; a colour that a screen cannot show has its chroma lowered."""
    colour = np.asarray(colour, np.float64)
    values = _unclipped(colour)
    for _ in range(40):
        outside = np.asarray((values < -1e-3) | (values > 1 + 1e-3)).any(-1, keepdims=True)
        if not outside.any():
            break
        colour = np.where(outside, colour * np.array([1, 0.94, 1]), colour)
        values = _unclipped(colour)
    return values.clip(0, 1) * 255


def _unclipped(colour: np.ndarray) -> np.ndarray:
    hue = np.radians(colour[..., 2])
    lab = np.stack([colour[..., 0], colour[..., 1] * np.cos(hue), colour[..., 1] * np.sin(hue)], axis=-1)
    linear = (lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-12) ** (1 / 2.4) - 0.055)


def turned(degrees: np.ndarray | float, origin: float) -> np.ndarray:
    """Hues relative to another, -180 to 180."""
    return (np.asarray(degrees) - origin + 180) % 360 - 180
