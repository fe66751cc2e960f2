"""Files next to images that are not used, named with a count: texts, tables, boxes, previews.

Captions and names of classes that are used are no part of it (captions.py, class_titles.py), nor are files that have
nothing to do with images.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from debruit.images.pixels import EXTENSIONS
from debruit.text.wording import counted, shown, some

SYSTEM = ("thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", ".picasa.ini", "picasa.ini", "zbthumbnail.info")
OF_MACS = "._"  # AppleDouble: written by a Mac next to a file on a foreign disk
ABOUT = ("readme", "license", "licence", "copying", "changelog", "requirements", "notes", "citation", "authors")
OF_BOXES = ("instances_", "person_keypoints_", "panoptic_", "_annotations.coco", "annotations.coco", "via_region")
OF_YOLO = (
    "classes.txt",
    "obj.names",
    "obj.data",
    "data.yaml",
    "data.yml",
    "dataset.yaml",
    "train.txt",
    "val.txt",
    "test.txt",
)
KINDS = {
    "box files": (".xml", ".yaml", ".yml", ".names"),
    "text files": (".txt", ".caption", ".text", ".md"),
    "tables": (".csv", ".tsv", ".jsonl", ".xlsx", ".xls", ".ods"),
    "JSON files": (".json", ".geojson"),
    "arrays": (".mat", ".h5", ".hdf5", ".pkl"),
}
WORDS = {
    "box files": "that look like boxes or lists of classes",
    "text files": "that are the captions of no image here",
    "tables": "that look like labels or captions",
    "JSON files": "that look like labels or boxes",
    "arrays": "that may hold labels or masks",
}


def unused(names: Iterable[str], passed: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each kind. `names`: files that are no images and were not read; `passed`: hidden files, and
    images in hidden folders, counted by the name of the folder or file (walking.py)."""
    by_kind: dict[str, list[str]] = {}
    system: list[str] = []
    for name in sorted(names):
        if posixpath.basename(name).lower() in SYSTEM:
            system.append(name)
        elif kind := kind_of(name):
            by_kind.setdefault(kind, []).append(name)
    for kind, members in by_kind.items():
        one = {"box files": "box file", "JSON files": "JSON file"}.get(kind, kind.removesuffix("s"))
        verb = WORDS[kind] if len(members) > 1 else WORDS[kind].replace("look", "looks").replace("are ", "is ")
        yield f"not used: {counted(len(members), one)} {verb}: {some(map(shown, members), 3)}"
    yield from _passed(system, passed)


def kind_of(name: str) -> str:
    """Return the kind of a file by its name, a key of KINDS; "" for files that have nothing to do with images."""
    base = posixpath.basename(name).lower()
    stem, extension = posixpath.splitext(base)
    if stem in ABOUT or stem.split(".")[0] in ABOUT:
        return ""
    if base in OF_YOLO or (extension == ".json" and any(part in base for part in OF_BOXES)):
        return "box files"
    return next((kind for kind, extensions in KINDS.items() if extension in extensions), "")


def _passed(system: list[str], passed: Mapping[str, int]) -> Iterator[str]:
    folders = {name: count for name, count in passed.items() if name.endswith("/")}
    files = [name for name in passed if not name.endswith("/")]
    images = [name for name in files if _is_hidden_image(name)]
    of_system = sorted([*system, *(name for name in files if _is_system(name))])
    if folders:
        count = sum(folders.values())
        named = some(map(shown, sorted(folders)), 3)
        yield f"not used: {counted(count)} in hidden folders or folders of previews: {named}"
    if images:
        yield f"not used: {counted(len(images), 'hidden image')}: {some(map(shown, sorted(images)), 3)}"
    if of_system:
        named = some(map(shown, of_system), 3)
        yield f"not used: {counted(len(of_system), 'file')} of the system's (previews, settings): {named}"


def _is_system(name: str) -> bool:
    base = posixpath.basename(name)
    return base.lower() in SYSTEM or base.startswith(OF_MACS)


def _is_hidden_image(name: str) -> bool:
    return not _is_system(name) and posixpath.splitext(posixpath.basename(name))[1].lower() in EXTENSIONS
