"""Squared distances between sets of vectors, a block of rows at a time, so that memory is bounded whatever the sets'
sizes."""

from collections.abc import Iterator

import numpy as np
import torch

CELLS = 8 * 2**20  # of the matrix of distances in memory at a time: 64 MiB
COLUMNS = 8192  # of the second set that are converted to float64 at a time
SLACK = (
    1e-12  # distances within rounding of each other count as equal, relative to the squared norms that they came from
)


def blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """(rows, |x_i - y_j|^2 for these rows and all j), in float64. The products are taken about the mean of y, where
    they cancel least."""
    centre = y.mean(axis=0, dtype=np.float64)
    norms = squared_norms(y, centre)
    size = max(1, CELLS // len(y))
    for start in range(0, len(x), size):
        rows = slice(start, min(start + size, len(x)))
        a = x[rows] - centre
        squares = np.empty((len(a), len(y)))
        for column in range(0, len(y), COLUMNS):
            part = slice(column, column + COLUMNS)
            squares[:, part] = a @ (y[part] - centre).T
        squares *= -2
        squares += (a**2).sum(axis=1)[:, None]
        squares += norms
        yield rows, np.maximum(squares, 0.0, out=squares)


def squared_norms(x: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """|x_i - centre|^2 (N,) in float64, without a second copy of x."""
    return np.concatenate([((x[n : n + COLUMNS] - centre) ** 2).sum(axis=1) for n in range(0, len(x), COLUMNS)])


def radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """The squared distance of each x_i to the nearest but `neighbours - 1` of the others, (N,). N > neighbours."""
    squared = np.empty(len(x))
    for rows, distances in blocks(x, x):
        # the image itself, at distance 0, is one of the neighbours + 1 nearest
        nearest = torch.from_numpy(distances).kthvalue(neighbours + 1, dim=1).values
        squared[rows] = nearest.numpy()
    return squared
