"""Tar shards in WebDataset's layout (tar_index.py), streamed: indexed and checked once, then read in place.

    list shards -> content key -> (in the cache: open it)
                               or (read the headers of the tars -> scan -> decide on one shape -> decode each image
                                   once, so that training meets no unreadable one -> record the location of each)

The order of training is by shard (data/order.py). A shard is a block: mix the images when the shards are written.
"""

import glob
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from debruit import config, events
from debruit.annotations.class_titles import names_beside, renamed_by
from debruit.annotations.image_classes import Classes, by_labels, classify
from debruit.annotations.mask_classes import CLASSES, legend_of
from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Location, Recording, none_readable, stored
from debruit.data.ingest.listing import files_of, one_file, unused_next_to
from debruit.data.ingest.patterns import expanded
from debruit.data.ingest.plan import Collected, plan
from debruit.data.ingest.scan import Collection, Entry
from debruit.data.sources.streamed import open_streamed
from debruit.data.sources.tar_index import Sample, Shard, read_shard
from debruit.data.sources.tar_members import Span
from debruit.errors import InputError
from debruit.files.blobs import Part
from debruit.files.keys import File, content_key
from debruit.files.parallel import mapped
from debruit.images.spec import Skipped
from debruit.text.wording import counted, shown, some

EXTENSION = ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
NOWHERE = Span(0, 0)


@dataclass(frozen=True, kw_only=True)
class Shards(Collected):
    """Images in tar shards, with their captions, labels and masks: a folder of .tar files, one of them, or a
    pattern such as shards-{0000..0009}.tar."""

    name: ClassVar[str] = "shards"

    def build(self) -> Dataset:
        """Open the shards, indexing them first if their content is not in the cache."""
        folder, files = self._files()
        companions = [one_file(path) for path in [folder / CLASSES, *names_beside(folder)] if path.exists()]
        key = content_key(folder, [*files, *companions], [self.name, *self.settings()])
        shards = tuple((folder / file.name, file.stamp) for file in files)
        load = partial(open_streamed, shards=shards)
        location = Location(name=self._called(folder, files), notes=tuple(self._notes_on_folder(folder)))
        return stored(key, lambda: self._recording(folder, files), load, location=location).with_tables(self)

    def _called(self, folder: Path, files: Sequence[File]) -> str:
        return folder.absolute().name if Path(self.path).is_dir() else Path(files[0].name).stem

    def collection(self) -> Collection:
        """Return the contents of the shards. InputError: there are none, or none that holds an image."""
        return self._collected(*self._files())[0]

    def _notes_on_folder(self, folder: Path) -> list[str]:
        """Return notes on other files of the folder, if the source was given as a folder."""
        if self.only or not Path(self.path).is_dir():
            return []
        used = (CLASSES, *(path.name for path in names_beside(folder)))
        return [*_compressed(folder, self.only), *unused_next_to(folder, EXTENSION, used)]

    def columns(self) -> tuple[str, ...]:
        """Return the keys of JSON members, except for captions and labels."""
        return tuple(sorted({key for _, cells in self._cells() for key in cells}))

    def column(self, name: str) -> Mapping[str, str]:
        return {image: cells[name] for image, cells in self._cells() if name in cells}

    def _cells(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        folder, files = self._files()
        for file, shard in zip(
            files, mapped(lambda file: read_shard(folder / file.name, cells=True), files), strict=True
        ):
            yield from ((_name(file, sample), sample.cells or {}) for sample in shard.samples)

    def _recording(self, folder: Path, files: Sequence[File]) -> Recording:
        events.say(f"reading the headers of {counted(len(files), 'shard')} in {self.path}")
        collection, locations = self._collected(folder, files)
        decided = plan(collection, self)
        events.say("decoding every image once, to check it")
        coding = decided.coding and config.encode(decided.coding)
        facts = {"target": config.encode(decided.target), "coding": coding}
        return replace(decided.recording(), locations=locations, facts=facts)

    def _collected(self, folder: Path, files: Sequence[File]) -> tuple[Collection, Mapping[str, Sequence[int]]]:
        """Return the collection, and the location of each of its images, as streamed.py stores it."""
        shards = list(mapped(lambda file: read_shard(folder / file.name), files))
        _check_views(files, shards)
        lost = tuple(_damage(file, shard) for file, shard in zip(files, shards, strict=True) if shard.damage)
        samples = [(n, sample) for n, shard in enumerate(shards) for sample in shard.samples]
        if not samples:
            raise none_readable(self.path, lost or (Skipped(files[0].name, "no member with a key and an extension"),))
        masked = any(sample.mask for _, sample in samples)
        entries = partial(_entries, folder, files, samples, masked)
        legend = legend_of(folder)
        names = [legend.names.get(n, str(n)) for n in range(max(legend.names, default=-1) + 1)] if not masked else []
        labelled = any(sample.label is not None for _, sample in samples)
        keys = {} if labelled else {_name(files[n], sample): sample.key for n, sample in samples}
        collection = Collection(
            origin=self.path,
            name=self._called(folder, files),
            count=len(samples),
            entries=entries,
            classes=partial(_classes, names=names, keys=keys, titles=names_beside(folder)),
            masked=masked,
            legend=legend,
            lost=lost,
            notes=tuple(_notes(shards, files)),
        )
        return collection, {
            _name(files[n], sample): (n, *(sample.image or NOWHERE), *(sample.mask or NOWHERE)) for n, sample in samples
        }

    def _files(self) -> tuple[Path, list[File]]:
        """Return the folder that the shards are in, and the shards by their names below it, in order. InputError: there
        are none."""
        if self.path.lower().endswith(PACKED):
            raise InputError(
                f"{self.path} is compressed, and images are read from anywhere in a shard: unpack it to a plain "
                f"{EXTENSION} (gunzip), or into a folder"
            )
        path = Path(self.path)
        if path.is_file():
            return path.parent, [one_file(path)]
        if path.is_dir():
            files = [file for file in files_of(path, EXTENSION) if not self.only or file.name in self.only]
            if missing := sorted({*self.only} - {file.name for file in files}):
                raise InputError(
                    f"of the shards in {self.path} {missing[0]} is not there: put it back, or start a new run"
                )
            if not files:
                if packed := _compressed(path, ()):
                    raise InputError(f"{self.path} holds no plain {EXTENSION} file; {packed[0]}")
                raise InputError(f"there is no {EXTENSION} file in {self.path}: give a folder of shards, or a shard")
            return path, files
        paths = _named(self.path)
        folder = Path(os.path.commonpath([path.parent for path in paths]))
        return folder, sorted(one_file(path)._replace(name=path.relative_to(folder).as_posix()) for path in paths)


def _named(pattern: str) -> list[Path]:
    """Return the files that a pattern with braces or * means. InputError: none, or one of the braces' names is not
    there."""
    paths: list[Path] = []
    for name in expanded(pattern):
        matches = glob.glob(name) if glob.has_magic(name) else [name] if Path(name).is_file() else []
        if not matches:
            what = f"of the shards {pattern} {name} is not there" if name != pattern else f"there is no shard {pattern}"
            raise InputError(f"{what}: check the path and the range")
        paths += map(Path, matches)
    return sorted(set(paths))


def _entries(
    folder: Path, files: Sequence[File], samples: Sequence[tuple[int, Sample]], masked: bool
) -> Iterator[Entry]:
    for n, sample in samples:
        path, stamp = folder / files[n].name, files[n].stamp
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
            part=sample.part,
        )


