"""Whether what conditioners put through the three doors (networks/cond.py) is what a network takes there."""

from collections.abc import Sequence
from typing import Any

from debruit.conditioning.base import Conditioner
from debruit.errors import InputError
from debruit.images.spec import DataSpec

FIELDS = {"vector": "vector_channels", "tokens": "token_channels", "spatial": "spatial_channels"}  # of a network


def widths(conditioners: Sequence[Conditioner], spec: DataSpec, factor: int) -> dict[str, int]:
    """The channels that a network needs at each door. Vectors and maps are concatenated; tokens stand side by side in
    length and are equally wide."""
    wide = {door: [c.width(spec, factor) for c in conditioners if c.door == door] for door in FIELDS}
    return {door: max(found, default=0) if door == "tokens" else sum(found) for door, found in wide.items()}


def check(conditioners: Sequence[Conditioner], network: Any, spec: DataSpec, factor: int) -> None:
    """InputError unless each door is as wide as what comes through it; it says which field to change."""
    _check_one_width(conditioners, spec, factor)
    for door, width in widths(conditioners, spec, factor).items():
        field = FIELDS[door]
        expected = getattr(network, field, 0)
        if width != expected:
            names = ", ".join(type(c).__name__ for c in conditioners if c.door == door) or "no conditioner"
            raise InputError(
                f"{names} gives {width} channels through the door '{door}' but {type(network).__name__} expects "
                f"{expected}: "
                f"set model.network.{field}={width}"
            )


def _check_one_width(conditioners: Sequence[Conditioner], spec: DataSpec, factor: int) -> None:
    """InputError where tokens that stand side by side differ in width. The one that cannot choose its width, or else
    the first, decides."""
    tokens = [(n, c, c.width(spec, factor)) for n, c in enumerate(conditioners) if c.door == "tokens"]
    if len({width for _, _, width in tokens}) < 2:
        return
    fixed = [width for _, c, width in tokens if "channels" not in vars(c)]
    wanted = (fixed or [width for _, _, width in tokens])[0]
    listed = ", ".join(f"{type(c).__name__} {width}" for _, c, width in tokens)
    changes = " and ".join(
        f"model.conditioners.{n}.{'channels' if 'channels' in vars(c) else 'encoder.width'}={wanted}"
        for n, c, width in tokens
        if width != wanted
    )
    raise InputError(
        f"tokens of several conditions stand side by side and must be equally wide, not {listed} channels: set "
        f"{changes}"
    )
