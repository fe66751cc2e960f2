"""A new metric is one file: a class that is registered is measured, and reported in the terminal, the JSON and the
page."""

import importlib
import sys

import pytest
from rich.console import Console

import judging
from debruit import seams
from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.evaluation import registry
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.splits import split_for_evaluation
from debruit.models.loaded import LoadedModel
from debruit.reports import page, record, tables, terminal
from debruit.reports.columns import of_evaluation

TOY = """
from dataclasses import dataclass
from typing import ClassVar

import debruit
from debruit.evaluation.requirements import class_condition
from debruit.evaluation.scores.metric import Metric
from debruit.metrics.score import Score


@debruit.register
@dataclass(frozen=True)
class Brightness(Metric):
    name: ClassVar[str] = "brightness"
    requires: ClassVar[tuple] = (class_condition,)

    def compute(self, images, reference):
        value = float(images.images.double().mean())
        return [Score(name="brightness", label="mean brightness", value=value, count=len(images), better="neither")]
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A package with one file, which registers a metric."""
    package = tmp_path / "toy_metrics"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "brightness.py").write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = dict(seams._PLUGINS)
    importlib.import_module("toy_metrics.brightness")
    yield
    seams._PLUGINS.clear()
    seams._PLUGINS.update(before)
    for name in ("toy_metrics", "toy_metrics.brightness"):
        sys.modules.pop(name)


def test_a_registered_metric_is_measured_and_reported_everywhere(toy, tmp_path):
    loaded, digits = LoadedModel.open(str(judging.trained(tmp_path / "run")), "cpu"), Digits().build()
    assert registry.parse("brightness,diversity") == ("brightness", "diversity")
    assert "brightness" in {m.name for m in registry.metrics()}
    request, store = Request(count=8, metrics=("brightness",), batch=8), ResultStore.open(tmp_path / "work", "a", "0")
    evaluation = evaluate(loaded, digits, request, store)
    (score,) = evaluation.scores
    assert score.value == float(evaluation.sets["samples"].images.double().mean())
    assert [s.label for s in evaluation.real_baseline] == ["mean brightness"]
    assert record.record(evaluation, "x")["scores"][0]["name"] == "brightness"
    assert "mean brightness" in page.render(evaluation, "x")
    assert "mean brightness" in tables.as_csv(of_evaluation(evaluation))
    console = Console(width=110)
    with console.capture() as capture:
        console.print(*terminal.tables(evaluation))
    assert "mean brightness" in capture.get()


def test_its_requirement_is_checked(toy, tmp_path):
    from judging_conditions import model, shapes

    data = shapes()
    loaded = LoadedModel(name="m", model=model(data, "mask"), digest="0")
    with pytest.raises(InputError, match="--metrics brightness: this model was trained without classes"):
        registry.choose(("brightness",), loaded, data.spec, split_for_evaluation(loaded.model, data, 20), 20)
