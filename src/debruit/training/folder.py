"""A run folder: run.json, model.safetensors, state/, log.jsonl, previews/, and TensorBoard's events where it is installed."""

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

import debruit
from debruit import model as model_files
from debruit import pictures
from debruit.config import decode, encode
from debruit.errors import InputError
from debruit.files import storage_problem, write_atomically
from debruit.model import Model
from debruit.sampling.euler import Euler
from debruit.sampling.grids import UniformTime
from debruit.sampling.settings import Settings
from debruit.training import checkpoint
from debruit.training.run import Run
from debruit.training.state import TrainState

RUN, MODEL, LOG, PREVIEWS = "run.json", "model.safetensors", "log.jsonl", "previews"
PREVIEW_COUNT, PREVIEW_SEED, PREVIEW_STEPS = 16, 0, 20


class RunFolder:
    """The files of one run. Everything that is written is written whole or not at all."""

    def __init__(self, path: str | Path, run: Run, say: Callable[[str], None]) -> None:
        self.path, self.run, self.say = Path(path), run, say
        self.fingerprint = fingerprint(run)
        self._events: Any = None

    @classmethod
    def create(cls, path: str | Path, run: Run, say: Callable[[str], None]) -> "RunFolder":
        """A new folder with its run.json; InputError if it already holds a run."""
        path = Path(path)
        check_free(path)
        text = json.dumps(encode(run), indent=2)
        write_atomically(path / RUN, lambda temporary: temporary.write_text(text))
        return cls(path, run, say)

    @classmethod
    def open(cls, path: str | Path, say: Callable[[str], None], **changes: Any) -> "RunFolder":
        """An existing folder, to resume; `changes` (images, minutes) replace fields of the run, and are written."""
        path = Path(path)
        if not (path / RUN).exists():
            raise InputError(
                f"{path} is no run folder (it has no {RUN}): give the folder that `debruit train --out` made"
            )
        try:
            stored = decode(json.loads((path / RUN).read_text()), Run, where=str(path / RUN))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path / RUN} is damaged ({error}): restore it, or start a new run") from None
        given = {key: value for key, value in changes.items() if value is not None}
        if "images" in given:
            given["minutes"] = None  # the images end it, not the clock
        run = replace(stored, **given)
        for left_over in path.glob("**/.*.part"):
            left_over.unlink(missing_ok=True)
        if run != stored:
            write_atomically(path / RUN, lambda temporary: temporary.write_text(json.dumps(encode(run), indent=2)))
        return cls(path, run, say)

    def save(self, state: TrainState) -> bool:
        """The state, then the model: EMA weights. Nothing is saved, and it is said, while the gradients are not finite: the last state is
        then a good one."""
        if state.lost_in_a_row:
            self.say(
                f"the last {state.lost_in_a_row} steps had no finite gradient: not saved, the state before them is kept"
            )
            return False
        checkpoint.save(self.path, state, self.fingerprint, self.run.keep_states)
        self._save_model(state)
        return True

    def close(self) -> None:
        """Writes out what TensorBoard's writer still holds."""
        if self._events:
            self._events.close()
            self._events = None

    def restore(self, state: TrainState) -> None:
        """The newest whole state, and its model if the last save was cut between the two; the log forgets what came after it. Where no state
        was saved yet, the run starts from its beginning, which its seed determines."""
        if not checkpoint.saved(self.path):
            self.say("no state was saved yet: the run starts from its beginning")
            return
        checkpoint.restore(self.path, state, self.fingerprint, self.say)
        self._save_model(state)
        log = self.path / LOG
        if log.exists():
            lines = [line for line in log.read_text().splitlines(keepends=True) if _images(line) <= state.images_seen]
            write_atomically(log, lambda temporary: temporary.write_text("".join(lines)))

    def log(self, record: dict[str, Any]) -> None:
        """One line of log.jsonl, and the same numbers for TensorBoard."""
        try:
            with open(self.path / LOG, "a") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {self.path / LOG}: {storage_problem(error) or error}") from error
        self._tensorboard(record)

    def preview(self, state: TrainState) -> None:
        """A grid from fixed noise, drawn with the EMA weights."""
        images = draw(self.run, state, PREVIEW_COUNT, PREVIEW_SEED)
        sheet = pictures.grid(pictures.displayable(images, self.run.model.data))
        pictures.save(sheet, self.path / PREVIEWS / f"{state.images_seen:012d}.png")

    def provenance(self, state: TrainState) -> dict[str, Any]:
        """What the model file says of its origin."""
        return {
            "weights": "ema",
            "ema": asdict(self.run.ema),
            "images_seen": state.images_seen,
            "batch": self.run.batch,
            "seed": self.run.seed,
            "flip": self.run.flip,
            "held_out_images": self.run.held_out_images,
            "train_seconds": round(state.elapsed, 1),
            "data": self.run.model.data.name,
            "data_fingerprint": self.run.model.data.fingerprint,
            "run_fingerprint": self.fingerprint,
            "versions": {
                "debruit": debruit.__version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "hardware": hardware(),
        }

    def _save_model(self, state: TrainState) -> None:
        model_files.save(self.path / MODEL, self.run.model, state.average.state_dict(), self.provenance(state))

    def _tensorboard(self, record: dict[str, Any]) -> None:
        """The numbers of a record for TensorBoard, where it is installed: a copy for convenience, which must not end a training."""
        try:
            if self._events is None:
                from torch.utils.tensorboard import SummaryWriter

                self._events = SummaryWriter(str(self.path / "events"))
            if self._events:
                for key, value in record.items():
                    if isinstance(value, int | float) and key != "images_seen":
                        self._events.add_scalar(key, value, record["images_seen"])
        except ImportError:
            self._events = False
        except Exception as error:
            self.say(f"TensorBoard's events cannot be written ({error}): log.jsonl goes on without them")
            self._events = False


def draw(run: Run, state: TrainState, count: int, seed: int) -> torch.Tensor:
    """`count` images of the EMA weights, (count, C, H, W) at rest: by Euler, with as many evaluations as the model's own sampler takes but at most
    PREVIEW_STEPS."""
    own = run.model.sampling
    steps = min(PREVIEW_STEPS, own.sampler.evaluations(own.steps))
    return Model(run.model, state.average).generate(count, seed=seed, sampler=Euler(), grid=UniformTime(), steps=steps)


def check_free(path: Path) -> None:
    """InputError if a folder cannot take a new run."""
    if (path / RUN).exists():
        raise InputError(
            f"{path} already holds a run: continue it with `debruit train --resume {path}`, or give another --out"
        )
    if path.exists() and not path.is_dir():
        raise InputError(f"--out {path} is a file: give a folder")


def fingerprint(run: Run) -> str:
    """A digest of all that determines the weights after n images; how long, how often saved, by what clock and how sampled may change."""
    model = replace(run.model, sampling=Settings())
    fixed = encode(replace(run, model=model, images=1, minutes=None, every=type(run.every)(), keep_states=1))
    return hashlib.blake2b(json.dumps(fixed, sort_keys=True).encode(), digest_size=8).hexdigest()


def hardware() -> str:
    """The device in words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"


def _images(line: str) -> int:
    try:
        return json.loads(line)["images_seen"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return 2**62  # half a line: cut by the interruption
