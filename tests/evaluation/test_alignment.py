"""Samples that show what was requested score what real images do; those that show something else score what they
would without being asked."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import judging
import judging_conditions as shapes
from debruit.evaluation import sampling_stage
from debruit.evaluation.compare import compare
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.registry import metrics
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedModel
from debruit.reports import comparison, page, record, terminal

METRICS_ASKED = ("accuracy", "mask-iou", "mask-iou-by-class", "caption-retrieval")
REQUEST = Request(count=80, metrics=METRICS_ASKED, batch=32)


@pytest.fixture(scope="module")
def data():
    return shapes.shapes()


@pytest.fixture(scope="module", autouse=True)
def _quick(tmp_path_factory):
    """Networks that learn these simple images in a second, once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBRUIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("debruit.judges.supervised.segmenter.SegmenterTask.passes", 6)
        patch.setattr("debruit.judges.supervised.classifier.ClassifierTask.passes", 8)
        patch.setattr("debruit.evaluation.networks.find_sentences", words)
        judging.look_through(judging.Projection(dimensions=24, label="EffNetLite0"), patch)
        yield


def words():
    from debruit.judges.captions.sentences import Sentences, hashed

    return Sentences("words", "words", hashed)


@pytest.fixture(scope="module")
def subject(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    shapes.model(data, "text", "mask", "label").save(path)
    return LoadedModel.open(str(path), "cpu")


def run(subject, data, folder, request=REQUEST):
    return evaluate(subject, data, request, ResultStore.open(folder, subject.name, subject.digest))


def drawn(shift: int, bare: int, loaded, store, request):
    """In place of `stages.sample`: the real images themselves, or those `shift` places further; `bare` places further
    where no mask is given."""
    yield 0
    conditions = request.conditions
    images = np.roll(conditions.counterparts(0, 200), -(shift if conditions.has("mask") else bare))
    return conditions.dataset.images_of(images[: request.count])


def scores(found, side="scores") -> dict[str, float]:
    return {s.name: s.value for s in getattr(found, side)}


def test_a_perfect_sampler_reaches_what_real_images_do(subject, data, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling_stage, "sample", partial(drawn, 0, 7))
    found = run(subject, data, tmp_path)
    own, real = scores(found), scores(found, "real_baseline")
    for name in ("accuracy", "mask-iou", "iou-square", "caption-retrieval"):
        assert own[name] == real[name], name
    assert real["mask-iou"] > 0.9
    assert real["caption-retrieval"] > 0.5
    assert own["mask-iou-without-mask"] < 0.7
    assert own["caption-retrieval-without-mask"] < own["caption-retrieval"]
    assert not {"mask-iou-without-mask", "caption-retrieval-without-mask"} & real.keys()
    assert {s.count for s in found.scores if s.name.startswith("mask")} == {shapes.HELD_OUT}, "by unseen images alone"


def test_samples_of_other_images_fall_to_the_baseline_and_to_chance(subject, data, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling_stage, "sample", partial(drawn, 11, 11))
    found = run(subject, data, tmp_path)
    own = scores(found)
    assert own["mask-iou"] == own["mask-iou-without-mask"]
    assert own["caption-retrieval"] == own["caption-retrieval-without-mask"]
    assert own["mask-iou"] < 0.7
    assert own["accuracy"] < 0.6
    retrieval = next(s for s in found.scores if s.name == "caption-retrieval")
    assert retrieval.low <= 0.15
    assert retrieval.note == "0.050 at chance"


@pytest.fixture(scope="module")
def whole(subject, data, tmp_path_factory, _quick):
    return run(subject, data, tmp_path_factory.mktemp("whole"))


def test_prompts_alone_are_the_samples_without_the_mask(subject, data, whole, tmp_path):
    request = replace(REQUEST, metrics=("caption-retrieval", "accuracy"), conditions=("text", "label"))
    found = run(subject, data, tmp_path, request)
    assert scores(found)["caption-retrieval"] == scores(whole)["caption-retrieval-without-mask"]
    assert scores(found, "real_baseline")["accuracy"] == scores(whole, "real_baseline")["accuracy"]
    assert found.sets["samples"].images.equal(whole.sets["samples"].without_mask.images)
    html = page.render(found, "x")
    assert "Each has the caption and label of a real image of shapes. Without mask, as requested." in html
    assert json.loads(json.dumps(record.record(found, "x")))["conditions"]["left_out"] == ["mask"]


@pytest.mark.parametrize("stop", [3, 9, 14, 18])
def test_interrupted_and_continued_gives_the_same_numbers(subject, data, whole, tmp_path, stop):
    judging.interrupted(lambda: run(subject, data, tmp_path), after=stop)
    again = run(subject, data, tmp_path)
    assert (again.scores, again.real_baseline) == (whole.scores, whole.real_baseline)


def test_what_is_finished_is_not_made_again(subject, data, tmp_path, monkeypatch):
    first = run(subject, data, tmp_path)
    monkeypatch.setattr("debruit.evaluation.sampling_stage.probe", lambda model, wanted, batch: sampling_stage.Probe())
    monkeypatch.setattr("debruit.evaluation.sampling_stage.evaluations", lambda model, settings, wanted: 1)
    monkeypatch.setattr(Model, "job_under", lambda *a, **k: pytest.fail("it sampled again"))
    assert run(subject, data, tmp_path).scores == first.scores


def test_each_metric_is_that_of_its_side_taken_whole(whole):
    side, reference = whole.sets["samples"], whole.sets["reference"]
    for metric in [m for m in metrics() if m.name in METRICS_ASKED]:
        assert metric.compute(side.take(np.arange(len(side))), reference) == metric.compute(side, reference)
    half = side.take(np.arange(0, 80, 2))
    assert (len(half.masks.requested), len(half.captions.predicted), len(half.without_mask)) == (40, 40, 40)
    assert half.masks.scored.sum() == 30


def test_the_report_shows_the_request_and_who_judges(whole):
    html = page.render(whole, "x")
    for part in (
        "Condition alignment",
        "a sample without the mask",
        "Captions, from the left",
        "caption and mask and label of a real image",
        "Masks class by class",
        "Segmenter(shapes) is a small network trained on masks of the training data",
        "CCA(EffNetLite0, words) relates",
        "without the mask",
        "which neither the model nor that network was trained on",
    ):
        assert part in html, part
    assert "Classes in turn" not in html
    data = json.loads(json.dumps(record.record(whole, "x")))
    assert data["conditions"] == {
        "fields": ["text", "mask", "label"],
        "missing": [],
        "left_out": [],
        "images": 80,
        "scored": shapes.HELD_OUT,
    }
    assert {"segmentation", "scorer"} <= data["networks"].keys()
    (table,) = terminal.tables(whole)
    shown = list(table.columns[0].cells)
    assert any("mIoU" in label for label in shown)
    assert not any(label.startswith("IoU") for label in shown), "those are many, and on the page"


def test_a_model_and_itself_compared_and_each_difference_is_that_of_the_scores(subject, data, tmp_path):
    other = replace(subject, name="other", model=shapes.model(data, "mask"), digest="1")
    request = replace(REQUEST, metrics=())
    parts = [ResultStore.open(tmp_path / s.name[-6:], s.name, s.digest) for s in (subject, other)]
    found = compare([subject, other], data, replace(request, metrics=("mask-iou", "diversity")), parts)
    assert "mIoU-Segmenter(shapes)" in found.differences[1]
    first, second = ({s.label: s.value for s in one.scores} for one in found.evaluations)
    for label, difference in found.differences[1].items():
        assert difference.value == pytest.approx(second[label] - first[label])
        assert difference.low <= difference.value <= difference.high
    assert "the same conditions of a real image" in comparison.render(found, "x")


def test_an_enlargement_is_measured_against_the_image_itself(data, tmp_path, monkeypatch):
    model = shapes.model(data, "low-res")
    subject = LoadedModel(name="sr", model=model, digest="2")
    request = Request(count=24, metrics=("fidelity",), batch=16)
    found = run(subject, data, tmp_path / "a", request)
    assert [s.label for s in found.scores] == ["PSNR to the image", "SSIM to the image"]
    assert 0 < scores(found)["sample-psnr"] < 30
    assert found.real_baseline == ()
    monkeypatch.setattr(sampling_stage, "sample", partial(drawn, 0, 0))
    exact = scores(run(subject, data, tmp_path / "b", request))
    assert exact["sample-psnr"] == np.inf
    assert exact["sample-ssim"] == pytest.approx(1)


def test_a_model_that_was_never_without_its_mask_has_no_baseline(data, tmp_path):
    subject = LoadedModel(name="always", model=shapes.model(data, "mask", drop=0.0), digest="3")
    found = run(subject, data, tmp_path, replace(REQUEST, metrics=("mask-iou",), count=24))
    assert [s.name for s in found.scores] == ["mask-iou"]
    assert not list(tmp_path.glob("samples-*"))[2:], "nothing was drawn for it"
