"""The data of an evaluation: what a model is compared with, read as it was for the training where that is known."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from debruit.annotations.names import composed
from debruit.conditioning.from_data import with_items
from debruit.data.dataset import Dataset
from debruit.data.find import Sources, builtin_sources, find_source, source_texts
from debruit.data.sources.moved import moved
from debruit.errors import InputError
from debruit.models.loaded import LoadedAutoencoder, LoadedModel

Loaded = LoadedModel | LoadedAutoencoder
READING = ("size", "background", "labelled", "languages", "masks")  # fields of a source that name no other images


def find_data(given: Sources | None, loaded: Loaded) -> Dataset:
    """The data set of `--data`, at the model's size and with its conditions where its source can have them. None: the
    training data. InputError: no such source, or no record of where the training data lies."""
    own, spec = loaded.source(), loaded.data
    if given is None and own is not None:
        return own.build()
    if given is None and spec.name not in builtin_sources():
        raise InputError(f"name the data to compare {loaded.name} with: --data SOURCE; it was trained on {spec.name}")
    sources = spec.name if given is None else source_texts(given)
    source: Any = with_items(find_source(sources), [c.name for c in getattr(loaded.model.config, "conditioners", ())])
    source = _read_alike(source, own)
    own = own or _located(loaded.recorded(), source)
    if own is not None and _same_images(own, source):
        return own.build()
    training = _training_data(own or loaded.recorded(), sources, spec.fingerprint)
    return _at_size(source, loaded) if training is None else training.build()


def find_training_data(given: Sources | None, loaded: Loaded) -> Dataset | None:
    """The data set of `--training-data`; None without it."""
    return None if given is None else find_data(given, loaded)


def _read_alike(source: Any, own: Any) -> Any:
    """A built-in source, such as a part of the training's, read as the training's was where its own settings say
    nothing else: from the same folder, on the same background."""
    if own is None or type(source) is not type(own) or hasattr(source, "path"):
        return source
    unset = [f.name for f in fields(source) if f.name in (*READING, "folder") and getattr(source, f.name) == f.default]
    return replace(source, **{name: getattr(own, name) for name in unset})


def _at_size(source: Any, loaded: Loaded) -> Dataset:
    """The data at the model's size, if the source can resize it."""
    dataset, spec = source.build(), loaded.data
    if "size" not in {f.name for f in fields(source)}:
        return dataset
    changed = composed(dataset.spec.name) == composed(spec.name) and dataset.spec.fingerprint != spec.fingerprint
    if dataset.spec.shape != spec.shape or changed:
        size = spec.height if spec.height == spec.width else (spec.height, spec.width)
        return replace(source, size=size).build()
    return dataset


def _training_data(source: Any, given: str | Sequence[str], fingerprint: str) -> Any:
    """The source of the training at the path `given`, if its content there is the same; else None."""
    try:
        return None if source is None else moved(source, given, fingerprint)[0]
    except InputError:
        return None


def _located(recorded: Any, source: Any) -> Any:
    """The folder that a model's file records by name only, now that it lies at `source`, if it has that name; else
    None."""
    if type(recorded) is not type(source) or not hasattr(source, "path"):
        return None
    if composed(Path(source.path).name) != composed(recorded.path):
        return None
    return replace(recorded, path=source.path)


def _same_images(a: Any, b: Any) -> bool:
    """Whether two sources hold the same images, perhaps read in different ways."""
    names = [f.name for f in fields(a) if f.name not in READING]
    return type(a) is type(b) and all(getattr(a, name) == getattr(b, name) for name in names)
