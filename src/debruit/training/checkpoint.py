"""States on disk: `state/<images seen>.safetensors`, the last few, each with a digest of its content.

A state is written under a temporary name, flushed and renamed, so a file with the final name is complete unless the
disk damaged it. The digest detects that, and the previous state is used instead.
"""

from collections.abc import Collection
from pathlib import Path

from debruit import events
from debruit.errors import InputError
from debruit.files.store import DAMAGE, read_value, write_value
from debruit.training.state import State

FOLDER = "state"


def save(out: Path, state: State, fingerprint: str, keep: int) -> Path:
    """Write the state of the run with this fingerprint, and remove all but the newest `keep` states."""
    path = out / FOLDER / f"{state.images_seen:012d}.safetensors"
    write_value(path, {**state.tensors(), "run": fingerprint, "numbers": state.numbers()})
    for old in saved(out)[keep:]:
        old.unlink()
    return path


def saved(out: Path) -> list[Path]:
    """Return the states of a run folder, newest first."""
    return sorted((out / FOLDER).glob("[0-9]*.safetensors"), reverse=True)


def restore(out: Path, state: State, fingerprints: Collection[str]) -> None:
    """Load the newest intact state into `state`; damaged ones are reported and skipped.

    Raise InputError if there is no state, none is intact, or it belongs to a run with none of these fingerprints.
    """
    states = saved(out)
    if not states:
        raise InputError(
            f"{out} holds no saved state to resume from: start it anew with `debruit train SOURCE --out DIR`"
        )
    for path in states:
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
