"""The files below a folder: real folders first, then links, each folder once.

A link to a folder or file that is below the folder anyway adds nothing: its target is counted under its real name. A
link to elsewhere is followed. Hidden names and the folders in which programs keep previews (@eaDir, __MACOSX) are
skipped; the images in them are counted.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from debruit.errors import InputError, nearest
from debruit.files.keys import File
from debruit.images.spec import Skipped
from debruit.text.wording import counted, shown, some

PREVIEWS = ("@eadir", "__macosx", "$recycle.bin", "lost+found")  # besides hidden folders
MOST_COUNTED = 1000  # images in a hidden folder


@dataclass
class Walked:
    """The result of a walk. `files`: in no order, with the status of each; `unopened`: folders that could not be
    opened; `passed`: images in hidden folders, and hidden files, by the name of the folder or file; `inner` and
    `doubled`: links to folders and to files that are below the folder themselves; `outer`: links to folders
    elsewhere; `single`: links to files elsewhere; `broken`: links to nowhere."""

    files: list[tuple[File, os.stat_result | None]] = field(default_factory=list)
    unopened: list[Skipped] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    inner: list[tuple[str, str]] = field(default_factory=list)
    doubled: list[tuple[str, str]] = field(default_factory=list)
    outer: list[tuple[str, str]] = field(default_factory=list)
    single: list[tuple[str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def walk(path: str | Path, is_image: Callable[[str], bool] = lambda name: True) -> Walked:
    """Return all files below a folder. `is_image` tells by the name which hidden files are counted as images.
    InputError: there is no such folder."""
    return _Walk(check_folder(path), is_image).run()


class _Walk:
    def __init__(self, root: Path, is_image: Callable[[str], bool]) -> None:
        self.root, self.is_image = root, is_image
        self.walked = Walked()
        self.opened: dict[str, str] = {}  # of folders that were opened: real path -> name, ending in /
        self.links: list[tuple[str, os.DirEntry]] = []
        self.linked_files: list[tuple[str, str, os.stat_result]] = []

    def run(self) -> Walked:
        self._below("")
        while self.links:  # those in a folder that is linked come behind those that led there
            links, self.links = sorted(self.links, key=lambda link: link[0]), []
            for name, entry in links:
                self._follow(name, entry)
        self._count_linked_files()
        return self.walked

    def _below(self, inside: str) -> None:
        waiting = [inside]
        while waiting:
            folder = waiting.pop()
            real_path = os.path.realpath(self.root / folder)
            if real_path in self.opened:
                if folder:
                    self.walked.inner.append((folder, self.opened[real_path]))
                continue
            self.opened[real_path] = folder
            try:
                with os.scandir(self.root / folder) as entries:
                    listed = list(entries)
            except OSError as error:
                reason = f"this folder cannot be opened ({error.strerror})"
                self.walked.unopened.append(Skipped(folder or str(self.root), reason))
                continue
            for entry in listed:
                name = f"{folder}{entry.name}"
                if self._passed(name, entry):
                    continue
                if entry.is_symlink():
                    self.links.append((name, entry))
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{name}/")
                else:
                    self._add(name, entry)

    def _passed(self, name: str, entry: os.DirEntry) -> bool:
        hidden, previews = entry.name.startswith("."), entry.name.lower() in PREVIEWS
        if not hidden and not previews:
            return False
        if entry.is_symlink():
            return True
        if not entry.is_dir(follow_symlinks=False):
            self.walked.passed[name] += 1
            return True
        if count := self._count_images(name):
            self.walked.passed[f"{name}/"] += count
        return True

    def _count_images(self, name: str) -> int:
        """Count the images in a folder that is skipped, up to MOST_COUNTED."""
        count = 0
        for _, folders, files in os.walk(self.root / name):
            count += sum(self.is_image(file) for file in files)
            if count >= MOST_COUNTED or len(folders) > MOST_COUNTED:
                break
        return min(count, MOST_COUNTED)

    def _follow(self, name: str, entry: os.DirEntry) -> None:
        try:
            status = entry.stat()
        except OSError:  # to nowhere, or in a circle
            self.walked.broken.append(name)
            self.walked.files.append((File(name, 0, 0), None))
            return
        real_path = os.path.realpath(self.root / name)
        if not stat.S_ISDIR(status.st_mode):
            self.linked_files.append((name, real_path, status))
        elif real_path in self.opened:
            self.walked.inner.append((f"{name}/", self.opened[real_path]))
        else:
            self.walked.outer.append((f"{name}/", real_path))
            self._below(f"{name}/")

    def _count_linked_files(self) -> None:
        real = self._real_paths() if self.linked_files else {}
        for name, real_path, status in self.linked_files:
            if real_path in real:
                self.walked.doubled.append((name, real[real_path]))
            else:
                self.walked.single.append((name, real_path))
                self.walked.files.append((File.of(name, status), status))

    def _real_paths(self) -> dict[str, str]:
        folders = {name: real_path for real_path, name in self.opened.items()}
        split = ((file.name, *os.path.split(file.name)) for file, _ in self.walked.files)
        return {os.path.join(folders.get(f"{above}/" if above else "", ""), base): name for name, above, base in split}

    def _add(self, name: str, entry: os.DirEntry) -> None:
        try:
            status = entry.stat()
        except OSError:
            self.walked.files.append((File(name, 0, 0), None))
            return
        if stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            self.walked.files.append((File.of(name, status), status))


def about_links(walked: Walked, is_image: Callable[[str], bool]) -> Iterator[str]:
    """Yield a line for each kind of links, and how their targets are counted."""
    if walked.inner:
        names = [f"{shown(link)} is {shown(real) or 'the source itself'}" for link, real in sorted(walked.inner)]
        yield (
            f"{counted(len(walked.inner), 'link')} to folders that are in the source themselves, whose images count "
            "once, in the real folder: "
            f"{some(names)}"
        )
    if walked.outer:
        names = [f"{shown(link)} ({_images_in(walked, link, is_image)})" for link, _ in walked.outer]
        yield f"{counted(len(walked.outer), 'link')} to folders elsewhere, which are followed: {some(names)}"
    doubled = [f"{shown(link)} is {shown(real)}" for link, real in walked.doubled if is_image(link)]
    if doubled:
        yield (
            f"{counted(len(doubled), 'link')} to images that are in the source themselves, which count once, under "
            f"their real names: {some(doubled)}"
        )
    single = [(link, target) for link, target in walked.single if is_image(link)]
    if single:
        same = len(single) - len({target for _, target in single})
        twice = f"; {same:,} of them lead to the same file as another, and each counts" if same else ""
        names = some(shown(link) for link, _ in single)
        yield f"{counted(len(single), 'link')} to images elsewhere, which are followed: {names}{twice}"
    nowhere = [shown(name) for name in walked.broken if not is_image(name)]  # an image is named when it cannot be read
    if nowhere:
        yield f"{counted(len(nowhere), 'link')} to nowhere, which are passed over: {some(nowhere)}"
    yield from _about_hard_links(walked, is_image)


def _images_in(walked: Walked, folder: str, is_image: Callable[[str], bool]) -> str:
    return counted(sum(file.name.startswith(folder) and is_image(file.name) for file, _ in walked.files))


def _about_hard_links(walked: Walked, is_image: Callable[[str], bool]) -> Iterator[str]:
    several: dict[tuple[int, int], list[str]] = {}
    for file, status in walked.files:
        if status is not None and status.st_nlink > 1 and is_image(file.name):
            several.setdefault((status.st_dev, status.st_ino), []).append(file.name)
    groups = sorted(sorted(names) for names in several.values() if len(names) > 1)
    if groups:
        count = sum(map(len, groups))
        names = some([" = ".join(map(shown, names)) for names in groups], 3)
        yield f"{counted(count)} are hard links to {counted(len(groups), 'file')}, and each name counts: {names}"


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
