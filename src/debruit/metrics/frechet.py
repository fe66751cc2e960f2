"""Frechet distance between Gaussians fitted to two sets of features (Dowson & Landau 1982; Heusel et al. 2017, equation
6).

    FD = |mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2)

With factors S_a = F_a F_a^T and S_b = F_b F_b^T the last trace is the sum of the singular values of F_a^T F_b: no root
is taken of a product that rounding has made indefinite, and centred features are themselves a factor where there are
fewer images than features.

At N samples FD lies above its limit by about C / N, with a C of the model's own (Binkowski et al. 2018; Chong & Forsyth
2020): compare equal N only, or take `frechet_unbiased`, which extrapolates to 1 / N = 0.
"""

from dataclasses import dataclass

import numpy as np

from debruit.metrics.checks import check_features, check_widths
from debruit.metrics.interval import NORMAL, around
from debruit.metrics.score import Score
from debruit.rng import Purpose, stream

ROWS = 8192  # converted to float64 at a time
PARTS = 4  # `frechet_unbiased` goes down to a quarter of the samples
LABEL, UNBIASED_LABEL = "FD", "FD∞"  # of scores, followed by "-" and the name of the network
NULL = 1e-7  # of the largest standard deviation: below are directions that the samples do not span


@dataclass(frozen=True)
class Moments:
    """Mean (D,) and covariance of features, as directions (D, R) and standard deviations (R,) along them: S = sum_r
    deviation_r^2 v_r v_r^T."""

    mean: np.ndarray
    directions: np.ndarray
    deviations: np.ndarray
    count: int

    @property
    def factor(self) -> np.ndarray:
        """F (D, R) with S = F F^T."""
        return self.directions * self.deviations

    @property
    def trace(self) -> float:
        return float((self.deviations**2).sum())


def moments(features: np.ndarray) -> Moments:
    """The moments of features (N, D) of any float type, in float64, with the unbiased covariance. N >= 2. Memory: D^2,
    or N D where N <= D."""
    count, width = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    if count <= width:
        directions, deviations, _ = np.linalg.svd((features - mean).T / np.sqrt(count - 1), full_matrices=False)
        return Moments(mean, directions, deviations, count)
    covariance = np.zeros((width, width))
    for start in range(0, count, ROWS):
        centred = features[start : start + ROWS] - mean
        covariance += centred.T @ centred
    variances, directions = np.linalg.eigh(covariance / (count - 1))
    return Moments(mean, directions, np.sqrt(variances.clip(0)), count)


def frechet_distance(a: np.ndarray | Moments, b: np.ndarray | Moments) -> float:
    """FD of two sets of features (N, D) and (M, D), or of their `moments`, in float64. 0 where rounding would make it
    negative."""
    a, b = _moments_of(a, "samples"), _moments_of(b, "reference images")
    check_widths(len(a.mean), len(b.mean))
    overlap = np.linalg.svd(a.factor.T @ b.factor, compute_uv=False).sum()
    return max(float(((a.mean - b.mean) ** 2).sum() + a.trace + b.trace - 2 * overlap), 0.0)


def frechet(
    samples: np.ndarray,
    reference: np.ndarray | Moments,
    *,
    network: str,
    name: str = "frechet",
    prefix: str = LABEL,
    by_choice: bool = False,
) -> Score:
    """The Frechet distance of the samples' features (N, D) to the reference's, with an interval over the choice of
    samples.

    `prefix` "rFD" (and a name of its own) where the samples are an autoencoder's reconstructions. With `by_choice` the
    note says how far another choice of as many reference images, features (M, D), would move it: 1.96 standard errors,
    as for the samples. InputError as `check_features`.
    """
    return frechet_and_influence(samples, reference, network=network, name=name, prefix=prefix, by_choice=by_choice)[0]


def frechet_and_influence(
    samples: np.ndarray,
    reference: np.ndarray | Moments,
    *,
    network: str,
    name: str = "frechet",
    prefix: str = LABEL,
    by_choice: bool = False,
) -> tuple[Score, np.ndarray]:
    """`frechet`, and what each sample contributes to it, (N,), which costs as much as the distance itself. InputError
    as `check_features`."""
    check_features(samples, "samples")
    a, b = moments(samples), _moments_of(reference, "reference images")
    value, contributions = frechet_distance(a, b), influence(samples, a, b)
    low, high = around(value, contributions.std() / np.sqrt(a.count))
    note = _note(a, b)
    if by_choice and not isinstance(reference, Moments):
        half = NORMAL * float(influence(reference, b, a).std()) / np.sqrt(b.count)
        chosen = f"another choice of the {b.count:,} reference images would move it by about {half:.2g} (95 %)"
        note = f"{note}; {chosen}" if note else chosen
    score = Score(
        name=name,
        label=f"{prefix}-{network}",
        value=value,
        low=max(low, 0.0),
        high=high,
        count=a.count,
        better="low",
        note=note,
    )
    return score, contributions


