"""The path of a training's request: how many files it visits between the command line and the loop, and how often it
climbs back. Run: python bench/request_path.py [--all] [ARGUMENTS OF debruit train]

What is counted. A function call belongs to the path if one of its arguments is the request or the run that becomes of
it: a TrainRequest, Assignments, Resolved, Plan, TwoStagePlan, TrainingConfig or RunFolder; the methods of these values
themselves are part of the value. The calls are traced with sys.setprofile from `main(["train", ...])` to the first call
of the loop. Left out are the modules that any package may use (errors, events, ranges, config, seams, overrides,
text, files), and the inside of a measurement of the training's speed, which is the loop itself.

A visit is a file of the path that is called from another one. A climb is a visit that is made by a file of a higher
layer than the file visited before: control went down, came back up, and goes down again from there. `--all` counts
every file, whatever its arguments.
"""

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import debruit

ROOT = Path(debruit.__file__).parent
GROUND = (
    "errors",
    "events",
    "ranges",
    "finite",
    "seams",
    "config",
    "overrides",
    "provenance",
    "device",
    "text",
    "files",
)
LAYERS = (
    *GROUND,
    "images",
    "diffusion",
    "sampling",
    "networks",
    "autoencoders",
    "annotations",
    "data",
    "conditioning",
    "models",
    "editing",
    "metrics",
    "judges",
    "training",
    "planning",
    "evaluation",
    "reports",
    "lecture",
    "recipes",
    "workflows",
    "apps",
)
CARRIERS = {"TrainRequest", "Assignments", "Resolved", "Plan", "TwoStagePlan", "Run", "AutoencoderRun", "RunFolder"}
LOOP = ("training/loop.py", "train")
MEASURES = {"measure", "throughput", "compiled_where_it_pays"}


class FirstStep(BaseException):
    """The loop is reached."""


class Visits:
    """Collects the visits of one command."""

    def __init__(self, every: bool) -> None:
        self.every = every
        self.visits: list[tuple[str, str]] = []  # (from, to)
        self.measuring = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        name, file = frame.f_code.co_name, _file(frame)
        if file is None or event not in ("call", "return"):
            return
        if file.startswith("planning/") and name in MEASURES:
            self.measuring += 1 if event == "call" else -1
        if event != "call" or name.startswith("<") or self.measuring:
            return
        if (file, name) == LOOP or (file.startswith("training/") and name == "optimise"):
            raise FirstStep
        if file.partition("/")[0].removesuffix(".py") in GROUND or not (self.every or carries(frame)):
            return
        caller = frame.f_back
        while caller is not None and (
            _file(caller) is None or _file(caller).partition("/")[0].removesuffix(".py") in GROUND
        ):  # ty: ignore
            caller = caller.f_back
        source = (caller and _file(caller)) or "argv"
        if source != file:
            self.visits.append((source, file))


def carries(frame: FrameType) -> bool:
    """Whether an argument of the call is the request or a value made from it."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(type(frame.f_locals.get(name)).__name__ in CARRIERS for name in names if name != "self")


def layer(file: str) -> int:
    first = file.partition("/")[0].removesuffix(".py")
    return LAYERS.index(first) if first in LAYERS else len(LAYERS)


def files(visits: list[tuple[str, str]]) -> list[str]:
    """Return the files in the order of their first visit."""
    return list(dict.fromkeys(["apps/cli/train.py", *(file for _, file in visits)]))


def climbs(visits: list[tuple[str, str]]) -> int:
    """Return the number of visits made by a file of a higher layer than that of the file visited before."""
    return sum(layer(source) > layer(before) for (_, before), (source, _) in pairwise(visits))


def trace(arguments: list[str], every: bool = False) -> list[tuple[str, str]]:
    """Return the visits of `debruit train ARGUMENTS`, up to the first step."""
    from debruit.apps.cli import main

    visits = Visits(every)
    sys.setprofile(visits)
    try:
        main(["train", *arguments])
    except FirstStep:
        pass
    finally:
        sys.setprofile(None)
    return visits.visits


def _file(frame: FrameType) -> str | None:
    path = frame.f_code.co_filename
    return str(Path(path).relative_to(ROOT)) if path.startswith(str(ROOT)) else None


def measure() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every file, whatever its arguments")
    options, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as out:
        visits = trace([*(arguments or ["digits", "--images", "64"]), "--out", f"{out}/run"], options.all)
    for source, file in visits:
        print(f"{source} -> {file}")
    print(f"{len(files(visits))} files, {climbs(visits)} climbs:", *files(visits))


if __name__ == "__main__":
    measure()
