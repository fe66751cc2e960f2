"""Settings of the whole process, which belong to a command and not to a request: names and folders that libraries need,
the memory allocator, warnings, CPU threads. Nothing below apps/ changes the process."""

import contextlib
import ctypes
import getpass
import os
import warnings
from pathlib import Path

from debruit.apps.threads import set_threads
from debruit.files.home import cache, makeable, number

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def prepare_process(threads: int | None = None, *, recorded: int | None = None) -> None:
    """Apply all settings; call it before the first computation. `threads` and `recorded` are those of `set_threads`."""
    settle()
    keep_freed_memory()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata in files that can be read all the same
    set_threads(threads, recorded=recorded)


def settle() -> None:
    """Provide what libraries require and fail without: the name of the user (torch's compiler), folders for their
    settings (matplotlib, triton)."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ["USER"] = f"uid-{number()}"
    for name, usual in (("MPLCONFIGDIR", "~/.config/matplotlib"), ("TRITON_CACHE_DIR", "~/.triton")):
        path = Path(os.path.expanduser(usual))
        if name not in os.environ and not (path.is_absolute() and makeable(path)):
            os.environ[name] = str(cache() / usual.rpartition("/")[2].lstrip("."))


def keep_freed_memory() -> None:
    """Configure the memory allocator, which makes training faster and changes no number.

    glibc returns each large block to the system when it is freed, and the next one is mapped and zeroed again, which
    costs part of every training step on a CPU. Keeping the blocks, and using large pages where the kernel offers them,
    avoids that. (glibc accepts no threshold above 32 MiB, and the second setting without the first would do harm.)
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        if libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20):
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
