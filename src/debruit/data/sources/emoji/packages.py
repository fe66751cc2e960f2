"""The npm packages that the emoji are in: `@iconify-json/NAME`, each with `icons.json` (bodies, sizes, aliases),
`info.json` (author, licence) and `chars.json` (code points; empty in some).

A package is a tarball as `npm pack` leaves it, or a folder: unpacked, or as npm installs it (node_modules). What is
missing or damaged is left out, and said.
"""

import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from debruit.files.keys import File, remembered
from debruit.images.spec import Licence

SCOPE = "@iconify-json"
ICONS, INFO, CHARS, PACKAGE = "icons.json", "info.json", "chars.json", "package.json"
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, tarfile.TarError, zlib.error)


@dataclass(frozen=True)
class Style:
    """One set of drawings: what a user calls it, its package, and the version and the beginning of the SHA-256 of
    `icons.json` that debruit was made with."""

    name: str
    package: str
    version: str
    digest: str

    @property
    def words(self) -> str:
        """The name in a caption."""
        return self.name.replace("-", " ")


STYLES = (
    Style("noto", "noto", "1.2.9", "9eac6ef4e7ec122b"),
    Style("old-noto", "noto-v1", "1.2.5", "ce70d8aa90345cf3"),
    Style("twemoji", "twemoji", "1.2.5", "5d5d820790565b76"),
    Style("flat", "fluent-emoji-flat", "1.2.6", "f5f4cf457c0db2ad"),
    Style("fluent", "fluent-emoji", "1.2.7", "87f3336be6f46747"),
    Style("emojione", "emojione", "1.2.3", "e9a865faed523a7c"),
    Style("old-emojione", "emojione-v1", "1.2.3", "7209a500c5607daf"),
    Style("fxemoji", "fxemoji", "1.2.2", "d8ef67b94a32d0ab"),
    Style("streamline", "streamline-emojis", "1.2.4", "d3cb7afee48544af"),
    Style("openmoji", "openmoji", "1.2.29", "7075331faab54406"),
)
NAMES = tuple(style.name for style in STYLES)
_CALLED = {style.package: style.name for style in STYLES} | {style.words: style.name for style in STYLES}


def style_name(text: str) -> str:
    """The name of a style for one of its names ("noto-v1", "old noto"); the text itself where there is none."""
    return _CALLED.get(text.strip().lower(), text)


@dataclass(frozen=True)
class Icons:
    """The content of a package. `unusual`: how it differs from the version that debruit was made with."""

    icons: Mapping[str, Mapping[str, Any]]
    aliases: Mapping[str, Mapping[str, Any]]
    points: Mapping[str, str]
    side: tuple[float, float]
    licence: Licence
    unusual: str = field(default="")


def find(style: Style, folder: Path) -> Path | None:
    """The package of a style in a folder: a tarball, of several the one with the highest version, or a folder."""
    pattern = re.compile(rf"iconify-json-{re.escape(style.package)}-(\d[\w.]*)\.tgz")
    held = [path for path in folder.glob(f"iconify-json-{style.package}-*.tgz") if pattern.fullmatch(path.name)]
    if held:
        return max(held, key=lambda path: [int(part) for part in re.findall(r"\d+", path.stem)])
    folders = (style.package, f"{SCOPE}/{style.package}", f"node_modules/{SCOPE}/{style.package}")
    if path := next((folder / name for name in folders if (folder / name / ICONS).is_file()), None):
        return path
    return next(
        (
            path.parent
            for path in sorted(folder.glob(f"iconify-json-{style.package}-*/**/{ICONS}"))
            if re.match(r"\d", path.relative_to(folder).parts[0].removeprefix(f"iconify-json-{style.package}-"))
        ),
        None,
    )


def digest(style: Style, path: Path) -> str:
    """A digest of what a package holds, the same packed and unpacked, from an index where its files are as they were.
    ValueError and others of DAMAGE: it is damaged, or another one."""
    names = (ICONS, CHARS, INFO)
    folder, held = (path.parent, [path.name]) if path.is_file() else (path, [n for n in names if (path / n).is_file()])

    def computed() -> str:
        read(style, path)
        parts = [hashlib.sha256(part).hexdigest() for part in _read(path, *names)]
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    return remembered(folder, [File.of(name, (folder / name).stat()) for name in held], "emoji package", computed)


def read(style: Style, path: Path) -> Icons:
    """The drawings of a package. ValueError and others of DAMAGE: it is damaged, or another one."""
    raw, chars, info, package = _read(path, ICONS, CHARS, INFO, PACKAGE)
    data, about = json.loads(raw), json.loads(info)
    if data["prefix"] != style.package:
        raise ValueError(f"it holds the icons of {data['prefix']}")
    icons = {name: icon for name, icon in data["icons"].items() if isinstance(icon, dict)}
    if not icons:
        raise ValueError("it holds no icons")
    width = float(data.get("width", about.get("height", 16)))
    side = (width, float(data.get("height", width)))
    licence = Licence(
        name=style.name,
        count=0,
        author=about["author"]["name"],
        url=about["author"].get("url") or about["license"].get("url", ""),
        licence=about["license"].get("spdx") or about["license"]["title"],
    )
    points = json.loads(chars) if chars else {}
    return Icons(icons, data.get("aliases", {}), points, side, licence, _unusual(style, raw, package))


def _unusual(style: Style, raw: bytes, package: bytes) -> str:
    version = json.loads(package).get("version", "?") if package else "?"
    if not style.digest or hashlib.sha256(raw).hexdigest().startswith(style.digest):
        return ""
    return f"{SCOPE}/{style.package} {version} is not the {style.version} that debruit was made with, and used as it is"


def _read(path: Path, *names: str) -> list[bytes]:
    """The content of these files of a package; b"" for one that it may lack."""
    if path.is_dir():
        return [_file(path / name) for name in names]
    held = dict.fromkeys(names, b"")
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name in held and member.name.count("/") == 1 and (file := archive.extractfile(member)):
                held[name] = file.read()
    for name in names:
        if name in (ICONS, INFO) and not held[name]:
            raise ValueError(f"it holds no {name}")
    return [held[name] for name in names]


def _file(path: Path) -> bytes:
    return path.read_bytes() if path.name in (ICONS, INFO) or path.exists() else b""
