"""Many files at once, few results in memory: decoding and hashing release the interpreter's lock, so threads
suffice."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
MOST_THREADS = 8
WAITING_PER_THREAD = 4


def mapped(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """`map(function, items)` over threads, in order, with no more than a few results ahead of the reader."""
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > WAITING_PER_THREAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
