"""One training in its folder, with the copy alarm and with another plan if the machine is faster or slower than
assumed."""

from collections.abc import Callable
from typing import Any

import torch

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.split import Split
from debruit.evaluation.memorisation.monitor import CopyAlarm
from debruit.planning.plan import Plan, replan
from debruit.training.config import Run
from debruit.training.reporting import TrainingReport
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit


def run_training(
    folder: RunFolder,
    dataset: Dataset,
    device: torch.device,
    split: Split,
    *,
    resume: bool = False,
    started: float | None = None,
    replan: Callable[[float], Any] | None = None,
    after: float = 0.0,
) -> TrainingReport | None:
    """Train a folder's run to its end or until it is cancelled; return the last report (None: nothing was left to do).

    `started` (time.monotonic()) is when the minutes began, now by default; `after` seconds of the user's minutes come
    after this training. `replan(factor)` gives the run for a machine that turns out to be `factor` times as fast.
    """
    alarm = CopyAlarm(folder.run, dataset, split) if isinstance(folder.run, Run) else None

    def again(factor: float) -> Any:
        run = replan(factor) if replan else None
        if run is not None and alarm is not None:
            alarm.run = run
        return run

    last = None
    for last in fit(
        folder,
        dataset,
        device,
        split=split,
        resume=resume,
        began=started,
        after=after,
        alarm=alarm,
        replan=again if replan else None,
    ):
        pass
    return last


def replanner(plan: Plan, *, batch: int | None, assignments: tuple[str, ...]) -> Callable[[float], Any]:
    """For `run_training`: the run of a new plan, which is reported; None where it would be about the same."""

    def again(factor: float) -> Any:
        new = replan(plan, factor, batch=batch, assignments=assignments)
        if new is None:
            return None
        for line in new.summary:
            events.say(line, stage="plan")
        return new.run

    return again
