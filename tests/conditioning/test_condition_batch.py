"""Conditions of a batch from a user's values, the terms of guidance, and the error messages of both."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from debruit.conditioning.base import Conditioner
from debruit.conditioning.batch import ConditionBatch, parsed
from debruit.conditioning.guidance_terms import branches, check, check_given
from debruit.conditioning.label import Label
from debruit.errors import InputError
from on import Config, kept, spec


@dataclass(frozen=True, kw_only=True)
class Length(Conditioner):
    """A condition whose value is the length of a string."""

    name: ClassVar[str] = "length"
    item: ClassVar[str] = "image"
    door: ClassVar[str] = "vector"
    drop: float = 0.1

    @classmethod
    def from_data(cls, context):
        return cls()

    def read(self, items, spec):
        return items["image"]

    def parse(self, value: Any, indices, spec):
        values = value if isinstance(value, list) else [value]
        return torch.tensor([float(len(values[n % len(values)].strip())) for n in indices])

    def placeholder(self, count, spec):
        return torch.zeros(count)

    def width(self, spec, factor):
        return 1

    def build(self, spec, factor):
        return torch.nn.Identity()


@dataclass(frozen=True, kw_only=True)
class TextLength(Length):
    name: ClassVar[str] = "text"
    keyword: ClassVar[str] = "prompt"

    def present(self, values):
        return values > 0


@dataclass(frozen=True, kw_only=True)
class MaskLength(Length):
    name: ClassVar[str] = "mask"


LABEL, TEXT, MASK = Label(), TextLength(), MaskLength()
ALL = (LABEL, TEXT, MASK)


def config(conditioners) -> Config:
    return Config(spec(class_names=("cat", "dog", "owl")), conditioners)


def requested(conditioners=ALL, indices=range(4), **given):
    return config(conditioners).requested(indices, **given)


def test_given_conditions_are_kept_and_the_others_dropped():
    batch = requested(text="abc", label=None)
    assert kept(batch) == {"label": [False] * 4, "text": [True] * 4, "mask": [False] * 4}
    assert batch.values["text"].tolist() == [3, 3, 3, 3]
    assert batch.values["mask"].tolist() == [0, 0, 0, 0]


def test_the_items_of_an_image_are_its_conditions_except_for_what_is_given():
    model, items = config((LABEL, Length())), {"label": torch.tensor([2]), "image": torch.tensor([5.0])}
    read = ConditionBatch.of_items(model, items, {}, 1)
    assert {name: value.tolist() for name, value in read.values.items()} == {"label": [2], "length": [5]}
    given = ConditionBatch.of_items(model, items, parsed(model, {"length": "abc", "label": None}, range(1)), 1)
    assert {name: value.tolist() for name, value in given.values.items()} == {"label": [2], "length": [3]}
    unconditional = ConditionBatch.of_items(model, {"image": items["image"]}, {}, 1).repeated(3)
    assert kept(unconditional) == {"label": [False] * 3, "length": [True] * 3}
    assert unconditional.values["length"].tolist() == [5, 5, 5]


def test_without_conditions_classes_are_used_in_turn():
    batch = requested(indices=range(2, 6))
    assert batch.values["label"].tolist() == [2, 0, 1, 2]
    assert kept(batch) == {"label": [True] * 4, "text": [False] * 4, "mask": [False] * 4}
    assert batch.any
    assert not requested((TEXT, MASK)).any


def test_several_values_are_used_in_turn_by_image_index():
    whole, part = (
        requested(text=["a", "bb", "ccc"], indices=range(7)),
        requested(text=["a", "bb", "ccc"], indices=[4, 5]),
    )
    assert whole.values["text"][[4, 5]].tolist() == part.values["text"].tolist() == [2, 3]


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_prompt_means_none(empty):
    assert kept(requested(text=empty))["text"] == [False] * 4
    assert kept(requested(text=["a", empty]))["text"] == [True, False, True, False]
    never = (TextLength(drop=0.0),)
    assert kept(requested(never, text=empty))["text"] == [True] * 4, "a condition with drop = 0 has no none"


def test_droppable_conditions_are_dropped():
    conditioners = (LABEL, MaskLength(drop=0.0))
    batch = requested(conditioners, label="dog", mask="m").dropped(config(conditioners))
    assert kept(batch) == {"label": [False] * 4, "mask": [True] * 4}
    assert kept(requested(text="a", mask="m").without(["mask"])) == {
        "label": [False] * 4,
        "text": [True] * 4,
        "mask": [False] * 4,
    }


@pytest.mark.parametrize(
    ("conditioners", "given", "sentence"),
    [
        (
            (LABEL,),
            {"text": "a"},
            "a prompt was given, but this model was trained with label: leave --prompt out, or give --label instead",
        ),
        (
            ALL,
            {"image": "a"},
            "an image was given, but this model was trained with label, prompt, mask: leave --image out, or give "
            "--label or --prompt",
        ),
        ((), {"mask": "a"}, "a mask was given, but this model was trained with no condition at all: leave --mask out"),
        ((TextLength(drop=0.0),), {}, "this model was never trained without its prompt: give --prompt"),
        ((LABEL, MaskLength(drop=0.0)), {"label": "cat"}, "this model was never trained without its mask: give --mask"),
        ((LABEL,), {"lable": "dog"}, "there is no condition 'lable', did you mean 'label'?"),
        (
            ALL,
            {"text": "a", "prompt": "b"},
            "the condition text was given twice, by name and as prompt: give one of both",
        ),
        ((LABEL,), {"label": "dgo"}, "unknown label 'dgo', did you mean 'dog'? allowed: cat, dog, owl"),
    ],
)
def test_invalid_requests_are_refused(conditioners, given, sentence):
    with pytest.raises(InputError) as caught:
        requested(conditioners, **given)
    assert sentence in str(caught.value)


def summary(batch):
    return [(b.coefficient, {name for name, keep in b.conditions.keep.items() if keep.any()}) for b in batch]


@pytest.mark.parametrize(
    ("given", "guidance", "expected"),
    [
        ({"text": "a"}, 3.0, [(-2, set()), (3, {"text"})]),
        ({"text": "a", "mask": "m"}, 3.0, [(-2, set()), (3, {"text", "mask"})]),
        (
            {"text": "a", "mask": "m"},
            (("prompt", 5.0), ("mask", 2.0)),
            [(-4, set()), (3, {"text"}), (2, {"text", "mask"})],
        ),
        (
            {"text": "a", "mask": "m"},
            (("mask", 2.0), ("text", 5.0)),
            [(-1, set()), (-3, {"mask"}), (5, {"text", "mask"})],
        ),
        ({"text": "a", "mask": "m"}, (("mask", 2.0),), [(-1, {"text"}), (2, {"text", "mask"})]),
        ({"text": "a", "mask": "m"}, (("mask", 2.0), ("text", 2.0)), [(-1, set()), (2, {"text", "mask"})]),
        ({"text": "a"}, (("text", 5.0), ("mask", 2.0)), [(-4, set()), (5, {"text"})]),
        ({"text": "a", "mask": "m"}, 1.0, [(1, {"text", "mask"})]),
        ({"text": "a", "mask": "m"}, 0.0, [(1, set())]),
        ({"text": ""}, 3.0, [(1, set())]),
    ],
)
def test_branches(given, guidance, expected):
    assert summary(branches(ALL, requested(**given), guidance)) == expected


def test_what_was_never_dropped_is_in_every_branch():
    conditioners = (LABEL, MaskLength(drop=0.0))
    batch = branches(conditioners, requested(conditioners, label="cat", mask="m"), 3.0)
    assert summary(batch) == [(-2, {"mask"}), (3, {"label", "mask"})]
    only = branches(conditioners, requested(conditioners, mask="m"), 3.0)
    assert summary(only) == [(1, {"mask"})], "nothing that could be guided was requested"


@pytest.mark.parametrize(
    ("conditioners", "guidance", "sentence"),
    [
        ((), 2.0, "guidance needs a condition, and this model was trained without one: leave --guidance out"),
        ((MaskLength(drop=0.0),), 2.0, "was trained without dropping its condition, so guidance cannot work"),
        (
            ALL,
            (("promt", 2.0),),
            "guidance was given for 'promt', did you mean 'prompt'? but this model was trained with label, "
            "prompt, mask",
        ),
        (ALL, (("image", 2.0),), "guidance was given for 'image', but this model was trained with label, prompt, mask"),
        (
            (LABEL, MaskLength(drop=0.0)),
            (("mask", 2.0),),
            "was trained without dropping its mask, so guidance cannot weigh it: leave mask out",
        ),
    ],
)
def test_guidance_that_cannot_work(conditioners, guidance, sentence):
    with pytest.raises(InputError) as caught:
        check(conditioners, guidance)
    assert sentence in str(caught.value)


def test_no_guidance_is_never_refused():
    check((), 1.0)
    check((MaskLength(drop=0.0),), (("mask", 1.0),))


def test_a_weight_for_what_was_not_given():
    check_given(ALL, requested(text="a"), (("text", 2.0),))
    check_given(ALL, requested(text="a"), 2.0)
    with pytest.raises(InputError, match="guidance mask=2 was given without a mask: give --mask, or leave mask out of"):
        check_given(ALL, requested(text="a"), (("prompt", 2.0), ("mask", 2.0)))
