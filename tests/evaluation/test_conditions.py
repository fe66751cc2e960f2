"""What samples are asked for: the conditions of real images that the model never saw, in order, and the classes in turn
where there is nothing else."""

from dataclasses import replace

import numpy as np
import pytest

import judging
import judging_conditions as shapes
from debruit.conditioning.batch import ConditionBatch
from debruit.data.dataset import Dataset
from debruit.data.sources.digits import Digits
from debruit.data.split import split
from debruit.errors import InputError
from debruit.evaluation import registry, sampling_stage
from debruit.evaluation.conditions import SampleConditions, digest, model_inputs, sample_conditions
from debruit.evaluation.progress import StageTimer
from debruit.evaluation.splits import split_for_evaluation
from debruit.models.loaded import LoadedModel

FIELDS = ("text", "mask", "label")


@pytest.fixture(scope="module")
def data():
    return shapes.shapes()


@pytest.fixture(scope="module")
def model(data):
    return shapes.model(data, *FIELDS)


def wanted_of(model, dataset, count=100) -> SampleConditions:
    return sample_conditions(model, dataset, split_for_evaluation(model, dataset, count))


def subject(model) -> LoadedModel:
    return LoadedModel(name="m", model=model, digest="0")


def without(dataset: Dataset, **changes) -> Dataset:
    """The same images with some of what lies beside them."""
    have = {"labels": dataset.labels, "texts": dataset.texts, "masks": dataset.masks} | changes
    names = {} if have["masks"] is not None else {"mask_names": (), "palette": ()}
    return Dataset(replace(dataset.spec, **names), dataset.images, paths=dataset.paths, **have)


def test_sample_k_has_the_conditions_of_image_k_of_the_floor_and_held_out_ones_come_first(model, data):
    wanted = wanted_of(model, data, 300)  # more than half of the data, which the floor has
    images = wanted.counterparts(0, 300)
    _, held_out = split(len(data), shapes.HELD_OUT, shapes.SEED)
    assert set(images[: shapes.HELD_OUT]) == set(held_out)
    assert (images[200:] == images[:100]).all(), "in turn"
    asked = wanted.batch(model, 10, 30)
    assert set(asked.values) == set(FIELDS)
    assert asked.values["mask"].equal(data.conditions(images[10:40])["mask"])
    assert asked.values["label"].tolist() == data.labels[images[10:40]].tolist()
    text = next(c for c in model.config.conditioners if c.name == "text")
    assert asked.values["text"].equal(text.read({"text": [(*data.texts[n], "")[0] for n in images[10:40]]}, data.spec))
    assert asked.keep["text"].tolist() == [bool(data.texts[n]) for n in images[10:40]], "no caption is none"
    assert asked.keep["mask"].all()
    assert (wanted.labels(model, 300) == data.labels[images]).all()


def test_the_conditions_are_those_of_the_likelihood_too(model, data):
    indices = np.arange(12)
    asked = ConditionBatch.from_dataset(model.config, data, indices, FIELDS)
    expected = model.backbone.cond(asked.values, asked.keep)
    x0, cond = model_inputs(model, data, indices)
    assert x0.shape == (12, 1, 8, 8)
    assert all(getattr(cond, door).equal(getattr(expected, door)) for door in ("vector", "tokens", "spatial"))


def test_a_model_of_classes_takes_them_in_turn_and_its_parts_are_found_again():
    digits = Digits().build()
    model = judging.tiny.run().model
    about = {"data_fingerprint": digits.spec.fingerprint, "held_out_images": 0, "seed": 0}
    model = shapes.Model(model, model.build(), about)
    wanted = wanted_of(model, digits, 25)
    assert wanted.fields is None
    assert wanted.batch(model, 3, 4).values["label"].tolist() == [3, 4, 5, 6]
    assert wanted.labels(model, 12).tolist() == [*range(10), 0, 1]
    settings = model.settings()
    request = sampling_stage.SampleRequest(conditions=wanted, count=8, seed=1, batch=8)
    key = request.batch_key(subject(model), 0, 8)
    assert key == ["0", sampling_stage.encode(settings), 1, 0, 8, "cpu"], "as before there were other conditions"


