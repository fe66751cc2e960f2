"""The files of a folder, by their names alone: images by extension, what may belong to them, the others counted.

Hidden files and folders are passed over, links to folders followed, names sorted.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debruit.data.annotations import is_document
from debruit.data.captions import BESIDE, TABLES, stem_of
from debruit.data.class_names import CLASS_NAMES
from debruit.data.dataset import Skipped
from debruit.data.keys import File
from debruit.data.legend import CLASSES
from debruit.data.pixels import EXTENSIONS
from debruit.errors import InputError, nearest

NAMED = {*TABLES, *CLASS_NAMES, CLASSES}
ABOUT = {
    ".parquet",
    ".tar",
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".xml",
    ".txt",
    ".caption",
    ".arrow",
    ".zip",
}  # beside tables and shards
PICTURE_LIKE = {
    ".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".pdf", ".psd", ".raw", ".dng", ".cr2", ".nef", ".arw", ".dcm", ".nii", ".npy",
    ".npz", ".mp4", ".mov", ".avi", ".webm", ".ppm", ".pgm", ".exr", ".hdr", ".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".parquet",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The image files of a folder by their extension, the files that may hold captions or names of classes, the folders that could not be opened,
    all other files than images counted."""

    files: tuple[File, ...]
    beside: tuple[File, ...] = ()
    unopened: tuple[Skipped, ...] = ()
    others: tuple[tuple[str, int], ...] = ()


def list_images(path: str | Path) -> Listing:
    """The image files below a folder, by extension, in the order of their names."""
    files: list[File] = []
    unopened: list[Skipped] = []
    others: Counter[str] = Counter()
    beside: list[File] = []
    for name, entry in _walked(path, unopened):
        extension = os.path.splitext(entry.name)[1].lower()
        if extension in EXTENSIONS:
            files.append(_file(name, entry))
            continue
        others[extension] += 1
        if extension in BESIDE or _is_named(entry.name):
            beside.append(_file(name, entry))
    if not files:
        raise _no_images(path, unopened, others)
    stems = {stem_of(file.name) for file in files}
    named = [f for f in beside if _is_named(os.path.basename(f.name)) or stem_of(f.name) in stems]
    return Listing(
        files=tuple(sorted(files)),
        beside=tuple(sorted(named)),
        unopened=tuple(unopened),
        others=tuple(sorted(others.items())),
    )


def joined(listings: Mapping[str, Listing]) -> Listing:
    """The listings of several folders as that of the folder that holds them, by their names in it."""
    others = Counter[str]()
    for listing in listings.values():
        others.update(dict(listing.others))

    return Listing(
        files=tuple(sorted(f._replace(name=f"{name}/{f.name}") for name, of in listings.items() for f in of.files)),
        beside=tuple(sorted(f._replace(name=f"{name}/{f.name}") for name, of in listings.items() for f in of.beside)),
        unopened=tuple(f._replace(name=f"{name}/{f.name}") for name, of in listings.items() for f in of.unopened),
        others=tuple(sorted(others.items())),
    )


def _is_named(base: str) -> bool:
    """Whether a file is read because of its name: a table of captions, or names of classes."""
    return base in NAMED or base.lower() in TABLES


def files_of(path: str | Path, extension: str) -> list[File]:
    """The files below a folder that end so, in the order of their names."""
    return sorted(_file(name, entry) for name, entry in _walked(path, []) if name.lower().endswith(extension))


def beside_containers(path: Path, own: str, used: Collection[str]) -> list[str]:
    """A sentence about files beside tables or shards (files of the extension `own`) that may hold images, captions or labels and are not read; or nothing."""
    kinds = Counter(
        extension
        for name, _ in _walked(path, [])
        if (extension := os.path.splitext(name)[1].lower()) in ABOUT
        and extension != own
        and os.path.basename(name) not in used
        if not is_document(name)
    )
    found = ", ".join(f"{count:,} {extension}" for extension, count in sorted(kinds.items()))
    return (
        [f"not used, files beside the {own} files: {found}; captions and labels are read from inside of them"]
        if found
        else []
    )


def one_file(path: Path) -> File:
    """A file by itself, named without its folder."""
    status = path.stat()
    return File(path.name, status.st_size, status.st_mtime_ns)


def file_in(folder: Path, name: str) -> File:
    """A file by its name in a folder, where it may be missing."""
    try:
        status = (folder / name).stat()
        return File(name, status.st_size, status.st_mtime_ns)
    except OSError:
        return File(name, 0, 0)


def _walked(path: str | Path, unopened: list[Skipped]) -> Iterator[tuple[str, os.DirEntry]]:
    root = check_folder(path)
    waiting, visited = [""], set()
    while waiting:
        inside = waiting.pop()
        try:
            if (place := os.path.realpath(root / inside)) in visited:
                continue
            visited.add(place)
            with os.scandir(root / inside) as found:
                entries = [entry for entry in found if not entry.name.startswith(".")]
        except OSError as error:
            unopened.append(Skipped(inside or str(path), f"this folder cannot be opened ({error.strerror})"))
            continue
        for entry in entries:
            if entry.is_dir():
                waiting.append(f"{inside}{entry.name}/")
            else:
                yield f"{inside}{entry.name}", entry


def check_folder(path: str | Path) -> Path:
    """InputError unless `path` is an existing folder."""
    path = Path(path)
    if path.is_dir():
        return path
    if path.exists():
        hint = (
            "unpack it and give the folder"
            if path.suffix in (".zip", ".tar", ".gz", ".tgz")
            else "give the folder it is in"
        )
        raise InputError(f"{path} is a file, and a source is a folder of images: {hint}")
    try:
        siblings = os.listdir(path.parent)
    except OSError:
        siblings = []
    raise InputError(f"there is no folder {path}{nearest(path.name, siblings) or '; check the path'}")


def ignored(others: Sequence[tuple[str, int]]) -> str:
    """A sentence about the files that look like pictures or archives and are of no format that is read, or nothing."""
    found = ", ".join(f"{count:,} {extension}" for extension, count in others if extension in PICTURE_LIKE)
    return f"ignored {found}: PNG, JPEG, WebP, TIFF, BMP and GIF are read" if found else ""


def _file(name: str, entry: os.DirEntry) -> File:
    try:
        status = entry.stat()
        return File(name, status.st_size, status.st_mtime_ns)
    except OSError:
        return File(name, 0, 0)


def _no_images(path: str | Path, unopened: Sequence[Skipped], others: Counter[str]) -> InputError:
    if unopened:
        return InputError(f"no image found in {path}: {unopened[0].name}: {unopened[0].reason}")
    if not others:
        return InputError(
            f"the folder {path} is empty: put PNG, JPEG, WebP, TIFF, BMP or GIF images into it, or give another folder"
        )
    kinds = ", ".join(f"{count:,} {kind or 'without extension'}" for kind, count in others.most_common(4))
    return InputError(
        f"the folder {path} holds no image, only other files ({kinds}): PNG, JPEG, WebP, TIFF, BMP and GIF "
        "are read; convert them, or give another folder"
    )
