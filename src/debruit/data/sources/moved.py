"""Data that was moved. Data is identified by its content (the fingerprint), not by its location."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from debruit.data.dataset import Dataset
from debruit.data.find import find_source
from debruit.errors import InputError
from debruit.files.home import expanded

LOCATION_FIELDS = ("path", "folder")  # fields of sources that locate the data


def relocated(source: Any, text: str | Sequence[str]) -> Any:
    """Return the source with all its settings, at the location that `text` names, or at several of one kind.
    InputError: the data there is of another kind."""
    named, shown = find_source(text), _shown(text)
    if type(named) is type(source):
        location = {name: getattr(named, name) for name in LOCATION_FIELDS if hasattr(source, name)}
        if location:
            if not isinstance(text, str) and len(text) > 1:
                location["only"] = named.only
            return replace(source, **location)
        raise InputError(
            f"--data {shown}: the training read {source.name}, which is installed and lies nowhere else: leave --data "
            "out"
        )
    if hasattr(source, "folder") and expanded(shown).is_dir():
        return replace(source, folder=str(expanded(shown)))
    raise InputError(
        f"--data {shown}: the training read {_kind(source)} and there is {_kind(named)}: give the same data at its new "
        "location"
    )


def moved(source: Any, text: str | Sequence[str], fingerprint: str) -> tuple[Any, Dataset]:
    """Return the source at its new location, and its data. InputError: its content has another fingerprint."""
    relocated_source = relocated(source, text)
    dataset = relocated_source.build()
    if dataset.spec.fingerprint != fingerprint:
        raise InputError(
            f"--data {_shown(text)} is not the data of this training ({len(dataset):,} images of fingerprint "
            f"{dataset.spec.fingerprint:.8}, and {fingerprint:.8} is needed): names and content of all its files must "
            "be as they were"
        )
    return relocated_source, dataset


def _shown(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else " ".join(text)


def _kind(source: Any) -> str:
    return {"folder": "a folder of images", "parquet": "Parquet files", "shards": "tar shards"}.get(
        source.name, source.name
    )