def test_other_conditions_are_other_parts(model, data):
    wanted = wanted_of(model, data)
    key = lambda one: digest(one.batch(model, 0, 16))  # noqa: E731
    assert key(wanted) == key(wanted_of(model, data, 64)), "more samples go on from fewer"
    others = [
        key(wanted),
        digest(wanted.batch(model, 16, 16)),
        key(wanted.without("mask")),
        key(wanted.without("text")),
        key(replace(wanted, dataset=without(data, masks=1 - data.masks))),
        key(replace(wanted, dataset=without(data, labels=2 - data.labels))),
    ]
    assert len(set(others)) == len(others)


def test_without_the_mask_everything_else_is_kept(model, data):
    wanted = wanted_of(model, data)
    whole, bare = wanted.batch(model, 0, 8), wanted.without("mask").batch(model, 0, 8)
    assert not bare.keep["mask"].any()
    assert all(bare.values[f].equal(whole.values[f]) and bare.keep[f].equal(whole.keep[f]) for f in ("text", "label"))
    masks = shapes.model(data, "mask")
    assert not wanted_of(masks, data).without("mask").batch(masks, 0, 8).any, "the only one, and nothing is left"


@pytest.mark.parametrize("field", FIELDS)
def test_what_the_data_lacks_is_dropped_and_reported(model, data, field):
    dataset = without(data, **{f"{field}s": None})
    wanted = wanted_of(model, dataset)
    assert wanted.missing == (field,)
    assert wanted.fields == tuple(f for f in FIELDS if f != field)
    assert not wanted.batch(model, 0, 8).keep[field].any()
    assert (wanted.labels(model, 8) is None) == (field == "label")


def test_a_data_set_with_none_of_them_leaves_a_model_to_itself(model, data):
    wanted = wanted_of(model, without(data, labels=None, texts=None, masks=None))
    assert wanted.fields is None
    assert wanted.missing == FIELDS
    assert wanted.batch(model, 0, 6).values["label"].tolist() == [0, 1, 2, 0, 1, 2]


def test_masks_and_classes_are_matched_by_name_and_not_by_number(data):
    spec = data.spec
    turned = replace(
        spec, mask_names=spec.mask_names[::-1], palette=spec.palette[::-1], class_names=spec.class_names[::-1]
    )
    model = shapes.model(
        Dataset(turned, data.images, paths=data.paths, labels=data.labels, masks=data.masks), "mask", "label"
    )
    asked = wanted_of(model, data).batch(model, 0, 9)
    images = wanted_of(model, data).counterparts(0, 9)
    assert asked.values["mask"].equal(1 - data.conditions(images)["mask"])
    assert asked.values["label"].tolist() == (2 - data.labels[images]).tolist()
    disc = replace(spec, mask_names=("ground", "disc"))
    other = Dataset(disc, data.images, paths=data.paths, labels=data.labels, masks=data.masks)
    assert wanted_of(model, other).missing == ("mask",)


def test_a_model_that_was_never_trained_without_what_the_data_lacks_is_refused(data):
    model = shapes.model(data, "mask", drop=0.0)
    with pytest.raises(
        InputError, match="never trained without a mask, and shapes has none that it knows: evaluate it"
    ):
        wanted_of(model, without(data, masks=None))


def test_samples_are_as_requested_image_by_image(model, data):
    """Sample k of the evaluation is image k under the conditions of its counterpart, whatever the batch."""
    wanted = wanted_of(model, data)
    request = sampling_stage.SampleRequest(conditions=wanted, count=10, seed=4, batch=4)
    samples = StageTimer({}).run("samples", 10, sampling_stage.sample(subject(model), judging_parts(), request))
    images = wanted.counterparts(0, 10)
    k = next(k for k in range(10) if data.texts[images[k]])
    n = images[k]
    alone = model.generate(
        1, first=k, seed=4, prompt=data.texts[n][0], mask=data.masks[n], label=data.spec.class_names[data.labels[n]]
    )
    assert (samples[k].int() - alone[0].int()).abs().max() <= 1
    other = model.generate(1, first=k, seed=4, mask=1 - data.masks[n])
    assert (samples[k].int() - other[0].int()).abs().max() > 1, "the conditions matter"


def judging_parts():
    class Nowhere:
        get = staticmethod(lambda kind, key: None)
        put = staticmethod(lambda kind, key, value: value)

    return Nowhere()


def reasons(model, dataset, count=100) -> dict[str, str]:
    division = split_for_evaluation(model, dataset, count)
    return dict(registry.choose((), subject(model), dataset.spec, division, count).left_out)


