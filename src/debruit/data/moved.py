"""Data that lies elsewhere now. What identifies data is its content (the fingerprint); where it lies is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from debruit.data.dataset import Dataset
from debruit.data.sources import find_source
from debruit.errors import InputError

PLACES = ("path", "folder")  # fields of sources that say where the data lies


def relocated(source: Any, text: str) -> Any:
    """The source as it was, with all its settings, but at the place that `text` names. InputError: what is there is of another kind."""
    found = find_source(text)
    if type(found) is type(source):
        there = {name: getattr(found, name) for name in PLACES if hasattr(source, name)}
        if there:
            return replace(source, **there)
        raise InputError(
            f"--data {text}: the training read {source.name}, which is installed and lies nowhere else: leave --data out"
        )
    if hasattr(source, "folder") and Path(text).is_dir():
        return replace(source, folder=text)
    raise InputError(
        f"--data {text}: the training read {_kind(source)} and there is {_kind(found)}: give the same data at its new place"
    )


def moved(source: Any, text: str, fingerprint: str, report: Callable[[str], None]) -> tuple[Any, Dataset]:
    """The source at its new place, and its data. InputError: the content there is not that of this fingerprint."""
    there = relocated(source, text)
    dataset = there.build(report)
    if dataset.spec.fingerprint != fingerprint:
        raise InputError(
            f"--data {text} is not the data of this training ({len(dataset):,} images of fingerprint {dataset.spec.fingerprint:.8}, and {fingerprint:.8} is "
            "needed): names and content of all its files must be as they were"
        )
    return there, dataset


def _kind(source: Any) -> str:
    return {"folder": "a folder of images", "parquet": "Parquet files", "shards": "tar shards"}.get(
        source.name, source.name
    )
