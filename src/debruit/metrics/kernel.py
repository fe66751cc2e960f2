"""Kernel distance (KID): the squared maximum mean discrepancy between two sets of features under a cubic polynomial
kernel.

    k(x, y) = (x . y / D + 1)^3
    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

Binkowski et al. 2018, equation 4. Unbiased at any number of samples (so that it may be negative), which FD is not; all
pairs are used, where the paper averages over subsets.
"""

import numpy as np

from debruit.metrics.checks import check_pair
from debruit.metrics.interval import around
from debruit.metrics.score import Score
from debruit.rng import Purpose, stream

BLOCK = 2048  # rows and columns of the kernel's matrix in memory at a time
MOST = 10_000  # reference images: the pairs of 60,000 would take minutes and move nothing


def kid(samples: np.ndarray, reference: np.ndarray, *, network: str, most: int = MOST, seed: int = 0) -> Score:
    """KID of features (N, D) to the reference's (M, D), of which `most`, drawn by the seed, are used.

    The interval over the choice of samples is that of the variance of a U-statistic (Hoeffding 1948), whose kernel here
    is g(x, x') = k(x, x') - m(x) - m(x') with m(x) = mean_j k(x, y_j). InputError as `check_pair`.
    """
    check_pair(samples, reference)
    if len(reference) > most:
        reference = reference[np.sort(stream(Purpose.KERNEL_SUBSET, seed).permutation(len(reference))[:most])]
    n, m = len(samples), len(reference)
    to_reference = _row_sums(samples, reference)[0] / m
    rows, squares = _row_sums(samples, samples, shift=to_reference)
    among_reference = _row_sums(reference, reference)[0].sum() / (m * (m - 1))
    value = rows.sum() / (n * (n - 1)) + among_reference
    low, high = around(float(value), np.sqrt(_variance(rows / (n - 1), squares.sum() / (n * (n - 1)))))
    return Score(
        name="kid",
        label=f"KID-{network}",
        value=float(value),
        low=low,
        high=high,
        count=n,
        better="low",
        note=f"against {m:,} reference images",
    )


def _row_sums(x: np.ndarray, y: np.ndarray, *, shift: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """sum_j k(x_i, y_j), and of the squares, (N,) each, in float64; without the diagonal where y is x. `shift` (N,) is
    subtracted on both
    sides: k - shift_i - shift_j."""
    sums, squares = np.zeros(len(x)), np.zeros(len(x))
    for i in range(0, len(x), BLOCK):
        a = x[i : i + BLOCK].astype(np.float64) / x.shape[1]
        for j in range(0, len(y), BLOCK):
            kernel = a @ y[j : j + BLOCK].T.astype(np.float64) + 1
            kernel *= kernel * kernel
            if shift is not None:
                kernel -= shift[i : i + len(a), None] + shift[None, j : j + kernel.shape[1]]
            if x is y and i == j:
                np.fill_diagonal(kernel, 0.0)
            sums[i : i + len(a)] += kernel.sum(axis=1)
            squares[i : i + len(a)] += np.einsum("ij,ij->i", kernel, kernel)
    return sums, squares


def _variance(projected: np.ndarray, square: float) -> float:
    """The variance of a U-statistic of order two from n values: [4 (n - 2) zeta_1 + 2 zeta_2] / (n (n - 1)), from each
    value's mean of g over the others (n,) and the mean of g^2. What the mean over n - 1 others adds to the spread of
    `projected` is taken off zeta_1."""
    n, mean = len(projected), projected.mean()
    zeta_2 = max(square - mean**2, 0.0)
    spread = projected.var(ddof=1) if n > 1 else 0.0
    zeta_1 = max((spread * (n - 1) - zeta_2) / max(n - 2, 1), 0.0)
    return (4 * (n - 2) * zeta_1 + 2 * zeta_2) / (n * (n - 1))
