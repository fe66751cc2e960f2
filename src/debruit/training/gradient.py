"""The gradient of a batch's loss: part by part where memory is short, and on a CPU each core its own share of the images.

Threads that each take a share of the batch through the whole network wait for each other once a step; threads that share every operation
wait after each of them. The first is 1.15 times as fast on two cores (bench/RESULTS.md). The shares follow from the number of threads and are
added in order, so two runs with as many threads agree to the bit.
"""

import contextlib
import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import torch
from torch import Tensor, nn

from debruit.model import Backbone, has_bf16
from debruit.training.batches import Batch
from debruit.training.run import Run, Training

MOST_SHARES = 4  # more Python threads than this would wait for the interpreter
LEAST_IMAGES = 8  # a share of fewer costs more than it saves


class Gradient:
    """Adds the gradient of a run's loss to a backbone's parameters. A context: on leaving it its threads end."""

    def __init__(self, run: Run, backbone: Backbone, device: torch.device) -> None:
        self.run, self.backbone, self.device = run, backbone, device
        self.network = torch.compile(backbone) if run.compile else backbone
        self.dropout = any(isinstance(m, nn.Dropout) and m.p > 0 for m in backbone.modules())
        self.threads = torch.get_num_threads()
        self.copies = [_sharing(backbone) for _ in range(self._shares() - 1)]
        self.pool = ThreadPoolExecutor(len(self.copies) + 1, initializer=self._narrow) if self.copies else None

    def __enter__(self) -> "Gradient":
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown()
            torch.set_num_threads(self.threads)

    def __call__(self, batch: Batch) -> Tensor:
        """The mean loss over the batch, (); its gradient is added to the parameters'."""
        total = torch.zeros((), device=self.device)
        size = self.run.microbatch or len(batch)
        with self._randomness(batch.seed):
            for start in range(0, len(batch), size):
                stop = min(start + size, len(batch))
                if self.pool is None:
                    total += self._backward(batch, start, stop, self.backbone, self.network)
                else:
                    total += self._shared(batch, start, stop)
        return total

    def _shared(self, batch: Batch, start: int, stop: int) -> Tensor:
        assert self.pool is not None
        backbones = [self.backbone, *self.copies]
        cuts = [start + (stop - start) * k // len(backbones) for k in range(len(backbones) + 1)]
        jobs = [
            self.pool.submit(self._backward, batch, low, high, backbone, backbone)
            for (low, high), backbone in zip(pairwise(cuts), backbones, strict=True)
            if low < high
        ]
        total = torch.stack([job.result() for job in jobs]).sum()
        for other in self.copies:
            for mine, its in zip(self.backbone.parameters(), other.parameters(), strict=True):
                if its.grad is not None:
                    mine.grad = its.grad if mine.grad is None else mine.grad.add_(its.grad)
                    its.grad = None
        return total

    def _backward(self, batch: Batch, start: int, stop: int, backbone: Backbone, network: Callable) -> Tensor:
        part = batch.part(start, stop, self.device)
        loss = losses(self.run, backbone, network, part, self.device).sum() / len(batch)
        loss.backward()
        return loss.detach()

    def _shares(self) -> int:
        """As many as the cores allow. Compiled code is not shared among threads, nor is the stream of random numbers that dropout draws from."""
        if self.device.type != "cpu" or self.run.compile or self.dropout:
            return 1
        most = min(MOST_SHARES, (self.run.microbatch or self.run.batch) // LEAST_IMAGES)
        return max((n for n in range(1, most + 1) if self.threads % n == 0), default=1)

    def _narrow(self) -> None:
        torch.set_num_threads(self.threads // (len(self.copies) + 1))

    @contextlib.contextmanager
    def _randomness(self, seed: int):
        """Dropout draws from torch's global stream: it gets the batch's own for this long."""
        if not self.dropout:
            yield
            return
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield


def losses(run: Run, backbone: Backbone, network: Callable, part: Batch, device: torch.device) -> Tensor:
    """The objective of each image of a batch that is on the device, (B,)."""
    with autocast(run, device):
        cond = backbone.cond(part.values, part.keep)
        return run.objective.loss(backbone.denoiser(network), part.x0, part.t, part.eps, cond)


def autocast(run: Training, device: torch.device):
    """bfloat16 where the run asks for it or, by itself, on a GPU that has it; otherwise nothing."""
    wanted = run.precision == "bf16" or (run.precision == "auto" and has_bf16(device))
    return torch.autocast(device.type, torch.bfloat16) if wanted else contextlib.nullcontext()


def _sharing(backbone: Backbone) -> Backbone:
    """Another module on the same weights in memory, with gradients of its own."""
    other = copy.deepcopy(backbone)
    for mine, its in zip(backbone.parameters(), other.parameters(), strict=True):
        its.data = mine.data
    return other
