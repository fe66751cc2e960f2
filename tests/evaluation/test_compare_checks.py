"""Comparisons that cannot be made are refused before the first evaluation, with one sentence."""

from dataclasses import replace

import numpy as np
import pytest

import judging
import judging_conditions as shapes
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation import sampler_sweep
from debruit.evaluation.compare import compare
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedModel


@pytest.fixture(scope="module")
def data():
    return shapes.shapes()


@pytest.fixture(autouse=True)
def _nothing_is_drawn(monkeypatch, tmp_path):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Model, "job_under", lambda *a, **k: pytest.fail("an evaluation began"))
    monkeypatch.setattr(
        "debruit.evaluation.pipeline.find_networks", lambda *a, **k: pytest.fail("a network was trained")
    )
    judging.look_through(judging.Projection(), monkeypatch)


def other(data: Dataset, **changes) -> Dataset:
    """The same number of images of another kind."""
    spec = replace(data.spec, **changes)
    images = np.zeros((spec.count, *spec.shape), spec.depth)
    fitting = (spec.height, spec.width) == (data.spec.height, data.spec.width)
    return Dataset(
        spec if fitting else replace(spec, mask_names=(), palette=()),
        images,
        paths=data.paths,
        labels=data.labels,
        texts=data.texts,
        masks=data.masks if fitting else None,
    )


def subject(name: str, model: Model) -> LoadedModel:
    return LoadedModel(name=name, model=model, digest=name)


def compared(tmp_path, data, *models, metrics=()):
    subjects = [subject(f"m{k}", model) for k, model in enumerate(models, start=1)]
    parts = [ResultStore.open(tmp_path / s.name, s.name, s.digest) for s in subjects]
    compare(subjects, data, Request(count=40, metrics=metrics), parts)


CHANGES = [
    ({"height": 16, "width": 16}, "m1 draws images of 8 x 8 pixels .grey, uint8. and m2 of 16 x 16 pixels"),
    ({"channels": 3}, r"m1 draws images of 8 x 8 pixels .grey, uint8. and m2 of 8 x 8 pixels .RGB"),
    ({"depth": "float32"}, "m2 of 8 x 8 pixels .grey, float32.: compare models of one size, channels and depth"),
]


@pytest.mark.parametrize(("changes", "sentence"), CHANGES)
def test_models_of_other_images(data, tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        compared(tmp_path, data, shapes.model(data, "label"), shapes.model(other(data, **changes), "label"))


@pytest.mark.parametrize("field", ["label", "mask"])
def test_models_of_other_classes(data, tmp_path, field):
    names = {"label": {"class_names": ("black", "grey", "red")}, "mask": {"mask_names": ("ground", "disc")}}[field]
    with pytest.raises(
        InputError,
        match=f"m1 and m2 have different classes of their {field}s .only one of them has .*compare models of the same",
    ):
        compared(tmp_path, data, shapes.model(data, field), shapes.model(other(data, **names), field))


def test_a_model_that_was_never_trained_without_what_the_data_lacks(data, tmp_path):
    bare = Dataset(
        replace(data.spec, mask_names=(), palette=()),
        data.images,
        paths=data.paths,
        labels=data.labels,
        texts=data.texts,
    )
    always = shapes.model(data, "mask", drop=0.0)
    with pytest.raises(InputError, match="never trained without a mask, and shapes has none"):
        compared(tmp_path, bare, shapes.model(data, "label"), always)
    with pytest.raises(InputError, match="never trained without a mask"):
        sampler_sweep.check(subject("m", always), bare, 24)
    with pytest.raises(InputError, match="never trained without a mask"):
        evaluate(subject("m", always), bare, Request(count=24), ResultStore.open(tmp_path, "m", "0"))


@pytest.mark.parametrize("metric", ["mask-iou", "caption-retrieval", "fidelity", "accuracy"])
def test_a_metric_by_name_that_one_of_the_models_has_no_part_in(data, tmp_path, metric):
    every = shapes.model(data, "text", "mask", "label", "low-res")
    bare = shapes.model(data)
    with pytest.raises(InputError, match=f"m2: --metrics {metric}: this model was trained without"):
        compared(tmp_path, data, every, bare, metrics=(metric,))


@pytest.mark.parametrize(
    ("changes", "sentence"), [({"height": 9}, "9 x 8"), ({"channels": 3}, "RGB"), ({"depth": "float32"}, "float32")]
)
def test_data_of_another_kind_for_every_verb(data, tmp_path, changes, sentence):
    model, unlike = shapes.model(data, "label"), other(data, **changes)
    with pytest.raises(InputError, match=sentence):
        evaluate(subject("m", model), unlike, Request(count=24), ResultStore.open(tmp_path, "m", "0"))
    with pytest.raises(InputError, match=sentence):
        compared(tmp_path, unlike, model, model)
    with pytest.raises(InputError, match=sentence):
        sampler_sweep.check(subject("m", model), unlike, 24)


def test_too_few_images_for_every_verb(data, tmp_path):
    few = Dataset(
        replace(data.spec, count=7), data.images[:7], paths=data.paths[:7], labels=data.labels[:7], masks=data.masks[:7]
    )
    model = shapes.model(data, "label")
    for work in (
        lambda: evaluate(subject("m", model), few, Request(count=24), ResultStore.open(tmp_path, "m", "0")),
        lambda: compared(tmp_path, few, model, model),
        lambda: sampler_sweep.check(subject("m", model), few, 24),
    ):
        with pytest.raises(InputError, match="shapes has 7 images: an evaluation needs at least 8"):
            work()


def test_one_model_under_two_names(data, tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    shapes.model(data, "label").save(path)
    monkeypatch.chdir(tmp_path)
    twice = [LoadedModel.open(str(path), "cpu"), LoadedModel.open("m.safetensors", "cpu")]
    with pytest.raises(InputError, match="a model is named twice"):
        compare(twice, data, Request(count=24), [])


def test_images_that_only_one_of_two_models_saw_are_reported(data, tmp_path, monkeypatch):
    from debruit.evaluation.compare import check_together
    from debruit.evaluation.splits import split_for_evaluation

    first, second = shapes.model(data, "label"), shapes.model(data, "label")
    second.provenance["seed"] = shapes.SEED + 1
    pair = [subject("a", first), subject("b", second)]
    request, split = Request(count=60, metrics=("diversity",)), split_for_evaluation(first, data, 60)
    with judging.lines() as said:
        check_together(pair, data, request, split)
    assert any("b was trained on" in line and "that were held out of a's training" in line for line in said), said
    second.provenance["seed"] = shapes.SEED
    with judging.lines() as said:
        check_together(pair, data, request, split)
    assert said == []


def test_what_was_divided_and_checked_once_is_not_again(data, tmp_path, monkeypatch):
    from debruit.evaluation import compare as module

    pair = [subject("a", shapes.model(data, "label")), subject("b", shapes.model(data, "label"))]
    request = Request(count=24, metrics=("diversity",))
    split = module.prepare(pair, data, request)
    for name in ("find_split", "check_together", "prepare"):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("once is enough"))
    began = []

    def begun(*_, split):
        began.append(split)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "evaluate", begun)
    stores = [ResultStore.open(tmp_path / one.name, one.name, one.digest) for one in pair]
    with pytest.raises(KeyboardInterrupt):
        compare(pair, data, request, stores, split=split)
    assert began == [split]
