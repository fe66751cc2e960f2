"""Whether what conditioners put through the three doors (cond.py) is what a network takes there."""

from collections.abc import Sequence
from typing import Any

from debruit.conditioning.base import Conditioner
from debruit.errors import InputError

FIELDS = {"vector": "vector_channels", "tokens": "token_channels", "spatial": "spatial_channels"}  # of a network


def check(conditioners: Sequence[Conditioner], network: Any) -> None:
    """InputError unless each door is as wide as what comes through it; it says which field to change."""
    for door, field in FIELDS.items():
        given = [c for c in conditioners if c.door == door]
        if door == "tokens":
            _check_one_width(conditioners)
        wide = [c.channels for c in given]
        wanted = max(wide, default=0) if door == "tokens" else sum(wide)  # tokens stand side by side in length
        have = getattr(network, field, 0)
        if wanted != have:
            names = ", ".join(type(c).__name__ for c in given) or "no conditioner"
            raise InputError(
                f"{names} gives {wanted} channels through the door '{door}' but {type(network).__name__} expects {have}: "
                f"set model.network.{field}={wanted}"
            )


def _check_one_width(conditioners: Sequence[Conditioner]) -> None:
    """InputError where tokens that stand side by side are not of one width: that of the first whose width is another part's to decide, or of the first."""
    given = [(n, c) for n, c in enumerate(conditioners) if c.door == "tokens"]
    if len({c.channels for _, c in given}) < 2:
        return
    fixed = [c.channels for _, c in given if "channels" not in vars(c)]
    width = (fixed or [c.channels for _, c in given])[0]
    said = ", ".join(f"{type(c).__name__} {c.channels}" for _, c in given)
    how = " and ".join(
        f"model.conditioners.{n}.{'channels' if 'channels' in vars(c) else 'encoder.width'}={width}"
        for n, c in given if c.channels != width
    )  # fmt: skip
    raise InputError(
        f"tokens of several conditions stand side by side and must be equally wide, not {said} channels: set {how}"
    )
