"""The plan of a training: its run with the user's changes, its length and intervals, and its estimated cost.

`plan` is called once for a training, and `replan` only if the first seconds show another speed than was planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from debruit.data.split import Split
from debruit.overrides import override_all
from debruit.planning import footprint, measure, recommend, sizing, throughput
from debruit.planning.cost import forward_flops, step_flops
from debruit.planning.summary import summary
from debruit.planning.throughput import Speed
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
        return summary(self.run, self.device, self.speed, self.split)

    @property
    def footprint(self) -> list[str]:
        """Lines about parameters and memory by part, and the GPUs that it fits on."""
        return footprint.lines(footprint.footprint(self.run), sizing.device_bytes(self.device))


def plan(run: AnyRun, device: torch.device, split: Split | None = None, *, assignments: Sequence[str] = ()) -> Plan:
    """Plan a run with these changes (`--set`). Intervals among them override those that follow from the speed."""
    run, speed = fitted(override_all(run, assignments), device)
    run = override_all(run, [text for text in assignments if text.startswith("every")])
    return Plan(run=run, device=device, speed=speed, split=split)


def fitted(run: AnyRun, device: torch.device) -> tuple[AnyRun, Speed]:
    """Set the batch in flight, the precision, the length (of a run with minutes) and the intervals by the device and
    its training speed. Return the run and that speed, which excludes the discriminator of an autoencoder."""
    if isinstance(run, Run):
        run = sizing.with_bf16(sizing.with_microbatch(run, device), device)
    half = isinstance(run, Run) and run.precision == "bf16"
    speed = throughput.estimated_speed(step_flops(run), run.batch, device, half=half)
    if speed is None:
        rate = measure.measure(run, device, seconds=sizing.seconds_to_measure(run))
        if isinstance(run, Run):
            run, rate = measure.compiled_where_it_pays(run, device, rate)
        speed = Speed(rate)
    return sizing.timed(run, speed.images_per_second), speed


def replan(before: Plan, factor: float, *, batch: int | None, assignments: Sequence[str]) -> Plan | None:
    """Plan again for a device that turned out to be `factor` times as fast, with the same changes by the user. None if
    the network would have about the same size, so that starting over would gain nothing."""
    run = recommend.again(before.run, before.device, speed=factor, batch=batch, split=before.split)
    run = override_all(run, assignments)
    if 1 / ALIKE < forward_flops(run) / forward_flops(before.run) < ALIKE:
        return None
    return plan(run, before.device, before.split, assignments=assignments)