def _name(file: File, sample: Sample) -> str:
    return f"{file.name}/{sample.key}"


def _classes(
    labels: Mapping[str, int | str | None], names: Sequence[str], keys: Mapping[str, str], titles: Sequence[Path]
) -> Classes:
    """Return classes from labels, or else from folders inside of the shards, with the titles of the files of names next
    to the shards."""
    if not keys:
        return renamed_by(by_labels(labels, names), titles)
    classes = classify([keys[name] for name in labels])
    classes = replace(classes, labels={name: classes.labels[keys[name]] for name in labels} if classes.names else {})
    return renamed_by(classes, titles)


def _notes(shards: Sequence[Shard], files: Sequence[File]) -> Iterator[str]:
    """Yield notes on keys and unused members, with counts."""
    by_note: defaultdict[str, list[str]] = defaultdict(list)
    for file, shard in zip(files, shards, strict=True):
        for what, name in shard.notes:
            by_note[what].append(shown(name if name == file.name else f"{file.name}/{name}"))
    for what, names in sorted(by_note.items()):
        yield f"{what}: {len(names):,} ({some(names, 3)})"
    shared = Counter(key for shard in shards for key in {sample.key for sample in shard.samples})
    if several := sorted(key for key, count in shared.items() if count > 1):
        keys = some(map(shown, several), 3)
        yield f"keys that are the same in several shards, each an image of its own: {len(several):,} ({keys})"


def _compressed(folder: Path, only: Sequence[str]) -> list[str]:
    """Return notes on compressed shards next to those that are read."""
    packed = [] if only else [file.name for kind in PACKED for file in files_of(folder, kind)]
    if not packed:
        return []
    return [
        f"not used, {counted(len(packed), 'compressed shard')}: {some(map(shown, packed), 3)}; images are read from "
        "anywhere in a shard: unpack them"
    ]


def _check_views(files: Sequence[File], shards: Sequence[Shard]) -> None:
    """InputError if the keys hold several images each."""
    for file, shard in zip(files, shards, strict=True):
        if shard.views:
            raise InputError(
                f"{file.name}: its keys hold several images each ({some(shard.views)}), and which one to train on is "
                "not clear: keep one of them in the shards as key.png, or give each a key of its own "
                f"(key_{shard.views[0]}.png)"
            )


def _damage(file: File, shard: Shard) -> Skipped:
    used = (
        f"its {counted(len(shard.samples), 'item')} before that are used, the others are lost"
        if shard.samples
        else "nothing of it can be used"
    )
    return Skipped(file.name, f"{shard.damage}: {used}")