def frechet_unbiased(samples: np.ndarray, reference: np.ndarray | Moments, *, network: str, seed: int = 0) -> Score:
    """FD extrapolated to infinitely many samples: the intercept of a line through FD against 1 / N (Chong & Forsyth
    2020, equation 8).

    The line goes through N, N/2, N/3 and N/4 samples. Each of these uses all the samples, cut by the seed into disjoint
    parts whose FDs are averaged, so that to first order the intercept varies with the choice of samples as the FD
    itself does. The reference is taken as it is. InputError: fewer than 8 samples, from which no line can be drawn.
    """
    check_features(samples, "samples", least=2 * PARTS)
    a, b = moments(samples), _moments_of(reference, "reference images")
    order = stream(Purpose.FRECHET_FOLDS, seed).permutation(len(samples))
    means = [_mean_distance(samples, np.array_split(order, parts), b) for parts in range(2, PARTS + 1)]
    inverse = np.arange(1, PARTS + 1) / len(samples)
    slope, value = np.polyfit(inverse, [frechet_distance(a, b), *means], 1)
    bends = a.count // PARTS <= len(a.mean)
    low, high = around(float(value), influence(samples, a, b).std() / np.sqrt(a.count))
    return Score(
        name="frechet-unbiased",
        label=f"{UNBIASED_LABEL}-{network}",
        value=float(value),
        low=low,
        high=high,
        count=a.count,
        better="low",
        note=f"the line through N to N/{PARTS} samples falls by {slope / len(samples):.3g} from N to infinity"
        + ("; it bends where N/4 is below the number of features, so this is an estimate from above" if bends else ""),
    )


def influence(samples: np.ndarray, a: Moments, b: Moments) -> np.ndarray:
    """The contribution of each sample to FD, to first order and up to a constant, (N,).

    psi(x) = 2 (mu_a - mu_b) . c + c^T (I - T) c, with c = x - mu_a and T the optimal map of the Gaussians (Takatsu
    2011), T = F_a^-T (F_a^T S_b F_a)^(1/2) F_a^-1. The deviation of psi over sqrt(N) is the standard error of FD (the
    infinitesimal jackknife, Efron 1982): what a bootstrap tends to, at the price of one evaluation; where N is not far
    above D, closer to the truth than one.
    """
    spanned = a.deviations > NULL * a.deviations.max(initial=0.0)
    directions, deviations = a.directions[:, spanned], a.deviations[spanned]
    product = (directions * deviations).T @ b.factor
    squares, left = np.linalg.eigh(product @ product.T)
    root = (directions / deviations) @ (left * squares.clip(0) ** 0.25)  # root root^T = T
    contributions = np.empty(len(samples))
    for start in range(0, len(samples), ROWS):
        c = samples[start : start + ROWS] - a.mean
        contributions[start : start + len(c)] = (
            2 * c @ (a.mean - b.mean) + (c**2).sum(axis=1) - ((c @ root) ** 2).sum(axis=1)
        )
    return contributions


def _mean_distance(samples: np.ndarray, parts: list[np.ndarray], b: Moments) -> float:
    return float(np.mean([frechet_distance(moments(samples[part]), b) for part in parts]))


def _moments_of(x: np.ndarray | Moments, what: str) -> Moments:
    if isinstance(x, Moments):
        return x
    check_features(x, what)
    return moments(x)


def _deficient(a: Moments) -> bool:
    return a.count <= len(a.mean)


def _note(a: Moments, b: Moments) -> str:
    few = [
        f"{m.count:,} {what} for {len(m.mean):,} features"
        for m, what in ((a, "samples"), (b, "reference images"))
        if _deficient(m)
    ]
    if not few:
        return ""
    return (
        f"{' and '.join(few)}: the covariance has not its full rank and FD is far too high; it ranks models at equal "
        "counts only, KID, precision and recall remain meaningful"
    )
