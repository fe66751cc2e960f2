"""The settings of the images in a folder or an unfinished array: a small JSON file beside it, so that they are never mixed with others."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from debruit.errors import InputError
from debruit.files.atomic import write_atomically

WAY_OUT = "give another --out, or empty it"
Settings = dict[str, Any]  # of JSON: all that determines image number n


def manifest_of(out: Path) -> Path:
    """The file beside `out` that says of which settings it is."""
    whole = out.absolute()
    return whole.with_name(f".{whole.name or 'here'}.debruit.json")


def write_manifest(out: Path, settings: Settings) -> None:
    write_atomically(manifest_of(out), lambda temporary: temporary.write_text(json.dumps(settings, indent=1), "utf-8"))


def read_manifest(out: Path) -> Settings | None:
    """None where it is missing or damaged."""
    try:
        return json.loads(manifest_of(out).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def check_same(out: Path, settings: Settings, what: str) -> None:
    """InputError unless what is there is of the same settings."""
    before = read_manifest(out)
    if before is None:
        raise InputError(
            f"--out {out} holds {what}, and {manifest_of(out).name} beside it, which says of which settings, is missing: {WAY_OUT}"
        )
    now = json.loads(json.dumps(settings))
    differing = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if differing:
        shown = "; ".join(
            f"{name} {_short(before.get(name))} there, {_short(now.get(name))} now" for name in differing[:3]
        )
        raise InputError(f"--out {out} holds {what} of other settings ({shown}): {WAY_OUT}")


def digest(path: str | Path | None) -> str | None:
    """Digest of the content of a picture, FILE#NUMBER being one of a grid; None for no file. InputError: it cannot be read."""
    from debruit.images.grids import picture

    return None if path is None else _digest(picture(path), path)


def digests(paths: Sequence[str] | None) -> list[str | None]:
    """`digest` of several, "a.png,b.png" being two."""
    from debruit.conditioning.mask import several

    return [digest(path) for path in several(paths or ())]


def settings_of(command: str, model: str, **more: Any) -> Settings:
    """All that determines image number n, as JSON: the command, the model's file, the version of the code, and `more`."""
    from debruit import __version__

    return {"command": command, "model": model_digest(model), "version": __version__, **more}


def model_digest(model: str | None) -> str | None:
    """Digest of the content of the file of a model; None for no model. InputError: there is none."""
    from debruit.models.model_file import model_file

    return None if model is None else _digest(model_file(model), model)


def _digest(place: Any, named: str | Path) -> str:
    """Digest of the bytes of what opens as a path does."""
    try:
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise InputError(f"the file {named} cannot be read: {error.strerror or error}; give another path") from None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
