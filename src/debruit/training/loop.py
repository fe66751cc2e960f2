"""The training loop: a generator of reports. What to do with them (log, preview, validate, save, stop) is the shell's business."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.data.latents import LatentCache
from debruit.data.order import Order, ahead
from debruit.training.batches import Batch, training_batch
from debruit.training.config import Run
from debruit.training.optim import ema
from debruit.training.optim.gradient import Gradient
from debruit.training.state import TrainState
from debruit.training.time_budget import ByImages, Length

PATIENCE = 10  # steps in a row without a finite gradient before the weights themselves are suspected


class Diverged(Exception):
    """Step after step gave no finite gradient: the weights are beyond repair, the last saved state is not."""


@dataclass(frozen=True)
class Report:
    """Means over the steps since the last report. `skipped` steps had no finite gradient and changed nothing; `parts` are what the loss is
    made of, where it has parts. `last` is whether the training has reached its length."""

    images_seen: int
    loss: float
    grad_norm: float
    lr: float
    skipped: int
    parts: Mapping[str, float] = field(default_factory=dict)
    last: bool = False


def train(
    state: TrainState,
    run: Run,
    dataset: Dataset,
    pool: np.ndarray,
    device: torch.device,
    *,
    latents: LatentCache | None = None,
    length: Length | None = None,
) -> Iterator[Report]:
    """Steps from where the state is to the end of `length` (by default `state.total_images` images), on the images `pool` of the data or their
    `latents`; a report each `every.report_images` and at the end. Changes `state`, and nothing else. Raises Diverged."""
    length = length or ByImages()
    if length.over(state):
        return
    order = Order(pool, run.seed, dataset.blocks)
    first, attempt = state.images_seen, state.attempt
    make = lambda position: training_batch(run, dataset, order, position, attempt, latents=latents)  # noqa: E731
    # on a CPU a second thread would bring its own team of workers, which fight with the network's for the cores
    batches = map(make, itertools.count(first, run.batch)) if device.type == "cpu" else ahead(make, first, run.batch)
    losses: list[Tensor] = []
    norms: list[Tensor] = []
    skipped, mark = 0, length.position(state)
    with Gradient(run, state.backbone, device) as gradient:
        for batch in batches:
            rate = run.optimiser.rate(state.images_seen, length.share(state)) * state.lr_factor
            loss, norm = optimise(state, run, gradient, batch, rate)
            if torch.isfinite(norm):
                losses.append(loss)
                norms.append(norm)
                state.lost_in_a_row = 0
            else:
                skipped += 1
                state.lost_in_a_row += 1
            state.images_seen += len(batch)
            length.stepped(state)
            if state.lost_in_a_row == PATIENCE:
                raise Diverged(f"{PATIENCE} steps in a row gave no finite gradient at {state.images_seen:,} images")
            if not state.lost_in_a_row:
                ema.update(state.average, state.backbone, run.ema.decay(state.images_seen, len(batch)))
            interrupted = state.interrupted
            last, position = length.over(state), length.position(state)
            if interrupted or last or passed(mark, position, run.every.report_images):
                mean = lambda values: float(torch.stack(values).mean()) if values else float("nan")  # noqa: E731
                yield Report(state.images_seen, mean(losses), mean(norms), rate, skipped, last=last)
                losses, norms, skipped = [], [], 0
                # an interruption or an end that came while the report was handled ends the loop after its next step, with a report of its own
                position = length.position(state)
            mark = position
            if interrupted or last:
                return


def passed(before: float, now: float, interval: int) -> bool:
    """Whether a multiple of `interval` lies in (before, now]."""
    return before // interval != now // interval


def optimise(state: TrainState, run: Run, gradient: Gradient, batch: Batch, rate: float) -> tuple[Tensor, Tensor]:
    """Forward, backward, clip, update; returns loss and gradient norm. Nothing is updated where the norm is not finite."""
    state.optimiser.zero_grad(set_to_none=True)
    loss = gradient(batch)
    parameters = [p for p in state.backbone.parameters() if p.grad is not None]
    norm = torch.nn.utils.clip_grad_norm_(parameters, run.optimiser.clip_norm, foreach=True)
    if torch.isfinite(norm):
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        state.optimiser.step()
    return loss, norm
