"""What a training says of itself on the way: losses of held-out and training images on the same noise, and the
alarm."""

import json

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from debruit.data.split import split, split_of
from debruit.models.config import named
from debruit.models.diffusion import load
from debruit.training.batches import validation_batch
from debruit.training.reporting import describe
from debruit.training.run_folder import RunFolder
from debruit.training.state import TrainState
from debruit.training.supervisor import fit
from debruit.training.validation import training_sample, validate

CPU = torch.device("cpu")


def finish(path, **options):
    folder = RunFolder.create(path, tiny.run())
    return folder, list(fit(folder, folder.run.source.build(), CPU, **options))


def records(folder):
    return [json.loads(line) for line in (folder.path / "log.jsonl").read_text().splitlines()]


def test_training_images_are_validated_beside_held_out_ones(tmp_path, capsys):
    folder, reports = finish(tmp_path / "run")
    made = [p for p in reports if p.validation]
    assert [p.report.images_seen for p in made] == [96, 160]
    assert all(p.training for p in made)
    assert all(p.training is None for p in reports if not p.validation)
    for line in records(folder):
        assert ("train_loss" in line) is ("validation_loss" in line) is (line["images_seen"] in (96, 160))
    last = records(folder)[-1]
    assert last["train_loss"] == made[-1].training.loss
    assert [last[f"train_loss_q{k}"] for k in range(1, 5)] == [
        made[-1].training.parts[f"loss_q{k}"] for k in range(1, 5)
    ]
    assert f"validation {made[-1].validation.loss:.4f}  (training images {made[-1].training.loss:.4f})" in describe(
        made[-1]
    )
    # the log's figures are those of the weights that were saved, by hand
    dataset, run = folder.run.source.build(), folder.run
    pool, held_out = split(len(dataset), run.held_out_images, run.seed)
    state = TrainState.start(run, CPU)
    folder.restore(state)
    assert validate(state.average, run, dataset, training_sample(pool, held_out, run.seed), CPU) == made[-1].training
    assert validate(state.average, run, dataset, held_out, CPU) == made[-1].validation


def test_each_report_is_progress_for_whoever_listens(tmp_path, heard):
    _, reports = finish(tmp_path / "run")
    progress = [event for event in heard if event.done is not None]
    assert [event.done for event in progress] == [p.report.images_seen for p in reports] == [32, 64, 96, 128, 160]
    assert {event.stage for event in progress} == {"train"}
    assert [event.message for event in progress] == [describe(p) for p in reports]
    assert [event.values["loss"] for event in progress] == [p.report.loss for p in reports]
    assert [event.values["keep"] for event in progress] == [p.validation is not None for p in reports]
    assert progress[-1].total == 160
    assert progress[-1].values["share"] == 1.0


def test_both_meet_the_same_noise_and_share_no_image():
    run = tiny.run()
    dataset = run.source.build()
    pool, held_out = split(len(dataset), 20, run.seed)
    chosen = training_sample(pool, held_out, run.seed)
    assert len(chosen) == 20
    assert set(chosen) <= set(pool)
    assert np.array_equal(chosen, training_sample(pool, held_out, run.seed))
    assert not np.array_equal(chosen, training_sample(pool, held_out, run.seed + 1))
    a, b = (validation_batch(run, dataset, part) for part in (held_out, chosen))
    assert torch.equal(a.eps, b.eps)
    assert torch.equal(a.t, b.t)
    assert not torch.equal(a.x0, b.x0)


def test_the_alarm_is_run_at_each_preview_and_changes_no_weight(tmp_path, heard):
    asked = []

    def alarm(state):
        asked.append(state.images_seen)
        return f"alarm at {state.images_seen}" if len(asked) == 2 else None

    plain, _ = finish(tmp_path / "plain")
    folder, reports = finish(tmp_path / "run", alarm=alarm)
    assert asked == [96, 160]
    assert [p.alarm for p in reports] == [None, None, None, None, "alarm at 160"]
    assert records(folder)[-1]["alarm"] == "alarm at 160"
    assert "alarm" not in records(folder)[2]
    mine, other = (load_file(f.path / "model.safetensors") for f in (folder, plain))
    assert all(torch.equal(value, mine[name]) for name, value in other.items())
    assert [event.message for event in heard if event.message.startswith("alarm")] == ["alarm at 160"]


