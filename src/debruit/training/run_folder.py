"""A run folder: run.json, model.safetensors, state/, log.jsonl, previews/, and TensorBoard events if TensorBoard is
installed."""

import contextlib
import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from PIL.Image import Image

from debruit import events
from debruit.config import check, decode, encode
from debruit.data.source import recorded
from debruit.errors import InputError
from debruit.files.atomic import storage_problem, write_atomically
from debruit.files.outputs import check_folder
from debruit.finite import as_json
from debruit.images import figures
from debruit.models import model_file
from debruit.models.model_file import LOG, RUN
from debruit.provenance import hardware, provenance, versions
from debruit.training import checkpoint
from debruit.training.config import AnyRun, TrainingConfig
from debruit.training.state import State

MODEL, PREVIEWS, PLAN = "model.safetensors", "previews", "stages.json"
LOCK, EVENTS = ".lock", "events"
LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # errors of file systems without locks
FIRST_STAGE = "autoencoder.safetensors"  # of a latent model: the autoencoder of its latents
TEACHER = "teacher.safetensors"  # of a distillation: the model that is distilled
FREE = ("images", "minutes", "every", "keep_states")  # fields of a run that may change when it resumes

Parts = tuple[Any, Mapping[str, torch.Tensor]]  # the configuration and the weights of a model


