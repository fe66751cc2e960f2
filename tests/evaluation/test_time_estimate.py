"""What is said before an evaluation: the time, how many features, and after an interruption what is left; and features
that are kept for every model."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import judging
from debruit import events
from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.evaluation import sampling_stage
from debruit.evaluation.conditions import sample_conditions
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.sampling_stage import Probe
from debruit.evaluation.splits import split_for_evaluation
from debruit.images.spec import DataSpec
from debruit.judges.features.network import NetworkExtractor, seconds_per_image
from debruit.models.loaded import LoadedModel

REQUEST = Request(count=24, metrics=("frechet",), batch=8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    return [
        LoadedModel.open(str(judging.trained(base / name, seed=seed)), "cpu") for name, seed in (("a", 3), ("b", 4))
    ]


@pytest.fixture
def projection(monkeypatch, tmp_path):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("debruit.evaluation.splits.REFERENCE_IMAGES", 100)
    return judging.look_through(judging.Projection(), monkeypatch)


def run(subject, folder, request=REQUEST):
    """The evaluation, its lines, and its reports of progress."""
    heard: list[events.Event] = []
    with events.listen(heard.append):
        found = evaluate(subject, Digits().build(), request, ResultStore.open(folder, subject.name, subject.digest))
    return found, [e.message for e in heard if e.done is None], [e for e in heard if e.done is not None]


def looked_at(projection, work) -> int:
    before = projection.seen
    work()
    return projection.seen - before


def test_features_are_kept_for_a_second_evaluation_and_for_another_model(runs, projection, tmp_path):
    a, b = runs
    assert looked_at(projection, lambda: run(a, tmp_path / "a")) == 24 + 24 + 100
    assert looked_at(projection, lambda: run(a, tmp_path / "again")) == 24, "its samples, of another folder"
    divisions = [split_for_evaluation(s.model, Digits().build(), 24, most=100) for s in runs]
    new = set(np.concatenate([divisions[1].baseline, divisions[1].reference])) - set(
        np.concatenate([divisions[0].baseline, divisions[0].reference])
    )
    assert looked_at(projection, lambda: run(b, tmp_path / "b")) == 24 + len(new)


def test_an_interruption_among_the_features_costs_a_piece_at_most(runs, projection, tmp_path, monkeypatch):
    from debruit.judges import feature_cache as store

    monkeypatch.setattr(store, "PIECE", 40)
    projection.fails_after = 24 + 80
    with pytest.raises(KeyboardInterrupt):
        run(runs[0], tmp_path / "a")
    assert projection.seen == 24 + 80
    projection.fails_after = None
    _, said, _ = run(runs[0], tmp_path / "a")
    assert projection.seen == 24 + 124
    assert any("saved results are reused and not counted" in line for line in said)


def test_the_time_is_reported_before_the_first_stage_and_less_after_an_interruption(
    runs, projection, tmp_path, monkeypatch
):
    monkeypatch.setattr("debruit.evaluation.sampling_stage.probe", lambda *a: Probe(evaluation=1.0, few=1.0))
    monkeypatch.setattr("debruit.evaluation.estimate.seconds_per_image", lambda *a: 0.1)
    model, digits = runs[0].model, Digits().build()
    conditions = sample_conditions(model, digits, split_for_evaluation(model, digits, 24))
    each = sampling_stage.evaluations(model, model.settings(), conditions)
    store = ResultStore.open(tmp_path, runs[0].name, runs[0].digest)
    heard = judging.interrupted(lambda: evaluate(runs[0], digits, REQUEST, store), until=lambda e: (e.done or 0) >= 16)
    line = next(e.message for e in heard if re.match(r"about \d", e.message))
    first = next(e for e in heard if e.done is not None)
    assert heard[heard.index(first) - 1].message == line
    assert f"features of real images {124 * 0.1:.0f} s (124 images)" in line
    assert first.eta == pytest.approx(24 * each + 2.4 + 12.4, abs=3)
    _, _, again = run(runs[0], tmp_path)
    assert again[0].eta == pytest.approx(8 * each + 0.8 + 12.4, abs=3), "two batches of three lie on the disk"


def test_the_share_that_is_done_never_falls_and_totals_stay(runs, projection, tmp_path):
    _, _, seen = run(runs[0], tmp_path, replace(REQUEST, metrics=("frechet", "kid", "diversity", "memorisation")))
    shares = [p.values["share"] for p in seen]
    assert shares == sorted(shares)
    totals: dict[str, set[float]] = {}
    for p in seen:
        totals.setdefault(p.stage, set()).add(p.total)
        assert 0 <= p.done <= p.total
    assert all(len(each) == 1 for each in totals.values()), totals


def test_fewer_reference_images_are_recorded_and_never_mixed(runs, projection, tmp_path, monkeypatch):
    few, _, _ = run(runs[0], tmp_path, replace(REQUEST, reference=50))
    more, _, _ = run(runs[0], tmp_path, replace(REQUEST, reference=200))
    assert (len(few.split.reference), len(more.split.reference)) == (50, 200)
    assert few.scores[0].value != more.scores[0].value
    assert "another choice of the 50 reference images would move it by about" in few.scores[0].note
    again, _, _ = run(runs[0], tmp_path, replace(REQUEST, reference=50))
    assert again.scores == few.scores
    with pytest.raises(InputError, match="--reference 1: a distance needs at least 2"):
        replace(REQUEST, reference=1)


def network(runtime: str) -> NetworkExtractor:
    prepare = lambda images, spec: spec.to_model(images)  # noqa: E731
    return NetworkExtractor(
        label="x",
        dimensions=4,
        fingerprint="x",
        prepare=prepare,
        forward=lambda x: x.flatten(1)[:, :4],
        batch=3,
        runtime=runtime,
    )


def test_batches_at_once_give_the_same_features_in_the_same_order(monkeypatch):
    spec = DataSpec(name="x", channels=1, height=2, width=2, depth="uint8", low=0, high=255, count=50)
    images = torch.randint(0, 255, (50, 1, 2, 2), dtype=torch.uint8)
    expected = network("torch")(images, spec)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert network("onnxruntime").workers == 3
    np.testing.assert_array_equal(network("onnxruntime")(images, spec), expected)
    assert not torch.is_inference_mode_enabled()
    assert seconds_per_image(network("onnxruntime"), spec) > 0
