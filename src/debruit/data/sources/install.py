"""How data gets onto a machine: Python packages through pip, Debian packages without root, files over https.

Each function says what it does, and ends in an `InputError` with the next thing to try.
"""

import importlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from debruit import events
from debruit.errors import InputError

SECONDS = 600


def versions(packages: Sequence[str]) -> list[str]:
    """The installed versions of these packages, "" for one that is missing."""
    installed = []
    for package in packages:
        try:
            installed.append(metadata.version(package))
        except metadata.PackageNotFoundError:
            installed.append("")
    return installed


def require(source: str, packages: Sequence[str]) -> list[str]:
    """The versions of packages that a source cannot do without."""
    installed = versions(packages)
    if missing := [package for package, version in zip(packages, installed, strict=True) if not version]:
        raise InputError(f"{source} needs {' and '.join(missing)}, not installed here: run `debruit data get {source}`")
    return installed


def install_packages(packages: Sequence[str]) -> None:
    """pip install, into the Python that is running, of those that are missing."""
    missing = [package for package, version in zip(packages, versions(packages), strict=True) if not version]
    if not missing:
        return
    events.say(f"installing {', '.join(missing)} with pip")
    command = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *missing]
    if problem := run_command(command):
        raise InputError(
            f"pip could not install {', '.join(missing)} ({problem}): install them yourself, or run "
            "pip install 'debruit[data]' where there is a network"
        )
    importlib.invalidate_caches()


def unpack_debian(package: str, into: Path) -> str:
    """Downloads a Debian package and unpacks its files below `into`, without root. What went wrong, or "" if nothing
    did."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return "this machine has no apt-get and dpkg"
    events.say(f"downloading the Debian package {package}")
    with tempfile.TemporaryDirectory() as folder:
        command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package]
        if problem := run_command(command, folder):
            events.say(f"apt-get does not have it ({problem}): updating its lists")
            problem = run_command(["apt-get", "update", "-q"], folder) or run_command(command, folder)
            if problem:
                return problem
        archives = [str(path) for path in Path(folder).glob("*.deb")]
        return run_command(["dpkg", "-x", *archives[:1], str(into)], folder) if archives else "apt-get left no package"


def download(url: str, into: Path) -> str:
    """Fetches one https address into a file. What went wrong, or "" if nothing did."""
    events.say(f"downloading {url}")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, open(into, "wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        return f"{url}: {getattr(error, 'reason', None) or error}"
    return ""


def run_command(command: list[str], folder: str | None = None) -> str:
    """The last line of a command that failed, or ""."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
