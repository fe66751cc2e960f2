"""Parallel work on many files, with few results in memory and with progress. Decoding and hashing release the
interpreter's lock, so threads suffice."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import TypeVar

from debruit import events

A = TypeVar("A")
B = TypeVar("B")
MOST_THREADS = 8
WAITING_PER_THREAD = 4
PROGRESS_SECONDS = 0.5


def mapped(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """Yield `function(item)` for each item, in order, computed in threads, with only a few results ahead of the
    reader. Each call runs in a copy of the caller's context, so its events are heard by the caller's listener."""

    def run(context: Context, item: A) -> B:
        return context.run(function, item)

    threads = min(MOST_THREADS, os.cpu_count() or 1)
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(run, copy_context(), item))
                if len(waiting) > WAITING_PER_THREAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def tracked(
    items: Iterable[A], stage: str, total: int, *, unit: str = "images", count: Callable[[A], int] = lambda item: 1
) -> Iterator[A]:
    """Yield the items, and report after one of them, every half second and at the end, how many of `total` are done
    and how many seconds are left. An item is `count(item)` units. Cancelled is raised if this context's work is
    cancelled."""
    done, began = 0, time.monotonic()
    reported = began
    for item in items:
        events.check_cancelled()
        yield item
        done += count(item)
        now = time.monotonic()
        if now - reported > PROGRESS_SECONDS and done < total:
            reported = now
            events.progress(stage, done, total, eta=(now - began) / done * (total - done) if done else None, unit=unit)
    if reported > began:
        events.progress(stage, done, max(done, total), eta=0.0, unit=unit)