class Time:
    """The clock of a budget, which only the tests' work advances."""

    def __init__(self, monkeypatch):
        from debruit.training import time_budget

        self.now = 0.0
        monkeypatch.setattr(time_budget, "now", lambda: self.now)
        monkeypatch.setattr(time_budget, "seconds_since", lambda began: self.now - began)


@pytest.fixture
def budgets(monkeypatch):
    """The budgets that `fit` makes."""
    from debruit.training import supervisor as fits
    from debruit.training import time_budget

    made = []

    class Watched(time_budget.Budget):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(fits, "Budget", Watched)
    return made


def test_the_clock_counts_the_alarm(tmp_path, monkeypatch, budgets):
    """Its time is reserved for, so that --minutes holds."""
    clock = Time(monkeypatch)

    def slow(state):
        clock.now += 50.0

    finish(tmp_path / "run", alarm=slow)
    assert budgets[0].costs.seen["alarm"] == [50.0, 50.0]
    assert budgets[0].costs.spent["preview"] == 0.0
    assert budgets[0].elapsed == pytest.approx(100.0)


def test_what_the_alarm_prepares_is_not_taken_for_its_cost(tmp_path, monkeypatch, budgets):
    """It comes once, before the first step, out of the minutes."""
    from debruit.training.tasks import diffusion

    clock, batch = Time(monkeypatch), diffusion.training_batch
    monkeypatch.setattr(diffusion, "ALARM_COUNT", 1)  # so that an alarm is expected to take no more than it may

    class Slow:
        prepared, asked = [], []

        def prepare(self):
            self.prepared.append(clock.now)
            clock.now += 10.0

        def __call__(self, state):
            self.asked.append(state.images_seen)
            clock.now += 0.1

    def timed(run, *arguments, **latents):
        clock.now += 1.0 * run.batch / 16
        return batch(run, *arguments, **latents)

    monkeypatch.setattr(diffusion, "training_batch", timed)
    alarm, run = Slow(), tiny.run(minutes=1.0, images=900)
    folder = RunFolder.create(tmp_path / "run", run)
    reports = list(fit(folder, run.source.build(), CPU, alarm=alarm))
    assert alarm.prepared == [0.0], "once, first"
    assert reports[0].images_per_second == pytest.approx(16.0, rel=0.01), "it is not taken for training"
    assert 0 < reports[0].total_images <= 50 * 16, "of the minute 50 seconds are left"
    assert clock.now == pytest.approx(60.0, abs=2.0)
    assert all(seconds == pytest.approx(0.1) for seconds in budgets[0].costs.seen["alarm"])
    assert alarm.asked[-1] == reports[-1].report.images_seen
    # a run that has ended has nothing to prepare for
    seen = alarm.asked[-1]
    list(fit(RunFolder.open(folder.path, images=seen), run.source.build(), CPU, resume=True, alarm=alarm))
    assert len(alarm.prepared) == 1


def test_a_model_file_says_whether_it_was_trained_on_mirror_images(tmp_path):
    for flip in (True, False):
        run = tiny.run(flip=flip)
        folder = RunFolder.create(tmp_path / str(flip), run)
        state = TrainState.start(run, CPU)
        folder.save(state, (run.model, named(state.average, None)))
        assert load(folder.path / "model.safetensors", "cpu").provenance["flip"] is flip


def test_a_workflow_gives_the_alarm(tmp_path, monkeypatch, heard):
    from debruit.workflows import training_session

    says = lambda run, dataset, split: lambda state: f"alarm: heard at {state.images_seen}"  # noqa: E731
    monkeypatch.setattr(training_session, "CopyAlarm", says)
    folder = RunFolder.create(tmp_path / "run", tiny.run())
    dataset = folder.run.source.build()
    last = training_session.run_training(folder, dataset, CPU, split_of(dataset, folder.run))
    assert not last.interrupted
    assert "alarm: heard at 160" in [event.message for event in heard]
