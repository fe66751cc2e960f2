"""Networks without values: their shapes alone, to be filled from a file or counted.

torch's device "meta" does that too, but there torch initialises weights by importing its compiler, which takes more
than a second.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

INITIAL = (
    nn.init.normal_,
    nn.init.trunc_normal_,
    nn.init.uniform_,
    nn.init.kaiming_normal_,
    nn.init.kaiming_uniform_,
    nn.init.xavier_normal_,
    nn.init.xavier_uniform_,
    Tensor.normal_,
    Tensor.uniform_,
)


@contextmanager
def shapes_alone() -> Generator[None]:
    """Build modules on the device "meta" inside this `with` statement; nothing is drawn from torch's generator."""
    with torch.device("meta"), _Uninitialised():
        yield


class _Uninitialised(TorchFunctionMode):
    """Leaves out the random initialisation of tensors."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in INITIAL:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))
