"""What figures were measured with: the machine, the threads, the packages. Nothing of it names a person or a place."""

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

import debruit

PACKAGES = ("numpy", "onnxruntime", "safetensors", "pillow")


def machine() -> dict[str, str]:
    """By what is shown: the processor, threads, memory and versions."""
    found = {
        "debruit": debruit.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": processor(),
        "threads": f"{torch.get_num_threads()} of {os.cpu_count() or 1}",
        "memory": _memory(),
    }
    if torch.cuda.is_available():
        found["accelerator"] = torch.cuda.get_device_name()
    return found | {name: version for name in PACKAGES if (version := _version(name))}


def processor() -> str:
    """The model of the CPU, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named and named[0] else platform.processor() or "unknown"


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    except (ValueError, OSError, AttributeError):
        return "unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
