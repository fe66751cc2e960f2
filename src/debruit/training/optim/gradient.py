"""The gradient of a batch's loss: in microbatches where memory is short, and on a CPU one share of the images per core
(cpu_parallel.py)."""

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor

from debruit.models.config import Backbone
from debruit.networks.dropout import draw_from, drops
from debruit.training.batches import Batch
from debruit.training.config import Run, TrainingConfig
from debruit.training.cpu_parallel import CpuDataParallel


class Gradient:
    """Adds the gradient of a run's loss to the parameters of a backbone.

    Use it in a `with` statement, which ends its threads.
    """

    def __init__(self, run: Run, backbone: Backbone, device: torch.device) -> None:
        self.run, self.backbone, self.device = run, backbone, device
        self.network = torch.compile(backbone) if run.compile else backbone
        self.dropout = drops(backbone)
        allowed = device.type == "cpu" and not run.compile  # compiled code is not shared among threads
        self.shares = CpuDataParallel(backbone, run.microbatch or run.batch, allowed=allowed)

    def __enter__(self) -> "Gradient":
        return self

    def __exit__(self, *_: object) -> None:
        self.shares.__exit__()

    def __call__(self, batch: Batch) -> Tensor:
        """Return the mean loss over the batch, (); its gradient is added to that of the parameters."""
        total = torch.zeros((), device=self.device)
        size = self.run.microbatch or len(batch)
        for start in range(0, len(batch), size):
            total += self.shares(start, min(start + size, len(batch)), lambda *share: self._backward(batch, *share))
        return total

    def _backward(self, batch: Batch, backbone: Backbone, start: int, stop: int) -> Tensor:
        part = batch.part(start, stop, self.device)
        if self.dropout:
            draw_from(backbone, batch.keys[start:stop], self.device)
        network = self.network if backbone is self.backbone else backbone
        loss = losses(self.run, backbone, network, part, self.device).sum() / len(batch)
        loss.backward()
        return loss.detach()


def losses(run: Run, backbone: Backbone, network: Callable, part: Batch, device: torch.device) -> Tensor:
    """Return the objective of each image of a batch that is on the device, (B,)."""
    with autocast(run, device):
        cond = backbone.cond(part.values, part.keep)
        return run.objective.loss(backbone.denoiser(network), part.x0, part.t, part.eps, cond)


def autocast(run: TrainingConfig, device: torch.device):
    """Return the autocast context of a run: bfloat16 if requested, or by default on GPUs that have it."""
    return torch.autocast(device.type, torch.bfloat16) if run.in_bfloat16(device) else contextlib.nullcontext()
