"""Folders of masks by their names, each with the folder of its images (mask_layout.py): `images/` and `masks/`, or
other names in use."""

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

IMAGES = (
    "images",
    "image",
    "imgs",
    "img",
    "jpegimages",
    "pictures",
    "photos",
    "photo",
    "input",
    "inputs",
    "originals",
    "original",
)
MASKS = (
    "masks",
    "mask",
    "segmentationclass",
    "segmentation",
    "segmentations",
    "segmentation_masks",
    "semantic",
    "seg",
    "segs",
    "annotations",
    "annotation",
    "annots",
    "annot",
    "labels",
    "label",
    "ground_truth",
    "groundtruth",
    "gt",
    "gts",
    "targets",
    "target",
    "segmentationobject",
)


class MaskFolder(NamedTuple):
    """A folder of masks, and the folder of their images; both end in "/", or are the folder itself, "". `direct`:
    only images in that folder, not below it."""

    masks: str
    images: str
    certain: bool = False
    direct: bool = False


def mask_folders(names: Sequence[str]) -> list[MaskFolder]:
    """Folders of masks by their names, with those of their images, the upper ones first, and the ones that come
    first in MASKS."""
    direct = {posixpath.dirname(name) for name in names}
    folders = {above for folder in direct for above in _chain(folder)}
    children: dict[str, list[str]] = defaultdict(list)
    for folder in sorted(folders):
        children[posixpath.dirname(folder)].append(folder)
    result: list[MaskFolder] = []
    for above, inside in children.items():
        for folder in sorted(inside, key=lambda folder: (_rank(folder), folder)):
            pair = _mask_folder(folder, above, [other for other in inside if other != folder], above in direct)
            if pair is not None and not any(f"{folder}/".startswith(upper.masks) for upper in result):
                result.append(pair)
    return sorted(result, key=lambda pair: (pair.masks.count("/"), not pair.certain))


def _mask_folder(folder: str, above: str, others: Sequence[str], direct: bool) -> MaskFolder | None:
    base, rank = _plain(folder), _rank(folder)
    named = {_plain(other): other for other in reversed(others)}
    if rank < len(MASKS):
        for word in IMAGES:
            if word in named:
                certain = base == "masks" and word == "images"
                return MaskFolder(f"{folder}/", f"{named[word]}/", certain)
        plain = [other for other in others if _rank(other) == len(MASKS) and not _is_annexed(other, others)]
        if len(plain) == 1 and not direct:
            return MaskFolder(f"{folder}/", f"{plain[0]}/")
        return MaskFolder(f"{folder}/", f"{above}/" if above else "", direct=True) if direct and not plain else None
    owner = _is_annexed(folder, others)
    return MaskFolder(f"{folder}/", f"{owner}/") if owner else None


def _is_annexed(folder: str, others: Sequence[str]) -> str:
    """The folder whose name this one's begins with, followed by a word of MASKS; "" for none."""
    base = _plain(folder)
    prefixes = [other for other in others if base.startswith(_plain(other))]
    owners = [other for other in prefixes if base[len(_plain(other)) :].lstrip("_. ") in MASKS]
    return max(owners, key=len, default="")


def is_in(name: str, folder: MaskFolder) -> bool:
    return posixpath.dirname(name) == folder.images.rstrip("/") if folder.direct else name.startswith(folder.images)


def _chain(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)


def _plain(folder: str) -> str:
    return posixpath.basename(folder).lower().replace("-", "_").replace(" ", "_")


def _rank(folder: str) -> int:
    base = _plain(folder)
    return MASKS.index(base) if base in MASKS else len(MASKS)


def base_of(folder: str) -> str:
    return posixpath.basename(folder.rstrip("/"))
