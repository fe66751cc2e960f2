"""Masks whose edges were smoothed (antialiased, resized, or a JPEG once): colours that lie between those of two areas
and are no classes.

A colour is of an edge if it fills no square of 3 x 3 pixels anywhere, and nearly all of its pixels are strictly between
the darkest and the lightest of the 5 x 5 pixels around, in every channel that changes there. Numbers of classes that
are thin are not: a number between two others says nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

RGB = tuple[int, int, int]
DARK, LIGHT = 32, 223  # of a black and white mask, what is black and what is white
GREY = 12  # how far apart the channels of grey may be: JPEG blurs colours
FEWEST = 3  # colours of edges: fewer are not taken for smoothing, except between black and white
SOLID, BETWEEN, MOST = 0.02, 0.9, 0.5  # shares of pixels: at most in squares, at least between others, at most of all
# of the squares of black, and of white, at least, in one value: others are the noise of JPEG, and not numbers of
# classes
MAIN = 0.9
GATHERED = 4096


@dataclass
class Inks:
    """For each colour of masks how many pixels it has, how many of them are the middle of a square of it, and how
    many are between others."""

    counts: dict[RGB, tuple[int, int, int]] = field(default_factory=dict)

    def add(self, other: "Inks") -> None:
        for ink, counts in other.counts.items():
            if ink in self.counts or len(self.counts) < GATHERED:
                mine = self.counts.get(ink, (0, 0, 0))
                self.counts[ink] = (mine[0] + counts[0], mine[1] + counts[1], mine[2] + counts[2])


@dataclass(frozen=True)
class Verdict:
    """`two`: the masks are black and white with smoothed edges; `edges`: the colours of edges; `pixels` of `total`
    have one of these."""

    two: bool = False
    edges: frozenset[RGB] = frozenset()
    pixels: int = 0
    total: int = 0

    @property
    def share(self) -> str:
        return f"{self.pixels:,} of {self.total:,} pixels, {self.pixels / max(self.total, 1):.1%}"


def inks_of(rgb: np.ndarray) -> Inks:
    """Count the colours of one mask as displayed, (H, W, 3) uint8."""
    grey = bool((rgb[..., :1] == rgb).all())
    planes = [np.ascontiguousarray(rgb[..., n]) for n in range(1 if grey else 3)]
    packed = planes[0] if grey else rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    colours, indices, counts = _counted(packed, grey)
    inks = [(value,) * 3 if grey else (value >> 16, value >> 8 & 255, value & 255) for value in colours.tolist()]
    if len(colours) > GATHERED or len(colours) <= 2:  # no mask, or nothing between
        solids, betweens = (counts if len(colours) <= 2 else np.zeros_like(counts)), np.zeros_like(counts)
    else:
        solid = _extreme(packed, 1, np.minimum) == _extreme(packed, 1, np.maximum)
        enclosed, changes = np.ones(packed.shape, bool), np.zeros(packed.shape, bool)
        for plane in planes:
            low, high = _extreme(plane, 2, np.minimum), _extreme(plane, 2, np.maximum)
            enclosed &= ((low < plane) & (plane < high)) | (low == high)
            changes |= low < high
        solids = np.bincount(indices[solid], minlength=len(colours))
        betweens = np.bincount(indices[enclosed & changes], minlength=len(colours))
    rows = zip(inks[:GATHERED], counts.tolist(), solids.tolist(), betweens.tolist(), strict=False)
    return Inks({ink: (count, solid, enclosed) for ink, count, solid, enclosed in rows})


def _counted(values: np.ndarray, small: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values of (H, W) in order, the index of each pixel's among them, (H, W), and how many there are of each.
    `small`: none above 255."""
    if not small:
        distinct, indices, counts = np.unique(values, return_inverse=True, return_counts=True)
        return distinct, indices.reshape(values.shape), counts
    counts = np.bincount(values.ravel(), minlength=256)
    distinct = np.flatnonzero(counts)
    table = np.zeros(256, np.int64)
    table[distinct] = np.arange(len(distinct))
    return distinct, table[values], counts[distinct]


def judged(inks: Inks, known: Collection[RGB] = ()) -> Verdict:
    """Judge the colours of all masks together. `known` are classes, whatever they look like."""
    counts, total = inks.counts, sum(n for n, _, _ in inks.counts.values())
    if all(max(ink) - min(ink) <= GREY for ink in counts) and set(known) <= {(0, 0, 0), (255, 255, 255)}:
        middle = {ink: c for ink, c in counts.items() if DARK < sum(ink) / 3 < LIGHT}
        ends = [
            [c[1] for ink, c in counts.items() if ends(sum(ink) / 3)]
            for ends in (lambda v: v <= DARK, lambda v: v >= LIGHT)
        ]
        areas = all(sum(solid) and max(solid) >= MAIN * sum(solid) for solid in ends)
        if middle and areas and _are_edges(middle, total):
            return Verdict(True, frozenset(middle), sum(n for n, _, _ in middle.values()), total)
    edges = {ink: c for ink, c in counts.items() if ink not in known and c[1] <= SOLID * c[0]}
    if len(edges) >= FEWEST and len(edges) < len(counts) and _are_edges(edges, total):
        return Verdict(False, frozenset(edges), sum(n for n, _, _ in edges.values()), total)
    return Verdict(total=total)


def _are_edges(inks: Mapping[RGB, tuple[int, int, int]], total: int) -> bool:
    pixels, solid, enclosed = (sum(c[n] for c in inks.values()) for n in range(3))
    return pixels <= MOST * total and solid <= SOLID * pixels and enclosed >= BETWEEN * pixels


def _extreme(plane: np.ndarray, reach: int, which: np.ufunc) -> np.ndarray:
    """The least or the largest value within `reach` rows and columns."""
    for axis in (0, 1):
        padding = [(reach, reach) if n == axis else (0, 0) for n in (0, 1)]
        padded, size = np.pad(plane, padding, mode="edge").swapaxes(0, axis), plane.shape[axis]
        extreme = padded[:size]
        for start in range(1, 2 * reach + 1):
            extreme = which(extreme, padded[start : start + size])
        plane = extreme.swapaxes(0, axis)
    return plane
