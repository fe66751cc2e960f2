"""What belongs to each image of a folder, by its name: its mask, its captions, the names of its classes.

images/a.jpg, masks/a.png              a mask has the name of its image, under masks/ beside images/, at any depth (train/images/, train/masks/)
a.txt or a table beside the images     captions.py
classes.json                           the classes of masks where there are masks, else names of subfolders (class_names.py)
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from debruit.data.captions import read_captions
from debruit.data.class_names import CLASS_NAMES, renamed_by
from debruit.data.classes import Classes, classify
from debruit.data.dataset import Skipped
from debruit.data.legend import CLASSES, Legend, read_legend
from debruit.data.listing import Listing
from debruit.data.names import composed
from debruit.data.parts import part_of_cells
from debruit.data.survey import Collection, Entry

IMAGES, MASKS = "images", "masks"


@dataclass(frozen=True)
class Pairs:
    """Images with the masks that belong to them, by name; what has no partner."""

    images: tuple[str, ...]
    masks: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[Skipped, ...] = ()
    masked: bool = False


def collect(path: str, listing: Listing) -> Collection:
    """What a folder holds, its captions and classes read. InputError: files beside the images that cannot be understood."""
    root, pairs = Path(path), paired([file.name for file in listing.files])
    beside = [file.name for file in listing.beside]
    captions = read_captions(root, pairs.images, beside)
    named = [name for name in beside if posixpath.basename(name) in (*CLASS_NAMES, CLASSES)]
    legends = [name for name in named if posixpath.basename(name) == CLASSES]
    titles = [name for name in named if not (pairs.masked and name in legends)]

    def entries() -> Iterator[Entry]:
        for name in pairs.images:
            mask = pairs.masks.get(name, "")
            lacks = f"it has no mask {_counterpart(name)}" if pairs.masked and not mask else ""
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
        notes=(*_said(pairs), *captions.notes),
        others=listing.others,
    )


def paired(names: Sequence[str]) -> Pairs:
    """Separates masks from images."""
    masks: dict[str, str] = {}
    lost: list[Skipped] = []
    folders = {key for name in names if (key := _above(name, IMAGES)) is not None}
    of_masks = [name for name in names if _above(name, MASKS) in folders]
    for name in of_masks:
        key = _key(name, MASKS)
        if key in masks:
            lost.append(Skipped(name, f"another mask of the same image as {masks[key]}"))
        else:
            masks[key] = name
    taken = set(of_masks)
    images = tuple(name for name in names if name not in taken)
    if not taken:
        return Pairs(images)
    partners = {name: masks[key] for name in images if (key := _key(name, IMAGES)) in masks}
    used = set(partners.values())
    lost += [Skipped(name, "a mask without an image of its name") for name in masks.values() if name not in used]
    return Pairs(images, partners, tuple(lost), masked=True)


def _said(pairs: Pairs) -> Iterator[str]:
    if pairs.masked:
        yield f"masks from {MASKS}/ beside {IMAGES}/: {len(pairs.masks):,} of {len(pairs.images):,} images have one"


def _classes(labels: Mapping[str, object], titles: Sequence[Path]) -> Classes:
    return renamed_by(classify(list(labels)), sorted(titles, key=lambda path: len(path.parts)))


def _shallowest(names: Sequence[str]) -> str:
    return min(names, key=lambda name: (name.count("/"), name))


def _above(name: str, folder: str) -> str | None:
    """What stands before the first part of that name: "train/" of train/images/a.png; None where there is no such part."""
    parts = name.split("/")[:-1]
    at = next((n for n, part in enumerate(parts) if part.lower() == folder), None)
    return None if at is None else composed("/".join(parts[:at]))


def _key(name: str, folder: str) -> str:
    above = _above(name, folder)
    if above is None:
        return ""
    inside = name.split("/")[above.count("/") + 2 :] if above else name.split("/")[1:]
    return composed(f"{above}/{posixpath.splitext('/'.join(inside))[0]}")


def _counterpart(name: str) -> str:
    above, key = _above(name, IMAGES), _key(name, IMAGES)
    if above is None:
        return f"(it lies outside of {IMAGES}/)"
    return f"{above}/{MASKS}{key.removeprefix(above)}.png".removeprefix("/")
