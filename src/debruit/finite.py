"""Results that are not finite are an error, not black images; and JSON has neither NaN nor infinity."""

import math
from typing import Any

from debruit.errors import InputError


def check_finite(values: Any, what: str, fix: str) -> None:
    """InputError, one sentence with counts, where an array or a tensor holds NaN or infinity. `what` names it, `fix` is
    the likely remedy."""
    from torch import as_tensor

    finite = as_tensor(values).isfinite()
    if not finite.all():
        lost = finite.numel() - int(finite.sum())
        raise InputError(f"{what}: {lost:,} of {finite.numel():,} values are NaN or infinite; {fix}")


def as_json(value: Any) -> Any:
    """Replace every number that is NaN or infinite, which JSON does not have, by null in lists and objects."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
