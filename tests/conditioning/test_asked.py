"""From what a user gave to values and who keeps them; the terms of guidance; every refusal's sentence."""

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
    """A condition whose value is the length of what was given."""

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


def asked(conditioners=ALL, indices=range(4), **given):
    return config(conditioners).requested(indices, **given)


def test_what_is_asked_for_is_kept_and_the_rest_dropped():
    found = asked(text="abc", label=None)
    assert kept(found) == {"label": [False] * 4, "text": [True] * 4, "mask": [False] * 4}
    assert found.values["text"].tolist() == [3, 3, 3, 3]
    assert found.values["mask"].tolist() == [0, 0, 0, 0]


def test_the_items_of_an_image_are_its_conditions_except_for_what_is_given():
    model, items = config((LABEL, Length())), {"label": torch.tensor([2]), "image": torch.tensor([5.0])}
    read = ConditionBatch.of_items(model, items, {}, 1)
    assert {name: value.tolist() for name, value in read.values.items()} == {"label": [2], "length": [5]}
    given = ConditionBatch.of_items(model, items, parsed(model, {"length": "abc", "label": None}, range(1)), 1)
    assert {name: value.tolist() for name, value in given.values.items()} == {"label": [2], "length": [3]}
    bare = ConditionBatch.of_items(model, {"image": items["image"]}, {}, 1).repeated(3)
    assert kept(bare) == {"label": [False] * 3, "length": [True] * 3}
    assert bare.values["length"].tolist() == [5, 5, 5]


def test_when_nothing_is_asked_for_classes_come_in_turn():
    found = asked(indices=range(2, 6))
    assert found.values["label"].tolist() == [2, 0, 1, 2]
    assert kept(found) == {"label": [True] * 4, "text": [False] * 4, "mask": [False] * 4}
    assert found.any
    assert not asked((TEXT, MASK)).any


def test_several_values_are_taken_in_turn_by_the_number_of_the_image():
    whole, part = asked(text=["a", "bb", "ccc"], indices=range(7)), asked(text=["a", "bb", "ccc"], indices=[4, 5])
    assert whole.values["text"][[4, 5]].tolist() == part.values["text"].tolist() == [2, 3]


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_prompt_means_none(empty):
    assert kept(asked(text=empty))["text"] == [False] * 4
    assert kept(asked(text=["a", empty]))["text"] == [True, False, True, False]
    never = (TextLength(drop=0.0),)
    assert kept(asked(never, text=empty))["text"] == [True] * 4, "what was never dropped has no none"


def test_what_can_be_dropped_is_dropped():
    conditioners = (LABEL, MaskLength(drop=0.0))
    found = asked(conditioners, label="dog", mask="m").dropped(config(conditioners))
    assert kept(found) == {"label": [False] * 4, "mask": [True] * 4}
    assert kept(asked(text="a", mask="m").without(["mask"])) == {
        "label": [False] * 4,
        "text": [True] * 4,
        "mask": [False] * 4,
    }


