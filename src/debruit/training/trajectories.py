"""Examples for a student of N steps: the trajectories of its teacher, guided as the teacher is by default.

A sampler without noise maps x_1 to an image along one trajectory, a solution of the probability-flow ODE. The student's
grid t_0 = 1 > t_1 > ... > t_N = 0 cuts it into N segments. Over the one from t to s, Euler's step (sampling/euler.py)
from x_t ends exactly at the teacher's x_s for the estimates

    x0* = (x_s - r x_t) / (alpha_s - r alpha_t),    eps* = (x_t - alpha_t x0*) / sigma_t,    r = sigma_s / sigma_t

So an example is (x0*, t, eps*), whose noisy image alpha_t x0* + sigma_t eps* is x_t, and the loss of a student is that
of any diffusion model (diffusion/objective.py). Since each x_t is a point that the teacher reaches itself, the student
meets in sampling what it has learned from, and one branch learns the guided trajectory.

With one teacher step in a segment this is the target of progressive distillation (Salimans & Ho 2022, algorithm 2,
https://arxiv.org/abs/2202.00512); with many, each segment is distilled at once, as in TRACT (Berthelot et al. 2023,
https://arxiv.org/abs/2303.04248) and PeRFlow (Yan et al. 2024, https://arxiv.org/abs/2405.07510), without stages. For
N = 1 it is the regression onto pairs of noise and image of Luhman & Luhman 2021, https://arxiv.org/abs/2101.02388.

A trajectory costs far more than a training step, so it is used several times: batch k has the new trajectories of group
k and those of groups k - spacing, k - 2 spacing, ..., which all are functions of the seed and k.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.items import has, values_of
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.windows import windows
from debruit.diffusion.process import Process
from debruit.models.diffusion import Model
from debruit.rng import Purpose, stream
from debruit.sampling.loop import trajectory
from debruit.sampling.sampler import level
from debruit.training.batches import Batch
from debruit.training.config import DistillationRun
from debruit.training.optim.gradient import autocast


@dataclass(frozen=True)
class Trajectories:
    """The teacher's x at the times of the student's grid, (B, N + 1, C, *S) from noise to image, on the CPU, and the
    conditions that it had."""

    x: Tensor
    conditions: ConditionBatch


class TrajectorySource:
    """The trajectories of a distillation, by their number; the last ones stay in memory."""

    def __init__(self, run: DistillationRun, teacher: Model, dataset: Dataset) -> None:
        self.run, self.teacher, self.dataset = run, teacher, dataset
        sampling = run.teacher.sampling
        self.times = list(sampling.grid.times(run.model.process, sampling.steps))
        self.grid = self.times[:: sampling.steps // run.evaluations]
        self._groups: dict[tuple[int, int], Trajectories] = {}

    def batch(self, order: Order, first: int, attempt: int) -> Batch:
        """Return examples first..first + batch - 1 of the training, on the CPU."""
        run, k = self.run, first // self.run.batch
        # the first batches use the few groups that there are more often
        spacing = min(run.spacing, k // max(run.reuse - 1, 1))
        numbers = [k - n * spacing for n in range(run.reuse)]
        self._groups = {
            key: group for key, group in self._groups.items() if key[0] == attempt and key[1] >= k - run.reuse * spacing
        }
        groups = [self._group(order, number, attempt) for number in numbers]
        parts = [examples(group, self.grid, run.model.process) for group in groups]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def validation(self, indices: np.ndarray) -> Trajectories:
        """Return the trajectories of the images with these indices, with fixed noise and every condition kept."""
        values = self._values(indices, None, 0, Purpose.VALIDATION_CROP)
        noise = stream(Purpose.TRAJECTORY_VALIDATION, self.run.seed).normal_rows(0, len(indices), self._shape)
        return self.sample(ConditionBatch.from_values(self.run.step_model, values, len(indices)), noise)

    def sample(self, conditions: ConditionBatch, noise: Tensor) -> Trajectories:
        """Return the trajectories that start from `noise`, (B, C, *S) of unit variance, with these conditions."""
        teacher, sampling = self.teacher, self.run.teacher.sampling
        job = teacher.job_under(conditions, sampling, range(len(noise)))
        x = level(job.process, self.times[0]).sigma * noise.to(teacher.device)
        stride = sampling.steps // self.run.evaluations
        with torch.no_grad(), autocast(self.run, teacher.device):
            walk = trajectory(job.denoise, job.process, sampling.sampler, x, self.times, job.noise)
            points = [snapshot.x.float() for snapshot in walk if snapshot.step % stride == 0]
        return Trajectories(torch.stack(points, dim=1).cpu(), conditions)

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.run.step_model.latent_shape

    def _group(self, order: Order, number: int, attempt: int) -> Trajectories:
        """Return the trajectories that batch `number` adds."""
        key = (attempt, number)
        if key not in self._groups:
            run, count = self.run, self.run.trajectories
            first, conditioners = number * count, run.model.conditioners
            indices, epochs = order.take(first, count)
            noise = stream(Purpose.TRAJECTORY, run.seed, attempt).normal_rows(first, count, self._shape)
            u = stream(Purpose.TRAJECTORY_DROP, run.seed, attempt).uniform_rows(first, count, len(conditioners))
            values = self._values(indices, epochs, first, Purpose.CROP)
            degrade = stream(Purpose.DEGRADE, run.seed, attempt)
            shown = {c.name: c.degraded(values[c.name], degrade, first) for c in conditioners if c.name in values}
            given = ConditionBatch.from_values(run.step_model, shown, count)
            keep = {c.name: given.keep[c.name] & (u[:, n] >= c.drop) for n, c in enumerate(conditioners)}
            self._groups[key] = self.sample(ConditionBatch(given.values, keep), noise)
        return self._groups[key]

    def _values(
        self, indices: np.ndarray, epochs: np.ndarray | None, first: int, purpose: Purpose
    ) -> Mapping[str, Tensor]:
        """Return the values of the conditions that the data has. Windows of a run with `crop` come from rows `first`
        on of the stream of `purpose`."""
        run, images = self.run, None
        read = [c for c in run.model.conditioners if has(self.dataset, c.item)]
        if run.crop:
            images = windows(self.dataset.images_of(indices), run.crop, run.seed, first, purpose=purpose)
        return values_of(run.step_model, read, self.dataset, indices, epochs=epochs, images=images)


def examples(paths: Trajectories, grid: list[float], process: Process) -> Batch:
    """Return the example of each segment of each trajectory, (B N, ...)."""
    starts, ends = [level(process, t) for t in grid[:-1]], [level(process, t) for t in grid[1:]]
    ratios = [s.sigma / t.sigma for t, s in zip(starts, ends, strict=True)]
    spans = [s.alpha - r * t.alpha for t, s, r in zip(starts, ends, ratios, strict=True)]

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=paths.x.dtype).reshape(1, -1, *[1] * (paths.x.ndim - 2))

    x_t, x_s = paths.x[:, :-1], paths.x[:, 1:]
    x0 = (x_s - column(ratios) * x_t) / column(spans)
    eps = (x_t - column([t.alpha for t in starts]) * x0) / column([t.sigma for t in starts])
    count, steps = x_t.shape[:2]
    repeat = lambda part: {name: x.repeat_interleave(steps, dim=0) for name, x in part.items()}  # noqa: E731
    return Batch(
        x0.flatten(0, 1),
        torch.tensor(grid[:-1], dtype=torch.float64).repeat(count),
        eps.flatten(0, 1),
        repeat(paths.conditions.values),
        repeat(paths.conditions.keep),
        np.zeros(count * steps, np.uint64),  # a student has no dropout
    )


def _joined(parts: list[Batch]) -> Batch:
    """Return several batches as one."""
    join = lambda dicts: {name: torch.cat([one[name] for one in dicts]) for name in dicts[0]}  # noqa: E731
    return Batch(
        torch.cat([part.x0 for part in parts]),
        torch.cat([part.t for part in parts]),
        torch.cat([part.eps for part in parts]),
        join([part.values for part in parts]),
        join([part.keep for part in parts]),
        np.concatenate([part.keys for part in parts]),
    )
