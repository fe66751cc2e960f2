"""Pairs of images and masks in a folder, by their names, and by their looks where names alone could mean a class.

    images/a.jpg            masks/a.png                at any depth; also train/images/ and train/masks/
    JPEGImages/, imgs/ ...  annotations/, labels/ ...  IMAGES and MASKS list the names
    train/a.jpg             trainannot/a.png           a folder of another's name and one of MASKS; train_masks/ too
    photos/a.jpg            masks/a.png                the only other folder next to it, or the
                                               images next to the folder itself
    a.jpg                   a_mask.png                 in one folder, or in two of the above

`images/` and `masks/` are taken at their word. The others are masks if at least half of the names fit and most of a
sample look like masks.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from debruit.annotations.mask_folders import MaskFolder, base_of, is_in, mask_folders
from debruit.annotations.names import composed
from debruit.images.spec import Skipped
from debruit.text.wording import counted, some

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


class _Paired(NamedTuple):
    folder: MaskFolder
    by_image: dict[str, str]
    of_masks: tuple[str, ...]
    lost: tuple[Skipped, ...]


def may_have_masks(names: Sequence[str]) -> bool:
    """Whether the names could be those of images and masks in another way than images/ and masks/."""
    folders = [folder for folder in mask_folders(names) if not folder.certain]
    return any(_match(names, folder).by_image for folder in folders) or bool(_suffixed(names))


def paired(names: Sequence[str], looks: Looks | None = None) -> Pairs:
    """Separates masks from images. Without `looks` only images/ and masks/ are taken for that."""
    taken: dict[str, _Paired] = {}
    notes: list[str] = []
    for folder in mask_folders(names):
        pairs = _match(names, folder)
        if folder.images in taken:  # by masks that come first in the list
            if looks is not None and len(pairs.by_image) * 2 >= len(pairs.of_masks):
                taken[f"{folder.images} {folder.masks}"] = pairs._replace(by_image={})
                notes.append(_second(pairs, taken[folder.images]))
        elif folder.certain:
            taken[folder.images] = pairs
        elif looks is not None:
            refused = _refused(pairs, looks)
            if refused:
                notes.append(refused)
            else:
                taken[folder.images] = pairs
    if not taken and looks is not None and (suffixed := _suffixed(names)):
        pairs = _suffixed_pairs(names, suffixed, looks)
        if isinstance(pairs, str):
            notes.append(pairs)
        else:
            taken[""] = pairs
    if not taken:
        return Pairs(tuple(names), notes=(*notes, *(_twins(names, looks) if looks is not None and not notes else ())))
    return _separated(names, list(taken.values()), notes)


def _separated(names: Sequence[str], taken: Sequence[_Paired], notes: Sequence[str]) -> Pairs:
    gone = {name for pairs in taken for name in pairs.of_masks}
    images = tuple(name for name in names if name not in gone)
    masks = {name: mask for pairs in taken for name, mask in pairs.by_image.items()}
    masks = {name: masks[name] for name in images if name in masks}
    used = [pairs for pairs in taken if pairs.by_image or pairs.folder.certain]
    lacks = {name: _lacking(name, used) for name in images if name not in masks}
    count = sum(len(pairs.of_masks) - len(pairs.lost) for pairs in used)
    folders = Counter((base_of(pairs.folder.masks), base_of(pairs.folder.images)) for pairs in used)
    origins = "; ".join(_where(*pair) for pair in folders)
    first = f"masks {origins}: {count:,} of {len(images):,} images have one"
    lost = tuple(item for pairs in used for item in pairs.lost)
    return Pairs(images, masks, lacks, lost, masked=True, notes=(first, *notes))


def _where(masks: str, images: str) -> str:
    if masks == images:
        return "next to the images"
    return f"from {masks}/ next to {f'{images}/' if images else 'the images'}"


def _lacking(name: str, used: Sequence[_Paired]) -> str:
    for pairs in used:
        if is_in(name, pairs.folder):
            inside = posixpath.splitext(name[len(pairs.folder.images) :])[0]
            same = pairs.folder.masks == pairs.folder.images
            return f"{pairs.folder.masks}{inside}{'_mask' if same else ''}.png"
    return f"(it lies outside of {some(sorted({f'{base_of(pairs.folder.images)}/' for pairs in used}))})"


def _match(names: Sequence[str], folder: MaskFolder) -> _Paired:
    """By the names: of a mask exactly, else without a suffix."""
    of_masks = tuple(name for name in names if name.startswith(folder.masks))
    gone = set(of_masks)
    images: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name not in gone and is_in(name, folder):
            images[composed(posixpath.splitext(name[len(folder.images) :])[0])].append(name)
    by_key: dict[str, str] = {}
    lost: list[Skipped] = []
    for name in of_masks:
        stem = composed(posixpath.splitext(name[len(folder.masks) :])[0])
        key = stem if stem in images else next((short for short in _without_suffix(stem) if short in images), stem)
        if key in by_key:
            lost.append(Skipped(name, f"another mask of the same image as {by_key[key]}"))
        else:
            by_key[key] = name
    lost += [Skipped(name, "a mask without an image of its name") for key, name in by_key.items() if key not in images]
    by_image = {name: by_key[key] for key, members in images.items() if key in by_key for name in members}
    return _Paired(folder, by_image, of_masks, tuple(lost))


def _refused(pairs: _Paired, looks: Looks) -> str:
    """Why a folder is taken for images, though it is called as if it held masks; "" where it holds them."""
    masks = sorted(set(pairs.by_image.values()))
    named = base_of(pairs.folder.masks)
    images = f"{base_of(pairs.folder.images)}/" if pairs.folder.images else "the images next to it"
    if not masks or len(masks) * 2 < len(pairs.of_masks):
        return (
            f"{named}/ could hold masks of {images}, and {len(masks):,} of its {counted(len(pairs.of_masks), 'file')} "
            f"{'has' if len(masks) == 1 else 'have'} the name of an image: they are taken for images; call each mask "
            "as its image"
        )
    if not looks(sampled(masks)):
        return f"{named}/ has the names of {images}, and its files do not look like masks: they are taken for images"
    return ""


def _second(pairs: _Paired, first: _Paired) -> str:
    return (
        f"not used: {counted(len(pairs.of_masks), 'file')} of {base_of(pairs.folder.masks)}/, which could be masks "
        f"too; those of {base_of(first.folder.masks)}/ are used"
    )


def _suffixed(names: Sequence[str]) -> dict[str, str]:
    """Images in the folder of their masks -> the masks, which have their name with a suffix."""
    stems: dict[str, str] = {}
    for name in names:
        stems.setdefault(composed(posixpath.splitext(name)[0]), name)
    pairs: dict[str, str] = {}
    for stem, name in stems.items():
        image = next((stems[short] for short in _without_suffix(stem, certain=True) if short in stems), None)
        if image is not None and image not in pairs:
            pairs[image] = name
    return {image: mask for image, mask in pairs.items() if image not in pairs.values()}


def _suffixed_pairs(names: Sequence[str], by_image: Mapping[str, str], looks: Looks) -> _Paired | str:
    masks = tuple(by_image.values())
    images = len(names) - len(masks)
    if not looks(sampled(sorted(masks))):
        return (
            f"{counted(len(masks), 'file')} called as the masks of others ({some(masks, 3)}) do not look like masks: "
            "they are taken for images"
        )
    if 2 * len(masks) < images:
        look = "looks like a mask" if len(masks) == 1 else "look like masks"
        return (
            f"{counted(len(masks), 'file')} {look} of others ({some(masks, 3)}), for fewer than half of "
            f"{counted(images)}: they are taken for images; put images and masks into images/ and masks/"
        )
    return _Paired(MaskFolder("", ""), dict(by_image), masks, ())


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
            "class: to train on them as masks, call the folders images/ and masks/"
        )


def sampled(names: Sequence[str]) -> list[str]:
    """Up to SAMPLED of them, spread evenly."""
    step = max(1, len(names) // SAMPLED)
    return list(names[::step][:SAMPLED])


def _without_suffix(stem: str, *, certain: bool = False) -> Iterator[str]:
    """A name without its suffix of a mask. `certain`: not without a single letter."""
    for separator in SEPARATORS:
        short, separated, suffix = stem.rpartition(separator)
        if separated and short and suffix.lower() in SUFFIXES and (len(suffix) > 1 or not certain):
            yield short
