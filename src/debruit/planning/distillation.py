"""The run of a distillation: the student's configuration, what is distilled of the teacher, batch and length."""

from dataclasses import fields, replace
from typing import Any

import torch

from debruit.data.source import Source
from debruit.device import has_bf16
from debruit.diffusion.objective import Objective
from debruit.diffusion.weighting import Simple
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.planning import throughput
from debruit.planning.cost import BACKWARD, cost
from debruit.planning.recommend import DEFAULT_MINUTES
from debruit.sampling.config import SamplingConfig
from debruit.sampling.euler import Euler
from debruit.sampling.grids import Grid, Through, UniformTime
from debruit.sampling.unipc import UniPC
from debruit.training.config import DistillationRun, Optimiser, Teacher

MOST_STEPS = 32  # of a teacher whose sampler is replaced
TEACHER_SHARE = (
    2.0  # evaluations of the teacher for an example, at most: its trajectories are used as often as it takes
)
UNINFORMATIVE = ("eps", "score")  # predictions that say next to nothing about the image at much noise
CPU_BATCH, GPU_BATCH, LR = 64, 256, 1e-3


def distilled_sampling(teacher: Model, evaluations: int) -> SamplingConfig:
    """Return the sampling settings that are distilled: the teacher's own, with a number of steps that is a multiple of
    the student's. A sampler that draws noise has no trajectory to learn; it is replaced by UniPC."""
    settings = teacher.settings()
    steps = settings.steps
    if settings.sampler.stochastic:
        steps = min(steps, MOST_STEPS)
        settings = replace(settings, sampler=UniPC(), grid=UniformTime())
    return replace(settings, steps=-(-steps // evaluations) * evaluations)


def student(teacher: ModelConfig, distilled: SamplingConfig, evaluations: int) -> ModelConfig:
    """Return the configuration of a student: the teacher's network, one branch, and its own few steps.

    The straight line over a segment may lead out of the data's range, so no estimate is clipped. A student has no
    dropout, since it learns a function. For a prediction of the noise, which at t = 1 says nothing about the image, it
    predicts v (Salimans & Ho 2022, section 4).
    """
    sampling = SamplingConfig(
        sampler=Euler(), grid=own_grid(teacher, distilled, evaluations), steps=evaluations, clip=False
    )
    network: Any = teacher.network
    if "dropout" in {f.name for f in fields(network)}:
        network = replace(network, dropout=0.0)
    predicts = "v" if teacher.predicts in UNINFORMATIVE else teacher.predicts
    return replace(teacher, sampling=sampling, network=network, predicts=predicts)


def own_grid(teacher: ModelConfig, distilled: SamplingConfig, evaluations: int) -> Grid:
    """Return the grid of the student, whose times are among the teacher's."""
    times = list(distilled.grid.times(teacher.process, distilled.steps))[:: distilled.steps // evaluations]
    same = list(distilled.grid.times(teacher.process, evaluations)) == times
    return distilled.grid if same else Through(points=tuple(times))


def recommend(
    teacher: Model,
    named: tuple[str, str],
    source: Source,
    device: torch.device,
    *,
    evaluations: int,
    record: dict[str, Any],
    minutes: float | None = None,
    images: int | None = None,
    batch: int | None = None,
    **settings: Any,
) -> DistillationRun:
    """Return the run that distils `teacher`, `named` by its name and digest, on the conditions of `source`.

    `record` as in Teacher; `settings` are the other fields of the run, such as those of the split.
    """
    sampling = distilled_sampling(teacher, evaluations)
    model = student(teacher.config, sampling, evaluations)
    spent = teacher.evaluations(sampling, teacher.conditioned())
    reuse = max(round(spent / (TEACHER_SHARE * evaluations)), 1)
    unit = evaluations * reuse
    usual = CPU_BATCH if device.type == "cpu" else GPU_BATCH
    if minutes is None and images is None:
        minutes = DEFAULT_MINUTES
    if images is None:
        speed = throughput.throughput(device, half=device.type == "cpu" and has_bf16(device))
        images = int(speed * 60 * (minutes or 0) / (cost(model).forward_flops * (BACKWARD + TEACHER_SHARE)))
    return DistillationRun(
        source=source,
        model=model,
        teacher=Teacher(name=named[0], digest=named[1], sampling=sampling, evaluations=spent, record=record),
        evaluations=evaluations,
        reuse=reuse,
        minutes=minutes,
        images=max(images, 1),
        batch=max(round(usual / unit), 1) * unit if batch is None else batch,
        objective=Objective(weighting=Simple(space=model.predicts)),
        optimiser=Optimiser(lr=LR, warmup_images=min(2_000, max(images, 1) // 20)),
        **settings,
    )
