"""The number of CPU threads, and how OpenMP threads wait for each other: process-wide settings of the command line.

torch's threads meet at a barrier after every operation. By default they spin there for milliseconds, and where another
process has one of the cores, a thread that spins keeps the one that it waits for from running: with one busy process,
sampling took 20 times as long (bench/threads.py). With a short spin it takes twice as long, which is its share of the
machine. Fewer threads on a busy machine gain nothing beyond that, so the number of threads does not depend on the load:
results are the same, whatever else runs. Another number of threads changes results by rounding alone.
"""

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from debruit.errors import InputError
from debruit.events import notice

VARIABLE = "DEBRUIT_THREADS"
SPINS = "1000"  # rounds of waiting, some microseconds, before a thread sleeps
MOST = 4_096
CGROUP = Path("/sys/fs/cgroup")


def wait_briefly() -> None:
    """Let OpenMP's threads give up the core soon while they wait. Effective if torch is imported later; settings of the
    user stay.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
        os.environ.setdefault("KMP_BLOCKTIME", "0")


def set_threads(threads: int | None = None, *, recorded: int | None = None) -> int:
    """Set torch's threads: as given (--threads), else by the variable DEBRUIT_THREADS, else as many as `recorded` (by
    a run that is resumed), else what is free: torch's own choice, at most the cores of this process and the CPU quota
    of its container. Returns the number.

    InputError: a variable that is no number from 1 to MOST.
    """
    import torch

    chosen = threads or from_environment() or recorded or min(torch.get_num_threads(), available())
    torch.set_num_threads(chosen)
    return chosen


def recorded(run: Path) -> int | None:
    """Return the number of threads that a run folder was last trained with, so that resuming continues to the bit. None
    if it is not recorded, or, with a notice, if this machine has fewer cores.
    """
    from debruit.models.model_file import header

    for file in (run / "model.safetensors", run / "autoencoder" / "model.safetensors"):
        if not file.exists():
            continue
        threads = header(file)["provenance"].get("environment", {}).get("threads")
        if threads is not None and threads > available():
            notice(
                f"{run} was trained with {threads} threads and {available()} cores are free here: it continues with as "
                "many, and agrees with an uninterrupted training up to rounding"
            )
            return None
        return threads
    return None


def from_environment() -> int | None:
    """Return the number in DEBRUIT_THREADS, None if unset. InputError: it is no number from 1 to MOST."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isdecimal() and 1 <= int(text) <= MOST):
        raise InputError(f"{VARIABLE}={text}: give a whole number from 1 to {MOST:,}, or leave it unset")
    return int(text)


def available(cgroup: Path = CGROUP) -> int:
    """Return the cores of this process: by its affinity, and by the CPU quota of its container, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(cgroup))]))


def _quotas(cgroup: Path) -> Iterator[float]:
    """Yield the cores that the container may use, by either version of Linux's control groups; nothing if unlimited."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((cgroup / name).read_text() for name in names).split()
            if quota != "max" and float(quota) > 0 and float(period) > 0:
                yield float(quota) / float(period)
        except (OSError, ValueError):
            continue
