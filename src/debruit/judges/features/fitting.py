"""How small networks are trained to judge images (a classifier, a segmentation): AdamW, a one-cycle rate, images by mean and deviation."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from debruit.judges.features.stored import Say

RATE, DECAY = 4e-3, 0.02
PROGRESS_SECONDS = 10


@dataclass(frozen=True)
class Fitted:
    """What training leaves: the weights, and the mean and deviation of the data on 0..255."""

    weights: Mapping[str, Tensor]
    mean: float
    deviation: float


def optimise(
    network: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    steps: int,
    *,
    mean: float,
    deviation: float,
    what: str,
    say: Say,
) -> Fitted:
    """`steps` steps on batches of images (B, C, H, W) on 0..255 and their targets; `loss` takes (image - mean) / deviation and the targets to a scalar.
    Says how far "training `what`" is."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=max(steps, 4))
    began = said = time.monotonic()
    network.train()
    for step, (images, targets) in enumerate(batches, 1):
        x = ((images - mean) / deviation).contiguous(memory_format=torch.channels_last)
        value = loss(x, targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        now = time.monotonic()
        if now - said > PROGRESS_SECONDS:
            said = now
            left = (now - began) * (steps - step) / step
            say(f"training {what}: {step * len(images):,} of {steps * len(images):,} images, {left:.0f} s left")
    weights = {name: weight.detach().contiguous() for name, weight in network.state_dict().items()}
    return Fitted(weights, mean, deviation)
