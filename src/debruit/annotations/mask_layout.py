"""Pairs of images and masks in a folder, by their names, and by their looks where names alone could mean a class.

    images/a.jpg            masks/a.png                at any depth; also train/images/ and train/masks/
    JPEGImages/, imgs/ ...  annotations/, labels/ ...  IMAGES and MASKS list the names
    train/a.jpg             trainannot/a.png           a folder of another's name and one of MASKS; train_masks/ too
    photos/a.jpg            masks/a.png                the only other folder beside it; or the images that lie beside the folder itself
    a.jpg                   a_mask.png                 in one folder, or in two of the above

`images/` and `masks/` are taken at their word. The others are masks if at least half of the names fit and most of a
sample look like masks.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from debruit.annotations.names import composed
from debruit.images.spec import Skipped
from debruit.text.wording import counted, some

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
SUFFIXES = (
    "mask",
    "masks",
    "seg",
    "segm",
    "segmentation",
    "gt",
    "groundtruth",
    "label",
    "labels",
    "labelids",
    "annotation",
    "annot",
    "l",
)
SEPARATORS = "_-. "
SAMPLED = 8  # masks that are looked at
NAMES = 0.9  # equal ones, of two folders that are not called as masks are

Looks = Callable[[Sequence[str]], bool]  # whether most of these files look like masks


@dataclass(frozen=True)
class Pairs:
    """Images with the masks that belong to them, by name; what each image `lacks` that has none, what has no
    partner, what there is to say."""

    images: tuple[str, ...]
    masks: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[Skipped, ...] = ()
    masked: bool = False
    notes: tuple[str, ...] = ()


class _Place(NamedTuple):
    """A folder of masks, and the folder of their images; both end in "/", or are the folder itself, "". `direct`:
    only images in that folder, not below it."""

    masks: str
    images: str
    certain: bool = False
    direct: bool = False


class _Paired(NamedTuple):
    place: _Place
    by_image: dict[str, str]
    of_masks: tuple[str, ...]
    lost: tuple[Skipped, ...]


def may_have_masks(names: Sequence[str]) -> bool:
    """Whether the names could be those of images and masks in another way than images/ and masks/."""
    places = [place for place in _places(names) if not place.certain]
    return any(_match(names, place).by_image for place in places) or bool(_suffixed(names))


def paired(names: Sequence[str], looks: Looks | None = None) -> Pairs:
    """Separates masks from images. Without `looks` only images/ and masks/ are taken for that."""
    taken: dict[str, _Paired] = {}
    notes: list[str] = []
    for place in _places(names):
        found = _match(names, place)
        if place.images in taken:  # by masks that come first in the list
            if looks is not None and len(found.by_image) * 2 >= len(found.of_masks):
                taken[f"{place.images} {place.masks}"] = found._replace(by_image={})
                notes.append(_second(found, taken[place.images]))
        elif place.certain:
            taken[place.images] = found
        elif looks is not None:
            refused = _refused(found, looks)
            if refused:
                notes.append(refused)
            else:
                taken[place.images] = found
    if not taken and looks is not None and (beside := _suffixed(names)):
        found = _beside(names, beside, looks)
        if isinstance(found, str):
            notes.append(found)
        else:
            taken[""] = found
    if not taken:
        return Pairs(tuple(names), notes=(*notes, *(_twins(names, looks) if looks is not None and not notes else ())))
    return _separated(names, list(taken.values()), notes)


def _separated(names: Sequence[str], taken: Sequence[_Paired], notes: Sequence[str]) -> Pairs:
    gone = {name for found in taken for name in found.of_masks}
    images = tuple(name for name in names if name not in gone)
    masks = {name: mask for found in taken for name, mask in found.by_image.items()}
    masks = {name: masks[name] for name in images if name in masks}
    used = [found for found in taken if found.by_image or found.place.certain]
    lacks = {name: _lacking(name, used) for name in images if name not in masks}
    count = sum(len(found.of_masks) - len(found.lost) for found in used)
    folders = Counter((_base(found.place.masks), _base(found.place.images)) for found in used)
    said = "; ".join(_where(*pair) for pair in folders)
    first = f"masks {said}: {count:,} of {len(images):,} images have one"
    lost = tuple(item for found in used for item in found.lost)
    return Pairs(images, masks, lacks, lost, masked=True, notes=(first, *notes))


def _where(masks: str, images: str) -> str:
    if masks == images:
        return "beside the images"
    return f"from {masks}/ beside {f'{images}/' if images else 'the images'}"


def _lacking(name: str, used: Sequence[_Paired]) -> str:
    for found in used:
        if _is_in(name, found.place):
            inside = posixpath.splitext(name[len(found.place.images) :])[0]
            same = found.place.masks == found.place.images
            return f"{found.place.masks}{inside}{'_mask' if same else ''}.png"
    return f"(it lies outside of {some(sorted({f'{_base(found.place.images)}/' for found in used}))})"


def _places(names: Sequence[str]) -> list[_Place]:
    """Folders of masks by their names, with those of their images, the upper ones first, and the ones that come
    first in MASKS."""
    direct = {posixpath.dirname(name) for name in names}
    folders = {above for folder in direct for above in _chain(folder)}
    children: dict[str, list[str]] = defaultdict(list)
    for folder in sorted(folders):
        children[posixpath.dirname(folder)].append(folder)
    found: list[_Place] = []
    for above, inside in children.items():
        for folder in sorted(inside, key=lambda folder: (_rank(folder), folder)):
            place = _place(folder, above, [other for other in inside if other != folder], above in direct)
            if place is not None and not any(f"{folder}/".startswith(upper.masks) for upper in found):
                found.append(place)
    return sorted(found, key=lambda place: (place.masks.count("/"), not place.certain))


def _place(folder: str, above: str, others: Sequence[str], beside: bool) -> _Place | None:
    base, rank = _plain(folder), _rank(folder)
    named = {_plain(other): other for other in reversed(others)}
    if rank < len(MASKS):
        for word in IMAGES:
            if word in named:
                certain = base == "masks" and word == "images"
                return _Place(f"{folder}/", f"{named[word]}/", certain)
        plain = [other for other in others if _rank(other) == len(MASKS) and not _is_annexed(other, others)]
        if len(plain) == 1 and not beside:
            return _Place(f"{folder}/", f"{plain[0]}/")
        return _Place(f"{folder}/", f"{above}/" if above else "", direct=True) if beside and not plain else None
    owner = _is_annexed(folder, others)
    return _Place(f"{folder}/", f"{owner}/") if owner else None


def _is_annexed(folder: str, others: Sequence[str]) -> str:
    """The folder whose name this one's begins with, followed by a word of MASKS; "" for none."""
    base = _plain(folder)
    owners = (
        other
        for other in others
        if base.startswith(_plain(other)) and base[len(_plain(other)) :].lstrip("_. ") in MASKS
    )
    return max(owners, key=len, default="")


