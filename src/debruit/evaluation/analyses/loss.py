"""The loss by timestep over the training, from the run's log."""

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from debruit.errors import InputError
from debruit.evaluation.analyses.analysis import Analysis, AnalysisTask, Result
from debruit.evaluation.loss_curves import advice, read_curves
from debruit.evaluation.requirements import Requirement, diffusion, every_time, training_log


@dataclass(frozen=True)
class LossAnalysis(Analysis):
    """Loss curves of training and held-out images, and when to stop."""

    name: ClassVar[str] = "loss"
    requires: ClassVar[tuple[Requirement, ...]] = (diffusion, every_time, training_log)
    position: ClassVar[float] = 50

    def run(self, task: AnalysisTask) -> Generator[float, None, Result]:
        assert task.loaded.log is not None, "training_log requires it"
        yield 0
        try:
            curves = read_curves(task.loaded.log)
        except InputError as error:
            return {"missing": str(error)}
        return {"advice": advice(curves)} | {k: np.asarray(v).tolist() for k, v in asdict(curves).items()}
