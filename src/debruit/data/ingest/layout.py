"""The mask, the captions and the class names of each image of a folder, matched by file names.

images/a.jpg, masks/a.png             a mask has the name of its image (mask_layout.py)
a.txt or a table next to the images   captions (captions.py)
classes.json                          the classes of masks if there are masks, else names of subfolders
                                      (class_titles.py)
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from debruit.annotations.captions import read_captions
from debruit.annotations.class_titles import CLASS_NAMES, renamed_by
from debruit.annotations.custom_split import part_of_cells
from debruit.annotations.image_classes import Classes, classify
from debruit.annotations.mask_classes import CLASSES, Legend, read_legend
from debruit.annotations.mask_layout import Pairs, paired
from debruit.annotations.masks import look_like_masks
from debruit.data.ingest.listing import Listing
from debruit.data.ingest.scan import Collection, Entry
from debruit.text.wording import counted, some


def pairs_of(path: str, listing: Listing) -> Pairs:
    """Return the images of a folder, and their masks."""
    names = [file.name for file in listing.files]
    return paired(names, lambda names: look_like_masks([Path(path) / name for name in names]))


def collect(path: str, listing: Listing) -> Collection:
    """Return the contents of a folder, its captions and classes read. InputError: files next to the images that cannot
    be understood."""
    root = Path(path)
    pairs = pairs_of(path, listing)
    companions = [file.name for file in listing.companions]
    captions = read_captions(root, pairs.images, companions)
    named = [name for name in companions if posixpath.basename(name) in (*CLASS_NAMES, CLASSES)]
    legends = [name for name in named if posixpath.basename(name) == CLASSES]
    titles = [name for name in named if not (pairs.masked and name in legends)]

    def entries() -> Iterator[Entry]:
        for name in pairs.images:
            mask = pairs.masks.get(name, "")
            lacks = f"it has no mask {pairs.lacks[name]}" if pairs.masked and not mask else ""
            yield Entry(
                name=name,
                image=root / name,
                mask=root / mask if mask else None,
                mask_name=mask,
                texts=captions.of.get(name, ()),
                lacks=lacks,
                part=part_of_cells(captions.cells.get(name, {})),
            )

    return Collection(
        origin=path,
        name=root.absolute().name,
        count=len(pairs.images),
        entries=entries,
        classes=partial(_classes, titles=[root / name for name in titles]),
        masked=pairs.masked,
        legend=read_legend(root / _shallowest(legends)) if legends and pairs.masked else Legend(),
        lost=(*listing.unopened, *pairs.lost),
        notes=(*pairs.notes, *_legends_left(legends, pairs.masked), *captions.notes),
        others=listing.others,
    )


def _legends_left(legends: Sequence[str], masked: bool) -> list[str]:
    left = sorted(set(legends) - {_shallowest(legends)}) if legends and masked else []
    return [f"not used: {some(left)}; {_shallowest(legends)} names the classes of the masks"] if left else []


def _classes(labels: Mapping[str, object], titles: Sequence[Path]) -> Classes:
    classes = classify(list(labels))
    ordered = sorted(titles, key=lambda path: (len(path.parts), path))
    named, others = renamed_by(classes, ordered), len(ordered) - 1
    if not classes.names or others < 1:
        return named
    return replace(named, why=f"{named.why}; not used: {counted(others, 'other file')} of names of classes")


def _shallowest(names: Sequence[str]) -> str:
    return min(names, key=lambda name: (name.count("/"), name))