def _match(names: Sequence[str], place: _Place) -> _Paired:
    """By the names: of a mask exactly, else without a suffix."""
    of_masks = tuple(name for name in names if name.startswith(place.masks))
    gone = set(of_masks)
    images: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name not in gone and _is_in(name, place):
            images[composed(posixpath.splitext(name[len(place.images) :])[0])].append(name)
    by_key: dict[str, str] = {}
    lost: list[Skipped] = []
    for name in of_masks:
        stem = composed(posixpath.splitext(name[len(place.masks) :])[0])
        key = stem if stem in images else next((bare for bare in _bare(stem) if bare in images), stem)
        if key in by_key:
            lost.append(Skipped(name, f"another mask of the same image as {by_key[key]}"))
        else:
            by_key[key] = name
    lost += [Skipped(name, "a mask without an image of its name") for key, name in by_key.items() if key not in images]
    by_image = {name: by_key[key] for key, members in images.items() if key in by_key for name in members}
    return _Paired(place, by_image, of_masks, tuple(lost))


def _refused(found: _Paired, looks: Looks) -> str:
    """Why a folder is taken for images, though it is called as if it held masks; "" where it holds them."""
    masks = sorted(set(found.by_image.values()))
    named = _base(found.place.masks)
    images = f"{_base(found.place.images)}/" if found.place.images else "the images beside it"
    if not masks or len(masks) * 2 < len(found.of_masks):
        return (
            f"{named}/ could hold masks of {images}, and {len(masks):,} of its {counted(len(found.of_masks), 'file')} "
            f"{'has' if len(masks) == 1 else 'have'} the name of an image: they are taken for images; call each mask "
            "as its image"
        )
    if not looks(sampled(masks)):
        return f"{named}/ has the names of {images}, and its files do not look like masks: they are taken for images"
    return ""


