"""The interface of a data source, and its record in a file that is passed on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from debruit import config
from debruit.data.dataset import Dataset


@runtime_checkable
class Source(Protocol):
    """A frozen dataclass. `name` is that of its kind, such as "folder"; of a source with defaults for all its fields,
    what a user types. `build()` decodes the data once into the cache and maps it; what was decided and skipped is
    reported as events."""

    @property
    def name(self) -> str: ...
    def build(self) -> Dataset: ...


def recorded(source: Source) -> config.Json:
    """Return a source for the provenance of a model, so that its data can be read again as for the training. Of a
    user's path only the last part is recorded: a file that is passed on should not reveal the folders of a disk."""
    located: Any = source
    if hasattr(source, "path"):
        return config.encode(replace(located, path=Path(located.path).name))
    # a built-in one whose files lie in a folder of the user's
    return config.encode(replace(located, folder=None) if getattr(source, "folder", None) else source)


def of_record(provenance: Mapping[str, Any]) -> Any:
    """Return the source that `recorded` wrote, where the path of a folder is its name alone; None without a record, or
    for an unknown source."""
    try:
        return config.decode(provenance["source"], Source, where="provenance.source")
    except (ValueError, KeyError, TypeError):  # InputError is a ValueError
        return None


def findable(source: Any) -> bool:
    """Return whether a recorded source can be built without more information, as built-in ones can."""
    return source is not None and not hasattr(source, "path")
