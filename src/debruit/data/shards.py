"""Tar shards in WebDataset's layout (tar_index.py), streamed: indexed and checked once, then read where they lie.

    list shards -> content key -> (in the cache: open it) or (read the headers of the tars -> survey -> decide on one shape -> decode each image once,
    so that training meets none that cannot be read -> record where each lies)

The order of training is by shard (training/stream.py). A shard is a block: mix the images when the shards are written.
"""

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from debruit import config
from debruit.data.blobs import Part, Stamp
from debruit.data.cache import Recording, none_readable, stored
from debruit.data.classes import Classes, by_labels, classify
from debruit.data.dataset import Dataset, Skipped, quiet
from debruit.data.keys import File, content_key
from debruit.data.legend import CLASSES, legend_of
from debruit.data.listing import files_of, one_file
from debruit.data.parallel import mapped
from debruit.data.pixels import patient
from debruit.data.recording import Collected, plan
from debruit.data.streamed import open_streamed
from debruit.data.survey import Collection, Entry
from debruit.data.tar_index import Place, Sample, Shard, expanded, read_shard
from debruit.data.wording import counted
from debruit.errors import InputError

EXTENSION = ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
NOWHERE = Place(0, 0)


@dataclass(frozen=True, kw_only=True)
class Shards(Collected):
    """Images in tar shards, with captions, labels and masks beside them: a folder of .tar files, one of them, or a pattern such as
    shards-{0000..0009}.tar."""

    name: ClassVar[str] = "shards"

    def build(self, report: Callable[[str], None] = quiet) -> Dataset:
        """Opens the shards, indexing them first if their content is not in the cache."""
        folder, files = self._files()
        legend = [one_file(folder / CLASSES)] if (folder / CLASSES).exists() else []
        key = content_key(folder, [*files, *legend], [self.name, *self.settings()])
        shards = tuple((folder / file.name, Stamp(file.size, file.mtime_ns)) for file in files)
        load = partial(open_streamed, shards=shards)
        with patient():
            return stored(key, lambda: self._recording(folder, files, report), report, load)

    def collection(self) -> Collection:
        """What the shards hold. InputError: there are none, or none that holds an image."""
        return self._collected(*self._files())[0]

    def _recording(self, folder: Path, files: Sequence[File], report: Callable[[str], None]) -> Recording:
        report(f"reading the headers of {counted(len(files), 'shard')} in {self.path}")
        collection, places = self._collected(folder, files)
        decided = plan(collection, self, report)
        report("decoding every image once, to check it")
        coding = decided.coding and config.encode(decided.coding)
        facts = {"target": config.encode(decided.target), "coding": coding}
        return replace(decided.recording(), places=places, facts=facts)

    def _collected(self, folder: Path, files: Sequence[File]) -> tuple[Collection, Mapping[str, Sequence[int]]]:
        """The collection, and where each of its images lies, as streamed.py keeps it."""
        shards = list(mapped(lambda file: read_shard(folder / file.name), files))
        lost = tuple(_damage(file, shard) for file, shard in zip(files, shards, strict=True) if shard.damage)
        samples = [(n, sample) for n, shard in enumerate(shards) for sample in shard.samples]
        if not samples:
            raise none_readable(self.path, lost or (Skipped(files[0].name, "no member with a key and an extension"),))
        masked = any(sample.mask for _, sample in samples)
        entries = partial(_entries, folder, files, samples, masked)
        legend = legend_of(folder)
        names = [legend.names.get(n, str(n)) for n in range(max(legend.names, default=-1) + 1)] if not masked else []
        labelled = any(sample.label is not None for _, sample in samples)
        collection = Collection(
            origin=self.path,
            name=folder.absolute().name if Path(self.path).is_dir() else Path(files[0].name).stem,
            count=len(samples),
            entries=entries,
            classes=partial(by_labels, names=names)
            if labelled
            else partial(_by_key, keys={_name(files[n], sample): sample.key for n, sample in samples}),
            masked=masked,
            legend=legend,
            lost=lost,
        )
        return collection, {
            _name(files[n], sample): (n, *(sample.image or NOWHERE), *(sample.mask or NOWHERE)) for n, sample in samples
        }

    def _files(self) -> tuple[Path, list[File]]:
        """The folder that the shards are in, and the shards by their names below it, in order. InputError: there are none."""
        if self.path.lower().endswith(PACKED):
            raise InputError(
                f"{self.path} is compressed, and images are read from anywhere in a shard: unpack it to a plain {EXTENSION} (gunzip), or into a folder"
            )
        path = Path(self.path)
        if path.is_file():
            return path.parent, [one_file(path)]
        if path.is_dir():
            files = files_of(path, EXTENSION)
            if not files:
                raise InputError(f"there is no {EXTENSION} file in {self.path}: give a folder of shards, or a shard")
            return path, files
        paths = _named(self.path)
        folder = Path(os.path.commonpath([path.parent for path in paths]))
        return folder, sorted(one_file(path)._replace(name=path.relative_to(folder).as_posix()) for path in paths)


def _named(pattern: str) -> list[Path]:
    """The files that a pattern with braces or * means. InputError: none, or one of the braces' names is not there."""
    paths: list[Path] = []
    for name in expanded(pattern):
        found = glob.glob(name) if glob.has_magic(name) else [name] if Path(name).is_file() else []
        if not found:
            what = f"of the shards {pattern} {name} is not there" if name != pattern else f"there is no shard {pattern}"
            raise InputError(f"{what}: check the path and the range")
        paths += map(Path, found)
    return sorted(set(paths))


def _entries(
    folder: Path, files: Sequence[File], samples: Sequence[tuple[int, Sample]], masked: bool
) -> Iterator[Entry]:
    for n, sample in samples:
        path, stamp = folder / files[n].name, Stamp(files[n].size, files[n].mtime_ns)
        lacks = "" if sample.image else "no image of this key (key.jpg, key.png, key.webp ...)"
        if masked and not sample.mask:
            lacks = lacks or "it has no mask (key.mask.png)"
        yield Entry(
            name=_name(files[n], sample),
            image=Part(path, *(sample.image or NOWHERE), stamp),
            mask=Part(path, *sample.mask, stamp) if sample.mask else None,
            mask_name="in the shard",
            label=sample.label,
            texts=tuple(sample.texts),
            lacks=lacks,
        )


def _name(file: File, sample: Sample) -> str:
    return f"{file.name}/{sample.key}"


def _by_key(labels: Mapping[str, int | str | None], keys: Mapping[str, str]) -> Classes:
    """Classes from folders inside of the shards."""
    found = classify([keys[name] for name in labels])
    return replace(found, labels={name: found.labels[keys[name]] for name in labels} if found.names else {})


def _damage(file: File, shard: Shard) -> Skipped:
    used = (
        f"its {counted(len(shard.samples), 'item')} before that are used, the others are lost"
        if shard.samples
        else "nothing of it can be used"
    )
    return Skipped(file.name, f"{shard.damage}: {used}")
