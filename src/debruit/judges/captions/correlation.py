"""Two views of the same things in one space: regularised canonical correlation (Hotelling 1936; Vinod 1976), the directions a of x and b of y in which
they agree most.

    a, b maximise  a' C_xy b  with  a' (C_xx + r c_x I) a = b' (C_yy + r c_y I) b = 1,   c the mean variance of a dimension

By whitening both sides and one singular value decomposition C = U S V'. Each direction counts by its correlation S. In closed form: a thousand or two of
pairs take seconds, and on those heads trained by contrast found fewer captions (docs/evaluation.md has the figures).
"""

from dataclasses import dataclass

import numpy as np

MOST_PARTS, DIRECTIONS = 512, 128  # principal parts of a side that are looked at, and directions that are kept


@dataclass(frozen=True)
class Head:
    """(N, D) -> (N, K): (x - mean) @ matrix."""

    mean: np.ndarray
    matrix: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) @ self.matrix


class Correlation:
    """The pairs x (N, D), y (N, E), decomposed once for every strength of regularisation."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.sides = [_Parts(np.asarray(side, np.float64)) for side in (x, y)]

    def heads(self, ridge: float) -> tuple[Head, Head]:
        """For x and for y, regularised by `ridge` times the mean variance."""
        weights = [parts.roots(ridge) for parts in self.sides]
        (a, b), count = (
            [parts.found * w for parts, w in zip(self.sides, weights, strict=True)],
            len(self.sides[0].found),
        )
        u, s, v = np.linalg.svd(a.T @ b / count, full_matrices=False)
        ours, theirs = u[:, :DIRECTIONS] * s[:DIRECTIONS], v[:DIRECTIONS].T * s[:DIRECTIONS]
        return self.sides[0].head(weights[0], ours), self.sides[1].head(weights[1], theirs)


class _Parts:
    """The principal parts of one side: `found` (N, P), of the variances (P,), along the columns of `axes` (D, P)."""

    def __init__(self, x: np.ndarray) -> None:
        self.mean = x.mean(axis=0)
        variances, axes = np.linalg.eigh(np.cov(x, rowvar=False, bias=True))
        self.variances, self.axes = variances[::-1][:MOST_PARTS].clip(0), axes[:, ::-1][:, :MOST_PARTS]
        self.found = (x - self.mean) @ self.axes

    def roots(self, ridge: float) -> np.ndarray:
        return 1 / np.sqrt(self.variances + ridge * self.variances.mean() + 1e-12)

    def head(self, weights: np.ndarray, directions: np.ndarray) -> Head:
        return Head(self.mean, self.axes @ (weights[:, None] * directions))