@pytest.mark.parametrize(
    ("conditioners", "given", "sentence"),
    [
        ((LABEL,), {"text": "a"}, "a prompt was given, but this model was trained with label: leave --prompt out, or give --label instead"),
        (ALL, {"image": "a"}, "a image was given, but this model was trained with label, prompt, mask: leave --image out, or give --label or --prompt"),
        ((), {"mask": "a"}, "a mask was given, but this model was trained with no condition at all: leave --mask out"),
        ((TextLength(drop=0.0),), {}, "this model was never trained without its prompt: give --prompt"),
        ((LABEL, MaskLength(drop=0.0)), {"label": "cat"}, "this model was never trained without its mask: give --mask"),
        ((LABEL,), {"lable": "dog"}, "there is no condition 'lable', did you mean 'label'?"),
        (ALL, {"text": "a", "prompt": "b"}, "the condition text was given twice, by name and as prompt: give one of both"),
        ((LABEL,), {"label": "dgo"}, "unknown label 'dgo', did you mean 'dog'? allowed: cat, dog, owl"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for(conditioners, given, sentence):
    with pytest.raises(InputError) as caught:
        asked(conditioners, **given)
    assert sentence.replace("a image", "an image") in str(caught.value)


def summary(found):
    return [(b.coefficient, {name for name, keep in b.conditions.keep.items() if keep.any()}) for b in found]


@pytest.mark.parametrize(
    ("given", "guidance", "wanted"),
    [
        ({"text": "a"}, 3.0, [(-2, set()), (3, {"text"})]),
        ({"text": "a", "mask": "m"}, 3.0, [(-2, set()), (3, {"text", "mask"})]),
        ({"text": "a", "mask": "m"}, (("prompt", 5.0), ("mask", 2.0)), [(-4, set()), (3, {"text"}), (2, {"text", "mask"})]),
        ({"text": "a", "mask": "m"}, (("mask", 2.0), ("text", 5.0)), [(-1, set()), (-3, {"mask"}), (5, {"text", "mask"})]),
        ({"text": "a", "mask": "m"}, (("mask", 2.0),), [(-1, {"text"}), (2, {"text", "mask"})]),
        ({"text": "a", "mask": "m"}, (("mask", 2.0), ("text", 2.0)), [(-1, set()), (2, {"text", "mask"})]),
        ({"text": "a"}, (("text", 5.0), ("mask", 2.0)), [(-4, set()), (5, {"text"})]),
        ({"text": "a", "mask": "m"}, 1.0, [(1, {"text", "mask"})]),
        ({"text": "a", "mask": "m"}, 0.0, [(1, set())]),
        ({"text": ""}, 3.0, [(1, set())]),
    ],
)  # fmt: skip
def test_branches(given, guidance, wanted):
    assert summary(branches(ALL, asked(**given), guidance)) == wanted


def test_what_was_never_dropped_is_in_every_branch():
    conditioners = (LABEL, MaskLength(drop=0.0))
    found = branches(conditioners, asked(conditioners, label="cat", mask="m"), 3.0)
    assert summary(found) == [(-2, {"mask"}), (3, {"label", "mask"})]
    only = branches(conditioners, asked(conditioners, mask="m"), 3.0)
    assert summary(only) == [(1, {"mask"})], "nothing that could be guided was asked for"


@pytest.mark.parametrize(
    ("conditioners", "guidance", "sentence"),
    [
        ((), 2.0, "guidance needs a condition, and this model was trained without one: leave --guidance out"),
        ((MaskLength(drop=0.0),), 2.0, "was trained without dropping its condition, so guidance cannot work"),
        (ALL, (("promt", 2.0),), "guidance was given for 'promt', did you mean 'prompt'? but this model was trained with label, prompt, mask"),
        (ALL, (("image", 2.0),), "guidance was given for 'image', but this model was trained with label, prompt, mask"),
        ((LABEL, MaskLength(drop=0.0)), (("mask", 2.0),), "was trained without dropping its mask, so guidance cannot weigh it: leave mask out"),
    ],
)  # fmt: skip
def test_guidance_that_cannot_work(conditioners, guidance, sentence):
    with pytest.raises(InputError) as caught:
        check(conditioners, guidance)
    assert sentence in str(caught.value)


def test_no_guidance_is_never_refused():
    check((), 1.0)
    check((MaskLength(drop=0.0),), (("mask", 1.0),))


def test_a_weight_for_what_was_not_given():
    check_given(ALL, asked(text="a"), (("text", 2.0),))
    check_given(ALL, asked(text="a"), 2.0)
    with pytest.raises(InputError, match="guidance mask=2 was given without a mask: give --mask, or leave mask out of"):
        check_given(ALL, asked(text="a"), (("prompt", 2.0), ("mask", 2.0)))
