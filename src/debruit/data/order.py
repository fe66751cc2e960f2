"""The order of the data, and its randomness, as functions of the number of images seen: nothing to save, exact at any
resume."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Queue
from typing import Any

import numpy as np

from debruit.rng import Purpose, stream


class Order:
    """Image number n of the training is pool[permutation of epoch n // size][n mod size].

    With `blocks`, the sizes of the files that the data lies in, an epoch reads file by file: the files are permuted,
    and the images within each.
    """

    def __init__(
        self,
        pool: np.ndarray,
        seed: int,
        blocks: Sequence[int] | None = None,
        *,
        purpose: Purpose = Purpose.ORDER,
    ) -> None:
        self.pool, self.seed, self.purpose = pool, seed, purpose
        # the position in the pool at which each block begins; a pool is in the order of the data
        self._starts = None if blocks is None else np.searchsorted(pool, np.cumsum([0, *blocks]))
        assert blocks is None or np.all(np.diff(pool) > 0), (
            "the images of a pool in blocks are in the order of the data"
        )
        self._epoch, self._permutation = -1, pool

    def take(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return indices of the data, and their epochs, for images first..first + count - 1 of the training."""
        numbers = np.arange(first, first + count)
        epochs, positions = numbers // len(self.pool), numbers % len(self.pool)
        indices = np.empty(count, dtype=np.int64)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            indices[chosen] = self._permuted(int(epoch))[positions[chosen]]
        return indices, epochs

    def _permuted(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            permutation = stream(self.purpose, self.seed, epoch).permutation(len(self.pool))
            if self._starts is not None:
                permutation = self._by_block(permutation, epoch)
            self._epoch, self._permutation = epoch, self.pool[permutation]
        return self._permutation

    def _by_block(self, permutation: np.ndarray, epoch: int) -> np.ndarray:
        """Return the permutation with the images of each block grouped; the blocks are permuted too."""
        assert self._starts is not None
        count = len(self._starts) - 1
        rank = stream(Purpose.FILE_ORDER, self.seed, epoch).permutation(count)
        block = np.searchsorted(self._starts, permutation, side="right") - 1
        return permutation[np.argsort(rank[block], kind="stable")]


def ahead(make: Callable[[int], Any], first: int, step: int, depth: int = 2) -> Iterator[Any]:
    """make(first), make(first + step), ... computed by a thread that stays up to `depth` items ahead."""
    queue: Queue = Queue(depth)
    stop = threading.Event()

    def work() -> None:
        position = first
        while not stop.is_set():
            try:
                item = (make(position), None)
            except Exception as error:  # handed to the consumer, who raises it
                item = (None, error)
            while not stop.is_set():
                try:
                    queue.put(item, timeout=0.1)
                    break
                except Exception:
                    continue
            if item[1] is not None:
                return
            position += step

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if error is not None:
                raise error
            yield item
    finally:
        stop.set()
