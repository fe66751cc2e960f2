"""Look-alikes of the emoji's ten packages: a few simple icons each, packed as npm packs them."""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from debruit.data.sources.emoji.packages import NAMES, STYLES, Style

DISC = '<circle cx="16" cy="16" r="{r}" fill="{colour}"/>'
SHAPES = {
    "apple": ("1f34e", DISC.format(r=12, colour="#d22f27") + '<path stroke="#000" d="M16 4v6"/>'),
    "swan": ("1f9a2", '<path fill="#e6e7e8" stroke="#333" d="M4 8h8v12h16v8H6z"/>'),
    "automobile": ("1f697", '<path fill="#2f80e0" d="M2 12h28v12H2z"/><path fill="#333" d="M6 22h5v6H6z"/>'),
    "grinning-face": ("1f600", DISC.format(r=14, colour="#ffcc4d") + '<path d="M10 20h12v3H10z" fill="#664500"/>'),
    "red-heart": ("2764-fe0f", '<path fill="#d00" d="M16 30L2 14L9 4l7 6l7-6l7 10z"/>'),
    "flag-france": ("1f1eb-1f1f7", '<path fill="#05a" d="M0 6h32v20H0z"/><path fill="#d22" d="M20 6h12v20H20z"/>'),
    "man-farmer": ("1f468-200d-1f33e", DISC.format(r=10, colour="#c19a65")),
    "man-farmer-dark-skin-tone": ("1f468-1f3ff-200d-1f33e", DISC.format(r=10, colour="#6a462f")),
    "dancing-teapot": ("", '<path fill="#5c9e31" d="M6 6h20v20H6z"/>'),
}
WITH_CODE_POINTS = ("noto", "twemoji", "flat", "openmoji")


def icons(style: Style, shapes: dict[str, tuple[str, str]] | None = None) -> dict[str, Any]:
    """The content of icons.json."""
    drawn = SHAPES if shapes is None else shapes
    named = {name.replace("-", "") if style.name == "fxemoji" else name: body for name, (_, body) in drawn.items()}
    return {
        "prefix": style.package,
        "icons": {name: {"body": body} for name, body in named.items()},
        "aliases": {"car": {"parent": "automobile"}} if style.name != "fxemoji" else {},
        "width": 32,
        "height": 32,
    }


def files(style: Style, content: dict[str, Any] | None = None) -> dict[str, bytes]:
    """The files of a package."""
    points = {point: name for name, (point, _) in SHAPES.items() if point and style.name in WITH_CODE_POINTS}
    licence = "CC-BY-SA-4.0" if style.name in ("openmoji", "old-emojione") else "MIT"
    info = {"author": {"name": "Someone", "url": f"https://example.org/{style.name}"}, "license": {"spdx": licence}}
    parts = {
        "icons.json": icons(style) if content is None else content,
        "chars.json": points,
        "info.json": info,
        "package.json": {"version": style.version},
    }
    return {name: json.dumps(part).encode() for name, part in parts.items()}


def write_tarball(folder: Path, style: Style, content: dict[str, Any] | None = None) -> Path:
    """A package as `npm pack` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"iconify-json-{style.package}-{style.version}.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files(style, content).items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_folder(folder: Path, style: Style) -> Path:
    """A package as npm installs it below node_modules."""
    place = folder / "node_modules" / "@iconify-json" / style.package
    place.mkdir(parents=True)
    for name, data in files(style).items():
        (place / name).write_bytes(data)
    return place


def write_all(folder: Path, styles: Sequence[str] = NAMES) -> Path:
    """Tarballs of these sets."""
    for style in STYLES:
        if style.name in styles:
            write_tarball(folder, style)
    return folder
