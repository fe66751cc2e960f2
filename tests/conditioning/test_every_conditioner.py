"""The three doors of a network, and what every conditioner must do."""

from importlib.util import find_spec

import pytest
import torch

from debruit.conditioning.base import Conditioner
from debruit.conditioning.edges import Canny
from debruit.conditioning.first_frame import FirstFrame
from debruit.conditioning.label import Label
from debruit.conditioning.low_res import LowRes
from debruit.conditioning.mask import Mask
from debruit.conditioning.sentence import Sentence
from debruit.conditioning.text import Text
from debruit.errors import InputError
from debruit.networks.cond import Cond
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.networks.text_transformer import TextTransformer
from debruit.seams import implementations
from debruit.text.wordpiece import BERT_PACKAGE, WordPiece
from on import On, spec

MASKED = {"mask_names": ("cat", "dog", "owl"), "palette": ((0, 0, 0), (255, 0, 0), (0, 255, 0))}
SPEC = spec(class_names=("cat", "dog", "owl"), **MASKED)
EXAMPLES = {
    "Label": On(Label(channels=5), SPEC),
    "Label as a token": On(Label(channels=5, door="tokens"), SPEC),
    "Mask": On(Mask(), SPEC),
    "Mask of latents": On(Mask(), SPEC, 4),
    "LowRes": On(LowRes(drop=0.1), SPEC),
    "LowRes with a level": On(LowRes(drop=0.1, noise=0.2), SPEC),
    "LowRes of latents": On(LowRes(scale=2, drop=0.1), SPEC, 4),
    "Canny": On(Canny(), SPEC, 2),
    "FirstFrame": On(FirstFrame(), SPEC, 2),
    "Text": On(
        Text(
            tokenizer=WordPiece.train(["a black cat", "a dog", "an owl"], 64),
            encoder=TextTransformer(width=8, depth=1, heads=2, length=8),
        ),
        SPEC,
    ),
}
if find_spec(BERT_PACKAGE):
    EXAMPLES["Sentence"] = On(Sentence(tokenizer=WordPiece.bert(), encoder=SentenceEncoder(length=8)), SPEC)
