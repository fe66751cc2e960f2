"""`debruit data get emoji`, with npm played by a fake."""

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from debruit.data.sources.emoji.emoji import Emoji
from debruit.data.sources.emoji.packages import STYLES
from debruit.data.sources.get import get
from debruit.errors import InputError
from debruit.files.keys import source_folder
from emoji_packages import write_all, write_tarball


@pytest.fixture
def npm(monkeypatch) -> list[str]:
    """The packages that npm was asked for; it has those of `Style`s that are in `offered`."""
    asked: list[str] = []

    def run(command, cwd=None, **options):
        assert command[:3] == ["/usr/bin/npm", "pack", "--silent"]
        asked.append(command[3])
        style = next(style for style in STYLES if command[3] == f"@iconify-json/{style.package}")
        if style.name == "streamline":
            return SimpleNamespace(returncode=1, stdout="", stderr="npm error 404 Not Found")
        write_tarball(Path(cwd), style)
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_missing_and_damaged_packages_are_fetched_and_what_npm_lacks_is_named(npm):
    folder = write_all(source_folder("emoji"), ("noto", "twemoji", "flat"))
    (folder / "iconify-json-twemoji-1.2.5.tgz").write_bytes(b"cut short")
    with pytest.raises(InputError, match=r"could not fetch .*/streamline-emojis \(npm error 404 Not Found\)"):
        get("emoji")
    assert set(npm) == {f"@iconify-json/{s.package}" for s in STYLES if s.name not in ("noto", "flat")}
    write_tarball(folder, next(style for style in STYLES if style.name == "streamline"))
    npm.clear()
    assert get("emoji").startswith("emoji is already here: 80 drawings of 8 things in 10 sets (noto 8, ")
    assert not npm


def test_without_npm_the_error_says_both_ways(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(InputError, match=r"npm is not installed.*install Node.js.*`npm pack @icon.*set `folder`"):
        get("emoji")
    with pytest.raises(InputError, match=r"are not in .*: run `debruit data get emoji`.*npm, or set `folder`"):
        Emoji().check()
