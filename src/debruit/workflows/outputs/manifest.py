"""The manifest: the settings of the images in a folder or an unfinished array, a small JSON file next to it, so that
images are never mixed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from debruit import __version__
from debruit.conditioning.mask import split_names
from debruit.config import encode
from debruit.errors import InputError
from debruit.files.atomic import write_atomically
from debruit.images.grids import image_file
from debruit.models.config import named
from debruit.models.diffusion import Model
from debruit.models.model_file import model_file

WAY_OUT = "give another --out, or empty it"
Manifest = dict[str, Any]  # JSON: everything that determines image number n


def manifest_of(out: Path) -> Path:
    """The file next to `out` that holds its settings."""
    whole = out.absolute()
    return whole.with_name(f".{whole.name or 'here'}.debruit.json")


def write_manifest(out: Path, settings: Manifest) -> None:
    write_atomically(manifest_of(out), lambda temporary: temporary.write_text(json.dumps(settings, indent=1), "utf-8"))


def read_manifest(out: Path) -> Manifest | None:
    """None where it is missing or damaged."""
    try:
        return json.loads(manifest_of(out).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def check_same(out: Path, settings: Manifest, what: str) -> None:
    """InputError unless `what` is in `out` has the same settings."""
    before = read_manifest(out)
    if before is None:
        raise InputError(
            f"--out {out} holds {what}, and their settings are unknown, since {manifest_of(out).name} next to it is "
            f"missing: {WAY_OUT}"
        )
    now = json.loads(json.dumps(settings))
    differing = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if differing:
        shown = "; ".join(
            f"{name} {_short(before.get(name))} there, {_short(now.get(name))} now" for name in differing[:3]
        )
        raise InputError(f"--out {out} holds {what} with other settings ({shown}): {WAY_OUT}")


def settings_of(command: str, model: str | Path | Model, **more: Any) -> Manifest:
    """Everything that determines image number n, as JSON: the command, the model, the version of the code, and
    `more`.
    """
    return {"command": command, "model": model_digest(model), "version": __version__, **more}


def digest(value: Any) -> str | None:
    """Digest of the content of an image file, FILE#NUMBER being one image of a grid, or of an array; None for None.
    InputError: it cannot be read.
    """
    if value is None:
        return None
    if isinstance(value, (str, Path)):
        return _digest(image_file(value), value)
    array = np.ascontiguousarray(value)
    return hashlib.sha256(f"{array.shape} {array.dtype}".encode() + array.tobytes()).hexdigest()[:32]


def digests(values: Any) -> list[str | None]:
    """Digests of one or several files or arrays, "a.png,b.png" being two files; none for None."""
    if values is None:
        return []
    return [digest(value) for value in split_names(values if isinstance(values, (list, tuple)) else [values])]


def model_digest(model: str | Path | Model | None) -> str | None:
    """Digest of a model's file, or of the configuration and weights of a loaded one; None for no model. InputError:
    there is no such file.
    """
    if model is None:
        return None
    return _digest_of(model) if isinstance(model, Model) else _digest(model_file(model), model)


def count_text(count: int) -> str:
    """ "1 image", "1,000 images"."""
    return "1 image" if count == 1 else f"{count:,} images"


def _digest(path: Any, named: str | Path) -> str:
    """Digest of the bytes of a path, or of anything that opens as one."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise InputError(f"the file {named} cannot be read: {error.strerror or error}; give another path") from None


def _digest_of(model: Model) -> str:
    """Digest of the configuration and the weights of a loaded model."""
    digest = hashlib.sha256(json.dumps(encode(model.config)).encode())
    for name, weight in sorted(named(model.backbone, model.codec).items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
