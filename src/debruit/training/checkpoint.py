"""States on disk: `state/<images seen>.safetensors`, the last few kept, each with a digest of its content.

A state is written under another name, flushed and renamed, so one that has its name is whole unless the disk damaged
it; then the digest shows it, and the one before is taken.
"""

from collections.abc import Collection
from pathlib import Path

from debruit import events
from debruit.errors import InputError
from debruit.files.store import DAMAGE, read_value, write_value
from debruit.training.state import State

FOLDER = "state"


def save(out: Path, state: State, fingerprint: str, keep: int) -> Path:
    """Writes the state of the run with this fingerprint, and removes all but the newest `keep`."""
    path = out / FOLDER / f"{state.images_seen:012d}.safetensors"
    write_value(path, {**state.tensors(), "run": fingerprint, "numbers": state.numbers()})
    for old in saved(out)[keep:]:
        old.unlink()
    return path


def saved(out: Path) -> list[Path]:
    """The states of a run folder, newest first."""
    return sorted((out / FOLDER).glob("[0-9]*.safetensors"), reverse=True)


def restore(out: Path, state: State, fingerprints: Collection[str]) -> None:
    """Loads the newest whole state of the run with one of these fingerprints into `state`; a damaged one is named and
    the one before it taken.

    InputError: no state, none whole, or one of another run.
    """
    found = saved(out)
    if not found:
        raise InputError(
            f"{out} holds no saved state to resume from: start it anew with `debruit train SOURCE --out DIR`"
        )
    for path in found:
        try:
            tensors = read_value(path, framework="pt")
            run, numbers = tensors.pop("run"), tensors.pop("numbers")
        except DAMAGE as error:
            events.say(f"the state {path.name} is damaged ({error}); trying the one before it")
            continue
        if run not in fingerprints:
            raise InputError(
                f"the state {path} belongs to another run than {out / 'run.json'}: put the right run.json back"
            )
        state.restore(tensors, numbers)
        return
    raise InputError(f"every saved state in {out / FOLDER} is damaged; the model of the last save is still in {out}")
