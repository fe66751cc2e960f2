"""Colours and styles that captions ask for: a model that draws the real images agrees as those do, one that draws
others as much as those happen to."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import judging
import judging_conditions
import judging_styles
from debruit.data.split import judging as judging_of
from debruit.evaluation import registry, sampling_stage
from debruit.evaluation.caption_content import names_class, requested_hues, things_of
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.splits import split_for_evaluation
from debruit.judges.captions.sentences import Sentences, hashed
from debruit.judges.hues import NAMES, dominant_hues
from debruit.models.loaded import LoadedModel
from debruit.reports import page

METRICS = ("accuracy", "accuracy-by-class", "colour-agreement", "caption-retrieval-in-class")
REQUEST = Request(count=60, metrics=METRICS, batch=30)


@pytest.fixture(scope="module", autouse=True)
def _quick(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBRUIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("debruit.judges.supervised.classifier.ClassifierTask.passes", 40)
        patch.setattr("debruit.evaluation.networks.find_sentences", lambda: Sentences("words", "words", hashed))
        judging.look_through(judging.Projection(dimensions=24, label="EffNetLite0"), patch)
        yield


@pytest.fixture(scope="module")
def data():
    return judging_styles.styled()


@pytest.fixture(scope="module")
def subject(data):
    return LoadedModel(name="m", model=judging_styles.model(data), digest="0")


def run(subject, data, folder, request=REQUEST):
    return evaluate(subject, data, request, ResultStore.open(folder, subject.name, subject.digest))


def drawn(choose, loaded, store, request):
    """In place of `sampling_stage.sample`: real images, `choose`n from the counterparts."""
    yield 0
    conditions = request.conditions
    return conditions.dataset.images_of(choose(conditions.counterparts(0, request.count)))


def scores(found, side="scores") -> dict[str, float]:
    return {s.name: s.value for s in getattr(found, side)}


def reasons(model, dataset) -> dict[str, str]:
    loaded, division = LoadedModel(name="m", model=model, digest="0"), split_for_evaluation(model, dataset, 60)
    return dict(registry.choose((), loaded, dataset.spec, division, 60).left_out)


def test_a_model_of_captions_is_scored_by_the_styles_and_colours_that_they_name(subject, data, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling_stage, "sample", partial(drawn, lambda images: images))
    found = run(subject, data, tmp_path)
    own, real = scores(found), scores(found, "real_baseline")
    assert own == real
    assert real["accuracy"] > 0.8
    assert real["colour-agreement"] == 1
    assert real["caption-retrieval-in-class"] > 0.2
    assert {s.count for s in found.scores if not s.name.startswith("accuracy-")} == {60}
    assert {"accuracy-flat", "accuracy-outline", "accuracy-old dots"} == {n for n in own if n.startswith("accuracy-")}
    assert "the classifier itself" in page.render(found, "x")


def test_other_styles_and_colours_are_noticed(subject, data, tmp_path, monkeypatch):
    shown = {path: n for n, path in enumerate(data.paths)}

    def other(images: np.ndarray, style: bool, colour: bool) -> np.ndarray:
        """The same things in the next style, or in the next colour."""
        chosen = []
        for n in images:
            name, thing = data.paths[n].split("/")
            thing, shade = thing.split("@")
            styles, colours = judging_styles.STYLES, judging_styles.COLOURS
            name = styles[(styles.index(name) + style) % len(styles)]
            shade = colours[(colours.index(shade) + colour) % len(colours)]
            chosen.append(shown[f"{name}/{thing}@{shade}"])
        return np.array(chosen)

    monkeypatch.setattr(sampling_stage, "sample", partial(drawn, partial(other, style=True, colour=False)))
    of_style = scores(run(subject, data, tmp_path / "a"))
    assert of_style["accuracy"] < 0.2
    assert of_style["colour-agreement"] == 1
    monkeypatch.setattr(sampling_stage, "sample", partial(drawn, partial(other, style=False, colour=True)))
    of_colour = scores(run(subject, data, tmp_path / "b"))
    assert of_colour["accuracy"] > 0.8
    assert of_colour["colour-agreement"] == 0


def test_only_captions_that_name_them_count(data):
    texts = [t if n % 2 else (f"a {n}",) for n, t in enumerate(data.texts)]
    half = judging_styles.Dataset(data.spec, data.images, paths=data.paths, labels=data.labels, texts=texts)
    indices = np.arange(40)
    assert (names_class(half, indices) == (indices % 2 == 1)).all()
    assert ((requested_hues(half, indices) >= 0) == (indices % 2 == 1)).all()
    every = requested_hues(data, indices)
    assert [NAMES[k] for k in every] == [data.paths[n].split("@")[1] for n in indices]
    assert (dominant_hues(data.images_of(indices)) == every).all()


def test_what_cannot_be_scored_is_left_out_with_the_reason(data):
    made = judging_styles.model(data)
    assert not {"accuracy", "colour-agreement"} & reasons(made, data).keys()
    unnamed = judging_styles.renamed(data, ("noto", "twemoji", "fluent"))
    left = reasons(judging_styles.model(unnamed), unnamed)
    assert "without classes, so none can be requested, and the captions of this data do not" in left["accuracy"]
    assert "colour-agreement" not in left
    assert "the model's classes are not those of styled" in reasons(judging_styles.model(unnamed), data)["accuracy"]
    grey = judging_conditions.shapes()
    left = reasons(judging_conditions.model(grey, "text"), grey)
    assert "the images of shapes are not 8-bit RGB" in left["colour-agreement"]
    plain = judging_styles.Dataset(
        replace(data.spec, fingerprint="p"), data.images, paths=data.paths, texts=[t[2:] for t in data.texts]
    )
    assert "0 captions of the scored images name one hue" in reasons(made, plain)["colour-agreement"]


def test_things_are_those_of_the_table_or_of_captions_without_the_style(data):
    names = [path.split("/")[1].split("@")[0] for path in data.paths]
    numbers = things_of(data)
    assert len(set(numbers)) == len(set(names)) == len({*zip(numbers, names, strict=True)})
    coloured = [path.split("/")[1] for path in data.paths]
    numbers = things_of(judging_styles.styled(tables=False))
    assert len(set(numbers)) == len(set(coloured)) == len({*zip(numbers, coloured, strict=True)})


def test_captions_within_a_class_need_classes_and_things(data):
    name = "caption-retrieval-in-class"
    assert name not in reasons(judging_styles.model(data), data)
    single = judging_styles.Dataset(
        replace(data.spec, class_names=(), fingerprint="s"), data.images, paths=data.paths, texts=data.texts
    )
    assert "styled has no classes with captions" in reasons(judging_styles.model(single), single)[name]
    few = judging_styles.renamed(data, data.spec.class_names)
    few.texts = tuple((f"{t[0].split()[0]} car, {t[0].split(', ')[1]}",) for t in few.texts)
    assert "captions of 4 things, too few to find one among 20" in reasons(judging_styles.model(few), few)[name]


def test_judges_are_measured_on_things_that_they_have_not_seen(data):
    made = judging_styles.model(data)
    judges = split_for_evaluation(made, data, 60).judge_data
    assert judges.group == "column:thing"
    learnt, measured = judging_of(data, judges.indices, 30, 0, group=judges.group)
    numbers = things_of(data)
    assert len(measured)
    assert not set(numbers[learnt]) & set(numbers[measured])
    plain = judging_styles.styled(tables=False)
    assert split_for_evaluation(made, plain, 60).judge_data.group == ""
    made.provenance["group"] = "folder"
    assert split_for_evaluation(made, data, 60).judge_data.group == "folder"
