"""Distillation: examples from the teacher's trajectories, a student that learns them, a run that resumes to the bit."""

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from oracles import PROCESSES
from safetensors.torch import load_file

import painted
from debruit.conditioning.batch import ConditionBatch
from debruit.data.order import Order
from debruit.data.sources.digits import Digits
from debruit.data.split import split_of
from debruit.diffusion.prediction import PREDICTIONS
from debruit.errors import InputError
from debruit.models.diffusion import Model
from debruit.models.model_file import digest
from debruit.planning import distillation
from debruit.sampling.config import SamplingConfig
from debruit.sampling.ddim import DDIM
from debruit.sampling.euler import Euler
from debruit.sampling.grids import Karras, Through, UniformTime
from debruit.sampling.loop import last, trajectory
from debruit.sampling.sampler import level
from debruit.training.config import DistillationRun, Intervals
from debruit.training.run_folder import TEACHER, RunFolder
from debruit.training.supervisor import fit
from debruit.training.tasks.distillation import Distillation
from debruit.training.trajectories import Trajectories, TrajectorySource, examples

CPU = torch.device("cpu")
EVERY = Intervals(report_images=32, validate_images=96, preview_images=96, save_images=64)


def teacher(**changes) -> Model:
    """A model of the digits whose random network does something at every t."""
    config = replace(tiny.run().model, **changes)
    torch.manual_seed(0)
    backbone = config.build()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return Model(config, backbone, {"seed": 3})


def run_of(model: Model, path: Path | None = None, *, evaluations: int = 2, **changes) -> DistillationRun:
    run = distillation.recommend(
        model,
        ("the teacher", "" if path is None else digest(path)),
        Digits(),
        CPU,
        evaluations=evaluations,
        record={},
        images=160,
        seed=3,
        validation_images=20,
    )
    return replace(run, batch=8 * evaluations, reuse=2, spacing=2, every=EVERY, **changes)


def folder_of(path: Path, **changes) -> RunFolder:
    path.mkdir(parents=True, exist_ok=True)
    teacher().save(path / TEACHER)
    return RunFolder.create(path, run_of(teacher(), path / TEACHER, **changes))


def finish(folder: RunFolder, *, resume=False, until=None):
    reports = []
    for report in fit(folder, folder.run.source.build(), CPU, resume=resume):
        reports.append(report)
        if until is not None and report.report.images_seen >= until:
            break
    return reports


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_eulers_steps_over_the_examples_pass_through_the_trajectory(process):
    """For any points and any process: the targets are those of a student that reproduces the teacher."""
    grid = [1.0, 0.7, 0.2, 0.0]
    x = torch.randn(3, len(grid), 1, 4, 4, generator=torch.Generator().manual_seed(0))
    batch = examples(Trajectories(x, ConditionBatch({}, {})), grid, process)
    targets = {t: batch.x0[batch.t == t] for t in grid[:-1]}

    def student(x_t, t):
        at = level(process, t)
        return type("Estimate", (), {"x0": targets[t], "eps": (x_t - at.alpha * targets[t]) / at.sigma})()

    for k, snapshot in enumerate(trajectory(student, process, Euler(), x[:, 0], grid, lambda: x[:, 0])):
        assert torch.allclose(snapshot.x, x[:, k], atol=1e-4)


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_the_noisy_image_of_an_example_is_the_teachers_own(predicts):
    model = teacher(predicts=predicts, process=PROCESSES["Tabulated"])
    run = run_of(model)
    source = TrajectorySource(run, model, Digits().build())
    paths = source.validation(torch.arange(3).numpy())
    batch = examples(paths, source.grid, run.model.process)
    for t, x0, eps, x_t in zip(batch.t, batch.x0, batch.eps, paths.x[:, :-1].flatten(0, 1), strict=True):
        at = level(run.model.process, float(t))
        assert torch.allclose(at.alpha * x0 + at.sigma * eps, x_t, atol=1e-4)
    assert run.model.predicts == ("v" if predicts in ("eps", "score") else predicts)


def test_the_last_point_of_a_trajectory_is_the_teachers_image():
    """Guidance, its interval and the number of steps are the teacher's own."""
    model = teacher()
    run = run_of(model, evaluations=3)
    paths = TrajectorySource(run, model, Digits().build()).validation(torch.arange(4).numpy())
    job = model.job_under(paths.conditions, model.settings(), range(4))
    alone = last(job.run(paths.x[:, 0])).x
    assert torch.allclose(paths.x[:, -1], alone, atol=1e-5)
    assert run.teacher.evaluations == model.evaluations(model.settings(), model.conditioned())


