"""Settings of the whole process, which belong to a command and not to a request: memory allocator and CPU threads."""

from debruit.apps.threads import set_threads
from debruit.training.allocator import prepare


def prepare_process(threads: int | None = None) -> None:
    """Set the allocator and the number of CPU threads for this process. Call it before the first computation."""
    prepare()
    set_threads(threads)
