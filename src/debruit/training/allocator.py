"""Settings of this process that make training faster and change no number."""

import contextlib
import ctypes
import os

from debruit.files.home import settle

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def prepare() -> None:
    """Configure the memory allocator; the command line calls this before torch allocates.

    glibc returns each large block to the system when it is freed, and the next one is mapped and zeroed again, which
    costs part of every training step on a CPU. Keeping the blocks, and using large pages where the kernel offers them,
    avoids that. (glibc accepts no threshold above 32 MiB, and the second setting without the first would do harm.)

    Also set what libraries require of a user without a home folder or a name (files/home.py).
    """
    settle()
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        if libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20):
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
