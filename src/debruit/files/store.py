"""The store: every cache and every saved result is written, checked and found again by the functions of this module.

    values    one .safetensors file each: arrays, JSON, or records of both, with a digest of the whole content
    folders   large files that are mapped into memory, with a meta.json that holds their size and a checksum of blocks

Entries are named by a key (keys.py), a hash of everything that determines their content, so an entry is never wrong,
only missing or damaged. It is written under a temporary name, synchronised and renamed: it is there whole or not at
all, and if two processes write the same one, either may win. A damaged entry is noticed, reported and made again.
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open

from debruit import events
from debruit.errors import InputError
from debruit.files.atomic import synchronise, write_atomically
from debruit.files.keys import root

# raised in reading an entry that is not whole
DAMAGE = (OSError, ValueError, KeyError, TypeError, AssertionError, SafetensorError)
SUFFIX, META = ".safetensors", "meta.json"
PROBES, PROBE_BYTES = 16, 64 * 2**10
STALE_SECONDS = 86_400

Entry = TypeVar("Entry")


class Store:
    """The values in a folder, by name. A value is an array, what JSON can hold (NaN included), or a mapping or list
    of these, nested at will; tuples are read back as lists."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __contains__(self, name: str) -> bool:
        return self.path(name).exists()

    def names(self, prefix: str = "") -> Iterator[str]:
        """The names of all values that begin with `prefix`, sorted."""
        return (path.name.removesuffix(SUFFIX) for path in sorted(self.folder.glob(f"{prefix}*{SUFFIX}")))

    def path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def get(self, name: str) -> Any:
        """The value of this name; None if there is none. A damaged one is reported and removed."""
        path = self.path(name)
        try:
            return read_value(path)
        except FileNotFoundError:
            return None
        except DAMAGE as error:
            self.drop(name, f"damaged ({error})")
            return None

    def peek(self, name: str, array: str) -> np.ndarray | None:
        """One array of a value without reading the others or checking the digest; None if the file cannot be read.
        `array` is its path in the value: "indices" for `{"indices": ...}`, "a/0" for `{"a": [...]}`."""
        try:
            with safe_open(self.path(name), framework="np") as file:
                return file.get_tensor(array)
        except DAMAGE:
            return None

    def put(self, name: str, value: Any) -> None:
        """Writes a value. InputError: the disk is full, read-only or not permitted."""
        write_value(self.path(name), value)

    def keep(self, name: str, value: Any) -> None:
        """Writes a value if it can be written; otherwise reports why not."""
        try:
            self.put(name, value)
        except (InputError, OSError) as error:
            events.notice(f"not saved for next time: {error}")

    def get_or_make(self, name: str, make: Callable[[], Any]) -> Any:
        """The value of this name, or else what `make` returns, which is written if it can be."""
        value = self.get(name)
        if value is None:
            value = make()
            self.keep(name, value)
        return value

    def drop(self, name: str, reason: str) -> None:
        """Removes a value and reports the reason."""
        path = self.path(name)
        events.notice(f"the cached file {path} is {reason}: it will be made again")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            events.notice(f"{path} cannot be removed ({error.strerror}): remove it by hand")

    def clear(self) -> None:
        """Removes every value."""
        for name in self.names():
            self.path(name).unlink(missing_ok=True)


def read_value(path: Path, *, framework: Literal["np", "pt"] = "np") -> Any:
    """The value in a file; arrays are numpy arrays, or torch tensors for the framework "pt". Raises one of DAMAGE if
    the file is not as it was written."""
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    with safe_open(path, framework=framework) as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    if metadata["digest"] != _digest(arrays, metadata["value"]):
        raise ValueError("its content does not match its digest")
    return _joined(json.loads(metadata["value"]), arrays)


def write_value(path: Path, value: Any) -> None:
    """Writes a value atomically, with its digest in the header. InputError: the disk is full, read-only or not
    permitted."""
    arrays: dict[str, Any] = {}
    text = json.dumps(_parted(value, "", arrays))
    metadata = {"value": text, "digest": _digest(arrays, text)}
    if any(_is_tensor(array) for array in arrays.values()):
        from safetensors.torch import save_file
    else:
        from safetensors.numpy import save_file
    write_atomically(path, lambda temporary: save_file(arrays, temporary, metadata=metadata))


