"""The plan of a training: its run with the user's changes, its length and intervals, and its estimated cost.

`plan` is called once for a training, and `replan` only if the first seconds show another speed than was planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from debruit.data.split import Split
from debruit.overrides import override_all
from debruit.planning import autoencoder, autoencoder_footprint, footprint, heuristics, throughput
from debruit.planning.footprint import Speed, lines
from debruit.training.config import AnyRun, Run

ALIKE = 1.25  # a network whose operations differ by less than this factor is not worth starting over


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that is ready to train, its device, and its estimated or measured speed. `split` is None if the data is not
    on this machine."""

    run: AnyRun
    device: torch.device
    speed: Speed
    split: Split | None = None

    @property
    def summary(self) -> list[str]:
        """Lines about the settings of the training and its cost."""
        return _planner(self.run).summary(self.run, self.device, self.speed, self.split)

    @property
    def footprint(self) -> list[str]:
        """Lines about parameters and memory by part, and the GPUs that it fits on."""
        module: Any = footprint if isinstance(self.run, Run) else autoencoder_footprint
        return lines(module.footprint(self.run), throughput.memory(self.device))


def plan(run: AnyRun, device: torch.device, split: Split | None = None, *, assignments: Sequence[str] = ()) -> Plan:
    """Plan a run with these changes (`--set`). Intervals among them override those that follow from the speed."""
    run, speed = _planner(run).fitted(override_all(run, assignments), device)
    run = override_all(run, [text for text in assignments if text.startswith("every")])
    return Plan(run=run, device=device, speed=speed, split=split)


def replan(before: Plan, factor: float, *, batch: int | None, assignments: Sequence[str]) -> Plan | None:
    """Plan again for a device that turned out to be `factor` times as fast, with the same changes by the user. None if
    the network would have about the same size, so that starting over would gain nothing."""
    planner = _planner(before.run)
    run = planner.again(before.run, before.device, speed=factor, batch=batch, split=before.split)
    run = override_all(run, assignments)
    if 1 / ALIKE < planner.operations(run) / planner.operations(before.run) < ALIKE:
        return None
    return plan(run, before.device, before.split, assignments=assignments)


def _planner(run: AnyRun) -> Any:
    return heuristics if isinstance(run, Run) else autoencoder
