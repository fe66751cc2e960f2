"""What a data set can be conditioned on, and the conditioners for that: `debruit train SOURCE --condition text,mask,label`.

Without --condition it is all that the data has, found by its layout; a source may name fewer (`usual_conditions`).
"""

from collections.abc import Callable, Sequence
from typing import Any

from debruit.conditioning.cond import Conditioner
from debruit.conditioning.image import Image
from debruit.conditioning.label import Label
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.data.dataset import Dataset, quiet
from debruit.errors import InputError, unknown
from debruit.training.planning import held_out
from debruit.training.stream import split

SCALE = 4  # of super-resolution
NONE = "none"

LACKS = {
    "label": "it has no classes: put the images into subfolders",
    "mask": "it has no masks: put the images into images/ and their masks, by the same names, into masks/",
    "text": "it has no captions: put them into NAME.txt beside NAME.png, or into captions.jsonl",
}
MAKE: dict[str, Callable[[Dataset, int], Conditioner]] = {
    "label": lambda dataset, seed: Label(names=dataset.spec.class_names),
    "mask": lambda dataset, seed: Mask.suited(dataset.spec),
    "text": lambda dataset, seed: Text.suited(captions(dataset, seed)),
    "image": lambda dataset, seed: Image.suited(dataset.spec, "low", SCALE),
    "edges": lambda dataset, seed: Image.suited(dataset.spec, "edges", 1),
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
    source: Any, dataset: Dataset, names: Sequence[str] | None, say: Callable[[str], None] = quiet, *, seed: int = 0
) -> tuple[Conditioner, ...]:
    """Those of these names, or where none were asked for (None) of all that the data has. Says how many captions are cut; `seed` is the training's,
    which says what is held out. InputError: data without one that was asked for."""
    has = offered(dataset)
    if names is None:
        usual = getattr(source, "usual_conditions", has)
        names = [name for name in has if name in usual]
    for name in names:
        if name in LACKS and name not in has:
            raise InputError(f"--condition {name}: {dataset.spec.name} cannot be conditioned on that, {LACKS[name]}")
    if {"image", "edges"} <= set(names):
        raise InputError("--condition image,edges: both are made of the image itself, give one of them")
    found = tuple(MAKE[name](dataset, seed) for name in names)
    for conditioner in found:
        if isinstance(conditioner, Text):
            say(read_of(conditioner, dataset))
    return found


def captions(dataset: Dataset, seed: int) -> list[str]:
    """The captions of the images that are trained on: of the held-out ones not even the words are learnt."""
    texts = dataset.texts or ()
    training, _ = split(len(texts), held_out(len(texts)), seed)
    return [caption for n in training for caption in texts[n]]


def read_of(text: Text, dataset: Dataset) -> str:
    """How much of the captions is read, in words."""
    every = [caption for of in dataset.texts or () for caption in of]
    cut = text.truncated(every)
    rest = f"{cut:,} of {len(every):,} are longer and are cut" if cut else f"none of the {len(every):,} is cut"
    return f"captions  {len(text.tokenizer.vocabulary):,} word pieces, up to {text.length} a caption; {rest}"


def offered(dataset: Dataset) -> tuple[str, ...]:
    """What this data can be conditioned on by what lies beside its images."""
    has = {
        "label": len(dataset.spec.class_names) > 1,
        "mask": dataset.masks is not None,
        "text": dataset.texts is not None,
    }
    return tuple(name for name, there in has.items() if there)
