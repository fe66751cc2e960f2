"""Data parallelism on a CPU: each core computes its own share of a batch.

Threads that each pass a share of the batch through the whole network wait for each other once per step; threads that
share every operation wait after each operation. The former is 1.15 times as fast on two cores (bench/RESULTS.md). The
shares are determined by the number of threads and added in order, so two runs with the same number agree to the bit.

torch.set_num_threads has two effects: it sets the number of cores of the calling thread, and that of threads that start
later. The workers set their own number once, at the start of a training, and the number for later threads is restored
at once, so that other work in the process keeps its cores while a training runs.
"""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

MOST_SHARES = 4  # more Python threads than this would wait for the interpreter
LEAST_IMAGES = 8  # a share of fewer costs more than it saves
Shared = TypeVar("Shared", bound=nn.Module)
_starting = threading.Lock()  # held while the number of threads for later threads is changed


class CpuDataParallel(Generic[Shared]):
    """A module and copies of it that share its weights, each with a thread of its own.

    Use it in a `with` statement, which ends the threads.
    """

    def __init__(self, module: Shared, images: int, *, allowed: bool, least: int = LEAST_IMAGES) -> None:
        """Prepare for batches of `images`, with at least `least` images per share.

        If it is not `allowed`, there is one share and no thread.
        """
        self.module, threads = module, torch.get_num_threads()
        copies = _count(threads, images, least) - 1 if allowed else 0
        self.copies = [_sharing(module) for _ in range(copies)]
        self.pool = _workers(copies + 1, threads) if copies else None

    def __enter__(self) -> "CpuDataParallel[Shared]":
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown()

    def __call__(self, start: int, stop: int, backward: Callable[[Shared, int, int], Tensor]) -> Tensor:
        """Return the sum of backward(module, low, high) over the shares of images start..stop - 1.

        The gradients in the copies are added to those of the module.
        """
        if self.pool is None:
            return backward(self.module, start, stop)
        modules = [self.module, *self.copies]
        cuts = [start + (stop - start) * k // len(modules) for k in range(len(modules) + 1)]
        jobs = [
            self.pool.submit(backward, module, low, high)
            for (low, high), module in zip(pairwise(cuts), modules, strict=True)
            if low < high
        ]
        total = torch.stack([job.result() for job in jobs]).sum(dim=0)
        for other in self.copies:
            for own, copied in zip(self.module.parameters(), other.parameters(), strict=True):
                if copied.grad is not None:
                    own.grad = copied.grad if own.grad is None else own.grad.add_(copied.grad)
                    copied.grad = None
        return total


def _count(threads: int, images: int, least: int) -> int:
    """Return the largest number of shares that divides the threads."""
    most = min(MOST_SHARES, images // least)
    return max((n for n in range(1, most + 1) if threads % n == 0), default=1)


def _workers(count: int, threads: int) -> ThreadPoolExecutor:
    """Start `count` threads that divide the cores of `threads` among them."""
    ready = threading.Barrier(count + 1)

    def start() -> None:
        torch.get_num_threads()  # a thread's first call takes over the number for later threads
        torch.set_num_threads(threads // count)
        ready.wait()

    with _starting:
        pool = ThreadPoolExecutor(count, initializer=start)
        for _ in range(count):
            pool.submit(int)
        ready.wait()
        torch.set_num_threads(threads)  # unchanged for this thread; later threads are not narrowed
    return pool


def _sharing(module: Shared) -> Shared:
    """Return a module on the same weights in memory, with gradients of its own."""
    other = copy.deepcopy(module)
    for own, copied in zip(module.parameters(), other.parameters(), strict=True):
        copied.data = own.data
    return other
