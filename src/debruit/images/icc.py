"""ICC profiles of the matrix kind, read and written: values -> linear light by a curve for each channel -> XYZ (D50) by
a matrix (ICC.1:2022, 8.3 and 10).

Little CMS converts 8 bits a value; for 16 bits the same is computed here, in floats. Profiles are written for colours
that a file states in other ways: PNG's gAMA, cHRM and cICP, and Exif's Adobe RGB.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Curve = Callable[[np.ndarray], np.ndarray]  # values in [0, 1] -> linear light
XY = tuple[float, float]

D50 = np.array([0.9642, 1.0, 0.8249])
D65: XY = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
REC709: tuple[XY, XY, XY] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # g, a, b, c, d of a parametric curve of type 3


@dataclass(frozen=True)
class Matrix:
    """`curves` of one channel or of three, and the `matrix` (3, 3) from linear light to XYZ, None for grey."""

    curves: tuple[Curve, ...]
    matrix: np.ndarray | None

    def to_srgb(self, values: np.ndarray) -> np.ndarray:
        """Values (..., 1) or (..., 3) in [0, 1] as sRGB's, clipped to what sRGB holds."""
        light = np.stack([curve(values[..., n]) for n, curve in enumerate(self.curves)], axis=-1)
        if self.matrix is not None:
            light = light @ (np.linalg.inv(to_xyz(REC709, D65)) @ self.matrix).T.astype(np.float32)
        light = light.clip(0, 1)
        return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def read_matrix(data: bytes) -> Matrix | None:
    """The curves and the matrix of a profile of grey or RGB; None where it has none (it has tables) or they cannot
    be read."""
    try:
        tags = _tags(data)
        if data[16:20] == b"GRAY":
            return Matrix((_curve(tags[b"kTRC"]),), None)
        if data[16:20] != b"RGB " or b"A2B0" in tags:
            return None
        columns = [_fixed(tags[name], 8, 3) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        return Matrix(tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")), np.array(columns).T)
    except (KeyError, struct.error, ValueError, IndexError):
        return None


def write_matrix(name: str, primaries: Sequence[XY], white: XY, curve: float | Sequence[float]) -> bytes:
    """A profile of RGB of these chromaticities; `curve` is an exponent, or g, a, b, c, d of a parametric curve of
    type 3."""
    text = name.encode("ascii")
    described = b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 8 + 2 + 1 + 67)
    shape = (3, tuple(curve)) if isinstance(curve, Sequence) else (0, (curve,))
    response = b"para" + bytes(4) + struct.pack(">HH", shape[0], 0) + _to_fixed(shape[1])
    columns = to_xyz(primaries, white).T
    parts = {b"desc": described, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": b"XYZ " + bytes(4) + _to_fixed(D50)}
    parts |= {
        key: b"XYZ " + bytes(4) + _to_fixed(column)
        for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    parts |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), response)
    table, body, start = struct.pack(">I", len(parts)), b"", 128 + 4 + 12 * len(parts)
    for key, part in parts.items():
        part += bytes(-len(part) % 4)
        table += key + struct.pack(">II", start + len(body), len(part))
        body += part
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _to_fixed(D50)
    return head.ljust(128, b"\0") + table + body


def to_xyz(primaries: Sequence[XY], white: XY) -> np.ndarray:
    """The matrix (3, 3) from linear light of these chromaticities to XYZ under D50, adapted by Bradford's."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    point = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    scaled = columns * np.linalg.solve(columns, point)
    gains = np.diag((BRADFORD @ D50) / (BRADFORD @ point))
    return np.linalg.inv(BRADFORD) @ gains @ BRADFORD @ scaled


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", data, 128)
    entries = [struct.unpack_from(">4sII", data, 132 + 12 * n) for n in range(min(count, 100))]
    return {name: data[start : start + size] for name, start, size in entries}


def _fixed(data: bytes, start: int, count: int) -> list[float]:
    """Numbers s15Fixed16."""
    return [value / 65536 for value in struct.unpack_from(f">{count}i", data, start)]


def _to_fixed(values: Sequence[float] | np.ndarray) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))


def _curve(data: bytes) -> Curve:
    if data[:4] == b"para":
        (kind,) = struct.unpack_from(">H", data, 8)
        return _parametric(kind, _fixed(data, 12, (1, 3, 4, 5, 7)[kind]))
    (count,) = struct.unpack_from(">I", data, 8)
    if data[:4] != b"curv":
        raise ValueError("no curve")
    if count == 0:
        return lambda x: x
    if count == 1:
        gamma = struct.unpack_from(">H", data, 12)[0] / 256
        return lambda x: np.power(x, gamma)
    table = np.frombuffer(data, ">u2", count, 12).astype(np.float32) / 65535
    return lambda x: np.interp(x, np.linspace(0, 1, count), table).astype(np.float32)


def _parametric(kind: int, p: Sequence[float]) -> Curve:
    """ICC.1:2022, table 68: (a x + b)^g + e from d on, c x + f below it."""
    if kind in (1, 2):
        level = p[3] if kind == 2 else 0.0
        p = (p[0], p[1], p[2], 0.0, -p[2] / p[1], level, level)
    g, a, b, c, d, e, f = (*p, *(1.0, 0.0, 0.0, 0.0, 0.0, 0.0)[len(p) - 1 :])
    return lambda x: np.where(x >= d, np.power(np.maximum(a * x + b, 0), g) + e, c * x + f).astype(np.float32)
