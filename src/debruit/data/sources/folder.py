"""A folder of images as a data set: any nesting, any mixture of sizes, formats and depths.

    list names -> content key -> (in the cache: map it) or (plan.py)

Masks, captions and names of classes next to the images are used (layout.py).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from debruit.annotations.captions import read_captions
from debruit.annotations.image_classes import classify
from debruit.annotations.mask_layout import may_have_masks, paired
from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Location, Recording, load_collected, stored
from debruit.data.ingest.layout import collect, pairs_of
from debruit.data.ingest.listing import Listing, joined, list_images
from debruit.data.ingest.plan import Collected, plan
from debruit.data.ingest.scan import Collection
from debruit.files.keys import content_key


@dataclass(frozen=True, kw_only=True)
class Folder(Collected):
    """Images in a folder; its subfolders are the classes, unless `labelled` is false. `size`: a side, or
    height and width."""

    name: ClassVar[str] = "folder"

    def build(self) -> Dataset:
        """Map the folder's images, decoding them first if their content is not in the cache."""
        listing = self._listing()
        settings = [self.name, *self.settings(), *_with_masks(listing), *_reordered(listing)]
        key = content_key(Path(self.path), [*listing.files, *listing.companions], settings)
        location = self._location(listing)
        dataset = stored(key, lambda: self._recording(listing), load_collected, location=location)
        return dataset.with_tables(self)

    def collection(self) -> Collection:
        """Return the folder's images with their masks and captions. InputError: there is no image, or a file next to
        the images cannot be understood."""
        return collect(self.path, self._listing())

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the tables next to the images, except for names and captions."""
        return tuple(sorted({column for of in self._cells().values() for column in of}))

    def column(self, name: str) -> Mapping[str, str]:
        return {image: of[name] for image, of in self._cells().items() if name in of}

    def _cells(self) -> Mapping[str, Mapping[str, str]]:
        listing = self._listing()
        images = pairs_of(self.path, listing).images
        return read_captions(Path(self.path), images, [file.name for file in listing.companions]).cells

    def _listing(self) -> Listing:
        if not self.only:
            return list_images(self.path)
        return joined({name: list_images(Path(self.path) / name) for name in self.only})

    def _location(self, listing: Listing) -> Location:
        return Location(name=Path(self.path).absolute().name, notes=listing.notes, unopened=listing.unopened)

    def _recording(self, listing: Listing) -> Recording:
        return plan(collect(self.path, replace(listing, unopened=())), self).recording()


def _with_masks(listing: Listing) -> list[str]:
    """Return key parts that tell folders with masks, or possible masks, from entries of versions that read them
    differently."""
    names = [file.name for file in listing.files]
    return ["masks", "edges"] if paired(names).masked else ["layout"] if may_have_masks(names) else []


def _reordered(listing: Listing) -> list[str]:
    """Return key parts that tell class folders like 1, 2, 10 from entries of versions that sorted them 1, 10, 2."""
    folders = {os.path.dirname(file.name) for file in listing.files}
    names = classify([f"{folder}/x" for folder in folders]).names
    return [] if list(names) == sorted(names) else ["natural order"]
