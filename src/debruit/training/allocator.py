"""Settings of this process that make training faster and change no number."""

import contextlib
import ctypes
import os

from debruit.files.home import settle

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def prepare() -> None:
    """Called by the command line before torch allocates. Also gives libraries what they ask of a user who has no home
    or no name (files/home.py).

    glibc gives each large block back to the system when it is freed, and the next one is mapped and zeroed again: a
    training step on a CPU spends part of its time so. Keeping the blocks, and large pages where the kernel offers them,
    avoids that. (glibc takes no threshold above 32 MiB, and the second setting without the first would do harm.)
    """
    settle()
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        if libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20):
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