ITEMS = {  # four images of 16 x 16 with all that data can have
    "image": torch.randint(0, 256, (4, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8),
    "first": torch.randint(0, 256, (4, 3, 16, 16), generator=torch.Generator().manual_seed(1)).to(torch.uint8),
    "label": torch.tensor([0, 1, 2, 0]),
    "text": ["a cat", "a dog", "an owl", "a black cat"],
    "mask": torch.randint(0, 3, (4, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8),
}


def labels(*names: str) -> On:
    return On(Label(), spec(class_names=names))


DOORS = ("vector", "tokens", "spatial")


def test_every_conditioner_is_tested_here():
    tested = {type(on.conditioner).__name__ for on in EXAMPLES.values()} | {"Sentence"}
    assert set(implementations(Conditioner)) == tested, "give the new one an example above"


@pytest.mark.parametrize("conditioner", EXAMPLES.values(), ids=EXAMPLES)
class TestContract:
    def test_names_a_door_and_fills_it_with_its_channels(self, conditioner):
        assert conditioner.conditioner.door in DOORS
        assert 0 <= conditioner.conditioner.drop < 1
        values = conditioner.read(ITEMS)
        encoded = conditioner.build()(values, torch.ones(4, dtype=torch.bool))
        assert encoded.shape[0] == 4
        assert encoded.shape[1 if conditioner.conditioner.door == "spatial" else -1] == conditioner.channels

    def test_dropping_is_per_image_and_gives_one_learned_none(self, conditioner):
        module, values = conditioner.build(), conditioner.read(ITEMS)
        kept, dropped = (module(values, torch.full((4,), keep)) for keep in (True, False))
        mixed = module(values, torch.tensor([True, False, True, False]))
        assert torch.equal(mixed[::2], kept[::2])
        assert torch.equal(mixed[1::2], dropped[1::2])
        assert torch.equal(dropped, dropped[:1].expand_as(dropped))
        assert not torch.equal(kept, dropped)
        mixed[1].sum().backward()
        assert any(p.grad is not None and p.grad.any() for p in module.parameters())

    def test_without_dropping_there_is_no_parameter_for_none(self, conditioner):
        never = conditioner.change(drop=0.0)
        count = lambda c: sum(p.numel() for p in c.build().parameters())  # noqa: E731
        assert count(never) <= count(conditioner)
        values, keep = conditioner.read(ITEMS), torch.ones(4, dtype=torch.bool)
        assert never.build()(values, keep).shape == conditioner.build()(values, keep).shape

    def test_what_is_in_turn_depends_on_the_image_alone(self, conditioner):
        many = conditioner.in_turn(range(10))
        assert many is None or torch.equal(many[7], conditioner.in_turn([7])[0])

    def test_blank_values_are_like_those_of_the_data(self, conditioner):
        values, blank = conditioner.read(ITEMS), conditioner.placeholder(4)
        assert (blank.dtype, blank.ndim) == (values.dtype, values.ndim)
        assert conditioner.build()(blank, torch.zeros(4, dtype=torch.bool)).shape[0] == 4


def draw(seed: int, **doors) -> Cond:
    g = torch.Generator().manual_seed(seed)
    return Cond(**{name: torch.randn(*shape, generator=g) for name, shape in doors.items()})


def test_two_batches_as_one():
    a, b = (draw(s, vector=(2, 3), tokens=(2, 4, 3)) for s in (0, 1))
    both = a.concatenate(b)
    assert torch.equal(both.vector, torch.cat([a.vector, b.vector]))
    assert both.tokens.shape == (4, 4, 3)
    assert both.spatial is None


def test_two_conditioners_side_by_side():
    label, text = draw(0, vector=(2, 3)), draw(1, vector=(2, 4), tokens=(2, 5, 6))
    both = label.alongside(text)
    assert torch.equal(both.vector, torch.cat([label.vector, text.vector], dim=1))
    assert both.tokens is text.tokens
    assert Cond().alongside(label).vector is label.vector
    mask = draw(2, spatial=(2, 1, 4, 4))
    assert mask.alongside(mask).spatial.shape == (2, 2, 4, 4)


def test_map_touches_every_open_door():
    doubled = (cond := draw(0, vector=(2, 3), spatial=(2, 1, 4, 4))).map(lambda door: 2 * door)
    assert torch.equal(doubled.vector, 2 * cond.vector)
    assert torch.equal(doubled.spatial, 2 * cond.spatial)
    assert doubled.tokens is None


@pytest.mark.parametrize(
    ("asked", "count", "numbers"),
    [
        ("dog", 3, [1, 1, 1]),
        (2, 2, [2, 2]),
        ("cat,owl", 5, [0, 2, 0, 2, 0]),
        (" owl , 0", 2, [2, 0]),
        (["cat", 1], 3, [0, 1, 0]),
        ("1", 1, [1]),
    ],
)
def test_labels_by_name_or_number(asked, count, numbers):
    assert EXAMPLES["Label"].parse(asked, range(count)).tolist() == numbers


def test_names_come_before_numbers():
    assert labels("1", "0").parse("1", range(1)).tolist() == [0]


def test_names_that_hold_commas():
    fish = labels("tench, Tinca tinca", "goldfish", "tench", "Tinca tinca, tench, old")
    for asked, numbers in {
        "tench, Tinca tinca": [0, 0, 0],
        "goldfish, tench, Tinca tinca,2": [1, 0, 2],
        "tench,goldfish": [2, 1, 2],
        " Tinca tinca, tench, old ": [3, 3, 3],
        ("tench, Tinca tinca", "goldfish"): [0, 1, 0],
    }.items():
        assert fish.parse(asked, range(3)).tolist() == numbers, asked
    with pytest.raises(InputError, match="unknown label 'Tinca tinca'"):
        fish.parse("goldfish, Tinca tinca", range(1))


def test_of_many_names_the_first_are_listed():
    many = labels(*(f"{n:04}" for n in range(1000)))
    with pytest.raises(InputError, match="unknown label 'cat'; allowed: 0000, 0001, .*, 0019 and 980 more$"):
        many.parse("cat", range(1))
    twenty = labels(*(f"{n:02}" for n in range(20)))
    with pytest.raises(InputError, match="18, 19$"):
        twenty.parse("cat", range(1))


@pytest.mark.parametrize("asked", ["dgo", 3, "-1", "", "cat,,owl", "²"])
def test_unknown_labels(asked):
    with pytest.raises(InputError, match="unknown label .* allowed: cat, dog, owl"):
        EXAMPLES["Label"].parse(asked, range(1))


def test_the_nearest_label_is_suggested():
    with pytest.raises(InputError, match="unknown label 'dgo', did you mean 'dog'?"):
        EXAMPLES["Label"].parse("dgo", range(1))
    with pytest.raises(InputError, match="no label was given: name at least one class"):
        EXAMPLES["Label"].parse([], range(1))


def test_labels_in_turn():
    assert EXAMPLES["Label"].in_turn(range(2, 7)).tolist() == [2, 0, 1, 2, 0]
