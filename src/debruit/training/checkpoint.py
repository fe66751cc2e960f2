"""States on disk: `state/<images seen>.safetensors`, the last few kept, each with a digest of its content.

A state is written under another name, flushed and renamed, so one that has its name is whole unless the disk damaged it; then the digest
shows it, and the one before is taken.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from debruit.errors import InputError
from debruit.files.atomic import write_atomically
from debruit.training.state import State

FOLDER = "state"


def save(out: Path, state: State, fingerprint: str, keep: int) -> Path:
    """Writes the state of the run with this fingerprint, and removes all but the newest `keep`."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors().items()}
    header = {"run": fingerprint, "numbers": state.numbers(), "digest": _digest(tensors)}
    path = out / FOLDER / f"{state.images_seen:012d}.safetensors"
    write_atomically(
        path, lambda temporary: save_file(tensors, temporary, metadata={"debruit_state": json.dumps(header)})
    )
    for old in saved(out)[keep:]:
        old.unlink()
    return path


def saved(out: Path) -> list[Path]:
    """The states of a run folder, newest first."""
    return sorted((out / FOLDER).glob("[0-9]*.safetensors"), reverse=True)


def restore(out: Path, state: State, fingerprints: Collection[str], say: Callable[[str], None]) -> None:
    """Loads the newest whole state of the run with one of these fingerprints into `state`; a damaged one is named and the one before it taken.

    InputError: no state, none whole, or one of another run.
    """
    found = saved(out)
    if not found:
        raise InputError(
            f"{out} holds no saved state to resume from: start it anew with `debruit train SOURCE --out DIR`"
        )
    for path in found:
        try:
            header, tensors = _read(path)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            say(f"the state {path.name} is damaged ({error}); trying the one before it")
            continue
        if header["run"] not in fingerprints:
            raise InputError(
                f"the state {path} belongs to another run than {out / 'run.json'}: put the right run.json back"
            )
        state.restore(tensors, header["numbers"])
        return
    raise InputError(f"every saved state in {out / FOLDER} is damaged; the model of the last save is still in {out}")


def _read(path: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        header = json.loads((file.metadata() or {})["debruit_state"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _digest(tensors) != header["digest"]:
        raise ValueError("its content does not match its digest")
    return header, tensors


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """A hash over names and bytes, in the order of the names."""
    hashed = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        hashed.update(name.encode())
        hashed.update(tensors[name].contiguous().flatten().view(torch.uint8).numpy().data)
    return hashed.hexdigest()
