"""Where and how a result was computed, for a paper's appendix: processor, threads, memory, package versions, the
command line.

It stands in every model file and in every report. Nothing in it identifies a person: of absolute paths in the command
only the last part is kept.
"""

import contextlib
import os
import platform
import shlex
from collections.abc import Generator, Sequence
from contextvars import ContextVar
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import debruit

PACKAGES = ("torch", "numpy", "pillow", "safetensors", "pydantic", "scipy", "scikit-learn", "tokenizers", "onnxruntime")
_command: ContextVar[str] = ContextVar("debruit_command", default="")

BIBTEX = f"""@software{{debruit,
  title   = {{debruit: train, sample, evaluate and study diffusion models}},
  author  = {{{{The debruit developers}}}},
  version = {{{debruit.__version__}}},
  year    = {{2026}},
  license = {{Apache-2.0}}
}}"""


@contextlib.contextmanager
def command(arguments: Sequence[str]) -> Generator[None]:
    """Inside, in this context, `provenance` gives the command line `debruit *arguments`."""
    token = _command.set(shlex.join(["debruit", *(_without_folders(argument) for argument in arguments)]))
    try:
        yield
    finally:
        _command.reset(token)


def provenance() -> dict[str, Any]:
    """Return the machine and the software as JSON values: "cpu", "cores", "threads" (torch's), "memory_gib", "gpu"
    (None without one), "system", "versions" by package and, inside `command`, "command"."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": memory_gib(),
        "gpu": gpu,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        **({"command": line} if (line := _command.get()) else {}),
    }


def hardware() -> str:
    """The machine in one line: the GPU where there is one, the processor, threads and memory."""
    machine = provenance()
    memory = f", {machine['memory_gib']:g} GiB" if machine["memory_gib"] else ""
    threads = f"{machine['threads']} thread{'s' * (machine['threads'] > 1)} on {machine['cores']} cores"
    cpu = f"{machine['cpu']}, {threads}{memory}"
    return f"{machine['gpu']}; {cpu}" if machine["gpu"] else cpu


def versions() -> dict[str, str]:
    """Return the versions of debruit, of Python and of the installed packages that compute something."""
    return {"debruit": debruit.__version__, "python": platform.python_version(), **_packages()}


@cache
def _packages() -> dict[str, str]:
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    import torch

    return installed | {"torch": torch.__version__}  # which names its build too


@cache
def cpu_model() -> str:
    """The processor's name, as Linux says it, or else the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    except OSError:
        named = []
    return next((" ".join(name.split()) for name in named if name), platform.processor() or platform.machine() or "CPU")


@cache
def memory_gib() -> float | None:
    """The machine's memory, None where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _without_folders(argument: str) -> str:
    """An absolute path by its last part alone, also after "--flag="."""
    flag, equals, value = argument.rpartition("=")
    path = value if equals else argument
    return f"{flag}{equals}{Path(path).name}" if path.startswith(("/", "~")) else argument
