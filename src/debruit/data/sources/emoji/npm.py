"""Fetching packages by the ordinary npm client."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from debruit import events
from debruit.data.sources.install import run_command
from debruit.errors import InputError
from debruit.files.keys import storage


def obtain(packages: Sequence[str], target: Path) -> None:
    """`npm pack` of these packages into a folder. InputError: there is no npm, or it cannot fetch one of them."""
    if not packages:
        return
    instead = f"put what `npm pack {' '.join(packages)}` leaves on another machine into {target}, or set `folder`"
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"npm is not installed here: install Node.js (https://nodejs.org), or {instead}")
    with storage():
        target.mkdir(parents=True, exist_ok=True)
    problems = []
    for package in packages:
        events.say(f"npm pack {package}")
        with storage(), tempfile.TemporaryDirectory(dir=target, suffix=".part") as folder:
            problem = run_command([npm, "pack", "--silent", package], folder)
            packed = [] if problem else sorted(Path(folder).glob("*.tgz"))
            if not packed:
                problems.append(f"{package} ({problem or 'npm left no file'})")
            for path in packed:
                path.replace(target / path.name)
    if problems:
        raise InputError(f"npm could not fetch {', '.join(problems)}: try again, or {instead}")