def _second(found: _Paired, first: _Paired) -> str:
    return (
        f"not used: {counted(len(found.of_masks), 'file')} of {_base(found.place.masks)}/, which could be masks too; "
        f"those of {_base(first.place.masks)}/ are used"
    )


def _suffixed(names: Sequence[str]) -> dict[str, str]:
    """Images in the folder of their masks -> the masks, which have their name with a suffix."""
    stems: dict[str, str] = {}
    for name in names:
        stems.setdefault(composed(posixpath.splitext(name)[0]), name)
    found: dict[str, str] = {}
    for stem, name in stems.items():
        image = next((stems[bare] for bare in _bare(stem, certain=True) if bare in stems), None)
        if image is not None and image not in found:
            found[image] = name
    return {image: mask for image, mask in found.items() if image not in found.values()}


def _beside(names: Sequence[str], by_image: Mapping[str, str], looks: Looks) -> _Paired | str:
    masks = tuple(by_image.values())
    images = len(names) - len(masks)
    if not looks(sampled(sorted(masks))):
        return f"{counted(len(masks), 'file')} called as the masks of others ({some(masks, 3)}) do not look like masks: they are taken for images"
    if 2 * len(masks) < images:
        look = "looks like a mask" if len(masks) == 1 else "look like masks"
        return (
            f"{counted(len(masks), 'file')} {look} of others ({some(masks, 3)}), for fewer than half of "
            f"{counted(images)}: they are taken "
            "for images; put images and masks into images/ and masks/"
        )
    return _Paired(_Place("", ""), dict(by_image), masks, ())


def _twins(names: Sequence[str], looks: Looks) -> Iterator[str]:
    """Two folders of equal names, of which one looks like masks of the other, though it is not called so."""
    inside: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        folder, base = posixpath.split(name)
        inside[folder][posixpath.splitext(base)[0]] = name
    if len(inside) != 2 or len({posixpath.dirname(folder) for folder in inside}) != 1:
        return
    (first, a), (second, b) = inside.items()
    common = sorted(a.keys() & b.keys())
    if len(common) < NAMES * max(len(a), len(b)):
        return
    flat = [looks(sampled([members[key] for key in common])) for members in (a, b)]
    if flat[0] != flat[1]:
        masks, images = (first, second) if flat[0] else (second, first)
        yield (
            f"the files of {masks}/ have the names of those in {images}/ and look like masks, and are taken for a "
            "class: to train on them as masks, "
            "call the folders images/ and masks/"
        )


def sampled(names: Sequence[str]) -> list[str]:
    """Up to SAMPLED of them, spread evenly."""
    step = max(1, len(names) // SAMPLED)
    return list(names[::step][:SAMPLED])


def _bare(stem: str, *, certain: bool = False) -> Iterator[str]:
    """A name without its suffix of a mask. `certain`: not without a single letter."""
    for separator in SEPARATORS:
        bare, found, suffix = stem.rpartition(separator)
        if found and bare and suffix.lower() in SUFFIXES and (len(suffix) > 1 or not certain):
            yield bare


def _is_in(name: str, place: _Place) -> bool:
    return posixpath.dirname(name) == place.images.rstrip("/") if place.direct else name.startswith(place.images)


def _chain(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)


def _plain(folder: str) -> str:
    return posixpath.basename(folder).lower().replace("-", "_").replace(" ", "_")


def _rank(folder: str) -> int:
    base = _plain(folder)
    return MASKS.index(base) if base in MASKS else len(MASKS)


def _base(folder: str) -> str:
    return posixpath.basename(folder.rstrip("/"))
