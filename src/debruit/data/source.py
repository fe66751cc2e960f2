"""What a data source is."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from debruit.data.dataset import Dataset


@runtime_checkable
class Source(Protocol):
    """A frozen dataclass; `build(report)` decodes it once into the cache and maps that, reporting in lines what it meets."""

    def build(self, report: Callable[[str], None] = ...) -> Dataset: ...
