"""Colour spaces of image files: the values of every image are converted to sRGB, whatever colour space its file states.

    ICC profile, PNG's cICP, gAMA and cHRM, Exif's Adobe RGB -> a `Profile` -> values of sRGB

An image whose file states nothing, or sRGB, is left unchanged to the bit. A profile that is damaged, or meant for
values of another kind, is reported and ignored. Conversion is relative colorimetric with black point compensation,
by Little CMS (PIL.ImageCms), and by icc.py for 16 bits a value.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from debruit.images.icc import D65, REC709, SRGB_CURVE, XY, read_matrix, write_matrix
from debruit.images.png_chunks import png_chunk

SAME = 3  # of 255: a profile that changes no value by more is sRGB
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 2.19921875
PRIMARIES: dict[int, tuple[XY, XY, XY]] = {
    1: REC709,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}  # of cICP (ITU-T H.273): Rec. 709, Rec. 2020, Display P3
NAMED = {1: "Rec. 709", 9: "Rec. 2020", 12: "Display P3"}
CURVES: dict[int, float | tuple[float, ...]] = {
    1: SRGB_CURVE,
    6: SRGB_CURVE,
    13: SRGB_CURVE,
    14: SRGB_CURVE,
    4: 2.2,
    5: 2.8,
    8: 1.0,
}
USUAL_GAMMA, NEAR_GAMMA = 0.45455, 0.03  # PNG's gAMA of sRGB, and the tolerance
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of what values a profile is -> Pillow's mode of them
GRID = 33  # of the table for 16 bits a value where a profile is no matrix


@dataclass(frozen=True)
class Profile:
    """The colour space of an image's values: what it is called, of what kind its values are (RGB, GRAY, CMYK), the
    ICC profile. With a `problem` there is nothing to convert by."""

    name: str
    space: str = ""
    data: bytes = b""
    problem: str = ""


def profile_of(image: Image.Image) -> Profile | None:
    """Return the colour space that an image states, before its pixels are loaded; None if it is sRGB or not stated."""
    profile = _stated(image)
    if profile is None or profile.problem:
        return profile
    grey = image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I")
    fits = {"CMYK": image.mode == "CMYK", "GRAY": grey, "RGB": image.mode != "CMYK"}[profile.space]
    return (
        profile if fits else Profile(profile.name, problem=f"it is for {profile.space} values and the image has others")
    )


def in_srgb(image: Image.Image, profile: Profile | None) -> Image.Image:
    """Convert an image in mode L, LA, RGB, RGBA or CMYK to sRGB: L, LA, RGB or RGBA."""
    if profile is None or profile.problem:
        return image
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    values = image.convert(image.mode[:-1]) if alpha is not None else image
    grey, mode = values.mode == "L", MODES[profile.space]
    converted = ImageCms.applyTransform(values if values.mode == mode else values.convert(mode), _transform(profile))
    assert converted is not None
    converted = converted.getchannel("G") if grey else converted
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def deep_in_srgb(planes: np.ndarray, profile: Profile | None, white: float) -> np.ndarray:
    """Values (H, W, 1) or (H, W, 3) float32 from 0 to `white`, in those of sRGB."""
    if profile is None or profile.problem:
        return planes
    shares, matrix = planes / white, read_matrix(profile.data)
    grey, curves = planes.shape[2] == 1, 1 if profile.space == "GRAY" else 3
    shares = np.repeat(shares, curves, axis=2) if grey else shares
    converted = matrix.to_srgb(shares) if matrix is not None else _by_table(shares, profile)
    return (converted[..., :1] if grey else converted).astype(np.float32) * white


def conversion_note(what: str, profile: Profile | None) -> str:
    """Return a sentence on how the colours of an image were converted; "" if they were not."""
    if profile is None:
        return ""
    if profile.problem:
        return f"the colour profile of {what} cannot be used ({profile.problem}): its values are taken for sRGB"
    return f"{what} has the colour profile {profile.name}: its colours were converted to sRGB"


def _stated(image: Image.Image) -> Profile | None:
    if isinstance(image, PngImagePlugin.PngImageFile):
        return _of_png(image)
    if image.info.get("icc_profile"):
        return _of_icc(image.info["icc_profile"])
    return _of_exif(image) if "exif" in image.info else None


def _of_png(image: PngImagePlugin.PngImageFile) -> Profile | None:
    """In the order that the specification gives them (PNG, third edition, 4.3): cICP, iCCP, sRGB, gAMA with cHRM."""
    info = image.info
    if code := _cicp(image):
        return _of_cicp(code)
    if "icc_profile" in info:
        return _of_icc(info["icc_profile"] or b"")
    gamma = info.get("gamma")
    if "srgb" in info or not gamma:
        return _of_exif(image) if "exif" in info else None
    points = info.get("chromaticity")
    pairs = list(zip(points[::2], points[1::2], strict=True)) if points and len(points) == 8 else [D65, *REC709]
    if abs(gamma - USUAL_GAMMA) < NEAR_GAMMA and np.abs(np.subtract(pairs, [D65, *REC709])).max() < 0.01:
        return None
    curve = SRGB_CURVE if abs(gamma - USUAL_GAMMA) < NEAR_GAMMA else 1 / gamma
    try:
        return _of_icc(write_matrix(f"PNG gamma {gamma:.5g}", pairs[1:], pairs[0], curve))
    except (np.linalg.LinAlgError, ZeroDivisionError, struct.error):
        return Profile("", problem="its chromaticities are impossible")


def _cicp(image: PngImagePlugin.PngImageFile) -> bytes:
    """The four bytes of a PNG's cICP chunk, b"" where there is none: Pillow passes over it."""
    return png_chunk(getattr(image, "fp", None), b"cICP", until=(b"IDAT", b"PLTE"))[:4]