def test_batches_are_functions_of_their_position():
    """Whatever was requested before; each trajectory is used `reuse` times, once the training has as many."""
    run = run_of(teacher())
    dataset = Digits().build()
    order = Order(split_of(dataset, run).train, run.seed)
    one, other = (TrajectorySource(run, teacher(), dataset) for _ in range(2))
    in_turn = [one.batch(order, 16 * k, 0) for k in range(8)]
    alone = other.batch(order, 16 * 5, 0)
    assert torch.equal(in_turn[5].x0, alone.x0)
    assert torch.equal(in_turn[5].keep["label"], alone.keep["label"])
    uses = sum(int((batch.x0 == alone.x0[0]).flatten(1).all(1).sum()) for batch in in_turn)
    assert uses == run.reuse
    assert not torch.equal(other.batch(order, 0, 0).x0, other.batch(order, 0, 1).x0), "other noise after a roll-back"


def test_a_student_comes_closer_to_its_teacher(tmp_path):
    folder = folder_of(tmp_path / "run", images=960)
    reports = finish(folder)
    distances = [r.validation.parts["distance"] for r in reports if r.validation]
    assert distances[-1] < 0.8 * distances[0]
    student = Model.load(folder.path)
    assert student.evaluations(student.settings(), student.conditioned()) == 2
    assert student.generate(3, label="7").shape == (3, 1, 8, 8)
    assert student.provenance["distilled"]["teacher"] == "the teacher"
    assert list((folder.path / "previews").iterdir())


@pytest.mark.parametrize("killed_at", [32, 96])
def test_resumed_students_are_bit_identical(tmp_path, killed_at):
    whole, cut = folder_of(tmp_path / "whole"), folder_of(tmp_path / "cut")
    finish(whole)
    finish(cut, until=killed_at)
    finish(RunFolder.open(cut.path), resume=True)
    other = load_file(cut.path / "model.safetensors")
    for name, value in load_file(whole.path / "model.safetensors").items():
        assert torch.equal(value, other[name]), name


def test_another_teacher_in_the_folder_is_refused(tmp_path):
    folder = folder_of(tmp_path / "run")
    teacher(predicts="v").save(folder.path / TEACHER)
    with pytest.raises(InputError, match=r"teacher.safetensors is another model than the teacher of this run"):
        finish(folder)


def test_a_latent_teacher_gives_a_student_with_its_autoencoder():
    model = painted.model(latent=True)
    run = distillation.recommend(
        model, ("t", ""), Digits(), CPU, evaluations=1, record={}, images=16, validation_images=4
    )
    dataset = Digits().build()
    task = Distillation(run, dataset, CPU, split_of(dataset, run), model)
    config, weights = task.model(task.start())
    assert config.sampling.steps == 1
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in model.weights().items()
    }


def test_the_students_grid_is_part_of_the_teachers():
    config = tiny.run().model
    for grid, steps in ((UniformTime(shift=3.0), 8), (Karras(sigma_min=0.02), 9)):
        model = teacher(sampling=SamplingConfig(grid=grid, steps=steps))
        run = run_of(model, evaluations=4)
        wide = run.teacher.sampling.grid.times(config.process, run.teacher.sampling.steps)
        own = run.model.sampling.grid.times(config.process, 4)
        assert run.teacher.sampling.steps % 4 == 0
        assert all(min(abs(t - other) for other in wide) < 1e-9 for t in own)


def test_a_sampler_that_draws_noise_is_replaced():
    model = teacher(sampling=SamplingConfig(sampler=DDIM(eta=1.0), steps=100))
    run = run_of(model)
    assert not run.teacher.sampling.sampler.stochastic
    assert run.teacher.sampling.steps == distillation.MOST_STEPS


@pytest.mark.parametrize("points", [(1.0,), (1.0, 0.5), (1.0, 0.5, 0.5, 0.0), (0.9, 0.0)])
def test_a_grid_through_points_that_do_not_fall_from_one_to_zero(points):
    with pytest.raises(InputError, match="give falling times from 1 to 0"):
        Through(points=points)


def test_a_grid_through_points_passes_through_them():
    points = (1.0, 0.8, 0.3, 0.0)
    process = tiny.run().model.process
    assert Through(points=points).times(process, 3) == list(points)
    assert Through(points=points).times(process, 6)[::2] == pytest.approx(points)


def test_a_batch_that_is_no_multiple_is_refused():
    with pytest.raises(InputError, match=r"a batch of 15: .* takes multiples of 4; give --batch 16"):
        replace(run_of(teacher()), batch=15)
