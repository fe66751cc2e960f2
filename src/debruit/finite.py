"""Results that are not finite are an error, not black images."""

from typing import Any

from debruit.errors import InputError


def check_finite(values: Any, what: str, fix: str) -> None:
    """InputError, one sentence with counts, where an array or a tensor holds NaN or infinity. `what` names it, `fix` is the likely remedy."""
    from torch import as_tensor

    finite = as_tensor(values).isfinite()
    if not finite.all():
        lost = finite.numel() - int(finite.sum())
        raise InputError(f"{what}: {lost:,} of {finite.numel():,} values are NaN or infinite; {fix}")