def _of_cicp(code: bytes) -> Profile | None:
    primaries, transfer = (*code, 0, 0)[:2]
    if (primaries, transfer) in ((1, 1), (1, 6), (1, 13), (2, 2)):
        return None
    if primaries not in PRIMARIES or transfer not in CURVES:
        return Profile("", problem=f"its cICP says primaries {primaries} and transfer {transfer}, which are not read")
    name = f"{NAMED[primaries]}{'' if CURVES[transfer] == SRGB_CURVE else f', transfer {transfer}'}"
    return _of_icc(write_matrix(name, PRIMARIES[primaries], D65, CURVES[transfer]))


def _of_exif(image: Image.Image) -> Profile | None:
    """Adobe RGB, as cameras state it (DCF 2.0): no profile, and R03 in the interoperability part."""
    try:
        exif = image.getexif()
        space = exif.get_ifd(0x8769).get(0xA001)
        adobe = space == 2 or (space == 65535 and str(exif.get_ifd(0xA005).get(1, "")).startswith("R03"))
    except Exception:  # broken metadata is no reason to lose the image
        return None
    return _of_icc(write_matrix("Adobe RGB, by Exif", ADOBE[0], D65, ADOBE[1])) if adobe else None


@lru_cache(maxsize=64)
def _of_icc(data: bytes) -> Profile | None:
    if len(data) < 132 or data[36:40] != b"acsp":
        return Profile("", problem="it is damaged")
    space = data[16:20].decode("latin-1").strip()
    if space not in MODES:
        return Profile("", problem=f"its values are of {space or 'an unknown kind'}")
    try:
        name = " ".join(ImageCms.getProfileDescription(_opened(data)).split()) or "without a name"
        profile = Profile(name[:60], space, data)
        return None if _changes_nothing(profile) else profile
    except (OSError, ImageCms.PyCMSError, ImportError) as error:
        return Profile("", problem=f"it is damaged, or of no kind that is read ({' '.join(str(error).split())[:60]})")


def _changes_nothing(profile: Profile) -> bool:
    if profile.space == "CMYK":
        return False
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    probe = greys if profile.space == "GRAY" else np.concatenate([cube, greys], axis=1)
    before = Image.fromarray(probe).convert(MODES[profile.space])
    after = ImageCms.applyTransform(before, _transform(profile))
    return bool(np.abs(np.asarray(after, np.int16) - probe).max() <= SAME)


@lru_cache(maxsize=64)
def _transform(profile: Profile) -> Any:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE  # the cache is not shared between threads
    return ImageCms.buildTransform(
        _opened(profile.data),
        ImageCms.createProfile("sRGB"),
        MODES[profile.space],
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=flags,
    )


def _opened(data: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(data))


def _by_table(shares: np.ndarray, profile: Profile) -> np.ndarray:
    """Convert values (H, W, C) in [0, 1] by a table of GRID values of each channel, converted in 8 bits, with trilinear
    interpolation."""
    axis = np.rint(np.linspace(0, 255, GRID)).astype(np.uint8)
    if shares.shape[2] == 1:
        converted = in_srgb(Image.fromarray(axis[None]), profile)
        return np.interp(shares, axis / 255, np.asarray(converted)[0] / 255)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(1, -1, 3)
    table = np.asarray(in_srgb(Image.fromarray(nodes), profile), np.float32).reshape(GRID, GRID, GRID, 3) / 255
    positions = shares.clip(0, 1) * (GRID - 1)
    low = np.minimum(positions.astype(int), GRID - 2)
    return _trilinear(table, low, positions - low)


def _trilinear(table: np.ndarray, low: np.ndarray, share: np.ndarray) -> np.ndarray:
    values = np.zeros_like(share)
    corners: Sequence[tuple[int, int, int]] = [(r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    for corner in corners:
        weight = np.prod([share[..., n] if up else 1 - share[..., n] for n, up in enumerate(corner)], axis=0)
        values += weight[..., None] * table[tuple(low[..., n] + up for n, up in enumerate(corner))]
    return values
