"""What a data source is, and how a file that travels names one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from debruit import config
from debruit.data.dataset import Dataset


@runtime_checkable
class Source(Protocol):
    """A frozen dataclass; `build()` decodes the data once into the cache and maps it; what was decided and skipped
    is reported as events."""

    def build(self) -> Dataset: ...


def recorded(source: Source) -> config.Json:
    """A source for the provenance of a model, so that its data can be read again as it was for the training. Of a
    path of the user's only the last part is kept: where it lies on somebody's disk is no business of a file that is
    passed on."""
    located: Any = source
    if hasattr(source, "path"):
        return config.encode(replace(located, path=Path(located.path).name))
    # a built-in one whose files lie in a folder of the user's
    return config.encode(replace(located, folder=None) if getattr(source, "folder", None) else source)


def of_record(provenance: Mapping[str, Any]) -> Any:
    """The source that `recorded` wrote, the path of a folder being its name alone; None where there is none, or none
    that is known here."""
    try:
        return config.decode(provenance["source"], Source, where="provenance.source")
    except (ValueError, KeyError, TypeError):  # InputError is a ValueError
        return None


def findable(source: Any) -> bool:
    """Whether a source of a record says all that is needed to build it, as built-in ones do."""
    return source is not None and not hasattr(source, "path")
