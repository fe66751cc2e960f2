"""Arrays that are worth keeping, in the cache, each file with a digest of its content: what is damaged is noticed and made again."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from debruit.errors import InputError
from debruit.files.atomic import write_atomically

Say = Callable[[str], None]
Arrays = Mapping[str, np.ndarray]
DAMAGE = (ValueError, KeyError, OSError, SafetensorError)  # what reading raises where a file is not as it was written


def kept(path: Path, make: Callable[[], tuple[Arrays, dict[str, Any]]], say: Say) -> tuple[Arrays, dict[str, Any]]:
    """Named arrays and a JSON object, from `path`, or made and written there. A damaged file is said and made again; where the cache cannot
    be written that is said too, and what was made is used all the same."""
    if path.exists():
        try:
            return read(path)
        except DAMAGE as error:
            say(f"the cached file {path} is damaged ({error}): making it again")
    arrays, facts = make()
    try:
        write(path, arrays, facts)
    except (InputError, OSError) as error:
        say(f"not kept for the next time: {error}")
    return arrays, facts


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """One of DAMAGE where the file is not as it was written."""
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - a safetensors file is no mapping
    if metadata["digest"] != _digest(arrays, metadata["facts"]):
        raise ValueError("its content has changed since it was written")
    return arrays, json.loads(metadata["facts"])


def peek(path: Path, name: str) -> np.ndarray:
    """One array, the others left unread and the digest unchecked: to see whether the file is worth reading. One of DAMAGE where it is no such
    file."""
    with safe_open(path, framework="np") as file:
        return file.get_tensor(name)


def write(path: Path, arrays: Arrays, facts: dict[str, Any]) -> None:
    """Atomically, with the digest in the header."""
    text = json.dumps(facts)
    metadata = {"facts": text, "digest": _digest(arrays, text)}
    write_atomically(path, lambda temporary: save_file(dict(arrays), temporary, metadata=metadata))


def _digest(arrays: Arrays, facts: str) -> str:
    found = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.data)
    return found.hexdigest()
