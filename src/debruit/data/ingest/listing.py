"""The files of a folder, by their names alone: images by extension, their companions, and counts of the others.

Hidden files and folders are skipped, links to folders are followed (walking.py), names are sorted.
"""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debruit.annotations.annotations import is_document
from debruit.annotations.captions import BESIDE, TABLES, stem_of
from debruit.annotations.class_titles import CLASS_NAMES
from debruit.annotations.mask_classes import CLASSES
from debruit.data.ingest.companions import unused
from debruit.data.ingest.previews import about_previews
from debruit.data.ingest.walking import about_links, walk
from debruit.errors import InputError
from debruit.files.keys import File
from debruit.images.pixels import EXTENSIONS
from debruit.images.spec import Skipped

NAMED = {*TABLES, *CLASS_NAMES, CLASSES}
# next to tables and shards
ABOUT = {".parquet", ".tar", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt", ".caption", ".arrow", ".zip"}
IMAGE_LIKE = {
    ".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".pdf", ".psd", ".raw", ".dng", ".cr2", ".nef", ".arw", ".dcm",
    ".nii", ".npy", ".npz", ".mp4", ".mov", ".avi", ".webm", ".ppm", ".pgm", ".exr", ".hdr", ".zip", ".tar", ".gz",
    ".tgz", ".7z", ".rar", ".parquet",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The image files of a folder by their extension, the files that may hold captions or names of classes, the
    folders that could not be opened, and counts of all files other than images. `notes`: lines about links, folders of
    previews and unused files."""

    files: tuple[File, ...]
    companions: tuple[File, ...] = ()
    unopened: tuple[Skipped, ...] = ()
    others: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


def list_images(path: str | Path) -> Listing:
    """List the image files below a folder, by extension, in the order of their names."""
    walked = walk(path, is_image)
    files = sorted(file for file, _ in walked.files if is_image(file.name))
    rest = [file for file, _ in walked.files if not is_image(file.name)]
    others = Counter(_extension(file.name) for file in rest)
    if not files:
        raise _no_images(path, walked.unopened, others)
    stems = {stem_of(file.name) for file in files}
    companions = sorted(file for file in rest if _is_beside(file.name, stems))
    unread = {file.name for file in rest} - {file.name for file in companions} - set(walked.broken)
    others = tuple(sorted(others.items()))
    previews = about_previews(file.name for file in files)
    notes = (ignored(others), *about_links(walked, is_image), *previews, *unused(unread, walked.passed))
    return Listing(
        files=tuple(files),
        companions=tuple(companions),
        unopened=tuple(walked.unopened),
        others=others,
        notes=tuple(filter(None, notes)),
    )


def joined(listings: Mapping[str, Listing]) -> Listing:
    """Join the listings of several folders into one of the folder that holds them, by their names in it."""
    others = Counter[str]()
    for listing in listings.values():
        others.update(dict(listing.others))

    return Listing(
        files=tuple(sorted(f._replace(name=f"{name}/{f.name}") for name, of in listings.items() for f in of.files)),
        companions=tuple(
            sorted(f._replace(name=f"{name}/{f.name}") for name, of in listings.items() for f in of.companions)
        ),
        unopened=tuple(f._replace(name=f"{name}/{f.name}") for name, of in listings.items() for f in of.unopened),
        others=tuple(sorted(others.items())),
        notes=tuple(f"{name}: {note}" for name, of in listings.items() for note in of.notes),
    )


def _is_named(base: str) -> bool:
    """Whether a file is read because of its name: a table of captions, or names of classes."""
    return base in NAMED or base.lower() in TABLES


def files_of(path: str | Path, extension: str) -> list[File]:
    """List the files below a folder that end with `extension`, in the order of their names."""
    return sorted(file for file, _ in walk(path).files if file.name.lower().endswith(extension))


def unused_next_to(path: Path, own: str, used: Collection[str]) -> list[str]:
    """Return a sentence about files next to tables or shards (files of the extension `own`) that may hold images,
    captions or labels and are not read; or nothing."""
    kinds = Counter(
        extension
        for name in (file.name for file, _ in walk(path).files)
        if (extension := os.path.splitext(name)[1].lower()) in ABOUT
        and extension != own
        and os.path.basename(name) not in used
        if not is_document(name)
    )
    counts = ", ".join(f"{count:,} {extension}" for extension, count in sorted(kinds.items()))
    return (
        [f"not used, files next to the {own} files: {counts}; captions and labels are read from inside of them"]
        if counts
        else []
    )


def one_file(path: Path) -> File:
    """Return a file by itself, named without its folder."""
    return File.of(path.name, path.stat())


def file_in(folder: Path, name: str) -> File:
    """Return a file by its name in a folder, where it may be missing."""
    try:
        return File.of(name, (folder / name).stat())
    except OSError:
        return File(name, 0, 0)


def is_image(name: str) -> bool:
    """Whether a file is an image by its name."""
    return _extension(name) in EXTENSIONS


def _is_beside(name: str, stems: Collection[str]) -> bool:
    """Whether a file may hold the captions of an image, or names of classes."""
    return _is_named(os.path.basename(name)) or (_extension(name) in BESIDE and stem_of(name) in stems)


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def ignored(others: Sequence[tuple[str, int]]) -> str:
    """Return a sentence about files that look like images or archives of an unsupported format, or ""."""
    counts = ", ".join(f"{count:,} {extension}" for extension, count in others if extension in IMAGE_LIKE)
    return f"ignored {counts}: PNG, JPEG, WebP, TIFF, BMP and GIF are read" if counts else ""


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
