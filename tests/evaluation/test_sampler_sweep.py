"""Quality against cost: every sampler is tried within its budget, and the best can be made the model's own."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import judging
from debruit.apps.cli import main
from debruit.config import decode
from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.evaluation import sampler_sweep
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.metrics.frechet import frechet_distance
from debruit.models import model_file
from debruit.models.config import ModelConfig
from debruit.models.diffusion import load
from debruit.models.loaded import LoadedModel
from debruit.models.model_file import header, read, save
from debruit.reports import sampler_sweep as report
from debruit.sampling.heun import Heun
from debruit.sampling.sampler import Sampler
from debruit.seams import names
from debruit.training.run_folder import RUN, RunFolder
from debruit.workflows.store_sampling import store_sampling


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return judging.trained(tmp_path_factory.mktemp("runs") / "a")


@pytest.fixture(scope="module")
def found(folder, tmp_path_factory):
    subject, projection = LoadedModel.open(str(folder), "cpu"), judging.Projection()
    parts = ResultStore.open(tmp_path_factory.mktemp("work"), subject.name, subject.digest)
    return sampler_sweep.sweep(subject, Digits().build(), 20, projection, parts, budgets=(2, 6), budget=6)


def test_every_sampler_is_tried_within_every_budget(found):
    assert {p.name for p in found.points} == names(Sampler).keys()
    for p in found.points:
        assert p.evaluations == 2 * p.settings.sampler.evaluations(p.settings.steps) <= 6, "guidance counts"
    heun = sorted(p.evaluations for p in found.points if p.name == "heun")
    assert heun == [2, 6], "two evaluations a step, one for the last, and of each branch of guidance"
    assert found.points[0].settings == found.loaded.model.settings(), "the model's own comes first"


def test_everybody_counts_alike(found):
    """The model's own three steps with guidance: what `sample` prints, a report's page and JSON, the table of
    samplers."""
    model = found.loaded.model
    assert model.job(1, model.settings()).evaluations == 6
    assert (
        model.evaluations(model.settings()) == found.loaded.about()["evaluations"] == found.points[0].evaluations == 6
    )
    assert "3 steps (6 evaluations)" in report.conclusion(found) or found.best is not found.points[0]


def test_a_point_is_the_distance_of_its_samples_and_the_best_is_the_lowest(found):
    dataset, projection = Digits().build(), judging.Projection()
    point = next(p for p in found.points if p.name == "euler" and p.evaluations == 6)
    images = found.loaded.model.generate(20, sampler="euler", steps=3)
    reference = projection(dataset.batch(found.split.reference)["image"], dataset.spec)
    assert point.score.value == pytest.approx(frechet_distance(projection(images, dataset.spec), reference), rel=1e-5)
    assert found.best.score.value == min(p.score.value for p in found.points)
    assert found.best.gap_to_best is None
    for p in found.points:
        assert p is found.best or p.gap_to_best.value == pytest.approx(p.score.value - found.best.score.value)


def test_the_page_has_every_setting(found):
    html = report.render(found, "debruit sweep-samplers runs/a", ["stored"])
    assert "http" not in html
    assert html.count("<tr") == 1 + len(found.points)
    assert report.table(found).row_count == len(found.points)
    data = json.loads(json.dumps(report.as_record(found, "x", [])))
    assert data["points"][data["best"]]["gap_to_best"] is None


def test_a_stored_setting_is_what_the_model_samples_with(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "a")
    before, subject = load(tmp_path / "a", "cpu"), LoadedModel.open(str(tmp_path / "a"), "cpu")
    wanted = before.settings(sampler=Heun(), steps=2)
    expected = before.generate(3, sampler="heun", steps=2)
    said = store_sampling(subject, wanted)
    after = load(tmp_path / "a", "cpu")
    assert after.config == replace(before.config, sampling=wanted)
    assert after.provenance == before.provenance
    for name, weight in before.backbone.state_dict().items():
        assert torch.equal(weight, after.backbone.state_dict()[name])
    assert after.generate(3).equal(expected)
    assert "heun, 2 steps (6 evaluations)" in said[0]


def test_a_resumed_training_keeps_the_stored_setting(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "a")
    subject = LoadedModel.open(str(tmp_path / "a"), "cpu")
    wanted = subject.model.settings(sampler=Heun(), steps=2)
    said = store_sampling(subject, wanted)
    folders = [RunFolder.open(path) for path in (folder, tmp_path / "a")]
    before, after = (each.run for each in folders)
    assert after == replace(before, model=replace(before.model, sampling=wanted))
    assert folders[1].fingerprint == folders[0].fingerprint, "its states would be refused"
    assert RUN in said[1]


def test_a_lone_model_file_keeps_the_setting(folder, tmp_path):
    shutil.copy(folder / "model.safetensors", tmp_path / "m.safetensors")
    subject = LoadedModel.open(str(tmp_path / "m.safetensors"), "cpu")
    assert len(store_sampling(subject, subject.model.settings(steps=7))) == 1
    assert header(tmp_path / "m.safetensors")["config"]["sampling"]["steps"] == 7


def test_a_file_in_half_precision_stays_one(folder, tmp_path):
    path = tmp_path / "m.safetensors"
    head, weights = read(folder / "model.safetensors")
    save(path, decode(head["config"], ModelConfig), weights, head["provenance"], half=True)
    before, stored = path.stat().st_size, load_file(path)
    subject = LoadedModel.open(str(path), "cpu")
    store_sampling(subject, subject.model.settings(steps=7))
    assert header(path)["config"]["sampling"]["steps"] == 7
    assert abs(path.stat().st_size - before) < 200
    found = load_file(path)
    assert {name: w.dtype for name, w in found.items()} == {name: w.dtype for name, w in stored.items()}
    assert all(torch.equal(found[name], stored[name]) for name in stored)


def test_a_model_that_comes_with_debruit_is_not_written_to(folder, tmp_path, monkeypatch, capsys):
    path = tmp_path / "own.safetensors"
    shutil.copy(folder / "model.safetensors", path)
    monkeypatch.setattr(model_file, "shipped", lambda: {"own-8": path})
    monkeypatch.chdir(tmp_path)
    before = path.read_bytes()
    for name in ("own-8", "own.safetensors", str(path)):
        assert main(["sweep-samplers", name, "--store", "-n", "2"]) == 2
        assert f"{name} comes with debruit, and installed files are not changed: copy" in capsys.readouterr().err
        subject = LoadedModel.open(name, "cpu")
        with pytest.raises(InputError, match="copy .*own.safetensors to a folder of yours and give that file"):
            store_sampling(subject, subject.model.settings(steps=7))
    assert path.read_bytes() == before


def test_after_an_evaluation_no_real_image_is_looked_at_again(folder, tmp_path, monkeypatch):
    subject, digits = LoadedModel.open(str(folder), "cpu"), Digits().build()
    monkeypatch.setattr("debruit.evaluation.splits.REFERENCE_IMAGES", 100)
    projection = judging.look_through(judging.Projection(), monkeypatch)

    def seen(cache, name, work):
        monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / cache))
        before = projection.seen
        work(ResultStore.open(tmp_path / name, subject.name, subject.digest))
        return projection.seen - before

    judged = lambda parts: evaluate(subject, digits, Request(count=20, metrics=("frechet",)), parts)  # noqa: E731

    def tried(parts):
        return sampler_sweep.sweep(subject, digits, 20, projection, parts, budgets=(2,), budget=2)

    assert seen("a", "evaluation", judged) == 20 + 120
    after = seen("a", "sweep-samplers", tried)
    assert after % 20 == 0
    assert after >= 40
    assert seen("b", "alone", tried) == after + 120


@pytest.mark.parametrize(("changes", "sentence"), [({"budget": 0}, "1 or more"), ({"count": 1}, "at least 2 samples")])
def test_requests_that_make_no_sense(folder, tmp_path, changes, sentence):
    subject = LoadedModel.open(str(folder), "cpu")
    parts = ResultStore.open(tmp_path, subject.name, subject.digest)
    asked = {"count": 20, "budget": 4} | changes
    with pytest.raises(InputError, match=sentence):
        sampler_sweep.sweep(subject, Digits().build(), asked.pop("count"), judging.Projection(), parts, **asked)
