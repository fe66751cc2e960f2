"""The packages of the chosen sets in a folder, and all their drawings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from debruit import events
from debruit.data.sources.emoji import packages
from debruit.data.sources.emoji.drawings import Picture, drawings
from debruit.data.sources.emoji.packages import DAMAGE, SCOPE, STYLES, Style
from debruit.errors import InputError
from debruit.images.spec import Licence
from debruit.text.wording import counted, some


class Content(NamedTuple):
    """All drawings, set after set; notes on what was left out; the licence of each set."""

    drawings: list[Picture]
    notes: tuple[str, ...]
    licences: tuple[Licence, ...]


@dataclass(frozen=True)
class Collection:
    """`paths` and `digests` of the packages that were found, by style; the `missing` ones, and the `damaged` ones with
    what is wrong."""

    folder: Path
    paths: Mapping[Style, Path]
    digests: Mapping[Style, str]
    missing: tuple[str, ...]
    damaged: Mapping[str, str]

    @property
    def problem(self) -> str:
        """Describe the problem, "" for none."""
        absent = f"{', '.join(self.missing)} {'are' if len(self.missing) > 1 else 'is'} not in {self.folder}"
        broken = [f"{package} is damaged ({why})" for package, why in self.damaged.items()]
        return "; ".join([*([absent] if self.missing else []), *broken])

    def report(self) -> None:
        """Say what is missing. InputError: everything is."""
        if not self.paths and not self.damaged:
            raise InputError(none_found(self.folder))
        if not self.paths:
            raise InputError(f"{self.problem}: delete what is damaged and run `debruit data get emoji`")
        if self.problem:
            left = len(self.missing) + len(self.damaged)
            events.notice(f"{left} of {left + len(self.paths)} sets of emoji left out: {self.problem}")

    def content(self) -> Content:
        """Read all packages."""
        result: list[Picture] = []
        notes: list[str] = []
        licences: list[Licence] = []
        for style, path in self.paths.items():
            icons = packages.read(style, path)
            of_style, empty = drawings(style, icons)
            result += of_style
            licences.append(replace(icons.licence, count=len(of_style)))
            notes += [icons.unusual] if icons.unusual else []
            if empty:
                notes.append(
                    f"{counted(len(empty), 'icon')} of {style.name} without a body, left out: {some(empty, 3)}"
                )
        return Content(result, tuple(notes), tuple(licences))


def collected(folder: Path, styles: Sequence[str]) -> Collection:
    """The packages of these styles in a folder. One that cannot be read is no error."""
    paths: dict[Style, Path] = {}
    digests: dict[Style, str] = {}
    missing: list[str] = []
    damaged: dict[str, str] = {}
    for style in STYLES:
        if style.name not in styles:
            continue
        package = f"{SCOPE}/{style.package}"
        path = packages.find(style, folder)
        if path is None:
            missing.append(package)
            continue
        try:
            digests[style] = packages.digest(style, path)
        except DAMAGE as error:
            damaged[package] = f"{path.name}: {error}"
            continue
        paths[style] = path
    return Collection(folder, paths, digests, tuple(missing), damaged)


def none_found(folder: Path) -> str:
    """Return the error for a folder without any package."""
    return (
        f"none of the packages of the emoji is in {folder}: run `debruit data get emoji`, which needs npm, or set "
        f"`folder` to one that holds them, such as a node_modules with {SCOPE}/noto"
    )
