"""Checks of the input of metrics on features."""

import numpy as np

from debruit.errors import InputError


def check_pair(samples: np.ndarray, reference: np.ndarray) -> None:
    """InputError: sets of features (N, D) and (M, D) of other shapes or widths, with too few rows, or with values that
    are not finite."""
    check_features(samples, "samples")
    check_features(reference, "reference images")
    check_widths(samples.shape[1], reference.shape[1])


def check_widths(samples: int, reference: int) -> None:
    """InputError where the two come from different networks."""
    if samples != reference:
        raise InputError(
            f"the samples have features of width {samples} and the reference of width {reference}: make both with one "
            "network"
        )


def check_features(features: np.ndarray, what: str, *, least: int = 2) -> None:
    """InputError unless these are features (N, D) of at least `least` images, all finite."""
    if features.ndim != 2:
        raise InputError(f"the features of the {what} have the shape {features.shape}: give (number of images, width)")
    if len(features) < least:
        raise InputError(f"{len(features)} {what}: at least {least} are needed here, give more")
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise InputError(
            f"the features of {int((~finite).sum()):,} of {len(features):,} {what} are NaN or infinite: look at the "
            "images themselves"
        )