def test_what_does_not_apply_is_left_out_with_the_reason(model, data):
    assert not {"mask-iou", "caption-retrieval", "accuracy"} & reasons(model, data).keys()
    assert "has no masks: put the images into images/" in reasons(model, without(data, masks=None))["mask-iou"]
    assert "has no captions: put them into NAME.txt" in reasons(model, without(data, texts=None))["caption-retrieval"]
    assert "without masks, so none" in reasons(shapes.model(data, "label"), data)["mask-iou-by-class"]
    assert "without captions, so none" in reasons(shapes.model(data, "mask"), data)["caption-retrieval"]
    assert "without an image as its condition" in reasons(model, data)["fidelity"]
    few = shapes.shapes(100)
    assert "mask-iou" not in reasons(model, few)
    assert "too few to fit a scorer, which takes 120" in reasons(model, few)["caption-retrieval"]
    alike = without(data, texts=[("the same",)] * len(data))
    assert "1 different captions among the scored images are too few" in reasons(model, alike)["caption-retrieval"]
    half = shapes.model(data, *FIELDS)
    half.provenance["held_out_images"] = 30
    tiny = shapes.shapes(60)
    assert "30 images besides the scored ones are too few" in reasons(half, tiny, 30)["mask-iou"]
    disc = Dataset(replace(data.spec, mask_names=("ground", "disc")), data.images, paths=data.paths, masks=data.masks)
    assert "the classes of the masks of shapes are not those that the model knows" in reasons(model, disc)["mask-iou"]
    bare = without(data, masks=None)
    with pytest.raises(InputError, match="--metrics mask-iou: shapes has no masks"):
        registry.choose(("mask-iou",), subject(model), bare.spec, split_for_evaluation(model, bare, 50), 50)


def test_samples_get_only_the_conditions_that_are_named(model, data):
    division = split_for_evaluation(model, data, 40)
    every = sample_conditions(model, data, division)
    text = sample_conditions(model, data, division, ("text",))
    assert (text.fields, text.left_out, text.missing) == (("text",), ("mask", "label"), ())
    assert digest(text.batch(model, 0, 8)) == digest(every.without("mask").without("label").batch(model, 0, 8))
    nothing = sample_conditions(model, data, division, ())
    assert nothing.fields == ()
    assert not any(keep.any() for keep in nothing.batch(model, 0, 8).keep.values())
    assert sample_conditions(model, data, division, FIELDS).fields == every.fields
    left = dict(registry.choose((), subject(model), data.spec, division, 40, ("text",)).left_out)
    assert left["mask-iou"] == "--condition leaves the masks out, so none are requested"
    assert not {"accuracy", "caption-retrieval"} & left.keys(), "these captions name the classes"
    left = dict(registry.choose((), subject(model), data.spec, division, 40, ("mask",)).left_out)
    assert left["accuracy"] == "--condition leaves the classes out, so none are requested"


def test_conditions_that_cannot_be_given_or_left_out(model, data):
    division = split_for_evaluation(model, data, 40)
    with pytest.raises(InputError, match="--condition low-res: the model was trained without it: give one or more of"):
        sample_conditions(model, data, division, ("low-res",))
    bare = without(data, masks=None)
    with pytest.raises(InputError, match="--condition mask: shapes has none that the model knows"):
        sample_conditions(model, bare, split_for_evaluation(model, bare, 40), ("mask", "text"))
    always = shapes.model(data, "text", "mask", drop=0.0)
    with pytest.raises(InputError, match="never trained without a mask, and --condition text leaves it out: add mask"):
        sample_conditions(always, data, division, ("text",))


def test_few_held_out_images_are_not_the_only_ones_to_judge_by(model, data):
    division = split_for_evaluation(model, data, 100)
    assert len(division.scored) == shapes.HELD_OUT
    assert not set(division.scored) & set(division.judge_data.indices)
    assert set(division.judge_data.indices) <= set(division.training), "the judge sees what the model saw"
    seen = shapes.model(data, *FIELDS)
    seen.provenance["held_out_images"] = 5
    division = split_for_evaluation(seen, data, 100)
    assert len(division.scored) == 100
    assert not set(division.scored) & set(division.judge_data.indices)
    foreign = split_for_evaluation(model, shapes.shapes(fingerprint="other"), 100)
    assert len(foreign.scored) == 100
    assert "name it with --training-data SOURCE" in foreign.judge_data.missing
    assert not len(foreign.judge_data.indices), "nothing is learnt from the data of the test"