def find_folder(folder: Path, load: Callable[[Path], Entry]) -> Entry | None:
    """The result of `load(folder)`; None if the folder does not exist or is damaged, in which case it is reported
    and removed."""
    if not folder.exists():
        return None
    try:
        return load(folder)
    except DAMAGE as error:
        events.notice(f"the cache entry {folder} is damaged ({error}): building it again")
        shutil.rmtree(folder, ignore_errors=True)
        return None


def write_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Makes the folder `target`, whole or not at all: `fill` writes into a temporary folder, which is then renamed.
    If another process was faster its entry stays."""
    part = target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        _remove_stale(part.parent)
        fill(part)
        synchronise(part)
        try:
            os.rename(part, target)
        except OSError as error:  # another process was faster: its entry has the same content
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        synchronise(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_meta(folder: Path, data: str, meta: Mapping[str, Any]) -> None:
    """Writes the meta.json of an entry whose file `data` is complete."""
    checks = {"bytes": (folder / data).stat().st_size, "probe": _probe(folder / data)}
    with open(folder / META, "wb") as file:
        file.write(json.dumps(dict(meta) | checks).encode())
        flush(file)


def read_meta(folder: Path, data: str) -> dict[str, Any]:
    """The meta.json of an entry whose file `data` is as it was written; raises one of DAMAGE otherwise."""
    meta = json.loads((folder / META).read_bytes())
    size = (folder / data).stat().st_size
    if size != meta["bytes"]:
        raise ValueError(f"{data} has {size:,} bytes instead of {meta['bytes']:,}")
    if _probe(folder / data) != meta["probe"]:
        raise ValueError(f"the content of {data} has changed")
    return meta


def check_space(what: str, needed: int, folder: Path) -> None:
    """InputError if the disk has no room for `needed` more bytes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the cache of {what} needs {needed / 1e6:,.0f} MB and the disk of {root()} has {free / 1e6:,.0f} MB left: "
            "choose a smaller size, or set DEBRUIT_CACHE to a folder on another disk"
        )


def flush(file) -> None:
    """Waits until what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def _parted(value: Any, path: str, arrays: dict[str, Any]) -> Any:
    """The value with a reference {"$array": path} for each of its arrays, which are added to `arrays`."""
    if isinstance(value, Mapping):
        assert all(isinstance(key, str) for key in value), f"keys are strings, not {list(value)}"
        return {key: _parted(item, f"{path}/{key}".lstrip("/"), arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_parted(item, f"{path}/{n}".lstrip("/"), arrays) for n, item in enumerate(value)]
    if not isinstance(value, np.ndarray) and not _is_tensor(value):
        return value
    name = path or "value"
    assert name not in arrays, f"two arrays are called {name}"
    arrays[name] = value.detach().cpu().contiguous() if _is_tensor(value) else np.asarray(value, order="C")
    return {"$array": name}


def _joined(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return arrays[value["$array"]] if [*value] == ["$array"] else {k: _joined(v, arrays) for k, v in value.items()}
    return [_joined(item, arrays) for item in value] if isinstance(value, list) else value


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach")


def _digest(arrays: Mapping[str, Any], text: str) -> str:
    """A hash of the names, types, shapes and bytes of all arrays, and of the text."""
    hashed = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        hashed.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
        if _is_tensor(array):
            import torch

            array = array.contiguous().flatten().view(torch.uint8).numpy()
        hashed.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return hashed.hexdigest()


def _probe(path: Path) -> int:
    """A checksum of blocks spread over the file: holes and foreign content show without reading gigabytes."""
    size, check = path.stat().st_size, 0
    with open(path, "rb") as file:
        for n in range(PROBES):
            file.seek(n * max(size - PROBE_BYTES, 0) // (PROBES - 1))
            check = zlib.crc32(file.read(PROBE_BYTES), check)
    return check


def _remove_stale(folder: Path) -> None:
    """Remove files that killed processes left in the folder more than a day ago."""
    for left_over in folder.glob("*.part"):
        try:
            if time.time() - left_over.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left_over, ignore_errors=True)
        except OSError:
            continue
