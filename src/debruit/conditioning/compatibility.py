"""Checks that conditioners and network agree on the channels of each door (networks/cond.py)."""

from collections.abc import Sequence
from typing import Any

from debruit.conditioning.base import Conditioner
from debruit.errors import InputError
from debruit.images.spec import DataSpec

FIELDS = {"vector": "vector_channels", "tokens": "token_channels", "spatial": "spatial_channels"}  # of a network


def widths(conditioners: Sequence[Conditioner], spec: DataSpec, factor: int) -> dict[str, int]:
    """Return the channels that a network needs at each door. Vectors and spatial maps are concatenated along their
    channels; tokens along their length, with equal channels."""
    by_door = {door: [c.width(spec, factor) for c in conditioners if c.door == door] for door in FIELDS}
    return {door: max(width, default=0) if door == "tokens" else sum(width) for door, width in by_door.items()}


def check(conditioners: Sequence[Conditioner], network: Any, spec: DataSpec, factor: int) -> None:
    """Raise InputError, with the field to change, unless each door of the network has the channels that the
    conditioners fill."""
    _check_token_widths(conditioners, spec, factor)
    for door, width in widths(conditioners, spec, factor).items():
        field = FIELDS[door]
        expected = getattr(network, field, 0)
        if width != expected:
            names = ", ".join(type(c).__name__ for c in conditioners if c.door == door) or "no conditioner"
            raise InputError(
                f"{names} gives {width} channels through the door '{door}' but {type(network).__name__} expects "
                f"{expected}: set model.network.{field}={width}"
            )


def _check_token_widths(conditioners: Sequence[Conditioner], spec: DataSpec, factor: int) -> None:
    """Raise InputError if the tokens of several conditions differ in channels. The suggested number is that of a
    condition whose channels are fixed, or of the first."""
    tokens = [(n, c, c.width(spec, factor)) for n, c in enumerate(conditioners) if c.door == "tokens"]
    if len({width for _, _, width in tokens}) < 2:
        return
    fixed = [width for _, c, width in tokens if "channels" not in vars(c)]
    target = (fixed or [width for _, _, width in tokens])[0]
    listed = ", ".join(f"{type(c).__name__} {width}" for _, c, width in tokens)
    changes = " and ".join(
        f"model.conditioners.{n}.{'channels' if 'channels' in vars(c) else 'encoder.width'}={target}"
        for n, c, width in tokens
        if width != target
    )
    raise InputError(f"the tokens of several conditions need equal channels, not {listed}: set {changes}")