class RunFolder:
    """The files of one run. Each is written completely or not at all."""

    def __init__(self, path: str | Path, run: TrainingConfig) -> None:
        self.path, self.run = Path(path), run
        self.fingerprint = fingerprint(run)
        self._events: Any = None

    @classmethod
    def create(
        cls,
        path: str | Path,
        run: TrainingConfig,
        *,
        write_first: Callable[[], None] | None = None,
    ) -> "RunFolder":
        """Create a folder with its run.json; `write_first`, if given, writes the files that must exist before it.

        Raise InputError if the folder already holds a run.
        """
        path = Path(path)
        if path.is_file():
            check_free(path)
        check(run, "run")
        with alone(path):
            if (path / RUN).exists():
                check_free(path)
            if write_first:
                write_first()
            run = _write_run(path, run)
        return cls(path, run)

    @classmethod
    def open(cls, path: str | Path, **changes: Any) -> "RunFolder":
        """Open an existing folder to resume its run; `changes` (images, minutes) replace fields of the run and are
        written.

        Raise InputError if it is no run folder, its run.json is damaged, or another process trains in it.
        """
        path = Path(path)
        if not (path / RUN).exists():
            raise InputError(
                f"{path} is no run folder (it has no {RUN}): give the folder that `debruit train --out` made"
            )
        try:
            stored = decode(json.loads((path / RUN).read_text()), AnyRun, where=str(path / RUN))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path / RUN} is damaged ({error}): restore it, or start a new run") from None
        given = {key: value for key, value in changes.items() if value is not None}
        if "images" in given:
            given["minutes"] = None  # the images end it, not the clock
        elif "minutes" in given and stored.minutes is not None:
            planned = stored.images * given["minutes"] / stored.minutes
            given["images"] = max(int(planned), 1)
        run = replace(stored, **given)
        with alone(path):
            for left_over in path.glob("**/.*.part"):
                left_over.unlink(missing_ok=True)
            if run != stored:
                run = _write_run(path, run)
        return cls(path, run)

    def start_over(self, run: TrainingConfig) -> None:
        """Replace the run of this folder by another one: states, log and previews are removed, and run.json is written
        anew."""
        run = _write_run(self.path, run)
        self.close()
        for name in (checkpoint.FOLDER, PREVIEWS, EVENTS):
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / LOG).unlink(missing_ok=True)
        self.run, self.fingerprint = run, fingerprint(run)

    def holds_model_of(self, state: State) -> bool:
        """Whether the model file was written with this state."""
        if not (self.path / MODEL).exists():
            return False
        stored, present = model_file.header(self.path / MODEL)["provenance"], self.provenance(state)
        return all(stored.get(key) == present[key] for key in ("run_fingerprint", "images_seen", "train_seconds"))

    def save(self, state: State, model: Parts) -> bool:
        """Save the state, then the model file, from a configuration and weights; return whether that was done.

        Nothing is saved while gradients are not finite, so that the last saved state is a good one; that is reported.
        """
        if state.lost_in_a_row:
            events.say(
                f"the last {state.lost_in_a_row} steps had no finite gradient: not saved, the state before them is kept"
            )
            return False
        checkpoint.save(self.path, state, self.fingerprint, self.run.keep_states)
        self.save_model(state, model)
        return True

    def close(self) -> None:
        """Flush the TensorBoard writer."""
        if self._events:
            self._events.close()
            self._events = None

    def restore(self, state: State) -> None:
        """Load the newest intact state; later lines of the log are removed.

        If no state was saved yet, the run starts from the beginning, which is determined by its seed.
        """
        if not checkpoint.saved(self.path):
            events.say("no state was saved yet: the run starts from its beginning")
            return
        checkpoint.restore(self.path, state, (self.fingerprint,))
        log = self.path / LOG
        if log.exists():
            lines = [line for line in log.read_text().splitlines(keepends=True) if _images(line) <= state.images_seen]
            write_atomically(log, lambda temporary: temporary.write_text("".join(lines)))

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to log.jsonl, null where a number is not finite; give the same numbers to TensorBoard."""
        try:
            with open(self.path / LOG, "a") as file:
                file.write(json.dumps(as_json(record), allow_nan=False) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {self.path / LOG}: {storage_problem(error) or error}") from error
        self._tensorboard(record)

    def preview(self, state: State, image: Image) -> None:
        """Write a preview of the model at this state."""
        figures.save(image, self.path / PREVIEWS / f"{state.images_seen:012d}.png")

    def provenance(self, state: State) -> dict[str, Any]:
        """Return what the model file records of its training."""
        return {
            **state.weights(),
            "ema": asdict(self.run.ema),
            "images_seen": state.images_seen,
            "batch": self.run.batch,
            "seed": self.run.seed,
            "flip": self.run.flip,
            "held_out_images": self.run.held_out_images,
            "group": self.run.group,
            "own_parts": self.run.own_parts,
            "train_seconds": round(state.elapsed, 1),
            "data": self.run.data.name,
            "data_fingerprint": self.run.data.fingerprint,
            "source": recorded(self.run.source),
            "run_fingerprint": self.fingerprint,
            "versions": versions(),
            "hardware": hardware(),
            "environment": provenance(),
        } | self.run.record

    def save_model(self, state: State, model: Parts) -> None:
        """Write the model file only."""
        model_file.save(self.path / MODEL, *model, self.provenance(state))

    def _tensorboard(self, record: dict[str, Any]) -> None:
        """Give the numbers of a record to TensorBoard, if it is installed. Its errors never end a training."""
        try:
            if self._events is None:
                from torch.utils.tensorboard import SummaryWriter

                self._events = SummaryWriter(str(self.path / EVENTS))
            if self._events:
                for key, value in record.items():
                    if isinstance(value, int | float) and key != "images_seen":
                        self._events.add_scalar(key, value, record["images_seen"])
        except ImportError:
            self._events = False
        except Exception as error:
            events.say(f"TensorBoard events cannot be written ({error}): training continues with log.jsonl alone")
            self._events = False


@contextlib.contextmanager
def alone(path: Path) -> Generator[None]:
    """Hold the lock of a run folder; it ends with the process, however that ends. File systems without locks have none.

    Raise InputError if another process trains in the folder.
    """
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(blocking=False)
    except NotImplementedError:
        pass
    except Timeout:
        raise InputError(
            f"another process is training in {path}: wait until it ends, or stop it (Ctrl-C, which saves), and resume "
            "then"
        ) from None
    except OSError as error:
        if error.errno not in LOCKLESS:
            raise InputError(f"cannot write {path / LOCK}: {storage_problem(error) or error}") from error
    try:
        yield
    finally:
        lock.release()


def check_free(path: Path) -> None:
    """Raise InputError if a folder cannot take a new run."""
    check_writable(path, flag="--out")
    if (path / RUN).exists() or (path / PLAN).exists():
        raise InputError(
            f"{path} already holds a run: continue it with `debruit train --resume {path}`, or give another --out"
        )


def check_writable(path: Path, *, flag: str) -> None:
    """Raise InputError if the files of a training cannot be written in this folder."""
    check_folder(
        path, files=(RUN, MODEL, LOG, PLAN, FIRST_STAGE, TEACHER), folders=("state", PREVIEWS, "autoencoder"), flag=flag
    )


def fingerprint(run: TrainingConfig) -> str:
    """Return a digest of everything that determines the weights after n images.

    Left out are the fields in FREE, the sampling settings, and the location and name of the data, whose own fingerprint
    of the content stands for it.
    """
    fixed: Any = {key: value for key, value in encode(run).items() if key not in (*FREE, "source")}
    fixed["model"].pop("sampling", None)
    del fixed["model"]["data"]["name"]
    return hashlib.blake2b(json.dumps(fixed, sort_keys=True).encode(), digest_size=8).hexdigest()


def _write_run(path: Path, run: TrainingConfig) -> TrainingConfig:
    """Write run.json; return the run as it will be read: a whole number that was given for a float is a float then."""
    text = json.dumps(encode(run), indent=2)
    write_atomically(path / RUN, lambda temporary: temporary.write_text(text))
    return decode(json.loads(text), AnyRun, where=str(path / RUN))


def _images(line: str) -> int:
    try:
        return json.loads(line)["images_seen"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return 2**62  # half a line: cut by the interruption
