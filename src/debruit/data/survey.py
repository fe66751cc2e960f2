"""What a folder of images holds, from names and headers alone: nothing is decoded.

Hidden files and folders are passed over, links to folders followed, names sorted. Subfolders are classes when no image
lies beside them: folders that hold a single folder are walked through, and so are splits (train, val, test).
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from debruit.data.cache import none_readable
from debruit.data.dataset import Skipped
from debruit.data.keys import File
from debruit.data.parallel import mapped
from debruit.data.pixels import DEPTHS, EXTENSIONS, Header, Unreadable, patient, read_header
from debruit.data.wording import some
from debruit.errors import InputError, nearest

SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
PICTURE_LIKE = {
    ".heic",
    ".heif",
    ".avif",
    ".jp2",
    ".jxl",
    ".svg",
    ".pdf",
    ".psd",
    ".raw",
    ".dng",
    ".cr2",
    ".nef",
    ".arw",
    ".dcm",
    ".nii",
    ".npy",
    ".npz",
    ".mp4",
    ".mov",
    ".avi",
    ".webm",
    ".ppm",
    ".pgm",
    ".exr",
    ".hdr",
    ".zip",
    ".tar",
    ".gz",
    ".tgz",
    ".7z",
    ".rar",
}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The image files of a folder by their extension, the folders that could not be opened, the other files
    counted."""

    files: tuple[File, ...]
    unopened: tuple[Skipped, ...] = ()
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Classes:
    """A label for each name, or none, and the sentence that says why."""

    names: tuple[str, ...]
    labels: dict[str, int]
    why: str


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A folder's images by their headers."""

    path: str
    images: tuple[Header, ...]
    unreadable: tuple[Skipped, ...]
    others: tuple[tuple[str, int], ...]
    classes: Classes

    @property
    def channels(self) -> int:
        """3 if any image is in colour, else 1."""
        return max(image.channels for image in self.images)

    @property
    def depth(self) -> str:
        """The deepest of all images."""
        return max((image.depth for image in self.images), key=DEPTHS.index)

    def sizes(self) -> Counter[tuple[int, int]]:
        """How many images are (height, width)."""
        return Counter((image.height, image.width) for image in self.images)

    def class_counts(self) -> dict[str, int]:
        """How many readable images each class has."""
        counts = Counter(self.classes.labels.get(image.name) for image in self.images)
        return {name: counts[n] for n, name in enumerate(self.classes.names)}


def survey(path: str | Path, *, listing: Listing | None = None) -> Survey:
    """Reads every header. InputError when there is no folder, no image in it, or none with a readable header."""
    listing = listing or list_images(path)

    def look(file: File) -> Header | Skipped:
        try:
            return read_header(Path(path) / file.name, name=file.name)
        except Unreadable as error:
            return Skipped(file.name, str(error))

    with patient():
        seen = list(mapped(look, listing.files))
    images = tuple(item for item in seen if isinstance(item, Header))
    unreadable = tuple(item for item in seen if isinstance(item, Skipped)) + listing.unopened
    if not images:
        raise none_readable(str(path), unreadable)
    return Survey(
        path=str(path),
        images=images,
        unreadable=unreadable,
        others=listing.others,
        classes=classify([image.name for image in images]),
    )


def list_images(path: str | Path) -> Listing:
    """The image files below a folder, by extension, in the order of their names."""
    root = check_folder(path)
    files: list[File] = []
    unopened: list[Skipped] = []
    others: Counter[str] = Counter()
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
            name, extension = f"{inside}{entry.name}", os.path.splitext(entry.name)[1].lower()
            if entry.is_dir():
                waiting.append(f"{name}/")
            elif extension in EXTENSIONS:
                files.append(_file(name, entry))
            else:
                others[extension] += 1
    if not files:
        raise _no_images(path, unopened, others)
    return Listing(files=tuple(sorted(files)), unopened=tuple(unopened), others=tuple(sorted(others.items())))


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


def classify(names: Sequence[str]) -> Classes:
    """Labels from the names of folders, by the rule that the module's docstring states."""
    parts = [PurePosixPath(name).parts for name in names]
    depth, splits = 0, ""
    while True:
        heads = {part[depth] if len(part) > depth + 1 else "" for part in parts}
        if "" in heads:
            beside = f", since images lie beside the subfolders {some(sorted(heads - {''}))}" if len(heads) > 1 else ""
            return Classes(names=(), labels={}, why=f"no classes{beside}{splits}")
        if len(heads) > 1 and {head.lower() for head in heads} <= SPLITS:
            splits = f"; {some(sorted(heads))} are taken together: to train on one alone, name its folder"
        elif len(heads) > 1:
            break
        depth += 1
    known = tuple(sorted(heads))
    labels = {name: known.index(part[depth]) for name, part in zip(names, parts, strict=True)}
    return Classes(
        names=known, labels=labels, why=f"{len(known)} classes from the subfolders: {some(sorted(heads))}{splits}"
    )


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
